//! What the scripted server answers to calls, and to those who ask for a prompt or a resource.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Book, Leaves, Stream, events, plain};

/// Answers a call of a tool, each in its own way.
pub(super) async fn call(
    book: &Arc<Book>,
    message: &Value,
    authorization: Option<String>,
) -> Response {
    let id = message["id"].clone();
    let params = message["params"].clone();
    let text = |text: &str| {
        let content = json!([{ "type": "text", "text": text }]);
        let result = json!({ "resultType": "complete", "content": content });
        json!({ "jsonrpc": "2.0", "id": id, "result": result })
    };
    let (say, said) = mpsc::unbounded_channel();
    let note = |method: &str, params: Value| {
        let note = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let _ = say.send(note);
    };
    let token = params["_meta"]["progressToken"].clone();
    match params["name"].as_str().unwrap() {
        "who" => plain(&text(&authorization.unwrap_or_default())),
        "slow" => {
            book.let_go.notified().await;
            plain(&text("at last"))
        }
        "hang" => {
            let leaves = Leaves(book.clone());
            note(
                "notifications/progress",
                json!({ "progressToken": token, "progress": 0 }),
            );
            // Never ends by itself.
            let subscription = None;
            let mut streams = book.streams.lock().unwrap();
            streams.push(Stream { say, subscription });
            events(said, Some(leaves))
        }
        "steps" => {
            for step in 1..=3 {
                let params = json!({ "progressToken": token, "progress": step, "message": "step" });
                note("notifications/progress", params);
                note(
                    "notifications/message",
                    json!({ "level": "info", "data": step }),
                );
            }
            let _ = say.send(text("done"));
            events(said, None)
        }
        "flood" => {
            for step in 0..20_000 {
                let params = json!({ "progressToken": token, "progress": step });
                note("notifications/progress", params);
            }
            let _ = say.send(text("done"));
            events(said, None)
        }
        "giant" => plain(&text(&"x".repeat(100_000))),
        "giant_event" => {
            let _ = say.send(text(&"x".repeat(100_000)));
            events(said, None)
        }
        "die" => {
            // A stream that ends without an answer.
            drop(say);
            events(said, None)
        }
        "cut" => {
            // A stream that could be taken up behind this event, and ends.
            let event = "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}\n\n";
            let kind = [(header::CONTENT_TYPE, "text/event-stream")];
            (kind, event).into_response()
        }
        "ask" => {
            // Numbers of requests are each session's own.
            let asks = authorization.unwrap_or_default();
            let question = json!({
                "jsonrpc": "2.0", "id": format!("q-{asks}-{id}"), "method": "elicitation/create",
                "params": {
                    "mode": "form", "message": "Who?",
                    "requestedSchema": { "type": "object", "properties": { "name": { "type": "string" } } },
                },
            });
            let (answer, answered) = oneshot::channel();
            let key = question["id"].to_string();
            book.asked.lock().unwrap().insert(key, answer);
            let _ = say.send(question);
            let text = text("");
            tokio::spawn(async move {
                let answer = answered.await.unwrap();
                let mut result = text;
                result["result"]["content"][0]["text"] = answer.to_string().into();
                let _ = say.send(result);
            });
            events(said, None)
        }
        "sign_in" => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer scope=\"read\"")];
            (StatusCode::UNAUTHORIZED, challenge).into_response()
        }
        "forbidden" => StatusCode::FORBIDDEN.into_response(),
        "lacks" => {
            let required = json!({ "requiredCapabilities": { "sampling": {} }, "more": "x" });
            let error = json!({ "code": -32021, "message": "Missing", "data": required });
            plain(&json!({ "jsonrpc": "2.0", "id": id, "error": error }))
        }
        "able" => {
            let meta = &params["_meta"];
            let said = [
                &meta["io.modelcontextprotocol/clientCapabilities"],
                &meta["io.modelcontextprotocol/logLevel"],
            ];
            plain(&text(&json!(said).to_string()))
        }
        "busy" => {
            let later = [(header::RETRY_AFTER, "7")];
            (StatusCode::SERVICE_UNAVAILABLE, later).into_response()
        }
        "limited" => StatusCode::TOO_MANY_REQUESTS.into_response(),
        "ages" => {
            let later = [(header::RETRY_AFTER, "18446744073709551615")];
            (StatusCode::TOO_MANY_REQUESTS, later).into_response()
        }
        "refuse_null" => refuse(StatusCode::BAD_REQUEST, &Value::Null, "application/json"),
        "refuse_named" => refuse(
            StatusCode::BAD_REQUEST,
            &json!("server-error"),
            "application/json",
        ),
        "refuse_500" => refuse(StatusCode::INTERNAL_SERVER_ERROR, &id, "application/json"),
        "refuse_plain" => refuse(StatusCode::BAD_REQUEST, &id, "text/plain"),
        "accepted" => StatusCode::ACCEPTED.into_response(),
        "emptied" => StatusCode::NO_CONTENT.into_response(),
        "anothers" => {
            let mut another = text("x");
            another["id"] = json!(987_654);
            plain(&another)
        }
        "nested" => {
            let (open, close) = ("[".repeat(200), "]".repeat(200));
            let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{open}{close}}}"#);
            let kind = [(header::CONTENT_TYPE, "text/event-stream")];
            (kind, format!("data: {answer}\n\n")).into_response()
        }
        "bytes" => {
            let answer = text("?").to_string().into_bytes();
            let answer: Vec<u8> = answer
                .into_iter()
                .map(|byte| if byte == b'?' { 0xFF } else { byte })
                .collect();
            ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        "prompt" => {
            let message = json!({ "role": "user", "content": { "type": "text", "text": "x" } });
            let result = json!({ "resultType": "complete", "messages": [message] });
            plain(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
        }
        "input" => plain(&json!({ "jsonrpc": "2.0", "id": id, "result": who("kept") })),
        other => {
            let error = json!({ "code": -32602, "message": format!("Unknown tool: {other}") });
            plain(&json!({ "jsonrpc": "2.0", "id": id, "error": error }))
        }
    }
}

/// A refusal, by this status and number.
fn refuse(status: StatusCode, id: &Value, kind: &str) -> Response {
    let error = json!({ "code": -32000, "message": "Server not initialized" });
    let refusal = json!({ "jsonrpc": "2.0", "id": id, "error": error });
    let kind = [(header::CONTENT_TYPE, kind.to_owned())];
    (status, kind, refusal.to_string()).into_response()
}

/// A prompt or a resource that wants to know who asks, and then says it with the state that came back.
pub(super) fn after_a_question(params: &Value) -> Value {
    if params["inputResponses"].is_null() {
        return who("state of the server");
    }
    let text = format!(
        "{} {}",
        params["inputResponses"]["who"]["content"]["name"]
            .as_str()
            .unwrap(),
        params["requestState"].as_str().unwrap(),
    );
    match params["uri"].as_str() {
        Some(uri) => json!({
            "resultType": "complete", "contents": [{ "uri": uri, "text": text }],
            "ttlMs": 0, "cacheScope": "private",
        }),
        None => {
            let message = json!({ "role": "user", "content": { "type": "text", "text": text } });
            json!({ "resultType": "complete", "messages": [message] })
        }
    }
}

/// The question who asks, with a state.
fn who(state: &str) -> Value {
    let form = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let params = json!({ "mode": "form", "message": "Who?", "requestedSchema": form });
    let request = json!({ "method": "elicitation/create", "params": params });
    json!({
        "resultType": "input_required", "inputRequests": { "who": request }, "requestState": state,
    })
}
