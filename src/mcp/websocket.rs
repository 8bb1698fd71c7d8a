//! `/mcp` over WebSocket: one message in each text frame, both revisions, subprotocol `mcp`.
//!
//! The protocol has no such transport of its own; this is the usual one. The key is that of the upgrade, and is looked
//! up again at each reload: a connection does not outlive its key or token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Error,
    extract::{
        FromRequestParts, Request,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    response::Response,
};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http::{HeaderMap, header};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    Gate, Guest,
    connection::{self, Inlet, Outlet, Requests},
    endpoint::Refused,
    settings::WebSocket as Settings,
};

/// The subprotocol.
const SUBPROTOCOL: &str = "mcp";

/// When to come back where there is no room, in seconds: connections end one by one.
const RETRY_AFTER: u32 = 5;

/// How long one frame may take to be sent. A client that reads nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the last frame may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The key or token is no longer valid. Codes from 4000 on are for applications; this one follows HTTP's 401.
const UNAUTHORIZED: u16 = 4401;

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers a request for a WebSocket, whose key and origin are good.
pub(super) async fn upgrade(
    gate: Arc<Gate>,
    guest: Guest,
    request: Request,
) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]),
        Err(refused) => return Err(Refused::invalid(refused.body_text())),
    };
    if upgrade.selected_protocol().is_none() {
        let message = format!("The subprotocol `{SUBPROTOCOL}` is needed");
        return Err(Refused::invalid(message));
    }
    if gate.draining.is_cancelled() {
        return Err(Refused::full("The server is about to end", RETRY_AFTER));
    }
    let settings = gate.offer().settings.clone();
    let Some(seat) = Seats::take(&gate.seats, &guest.caller.name, &settings.websocket) else {
        let message = "Too many WebSocket connections are open: close one, or come back later";
        return Err(Refused::full(message, RETRY_AFTER));
    };
    Ok(upgrade
        .max_message_size(settings.max_body)
        .max_frame_size(settings.max_body)
        .on_upgrade(move |socket| async move {
            let running = gate.connections.token();
            carry(socket, gate, guest.on_websocket(), &settings.websocket).await;
            drop((seat, running));
        }))
}

/// Carries messages until either side ends the connection. What runs then is called off.
async fn carry(socket: WebSocket, gate: Arc<Gate>, guest: Guest, settings: &Settings) {
    let (mut sink, stream) = socket.split();
    let caller = guest.caller.clone();
    let connection = connection::open(gate.clone(), guest);
    let requests = connection.requests;
    let code = {
        let reading = read(stream, &connection.inlet, &requests, settings);
        let writing = write(&mut sink, connection.outlet, settings.ping.get());
        tokio::select! {
            code = reading => code,
            () = writing => return,
            () = connection.serving => close_code::PROTOCOL,
            () = gate.until_gone(&caller) => UNAUTHORIZED,
            () = until_drained(&gate, &requests) => close_code::AWAY,
        }
    };
    let reason = match code {
        close_code::AWAY => "the server ends",
        close_code::UNSUPPORTED => "only text is read",
        close_code::SIZE => "the message is too large",
        close_code::PROTOCOL => "the session did not begin as the protocol has it",
        UNAUTHORIZED => &format!("the {} is no longer valid", caller.came_with()),
        _ => "",
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    // A client that has left does not read it.
    let _ = timeout(LAST_WORDS, sink.send(Message::Close(Some(frame)))).await;
}

/// When the server ends: what runs may finish, as long as the drain lets it.
async fn until_drained(gate: &Gate, requests: &Requests) {
    gate.draining.cancelled().await;
    tokio::select! {
        () = requests.until_empty() => {}
        () = gate.closing.cancelled() => {}
    }
}

/// Takes messages until there are no more; gives the code to close with.
async fn read(
    mut stream: impl Stream<Item = Result<Message, Error>> + Unpin,
    inlet: &Inlet,
    requests: &Requests,
    settings: &Settings,
) -> u16 {
    let silence = settings.ping.get().saturating_mul(3);
    let mut used = Instant::now();
    loop {
        let Ok(next) = timeout(silence, stream.next()).await else {
            return close_code::AWAY;
        };
        match next {
            Some(Ok(Message::Text(text))) => {
                used = Instant::now();
                if !inlet.take(text.as_bytes()).await {
                    return close_code::PROTOCOL;
                }
            }
            Some(Ok(Message::Binary(_))) => return close_code::UNSUPPORTED,
            // Pings are answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                if !requests.is_empty() {
                    used = Instant::now();
                } else if used.elapsed() >= settings.idle.get() {
                    return close_code::AWAY;
                }
            }
            Some(Ok(Message::Close(_))) | None => return close_code::NORMAL,
            Some(Err(error)) => return code_of(error),
        }
    }
}

/// The code that tells what was wrong with a frame.
fn code_of(error: Error) -> u16 {
    // axum does not show the kind; its text is that of tungstenite.
    let text = error.to_string();
    if text.contains("too long") || text.contains("too big") {
        close_code::SIZE
    } else if text.contains("UTF-8") {
        close_code::INVALID
    } else {
        close_code::PROTOCOL
    }
}

/// Sends messages, and asks now and then whether the client is there. Ends where it is not.
async fn write(
    sink: &mut (impl Sink<Message, Error = Error> + Unpin),
    mut outlet: Outlet,
    ping: Duration,
) {
    let mut pings = interval(ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outgoing = tokio::select! {
            Some(outgoing) = outlet.next() => Some(outgoing),
            _ = pings.tick() => None,
        };
        let message = match &outgoing {
            Some(outgoing) => Message::Text(outgoing.text.as_str().into()),
            None => Message::Ping(bytes::Bytes::new()),
        };
        let sent = timeout(PATIENCE, sink.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        if let Some(outgoing) = &outgoing {
            outlet.written(outgoing);
        }
    }
}

/// The connections there are, by key.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<HashMap<Arc<str>, usize>>);

/// One connection's place among them.
struct Seat {
    seats: Arc<Seats>,
    name: Arc<str>,
}

impl Seats {
    fn take(seats: &Arc<Self>, name: &Arc<str>, settings: &Settings) -> Option<Seat> {
        let mut taken = seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.get(name).copied().unwrap_or(0);
        if mine >= settings.per_key || taken.values().sum::<usize>() >= settings.max {
            return None;
        }
        taken.insert(name.clone(), mine + 1);
        Some(Seat {
            seats: seats.clone(),
            name: name.clone(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.name);
            }
        }
    }
}
