//! An answer that is read while it comes: a stream of events ends when its server likes.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream::BoxStream};
use http::{HeaderMap, StatusCode};

use super::{Answer, Refused, read};

/// An answer that has begun, whatever its status. Dropping it closes its connection, or gives it back when the body was
/// read to its end.
pub struct Opened {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it comes.
    pub body: BoxStream<'static, Result<Bytes, Refused>>,
}

impl Opened {
    pub(super) fn of(mut response: reqwest::Response) -> Result<Self, Refused> {
        if read::is_packed(response.headers()) {
            return Err(Refused::Encoded);
        }
        let headers = std::mem::take(response.headers_mut());
        let status = response.status();
        let body = response.bytes_stream();
        let body = body.map(|chunk| chunk.map_err(|_| Refused::Broken)).boxed();
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The type of the body, as [`Answer::media_type`] tells it.
    pub fn media_type(&self) -> String {
        read::media_type(&self.headers)
    }

    /// Reads it to its end, at most `max` bytes of body.
    pub async fn whole(mut self, max: usize) -> Result<Answer, Refused> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.body.next().await {
            let chunk = chunk?;
            if body.len().saturating_add(chunk.len()) > max {
                return Err(Refused::TooLarge(max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: self.status,
            headers: self.headers,
            body: body.freeze(),
        })
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Opened");
        shown.field("status", &self.status).finish_non_exhaustive()
    }
}
