//! OpenAI's spelling of an answer, whole; `stream` uses the same parts for its events.

use bytes::Bytes;
use serde::Serialize;

use super::{
    Run, Script, Step,
    ask::Ask,
    pace::{self, Pace},
    turn::Answer,
};
use crate::{catalog::Fault, json};

/// The headers of any answer.
pub(super) fn headers(run: &Run<'_>, content_type: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", content_type.to_owned()),
        ("x-request-id", run.id("req")),
    ]
}

#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: Vec<Choice<'a>>,
    /// Left out, null, or there: OpenAI's chunks know all three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Option<Usage>>,
    pub(super) system_fingerprint: &'static str,
}

#[derive(Serialize)]
pub(super) struct Choice<'a> {
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<Message<'a>>,
    pub(super) logprobs: Option<()>,
    pub(super) finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(super) struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
pub(super) struct ToolCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    pub(super) function: Function<'a>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) total_tokens: u64,
}

/// The tokens of all answers.
pub(super) fn usage(ask: &Ask, answers: &[Answer]) -> Usage {
    let completion_tokens = answers.iter().map(Answer::tokens).sum();
    Usage {
        prompt_tokens: ask.prompt_tokens,
        completion_tokens,
        total_tokens: ask.prompt_tokens.saturating_add(completion_tokens),
    }
}

/// The script of these answers as one body.
pub(super) fn script(run: &Run<'_>, ask: &Ask, answers: &[Answer], fault: Fault) -> Script {
    let usage = usage(ask, answers);
    let body = Body {
        id: &run.id("chatcmpl"),
        object: "chat.completion",
        created: run.now,
        model: &ask.model,
        choices: answers.iter().enumerate().map(whole_choice).collect(),
        usage: (fault != Fault::NoUsage).then_some(Some(usage)),
        system_fingerprint: "simulated",
    };
    // The head comes with the body: after the last token.
    let rest = Pace::new(run).tokens(usage.completion_tokens.saturating_sub(1));
    let bytes = Bytes::from(json::raw(&body).get().to_owned());
    Script {
        delay: pace::beginning(run, fault).saturating_add(rest),
        status: 200,
        headers: headers(run, "application/json"),
        body: broken(bytes, fault, ask.directives.stall),
    }
}

/// A body in one piece, or half of it and the end that the fault gives it.
pub(super) fn broken(bytes: Bytes, fault: Fault, stall: bool) -> Vec<Step> {
    let half = bytes.slice(..bytes.len() / 2);
    match fault {
        Fault::Cut => vec![Step::Bytes(half), Step::Cut],
        _ if stall => vec![Step::Bytes(half), Step::Hang],
        _ => vec![Step::Bytes(bytes)],
    }
}

fn whole_choice((index, answer): (usize, &Answer)) -> Choice<'_> {
    let calls = answer.calls.iter().map(|call| ToolCall {
        index: None,
        id: Some(&call.id),
        r#type: Some("function"),
        function: Function {
            name: Some(&call.name),
            arguments: &call.arguments,
        },
    });
    Choice {
        index,
        message: Some(Message {
            role: Some("assistant"),
            content: Some(answer.text.as_deref()),
            refusal: Some(None),
            tool_calls: calls.collect(),
        }),
        delta: None,
        logprobs: None,
        finish_reason: Some(answer.finish.name()),
    }
}
