//! What a message is, judged before rmcp reads it: one object of JSON-RPC 2.0, and nothing that can be read in two
//! ways. The bytes are handed on as they are: having passed, they mean the same to every reader.

use std::borrow::Cow;

use rmcp::model::RequestId;
use serde_json::{Value, value::RawValue};

use super::{endpoint::Refused, strict};
use crate::json::Object;

/// The longest id, in bytes. Clients count, or make UUIDs.
const LONGEST_ID: usize = 256;

/// The members JSON-RPC 2.0 knows. Others are refused: `Method` beside `method` is for confusing somebody.
const MEMBERS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// One message of a client.
#[derive(Clone, Debug)]
pub(super) enum Message<'a> {
    /// It wants an answer.
    Request {
        id: RequestId,
        method: String,
        params: Option<Cow<'a, RawValue>>,
    },
    /// It says something.
    Notification { cancels: Option<RequestId> },
    /// It answers something the server asked.
    Answer,
}

impl<'a> Message<'a> {
    /// Reads the outline of a message.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refused> {
        strict::check(body).map_err(|error| {
            if error.is_data() {
                Refused::invalid(format!("The message is refused: {}", plain(&error)))
            } else {
                Refused::unreadable("The body is not JSON")
            }
        })?;
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Refused::invalid(
                "Batches are not part of this protocol: send one message",
            ));
        }
        let object =
            Object::parse(body).map_err(|_| Refused::invalid("A message is a JSON object"))?;
        let id = object.get("id").map(read_id).transpose();
        let id = id?;
        let outline = outline(object, id.clone());
        outline.map_err(|refused| match id {
            Some(id) => refused.for_request(id.into_json_value()),
            None => refused,
        })
    }

    /// The id of a request, as its answer must name it.
    pub(super) fn id(&self) -> Value {
        match self {
            Self::Request { id, .. } => id.clone().into_json_value(),
            Self::Notification { .. } | Self::Answer => Value::Null,
        }
    }

    /// The request it calls off.
    pub(super) fn cancels(&self) -> Option<RequestId> {
        match self {
            Self::Notification { cancels, .. } => cancels.clone(),
            Self::Request { .. } | Self::Answer => None,
        }
    }

    /// The tool it calls, where it calls one.
    pub(super) fn names_tool(&self) -> Option<String> {
        let Self::Request { method, params, .. } = self else {
            return None;
        };
        if method != "tools/call" {
            return None;
        }
        let params = Object::of(params.as_deref()?).ok()?;
        serde_json::from_str(params.get("name")?.get()).ok()
    }

    /// Whether it is a request of this method.
    pub(super) fn asks_for(&self, wanted: &str) -> bool {
        matches!(self, Self::Request { method, .. } if method == wanted)
    }
}

fn outline<'a>(object: Object<'a>, id: Option<RequestId>) -> Result<Message<'a>, Refused> {
    if object.keys().any(|key| !MEMBERS.contains(&key)) {
        return Err(Refused::invalid(
            "The message has a member that JSON-RPC does not know",
        ));
    }
    let params = object.get("params").map(RawValue::get);
    if params.is_some_and(|params| !params.starts_with('{') && params != "null") {
        return Err(Refused::invalid_params("`params` must be an object"));
    }
    if object.get("jsonrpc").map(RawValue::get) != Some("\"2.0\"") {
        return Err(Refused::invalid("`jsonrpc` must be \"2.0\""));
    }
    let answers = object.get("result").is_some() || object.get("error").is_some();
    let method = object
        .get("method")
        .map(|raw| serde_json::from_str::<String>(raw.get()));
    match (method, id, answers) {
        (Some(Ok(method)), Some(id), false) => Ok(Message::Request {
            id,
            method,
            params: object.into_member("params"),
        }),
        (Some(Ok(method)), None, false) => {
            let cancels = cancelled(&object).filter(|_| method == "notifications/cancelled");
            Ok(Message::Notification { cancels })
        }
        (None, Some(_), true) => Ok(Message::Answer),
        (Some(Err(_)), ..) => Err(Refused::invalid("`method` must be a string")),
        _ => Err(Refused::invalid(
            "A message has either `method`, or an `id` and `result` or `error`",
        )),
    }
}

/// The request a cancellation means.
fn cancelled(object: &Object<'_>) -> Option<RequestId> {
    let params = Object::of(object.get("params")?).ok()?;
    read_id(params.get("requestId")?).ok()
}

/// An id: a whole number or a string, as MCP has it.
fn read_id(raw: &RawValue) -> Result<RequestId, Refused> {
    let text = raw.get();
    let number = text
        .parse::<i64>()
        .ok()
        .filter(|number| number.to_string() == text);
    if let Some(number) = number {
        return Ok(RequestId::Number(number));
    }
    let string = serde_json::from_str::<String>(text).ok();
    let string = string.filter(|string| string.len() <= LONGEST_ID);
    let refused =
        || Refused::invalid("`id` must be a whole number, or a string of at most 256 bytes");
    string
        .map(|string| RequestId::String(string.into()))
        .ok_or_else(refused)
}

/// serde_json's words without the place it adds.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let read = |text: &'static str| Message::read(text.as_bytes()).unwrap();
        let request = read(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        assert!(request.asks_for("ping"));
        assert_eq!(request.id(), 7);
        let cancel = read(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#,
        );
        assert!(
            matches!(&cancel, Message::Notification { cancels: Some(RequestId::String(id)), .. } if &**id == "a")
        );
        let answer = read(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#);
        assert!(matches!(answer, Message::Answer));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let long = format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#,
            "x".repeat(257)
        );
        for text in [
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "[]",
            "7",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"a","name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/list"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","paramſ":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":-0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            &long,
        ] {
            let refused = Message::read(text.as_bytes()).unwrap_err();
            assert!(refused.is_invalid_request(), "{text}: {refused:?}");
        }
    }
}
