//! Whole replies between two ends that both speak OpenAI: judged in one pass, forwarded as the very bytes they
//! are where nothing is wrong with them, else put right field by field.

use std::collections::HashSet;

use bytes::Bytes;

use super::{
    citations::Sources,
    error, finish,
    lenient::Content,
    put_right::put_right,
    usage,
    wire::{Answer, Call, Choice, Function, Message},
};
use crate::{
    chat::Usage,
    dialect::Tidy,
    json::{self, Object, Raw},
    outcome::{ErrorClass, Failure},
};

/// What a whole reply calls itself.
pub(super) const OBJECT: &str = "chat.completion";

/// Tidies a reply. A 2xx body that is an error in truth is a failure.
pub(super) fn tidy(body: Bytes) -> Result<Tidy, Failure> {
    let answer: Answer<'_> = json::parse(&body).map_err(|_| no_completion())?;
    let failure = error::inside(answer.error).or_else(|| error::base_resp(answer.base_resp));
    if let Some(failure) = failure {
        return Err(failure);
    }
    let choices = answer.choices.as_deref().unwrap_or_default();
    if choices.is_empty() {
        return Err(no_completion());
    }
    let mut right = answer.object.get() == OBJECT
        && !answer.id.is_empty()
        && !answer.model.is_empty()
        && answer.created.0.is_some();
    for choice in choices {
        right &= is_right(choice)?;
    }
    let (usage, usage_put_right) = usage_of(&answer).unzip();
    let usage_put_right = usage_put_right.flatten();
    let sources = Sources::read(answer.citations, answer.search_results);
    let answer_bytes = choices.iter().map(|choice| size(said(choice))).sum();
    let silent = choices.iter().any(|choice| is_silent(said(choice)));
    let body = if right && usage_put_right.is_none() && sources.is_none() {
        body.clone()
    } else {
        put_right(&body, &answer, usage_put_right, sources.as_ref()).map_err(|_| no_completion())?
    };
    Ok(Tidy {
        body,
        usage,
        answer_bytes,
        silent,
    })
}

fn no_completion() -> Failure {
    let message = "The provider answered HTTP 200 with something that is no completion";
    Failure::new(ErrorClass::ServerError, message)
}

/// The usage, wherever it stands, and how it should stand at the top if it does not.
fn usage_of(answer: &Answer<'_>) -> Option<(Usage, Option<Raw>)> {
    let elsewhere = || {
        let wrapped = answer.x_groq.and_then(|extras| Object::of(extras).ok());
        let wrapped = wrapped
            .as_ref()
            .and_then(|extras| usage::tidy(extras.get("usage")?));
        let in_choice = || {
            let mut choices = answer.choices.iter().flatten();
            choices.find_map(|choice| usage::tidy(choice.usage?))
        };
        let (usage, _) = wrapped.or_else(in_choice)?;
        Some((usage, Some(usage::write(&usage))))
    };
    answer.usage.and_then(usage::tidy).or_else(elsewhere)
}

/// What a choice says. Some put the whole message under `delta`.
pub(super) fn said<'a, 'b>(choice: &'b Choice<'a>) -> Option<&'b Message<'a>> {
    choice.message.as_ref().or(choice.delta.as_ref())
}

fn size(message: Option<&Message<'_>>) -> u64 {
    let Some(message) = message else {
        return 0;
    };
    let call = |call: &Call<'_>| {
        let function = call.function.as_ref();
        function.map_or(0, |function| {
            function.name.get().len() + function.arguments().0.len()
        })
    };
    let calls: usize = message.tool_calls.iter().flatten().map(call).sum();
    let thoughts = message
        .reasoning_content
        .get()
        .len()
        .max(message.reasoning.get().len());
    (message.content.text().len() + thoughts + calls) as u64
}

fn is_silent(message: Option<&Message<'_>>) -> bool {
    message.is_none_or(|message| {
        message.content.text().is_empty()
            && message.refusal.is_empty()
            && message.tool_calls.as_ref().is_none_or(Vec::is_empty)
            && message.function_call.is_none()
    })
}

/// Whether a choice is as OpenAI would write it. Fails on a finish that is a failure.
fn is_right(choice: &Choice<'_>) -> Result<bool, Failure> {
    let word = choice.finish_reason.get();
    let read = finish::read(word)?;
    let Some(message) = &choice.message else {
        return Ok(false);
    };
    let calls = message.tool_calls.as_deref();
    let finish = finish::settled(read, calls.is_some_and(|calls| !calls.is_empty()));
    let mut ids = HashSet::new();
    let mut call_is_right = |call: &Call<'_>| {
        let whole = |function: &Function<'_>| {
            let (arguments, as_text) = function.arguments();
            as_text && !arguments.is_empty()
        };
        // Calls that are no functions are nobody's business here.
        let other = !matches!(call.kind.get(), "" | "function");
        let function = call.kind.get() == "function" && call.function.as_ref().is_some_and(whole);
        (other || function) && !call.id.is_empty() && ids.insert(call.id.get().to_owned())
    };
    Ok(choice.index.0.is_some()
        && choice.delta.is_none()
        && choice.usage.is_none()
        && finish.name() == word
        && message.role.get() == "assistant"
        && message.reasoning.0.is_none()
        && message.function_call.is_none()
        && !matches!(message.content, Content::Parts { .. })
        && calls.is_none_or(|calls| !calls.is_empty() && calls.iter().all(&mut call_is_right)))
}
