//! A whole reply as a message for a caller.
//!
//! This dialect has one answer per request: the first. Citations have no form here without the provider's own
//! marks, and are left out.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use super::{arguments::to_input, replay, usage::Written, wire::Block};
use crate::{
    chat::{Choice, Finish, Message, Reply},
    json::raw,
};

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'static str>,
    usage: Written,
}

/// Writes a whole reply. `now` stands in where the provider gave no id.
pub(super) fn write(reply: &Reply, now: u64) -> Bytes {
    let choice = reply.choices.first();
    let content = choice.map_or_else(Vec::new, blocks);
    let finish = choice.map_or(Finish::Stop, |choice| choice.finish);
    let body = Body {
        id: message_id(&reply.id, now),
        kind: "message",
        role: "assistant",
        model: &reply.model,
        content,
        stop_reason: stop_reason(finish),
        stop_sequence: None,
        usage: Written::of(reply.usage.as_ref()),
    };
    Bytes::from(raw(&body).get().to_owned())
}

fn blocks(choice: &Choice) -> Vec<Block<'_>> {
    let message = &choice.message;
    let mut blocks = thoughts(message);
    let text = message.content.text();
    let refusal = message.refusal.as_deref().unwrap_or_default();
    for text in [Cow::Owned(text), Cow::Borrowed(refusal)] {
        if !text.is_empty() {
            blocks.push(Block::text(text));
        }
    }
    blocks.extend(message.tool_calls.iter().map(|call| Block::ToolUse {
        id: Cow::Borrowed(&call.id),
        name: &call.name,
        input: to_input(&call.arguments),
    }));
    blocks
}

/// The thoughts: with signatures where they are Anthropic's own, else as text without one.
fn thoughts(message: &Message) -> Vec<Block<'_>> {
    let signed = replay::replayed(&message.reasoning_details);
    match message.reasoning.as_deref() {
        Some(reasoning) if signed.is_empty() && !reasoning.is_empty() => vec![Block::Thinking {
            thinking: Cow::Borrowed(reasoning),
            signature: "",
        }],
        _ => signed,
    }
}

/// An id as clients of this dialect expect it.
pub(super) fn message_id(id: &str, now: u64) -> String {
    match id {
        "" => format!("msg_{now:x}"),
        _ if id.starts_with("msg_") => id.to_owned(),
        _ => format!("msg_{id}"),
    }
}

/// Why an answer ended.
pub(super) fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::{Content, Role, ToolCall, Usage},
        json::Object,
    };

    #[test]
    fn a_reply_of_another_dialect_becomes_a_message() {
        let call = |arguments: &str| ToolCall {
            id: "call_1".to_owned(),
            name: "get".to_owned(),
            arguments: arguments.to_owned(),
            extra: Object::new(),
        };
        let message = Message {
            reasoning: Some("Hm".to_owned()),
            tool_calls: vec![call(r#"{"b":1,"a":2}"#), call(""), call("{oops")],
            ..Message::new(Role::Assistant, Content::Text("Hi".to_owned()))
        };
        let reply = Reply {
            id: "chatcmpl-1".to_owned(),
            model: "m".to_owned(),
            created: Some(1),
            choices: vec![Choice {
                index: 0,
                message,
                finish: Finish::ToolCalls,
                logprobs: None,
            }],
            usage: Some(Usage {
                input: 10,
                output: 5,
                cached: Some(4),
                ..Usage::default()
            }),
            extra: Object::new(),
        };
        let body = String::from_utf8(write(&reply, 7).to_vec()).unwrap();
        let expected = concat!(
            r#"{"id":"msg_chatcmpl-1","type":"message","role":"assistant","model":"m","content":["#,
            r#"{"type":"thinking","thinking":"Hm","signature":""},"#,
            r#"{"type":"text","text":"Hi"},"#,
            r#"{"type":"tool_use","id":"call_1","name":"get","input":{"b":1,"a":2}},"#,
            r#"{"type":"tool_use","id":"call_1","name":"get","input":{}},"#,
            r#"{"type":"tool_use","id":"call_1","name":"get","input":{"_raw":"{oops"}}],"#,
            r#""stop_reason":"tool_use","stop_sequence":null,"#,
            r#""usage":{"input_tokens":6,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5}}"#,
        );
        assert_eq!(body, expected);
    }

    #[test]
    fn a_reply_without_answers_is_still_a_message() {
        let reply = Reply {
            id: String::new(),
            model: String::new(),
            created: None,
            choices: Vec::new(),
            usage: None,
            extra: Object::new(),
        };
        let body = String::from_utf8(write(&reply, 255).to_vec()).unwrap();
        assert!(
            body.starts_with(r#"{"id":"msg_ff","type":"message""#),
            "{body}"
        );
    }
}
