//! Reading an answer to its end, or to the end of what is allowed.

use bytes::BytesMut;
use http::{HeaderMap, header};

use super::{Answer, Refused};

/// Reads the answer, at most `max` bytes of body. Compressed ones are refused: nobody asked for one, and unpacking is
/// how small answers become large.
pub(super) async fn whole(mut response: reqwest::Response, max: usize) -> Result<Answer, Refused> {
    if is_packed(response.headers()) {
        return Err(Refused::Encoded);
    }
    // A length is a promise; the count below is what holds.
    let promised = response.content_length().unwrap_or(0);
    if usize::try_from(promised).is_ok_and(|promised| promised > max) {
        return Err(Refused::TooLarge(max));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Refused::Broken)? {
        if body.len().saturating_add(chunk.len()) > max {
            return Err(Refused::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

/// Whether a body is compressed.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| encoding != "identity")
}

/// The type of a body, in small letters and without parameters; empty when none is told.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let told = headers.get(header::CONTENT_TYPE);
    let told = told.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = told.split(';').next().unwrap_or("");
    essence.trim().to_ascii_lowercase()
}
