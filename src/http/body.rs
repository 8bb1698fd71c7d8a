//! Reading a request's body within its limits: size, and speed.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Duration, Instant, timeout_at};

use super::Settings;
use crate::outcome::{ErrorClass, Failure};

/// The least a client must send after its grace, in bytes per second. Slower is an attack or a dead link.
const SLOWEST: u64 = 1024;

/// The most memory taken for a body on its announced length alone: a promise is no body yet.
const RESERVED: u64 = 1024 * 1024;

/// Reads a whole body.
pub(super) async fn read(
    mut body: axum::body::Body,
    settings: &Settings,
) -> Result<Bytes, Failure> {
    let limit = settings.max_body;
    if http_body::Body::size_hint(&body).lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let expected = http_body::Body::size_hint(&body).lower().min(RESERVED) as usize;
    let began = Instant::now();
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    loop {
        let read = first.as_ref().map_or(all.len(), Bytes::len);
        // The longer it takes, the more must be there: the grace, and a second for each KiB read.
        let due = began + settings.body_grace.get() + Duration::from_secs(read as u64 / SLOWEST);
        let frame = timeout_at(due, body.frame())
            .await
            .map_err(|_| too_slow())?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| broken())?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read + data.len() > limit {
            return Err(too_large(limit));
        }
        if all.is_empty() && first.is_none() {
            // Most bodies are one piece, which is passed on as it is.
            first = Some(data);
            continue;
        }
        if let Some(first) = first.take() {
            all.reserve(expected.max(first.len() + data.len()));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        ErrorClass::TooLarge,
        format!("The request's body is larger than the limit of {limit} bytes."),
    )
}

/// It ended early, or its chunks are none. Who has left does not read this.
fn broken() -> Failure {
    let message =
        "The request's body is broken: it ended early, or it is not encoded as its headers say.";
    Failure::new(ErrorClass::InvalidRequest, message)
}

fn too_slow() -> Failure {
    Failure::new(
        ErrorClass::InvalidRequest,
        "The request's body came too slowly.",
    )
    .with_status(408)
}
