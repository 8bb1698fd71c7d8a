//! Asking a server for its prompts and resources, with the caller's credentials.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        ArgumentInfo, CacheScope, CompleteRequestParams, CompleteResult, ContentBlock,
        GetPromptRequestParams, MetaObject, ReadResourceRequestParams, ReadResourceResult,
        Reference, ResourceContents, ResultType,
    },
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Foreign, Of};
use crate::{
    access::Caller,
    federation::{Answer, Question, Trust},
    mcp::library::Got,
    tools::{
        self, Fault, FaultClass, Line, Reader, UNTRUSTED, clean_text,
        kinds::mcp::{LineRelay, Request, handed_on},
    },
};

/// The longest that text about to be typed is waited for: whoever types does not wait.
const TYPING: Duration = Duration::from_secs(5);

/// Who asks, and where.
#[derive(Clone, Copy)]
pub(in crate::mcp) struct Visit<'a> {
    /// Who asks.
    pub(in crate::mcp) caller: &'a Caller,
    /// As part of what.
    pub(in crate::mcp) reader: Reader<'a>,
    /// Tokens, and who has read what.
    pub(in crate::mcp) memory: &'a tools::Memory,
    /// The caller's end.
    pub(in crate::mcp) line: &'a dyn Line,
}

/// What came of asking.
enum Told {
    Answer(Answer),
    Asks(Vec<(String, tools::Question)>),
}

impl Foreign {
    /// A prompt of a server; none where there is none this caller may use.
    pub(in crate::mcp::library) async fn prompt(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        visit: Visit<'_>,
    ) -> Option<Result<Got, ErrorData>> {
        let of = self.prompts.get(name);
        let of = of.filter(|_| visit.caller.may_use_prompt(name))?;
        let mut params = GetPromptRequestParams::new(of.own_name.clone());
        params.arguments = Some(arguments.clone());
        Some(match of.ask(Question::Prompt(params), visit).await {
            Ok(Told::Answer(Answer::Prompt(mut prompt))) => {
                for message in &mut prompt.messages {
                    if let ContentBlock::Text(text) = &mut message.content {
                        clean_text(&mut text.text);
                    }
                }
                // Of 2025-11-25 it does not say so.
                prompt.result_type = Some(ResultType::COMPLETE);
                prompt.meta = of.marked(prompt.meta.take());
                Ok(Got::Prompt(prompt))
            }
            Ok(Told::Asks(questions)) => Ok(Got::Asks(questions)),
            Ok(Told::Answer(_)) => Err(not_an_answer()),
            Err(error) => Err(error),
        })
    }

    /// What stands at a server's address; none where there is none this caller may read.
    pub(in crate::mcp::library) async fn read(
        &self,
        uri: &str,
        visit: Visit<'_>,
    ) -> Option<Result<ReadResourceResult, ErrorData>> {
        let question = || Question::Read(ReadResourceRequestParams::new(uri));
        let listed = self.resources.values().find(|of| of.wire.uri == uri);
        let (told, meta) = match listed {
            // Whose address it is was decided, whatever template would have it as well.
            Some(of) if !of.is_readable(visit.caller) => return None,
            Some(of) => (of.ask(question(), visit).await, of.is_untrusted()),
            None => {
                let mut templates = self.templates.values();
                let of =
                    templates.find(|of| of.wire.form.has(uri) && of.is_readable(visit.caller))?;
                (of.ask(question(), visit).await, of.is_untrusted())
            }
        };
        Some(match told {
            Ok(Told::Answer(Answer::Read(mut read))) => {
                for contents in &mut read.contents {
                    if let ResourceContents::TextResourceContents { text, .. } = contents {
                        clean_text(text);
                    }
                }
                read.result_type = Some(ResultType::COMPLETE);
                read.meta = marked(read.meta.take(), meta);
                // How long it holds is the server's word; that it is this caller's alone is ours.
                let ttl = read.ttl_ms.unwrap_or_default();
                Ok(read.with_ttl_ms(ttl).with_cache_scope(CacheScope::Private))
            }
            Ok(_) => Err(not_an_answer()),
            Err(error) => Err(error),
        })
    }

