//! The events of an answer, as they come: bounded, and those in the middle of a request given to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use rmcp::{
    model::{ErrorData, JsonRpcNotification, RequestId, ServerJsonRpcMessage, ServerNotification},
    transport::streamable_http_client::SseError,
};
use sse_stream::{Sse, SseStream};

use super::{
    asking::{Asking, Spoiled, UNREADABLE},
    stray,
    watched::log_of,
};
use crate::upstream::guarded::Refused;

/// The longest log message that is taken for one, in bytes.
const LONGEST_LOG: usize = 64 * 1024;

/// The events of a body. An event is at most `most` bytes, and so is what stands between two: what came since the last
/// event is counted as it comes.
pub(super) fn of(
    body: BoxStream<'static, Result<Bytes, Refused>>,
    most: usize,
    asked: Option<(RequestId, Arc<Asking>)>,
) -> BoxStream<'static, Result<Sse, SseError>> {
    let unread = Arc::new(AtomicUsize::new(0));
    let read = unread.clone();
    let complained = asked.as_ref().map(|(_, asking)| asking.clone());
    let bounded = body.map(move |chunk| {
        let chunk = chunk?;
        let before = unread.fetch_add(chunk.len(), Ordering::Relaxed);
        if before.saturating_add(chunk.len()) > most {
            if let Some(asking) = &complained {
                asking.spoil(Spoiled::TooLarge(Refused::TooLarge(most).to_string()));
            }
            return Err(Refused::TooLarge(most));
        }
        Ok(chunk)
    });
    // What comes behind an error is nothing.
    let mut is_over = false;
    let bounded = bounded.take_while(move |chunk| {
        let goes_on = !is_over;
        is_over = chunk.is_err();
        std::future::ready(goes_on)
    });
    let events = SseStream::from_bytes_stream(bounded);
    let events = events.map(move |event| {
        let mut event = event.inspect_err(|error| {
            // Errors of the body are not the text's.
            if let Some((_, asking)) = &asked
                && !matches!(error, SseError::Body(_))
            {
                asking.spoil(Spoiled::Unfit(UNREADABLE.to_owned()));
            }
        })?;
        if event.data.is_some() {
            read.store(0, Ordering::Relaxed);
        }
        if let (Some((id, asking)), Some(data)) = (&asked, event.data.as_deref()) {
            if logs(data, asking) {
                // Its id still counts, for a stream that is taken up again.
                event.data = None;
            } else if !stray::is_readable(data) && stray::look(data.as_bytes()).is_answer {
                asking.spoil(Spoiled::Unfit(UNREADABLE.to_owned()));
                // rmcp would read over it, and its request would wait in vain.
                let error = ErrorData::internal_error(UNREADABLE, None);
                let error = ServerJsonRpcMessage::error(error, Some(id.clone()));
                event.data = serde_json::to_string(&error).ok();
            }
        }
        Ok(event)
    });
    events.boxed()
}

/// Gives a log message to the request on whose stream it came: whether it was one.
fn logs(data: &str, asking: &Asking) -> bool {
    // Looked for in the text first: reading each answer twice would cost more than all logs.
    if data.len() > LONGEST_LOG || !data.contains("\"notifications/message\"") {
        return false;
    }
    match serde_json::from_str(data) {
        Ok(ServerJsonRpcMessage::Notification(JsonRpcNotification {
            notification: ServerNotification::LoggingMessageNotification(log),
            ..
        })) => {
            asking.hear(log_of(log.params));
            true
        }
        _ => false,
    }
}
