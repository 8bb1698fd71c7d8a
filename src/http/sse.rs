//! Event streams as response bodies.

use std::{convert::Infallible, future::Future, pin::Pin, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::error;
use crate::{
    dialect::{Ask, Dialect, StreamStyle},
    outcome::Failure,
    relay::{self, Answered, Flow, Refused},
};

/// A comment: keeps proxies and clients from giving up, and means nothing.
const KEEPALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// What an in-band error needs to know of the request.
pub(super) struct Style(StreamStyle);

impl Style {
    /// The style of this request's stream.
    pub(super) fn of(ask: &Ask) -> Self {
        Self(StreamStyle {
            include_usage: ask.outline.include_usage,
            model: ask.outline.model.clone(),
            ..StreamStyle::default()
        })
    }
}

type Completion = Pin<Box<dyn Future<Output = Result<Answered, Refused>> + Send>>;

/// A stream whose first delta is here. Ends with an error event if the gateway must close.
pub(super) fn flowing(flow: Box<Flow>, closing: CancellationToken) -> Body {
    let stream = unfold((flow, closing), |(mut flow, closing)| async move {
        let bytes = next(&mut flow, &closing).await?;
        Some((Ok::<_, Infallible>(bytes), (flow, closing)))
    });
    Body::from_stream(stream)
}

/// A stream that has not begun: comments until it has. Until then it may still fall over to another target.
pub(super) fn waiting(
    completion: Completion,
    every: Duration,
    dialect: &'static dyn Dialect,
    style: Style,
    closing: CancellationToken,
) -> Body {
    let stage = Stage::Greeting(Waiting {
        completion,
        every,
        dialect,
        style,
        closing,
    });
    let stream = unfold(stage, |stage| async move {
        let (bytes, stage) = stage.next().await?;
        Some((Ok::<_, Infallible>(bytes), stage))
    });
    Body::from_stream(stream)
}

struct Waiting {
    completion: Completion,
    every: Duration,
    dialect: &'static dyn Dialect,
    style: Style,
    closing: CancellationToken,
}

impl Waiting {
    /// The error event of a stream that never began.
    fn fail(self, failure: &Failure) -> Bytes {
        let mut out = BytesMut::new();
        let mut writer = self.dialect.stream_writer(self.style.0);
        writer.fail(failure, &mut out);
        out.freeze()
    }
}

enum Stage {
    /// The head goes out with a first comment at once.
    Greeting(Waiting),
    Waiting(Waiting),
    Flowing(Box<Flow>, CancellationToken),
    Over,
}

impl Stage {
    async fn next(self) -> Option<(Bytes, Self)> {
        match self {
            Self::Greeting(waiting) => Some((KEEPALIVE, Self::Waiting(waiting))),
            Self::Waiting(mut waiting) => {
                let result = tokio::select! {
                    biased;
                    result = &mut waiting.completion => result,
                    () = waiting.closing.cancelled() => {
                        return Some((waiting.fail(&relay::shutting_down()), Self::Over));
                    }
                    () = sleep(waiting.every) => return Some((KEEPALIVE, Self::Waiting(waiting))),
                };
                match result {
                    Ok(Answered::Stream(mut flow, _)) => {
                        let bytes = next(&mut flow, &waiting.closing).await?;
                        Some((bytes, Self::Flowing(flow, waiting.closing)))
                    }
                    // A stream was asked for, so a whole answer cannot come.
                    Ok(Answered::Whole(..)) => None,
                    Err(refused) => Some((waiting.fail(&error::failure(&refused)), Self::Over)),
                }
            }
            Self::Flowing(mut flow, closing) => {
                let bytes = next(&mut flow, &closing).await?;
                Some((bytes, Self::Flowing(flow, closing)))
            }
            Self::Over => None,
        }
    }
}

async fn next(flow: &mut Flow, closing: &CancellationToken) -> Option<Bytes> {
    if closing.is_cancelled() {
        return flow.interrupt();
    }
    tokio::select! {
        biased;
        bytes = flow.next() => bytes,
        () = closing.cancelled() => flow.interrupt(),
    }
}
