//! Asking a server for its prompts and resources.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        ArgumentInfo, CacheScope, CompleteRequestParams, CompleteResult, CompletionInfo,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, MetaObject,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Reference, ResultType,
    },
};
use serde_json::{Map, Value};

use super::{Foreign, Source, Visit, clean, errand::Errand, rounds::Told};
use crate::{
    federation::{Answer, Question},
    mcp::library::Got,
    telemetry::What,
    tools::{
        Fault, FaultClass, clean_text,
        kinds::mcp::{Back, handed_on},
    },
};

/// The longest that text about to be typed is waited for: whoever types does not wait.
const TYPING: Duration = Duration::from_secs(5);

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
        let mut errand = Errand::new(of, What::Prompt, visit);
        let got = errand.ask(question).await.and_then(|told| match told {
            Told::Answer(Answer::Prompt(GetPromptResponse::Complete(mut prompt))) => {
                prompt.description.iter_mut().for_each(clean_text);
                prompt.messages = clean::messages(prompt.messages, of.trust());
                // Of 2025-11-25 it does not say so.
                prompt.result_type = Some(ResultType::COMPLETE);
                prompt.meta = of.marked(prompt.meta.take());
                Ok(Got::This(prompt))
            }
            Told::Asks(questions) => Ok(Got::Asks(questions)),
            Told::Answer(_) => Err(not_an_answer()),
        });
        Some(errand.close(got, Got::outcome))
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
        let mut errand = Errand::new(of, What::Resource, visit);
        let got = errand.ask(question).await.and_then(|told| match told {
            Told::Answer(Answer::Read(ReadResourceResponse::Complete(mut read))) => {
                clean::contents(&mut read.contents);
                read.result_type = Some(ResultType::COMPLETE);
                read.meta = of.marked(read.meta.take());
                // How long it holds is the server's word; that it is this caller's alone is ours.
                let ttl = read.ttl_ms.unwrap_or_default();
                let read = read.with_ttl_ms(ttl);
                Ok(Got::This(read.with_cache_scope(CacheScope::Private)))
            }
            Told::Asks(questions) => Ok(Got::Asks(questions)),
            Told::Answer(_) => Err(not_an_answer()),
        });
        Some(errand.close(got, Got::outcome))
    }

    /// What the user may be about to type; none where there is nothing of a server this caller may know of.
    pub(in crate::mcp::library) async fn complete(
        &self,
        request: &CompleteRequestParams,
        visit: Visit<'_>,
    ) -> Option<Result<CompleteResult, ErrorData>> {
        let (of, reference) = self.referred(&request.r#ref, visit)?;
        let ArgumentInfo { name, value, .. } = request.argument.clone();
        let mut params = CompleteRequestParams::new(reference, ArgumentInfo::new(name, value));
        params.context.clone_from(&request.context);
        let mut errand = Errand::new(of, What::Completion, visit);
        let answer = errand.ask_once(TYPING, Question::Complete(params)).await;
        let completed = answer.and_then(|answer| match answer {
            Answer::Complete(mut completed) => {
                completed.meta = completed.meta.map(|meta| MetaObject(handed_on(meta)));
                cut(&mut completed.completion);
                completed.completion.values.iter_mut().for_each(clean_text);
                Ok(completed)
            }
            _ => Err(not_an_answer()),
        });
        Some(errand.close(completed, |_| "done"))
    }

    /// Where this caller has something completed, and what it is to its server.
    fn referred(&self, reference: &Reference, visit: Visit<'_>) -> Option<(&Source, Reference)> {
        match reference {
            Reference::Prompt(prompt) => {
                let of = self.prompts.get(&prompt.name);
                let of = of.filter(|_| visit.caller.may_use_prompt(&prompt.name))?;
                let own = Reference::for_prompt(of.source.own_name.clone());
                Some((&of.source, own))
            }
            Reference::Resource(template) => {
                let mut templates = self.templates.values();
                let of = templates.find(|of| {
                    of.wire.wire.uri_template == template.uri && of.source.is_readable(visit.caller)
                })?;
                let own = Reference::for_resource(template.uri.clone());
                Some((&of.source, own))
            }
            _ => None,
        }
    }
}

/// Leaves no more values than the protocol lets an answer have, and says that there are more.
fn cut(info: &mut CompletionInfo) {
    let all = info.values.len();
    if all > CompletionInfo::MAX_VALUES {
        info.values.truncate(CompletionInfo::MAX_VALUES);
        info.total = info.total.or(u32::try_from(all).ok());
        info.has_more = Some(true);
    }
}

fn not_an_answer() -> Fault {
    let message = "The server answered with something that is no answer";
    Fault::new(FaultClass::InvalidOutput, message)
}
