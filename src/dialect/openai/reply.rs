//! Whole replies between two ends that both speak OpenAI: judged in one pass, forwarded as the very bytes they
//! are where nothing is wrong with them, else put right field by field.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    calls::made_id,
    citations::Sources,
    error, finish, usage,
    wire::{Answer, Call, Choice, Content, Function, Message},
};
use crate::{
    chat::Usage,
    dialect::Tidy,
    json::{Object, Raw, raw},
    outcome::{ErrorClass, Failure},
};

const OBJECT: &str = "chat.completion";

/// Members that are noise to callers.
const NOISE: [&str; 2] = ["token_ids", "prompt_token_ids"];

/// Tidies a reply. A 2xx body that is an error in truth is a failure.
pub(super) fn tidy(body: Bytes) -> Result<Tidy, Failure> {
    let answer: Answer<'_> = serde_json::from_slice(&body).map_err(|_| no_completion())?;
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
    for (at, choice) in choices.iter().enumerate() {
        right &= is_right(at, choice)?;
    }
    let (usage, usage_put_right) = usage_of(&answer).unzip();
    let usage_put_right = usage_put_right.flatten();
    let sources = Sources::read(answer.citations, answer.search_results);
    let answer_bytes = choices.iter().map(|choice| size(said(choice))).sum();
    let body = if right && usage_put_right.is_none() && sources.is_none() {
        body.clone()
    } else {
        put_right(&body, &answer, usage_put_right, sources.as_ref()).map_err(|_| no_completion())?
    };
    Ok(Tidy {
        body,
        usage,
        answer_bytes,
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
fn said<'a, 'b>(choice: &'b Choice<'a>) -> Option<&'b Message<'a>> {
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

/// Whether a choice is as OpenAI would write it. Fails on a finish that is a failure.
fn is_right(at: usize, choice: &Choice<'_>) -> Result<bool, Failure> {
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
    Ok(choice.index.0 == Some(at as u64)
        && choice.delta.is_none()
        && choice.usage.is_none()
        && finish.name() == word
        && message.role.get() == "assistant"
        && message.reasoning.0.is_none()
        && message.function_call.is_none()
        && !matches!(message.content, Content::Parts { .. })
        && calls.is_none_or(|calls| !calls.is_empty() && calls.iter().all(&mut call_is_right)))
}

fn put_right(
    body: &[u8],
    answer: &Answer<'_>,
    usage: Option<Raw>,
    sources: Option<&Sources>,
) -> serde_json::Result<Bytes> {
    let mut object = Object::parse(body)?;
    let id = if answer.id.is_empty() {
        format!("chatcmpl-{}", &blake3::hash(body).to_hex()[..24])
    } else {
        answer.id.get().to_owned()
    };
    object.set("id", &id);
    object.set("object", OBJECT);
    object.set("created", &answer.created.0.unwrap_or(0));
    object.set("model", answer.model.get());
    let raws: Vec<&RawValue> =
        serde_json::from_str(object.get("choices").unwrap_or(RawValue::NULL).get())?;
    let mut choices = Vec::with_capacity(raws.len());
    for (at, (choice, raw)) in answer.choices.iter().flatten().zip(raws).enumerate() {
        choices.push(put_choice_right(&id, at, choice, raw, sources)?);
    }
    let choices = raw(&choices);
    object.set_raw("choices", choices);
    if let Some(usage) = usage {
        object.set_raw("usage", usage);
    }
    NOISE.iter().for_each(|key| drop(object.remove(key)));
    Ok(object.to_bytes())
}

fn put_choice_right<'a>(
    answer_id: &str,
    at: usize,
    choice: &Choice<'_>,
    raw: &'a RawValue,
    sources: Option<&Sources>,
) -> serde_json::Result<Object<'a>> {
    let mut object = Object::of(raw)?;
    let nothing = Message::default();
    let said = said(choice).unwrap_or(&nothing);
    let from = if choice.message.is_some() {
        "message"
    } else {
        "delta"
    };
    let mut message = match object.get(from) {
        Some(message) => Object::of(message)?.into_owned(),
        None => Object::new(),
    };
    put_message_right(answer_id, at, said, &mut message, sources)?;
    let finish = finish::read(choice.finish_reason.get()).ok().flatten();
    let finish = finish::settled(finish, message.has("tool_calls"));
    object.set("index", &(at as u64));
    object.set_raw("message", message.to_raw());
    object.set("finish_reason", finish.name());
    for key in NOISE.iter().chain(&["delta", "usage"]) {
        object.remove(key);
    }
    Ok(object)
}

fn put_message_right(
    answer_id: &str,
    choice: usize,
    said: &Message<'_>,
    message: &mut Object<'static>,
    sources: Option<&Sources>,
) -> serde_json::Result<()> {
    message.set("role", "assistant");
    match &said.content {
        Content::Empty => message.set("content", &()),
        Content::Text(_) => {}
        Content::Parts { text, .. } => message.set("content", text),
    }
    message.remove("reasoning");
    if said.reasoning_content.is_empty() {
        let thoughts = [said.reasoning.get(), said.content.thinking()];
        if let Some(thought) = thoughts.into_iter().find(|thought| !thought.is_empty()) {
            message.set("reasoning_content", thought);
        }
    }
    let raws: Option<Vec<Raw>> = message.peek("tool_calls");
    message.remove("tool_calls");
    let mut calls = Vec::new();
    let mut ids = HashSet::new();
    for (at, (call, raw)) in said
        .tool_calls
        .iter()
        .flatten()
        .zip(raws.iter().flatten())
        .enumerate()
    {
        let mut object = Object::of(raw)?.into_owned();
        let id = match call.id.get() {
            id if id.is_empty() || ids.contains(id) => made_id(answer_id, choice as u64, at),
            id => id.to_owned(),
        };
        object.set("id", &id);
        ids.insert(id);
        if let Some(function) = &call.function {
            object.set("type", "function");
            put_function_right(function, &mut object)?;
        }
        calls.push(object);
    }
    if let Some(function) = &said.function_call {
        let mut object = Object::new();
        object.set("id", &made_id(answer_id, choice as u64, calls.len()));
        object.set("type", "function");
        put_function_right(function, &mut object)?;
        calls.push(object);
        message.remove("function_call");
    }
    if !calls.is_empty() {
        message.set("tool_calls", &calls);
    }
    let annotations = sources.map(|sources| sources.annotations(said.content.text()));
    if let Some(annotations) = annotations.filter(|annotations| !annotations.is_empty())
        && !message.has("annotations")
    {
        message.set("annotations", &annotations);
    }
    Ok(())
}

fn put_function_right(function: &Function<'_>, call: &mut Object<'_>) -> serde_json::Result<()> {
    let mut object = match call.get("function") {
        Some(object) => Object::of(object)?.into_owned(),
        None => Object::new(),
    };
    let (arguments, _) = function.arguments();
    object.set("name", function.name.get());
    object.set(
        "arguments",
        if arguments.is_empty() {
            "{}"
        } else {
            &*arguments
        },
    );
    call.set_raw("function", object.to_raw());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let tidied = tidy(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        assert_eq!(std::str::from_utf8(&tidied.body).unwrap(), expected);
    }

    #[test]
    fn what_is_no_completion_is_the_providers_failure() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":7}"#,
            r#"{"choices":[7]}"#,
        ] {
            let failure = tidy(Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
            assert_eq!(failure.class, ErrorClass::ServerError, "{body}");
            assert!(failure.message.contains("no completion"), "{body}");
        }
    }

    #[test]
    fn errors_within_http_200_are_failures() {
        let class = |body: &str| {
            tidy(Bytes::copy_from_slice(body.as_bytes()))
                .unwrap_err()
                .class
        };
        let choices = r#""choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]"#;
        assert_eq!(
            class(r#"{"error":{"code":429,"message":"slow"}}"#),
            ErrorClass::RateLimit
        );
        assert_eq!(
            class(r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#),
            ErrorClass::Quota
        );
        assert_eq!(
            class(
                &choices
                    .replace("\"stop\"", "\"error\"")
                    .replace("\"choices\"", "{\"choices\"")
                    .replace("}]", "}]}")
            ),
            ErrorClass::ServerError
        );
    }

    #[test]
    fn a_reply_without_fault_is_forwarded_without_a_copy() {
        let body = Bytes::from_static(
            br#"{ "id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":1e-9},"zzz":[] }"#,
        );
        let tidied = tidy(body.clone()).unwrap();
        assert_eq!(tidied.body.as_ptr(), body.as_ptr());
        assert_eq!(tidied.usage.map(|usage| usage.total()), Some(3));
        assert_eq!(tidied.answer_bytes, 2);
    }

    #[test]
    fn faults_are_put_right_and_the_rest_is_kept() {
        check(
            r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"0","function":{"name":"f","arguments":{"b": 1, "a": 2}},"extra":1},{"id":"0","function":{"name":"g"}}]},"finish_reason":"stop","logprobs":null}],"x":1.0}"#,
            &format!(
                r#"{{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{{"id":"0","function":{{"name":"f","arguments":"{{\"b\":1,\"a\":2}}"}},"extra":1,"type":"function"}},{{"id":"{}","function":{{"name":"g","arguments":"{{}}"}},"type":"function"}}]}},"finish_reason":"tool_calls","logprobs":null}}],"x":1.0}}"#,
                made_id("x", 0, 1)
            ),
        );
    }
}
