//! Answers to [plain calls](crate::mcp::plain): in one piece where there are no sessions, on a stream that can be
//! resumed where there are.

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{
    StreamExt, poll,
    stream::{once, unfold},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{StreamBody, combinators::BoxBody};
use rmcp::model::{ErrorCode, JsonRpcMessage, ServerJsonRpcMessage};
use tokio::{sync::oneshot, time::timeout};

use super::stream::Stream;
use crate::mcp::{
    Gate, Guest, calls,
    plain::{self, Plain},
    sessions::{Flight, Landed, Visit},
};

/// How often a stream that waits shows that it is alive: what rmcp's streams do.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client that lost a stream should wait before it asks for the rest, in milliseconds: rmcp's value, too.
const RETRY: u32 = 3000;

static JSON: HeaderValue = HeaderValue::from_static("application/json");
static EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
static NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
static NO: HeaderValue = HeaderValue::from_static("no");

/// Answers in one piece. A client that leaves drops the future, which calls the call off.
pub(super) async fn answer(gate: &Arc<Gate>, plain: Plain, guest: Guest) -> Response {
    let (id, params, asked) = plain.asked(guest, gate.closing.clone());
    let answered = calls::call(gate, params, asked).await;
    let message = plain::message(id, true, answered);
    // Its parts were data already.
    let mut response = Response::new(Body::from(serde_json::to_vec(&message).unwrap_or_default()));
    *response.status_mut() = status(&message);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, JSON.clone());
    response
}

/// What a missing ability of the client is told with; other errors of a method are answers like any other.
fn status(message: &ServerJsonRpcMessage) -> StatusCode {
    match message {
        JsonRpcMessage::Error(error)
            if error.error.code == ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY =>
        {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::OK,
    }
}

/// Answers in the session with this id. A call that is done at once is answered in one piece; another goes on by
/// itself, whether or not its client stays.
pub(super) async fn answer_in_session(
    gate: &Arc<Gate>,
    plain: Plain,
    guest: Guest,
    session: &str,
    mut visit: Visit,
) -> Response {
    let called_off = gate.closing.child_token();
    let flight = Flight::begin(&mut visit, session, plain.id.clone(), called_off.clone());
    let first = format!("id: {}\nretry: {RETRY}\ndata:\n\n", flight.first());
    let (id, params, asked) = plain.asked(guest, called_off);
    let calling_gate = gate.clone();
    let mut calling = Box::pin(async move {
        let called_off = asked.called_off.clone();
        let answered = calls::call(&calling_gate, params, asked).await;
        let message = plain::message(id, false, answered);
        // Nobody is told of what was called off.
        if called_off.is_cancelled() {
            None
        } else {
            flight.land(message)
        }
    });
    let body = match poll!(&mut calling) {
        std::task::Poll::Ready(landed) => Body::from(first + &event(landed)),
        std::task::Poll::Pending => {
            let (tell, told) = oneshot::channel();
            tokio::spawn(async move {
                // Without a client it is in the log.
                let _ = tell.send(calling.await);
            });
            stream(gate, first, told, visit)
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENTS.clone());
    headers.insert(header::CACHE_CONTROL, NO_CACHE.clone());
    headers.insert(ACCEL_BUFFERING.clone(), NO.clone());
    response
}

/// A stream of what is there already and of the answer, once it is told.
fn stream(
    gate: &Arc<Gate>,
    first: String,
    told: oneshot::Receiver<Option<Landed>>,
    visit: Visit,
) -> Body {
    let rest = unfold(Some(told), |told| async move {
        let mut told = told?;
        match timeout(KEEP_ALIVE, &mut told).await {
            Ok(landed) => Some((event(landed.ok().flatten()), None)),
            Err(_) => Some((":\n\n".to_owned(), Some(told))),
        }
    });
    let frames = once(ready(first)).chain(rest);
    let frames = frames.map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
    Stream::watch(
        BoxBody::new(StreamBody::new(frames)),
        Some(visit),
        None,
        gate,
    )
}

/// An answer as an event of its stream; nothing where there is none.
fn event(landed: Option<Landed>) -> String {
    landed.map_or_else(String::new, |Landed { event, text }| {
        format!("id: {event}\ndata: {text}\n\n")
    })
}
