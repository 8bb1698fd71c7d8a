//! Scripts: what is said on the wire in answer to one request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Notify;

/// One answer. Its connection is kept for the next request if the script does not end it.
pub(crate) type Script = Vec<Step>;

/// One step of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes at once.
    Say(Bytes),
    /// These bytes one by one, with a pause behind each.
    Drip(Bytes, Duration),
    /// These bytes again and again, with a pause behind each time, until the asker leaves.
    Forever(Bytes, Duration),
    /// Nothing for this long.
    Pause(Duration),
    /// Nothing until the gate is opened.
    Await(Arc<Notify>),
    /// Nothing more until the asker leaves.
    Hang,
    /// The connection ends properly.
    Close,
    /// The connection is reset.
    Reset,
}

/// Says these bytes.
pub(crate) fn say(bytes: impl Into<Bytes>) -> Step {
    Step::Say(bytes.into())
}

/// The head of an answer.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 {status} Status\r\n{lines}\r\n")
}

/// A whole answer with the length it says.
pub(crate) fn whole(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let length = body.len().to_string();
    let all = [headers, &[("content-length", length.as_str())]].concat();
    head(status, &all) + body
}

/// A whole JSON answer.
pub(crate) fn json(status: u16, body: &str) -> String {
    whole(status, &[("content-type", "application/json")], body)
}

/// The head of an event stream in chunks.
pub(crate) fn stream_head() -> String {
    head(
        200,
        &[
            ("content-type", "text/event-stream"),
            ("transfer-encoding", "chunked"),
        ],
    )
}

/// One chunk of a body.
pub(crate) fn chunk(bytes: impl AsRef<[u8]>) -> Bytes {
    let bytes = bytes.as_ref();
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat().into()
}

/// The proper end of a body in chunks.
pub(crate) const END: &str = "0\r\n\r\n";
