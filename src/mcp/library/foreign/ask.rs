//! Asking a server for its prompts and resources, with the caller's credentials.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        ArgumentInfo, CacheScope, CompleteRequestParams, CompleteResult, GetPromptRequestParams,
        GetPromptResponse, GetPromptResult, MetaObject, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Reference, ResultType,
    },
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Foreign, Source, clean, rounds::Told};
use crate::{
    access::Caller,
    federation::{Answer, Question, Trust},
    mcp::{convert, library::Got},
    tools::{
        self, Fault, FaultClass, Line, Reader, UNTRUSTED, clean_text,
        kinds::mcp::{Back, LineRelay, Request, handed_on},
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

impl Foreign {
    /// A prompt of a server; none where there is none this caller may use.
    pub(in crate::mcp::library) async fn prompt(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        visit: Visit<'_>,
    ) -> Option<Result<Got<GetPromptResult>, ErrorData>> {
        let of = self.prompts.get(name);
        let of = &of.filter(|_| visit.caller.may_use_prompt(name))?.source;
        let question = |back: Back| {
            let mut params = GetPromptRequestParams::new(of.own_name.clone());
            params.arguments = Some(arguments.clone());
            params.input_responses = back.responses;
            params.request_state = back.state;
            Question::Prompt(params)
        };
        Some(match of.ask(question, visit).await {
            Ok(Told::Answer(Answer::Prompt(GetPromptResponse::Complete(mut prompt)))) => {
                prompt.description.iter_mut().for_each(clean_text);
                prompt.messages = clean::messages(prompt.messages, of.trust());
                // Of 2025-11-25 it does not say so.
                prompt.result_type = Some(ResultType::COMPLETE);
                prompt.meta = of.marked(prompt.meta.take());
                Ok(Got::This(prompt))
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
    ) -> Option<Result<Got<ReadResourceResult>, ErrorData>> {
        let question = |back: Back| {
            let mut params = ReadResourceRequestParams::new(uri);
            params.input_responses = back.responses;
            params.request_state = back.state;
            Question::Read(params)
        };
        let of = self.source(uri, visit.caller)?;
        Some(match of.ask(question, visit).await {
            Ok(Told::Answer(Answer::Read(ReadResourceResponse::Complete(mut read)))) => {
                clean::contents(&mut read.contents);
                read.result_type = Some(ResultType::COMPLETE);
                read.meta = of.marked(read.meta.take());
                // How long it holds is the server's word; that it is this caller's alone is ours.
                let ttl = read.ttl_ms.unwrap_or_default();
                let read = read.with_ttl_ms(ttl);
                Ok(Got::This(read.with_cache_scope(CacheScope::Private)))
            }
            Ok(Told::Asks(questions)) => Ok(Got::Asks(questions)),
            Ok(Told::Answer(_)) => Err(not_an_answer()),
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
        let answer = match &request.r#ref {
            Reference::Prompt(prompt) => {
                let of = self.prompts.get(&prompt.name);
                let of = of.filter(|_| visit.caller.may_use_prompt(&prompt.name))?;
                let reference = Reference::for_prompt(of.source.own_name.clone());
                of.source.ask_once(TYPING, question(reference), visit).await
            }
            Reference::Resource(template) => {
                let mut templates = self.templates.values();
                let of = templates.find(|of| {
                    of.wire.wire.uri_template == template.uri && of.source.is_readable(visit.caller)
                })?;
                let reference = Reference::for_resource(template.uri.clone());
                of.source.ask_once(TYPING, question(reference), visit).await
            }
            _ => return None,
        };
        Some(match answer {
            Ok(Answer::Complete(mut completed)) => {
                completed.meta = completed.meta.map(|meta| MetaObject(handed_on(meta)));
                completed.completion.values.iter_mut().for_each(clean_text);
                Ok(completed)
            }
            Ok(_) => Err(not_an_answer()),
            Err(error) => Err(error),
        })
    }
}

impl Source {
    /// Asks what no server may ask anything back for.
    async fn ask_once(
        &self,
        time: Duration,
        question: Question,
        visit: Visit<'_>,
    ) -> Result<Answer, ErrorData> {
        self.note(visit);
        let relay = LineRelay::new(visit.line, &*self.door.server);
        let answer = self.ask_within(time, &relay, question, visit);
        answer.await.map_err(error)
    }

    /// Takes note of who reads what a stranger says: before it is asked, because what it says meanwhile is read even
    /// if its answer is not.
    pub(super) fn note(&self, visit: Visit<'_>) {
        if self.is_untrusted() {
            visit.memory.taints.note(visit.reader, &self.names.1);
        }
    }

    /// Sends one request.
    pub(super) async fn ask_within(
        &self,
        time: Duration,
        relay: &LineRelay<'_>,
        question: Question,
        visit: Visit<'_>,
    ) -> Result<Answer, Fault> {
        let now = Instant::now();
        let request = Request {
            question,
            caller: visit.caller,
            relay,
            deadline: now.checked_add(time).unwrap_or(now),
            // A prompt or a resource that changes something when it is read is none.
            is_repeatable: true,
            lent: None,
        };
        let answer = tokio::time::timeout(time, self.door.ask(&visit.memory.broker, request));
        let answer = answer.await.map_err(|_| {
            let message = format!("The server {} did not answer in time", self.names.0);
            Fault::new(FaultClass::Timeout, message)
        })?;
        answer.map_err(Fault::from)
    }

    fn trust(&self) -> Trust {
        self.door.server.spec().settings.trust
    }

    fn is_untrusted(&self) -> bool {
        self.trust() == Trust::Untrusted
    }

    /// What of a server's `_meta` goes on, with the mark of what is data.
    fn marked(&self, meta: Option<MetaObject>) -> Option<MetaObject> {
        let mut members = meta.map(handed_on).unwrap_or_default();
        if self.is_untrusted() {
            members.insert(UNTRUSTED.to_owned(), true.into());
        }
        (!members.is_empty()).then_some(MetaObject(members))
    }
}

/// Why there is no answer, in the protocol's words.
pub(super) fn error(fault: Fault) -> ErrorData {
    if let Some(error) = fault.protocol.filter(|error| error.is_for_the_client) {
        return convert::protocol(&fault.message, &error);
    }
    match fault.class {
        FaultClass::InvalidArguments => ErrorData::invalid_params(fault.message, None),
        _ => ErrorData::internal_error(fault.message, None),
    }
}

fn not_an_answer() -> ErrorData {
    ErrorData::internal_error("The server answered with something that is no answer", None)
}