    /// What the user may be about to type; none where there is nothing of a server this caller may know of.
    pub(in crate::mcp::library) async fn complete(
        &self,
        request: &CompleteRequestParams,
        visit: Visit<'_>,
    ) -> Option<Result<CompleteResult, ErrorData>> {
        let question = |reference: Reference| {
            let ArgumentInfo { name, value, .. } = request.argument.clone();
            let mut params = CompleteRequestParams::new(reference, ArgumentInfo::new(name, value));
            params.context.clone_from(&request.context);
            Question::Complete(params)
        };
        let told = match &request.r#ref {
            Reference::Prompt(prompt) => {
                let of = self.prompts.get(&prompt.name);
                let of = of.filter(|_| visit.caller.may_use_prompt(&prompt.name))?;
                let reference = Reference::for_prompt(of.own_name.clone());
                of.ask_within(TYPING, question(reference), visit).await
            }
            Reference::Resource(template) => {
                let mut templates = self.templates.values();
                let of = templates.find(|of| {
                    of.wire.wire.uri_template == template.uri && of.is_readable(visit.caller)
                })?;
                let reference = Reference::for_resource(template.uri.clone());
                of.ask_within(TYPING, question(reference), visit).await
            }
            _ => return None,
        };
        Some(match told {
            Ok(Told::Answer(Answer::Complete(mut completed))) => {
                completed.meta = completed.meta.map(|meta| MetaObject(handed_on(meta)));
                completed.completion.values.iter_mut().for_each(clean_text);
                Ok(completed)
            }
            Ok(_) => Err(not_an_answer()),
            Err(error) => Err(error),
        })
    }
}

impl<T> Of<T> {
    async fn ask(&self, question: Question, visit: Visit<'_>) -> Result<Told, ErrorData> {
        self.ask_within(self.timeout, question, visit).await
    }

    async fn ask_within(
        &self,
        time: Duration,
        question: Question,
        visit: Visit<'_>,
    ) -> Result<Told, ErrorData> {
        if self.is_untrusted() {
            // Before it is asked: what it says meanwhile is read even if its answer is not.
            visit.memory.taints.note(visit.reader, &self.names.1);
        }
        let server = &*self.door.server;
        let relay = LineRelay::new(visit.line, server);
        let now = Instant::now();
        let request = Request {
            question,
            caller: visit.caller,
            relay: &relay,
            deadline: now.checked_add(time).unwrap_or(now),
            // A prompt or a resource that changes something when it is read is none.
            is_repeatable: true,
            lent: None,
        };
        let answer = tokio::select! {
            biased;
            questions = relay.put_off() => return Ok(Told::Asks(questions)),
            answer = tokio::time::timeout(time, self.door.ask(&visit.memory.broker, request)) => answer,
        };
        let answer = answer.map_err(|_| {
            let message = format!("The server {} did not answer in time", self.names.0);
            ErrorData::internal_error(message, None)
        })?;
        answer
            .map(Told::Answer)
            .map_err(|unanswered| error(unanswered.into()))
    }

    fn is_untrusted(&self) -> bool {
        self.door.server.spec().settings.trust == Trust::Untrusted
    }

    fn marked(&self, meta: Option<MetaObject>) -> Option<MetaObject> {
        marked(meta, self.is_untrusted())
    }
}

/// What of a server's `_meta` goes on, with the mark of what is data.
fn marked(meta: Option<MetaObject>, is_untrusted: bool) -> Option<MetaObject> {
    let mut members = meta.map(handed_on).unwrap_or_default();
    if is_untrusted {
        members.insert(UNTRUSTED.to_owned(), true.into());
    }
    (!members.is_empty()).then_some(MetaObject(members))
}

/// Why there is no answer, in the protocol's words.
fn error(fault: Fault) -> ErrorData {
    match fault.class {
        FaultClass::InvalidArguments => ErrorData::invalid_params(fault.message, None),
        _ => ErrorData::internal_error(fault.message, None),
    }
}

fn not_an_answer() -> ErrorData {
    ErrorData::internal_error("The server answered with something that is no answer", None)
}
