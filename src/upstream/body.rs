//! The body of an answer, from the wire or from a simulator's script.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use super::{client::elsewhere, origin::Inbound, simulated::Step};
use crate::outcome::Failure;

/// The largest whole answer taken: far above any completion, embeddings of a full batch included.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// A body on its way. Dropping it closes the connection, which cancels the work at most providers.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    Direct(Inbound),
    Proxied(reqwest::Body),
    Script(VecDeque<Step>),
}

impl Body {
    pub(super) fn direct(body: Inbound) -> Self {
        Self(Source::Direct(body))
    }

    pub(super) fn proxied(body: reqwest::Body) -> Self {
        Self(Source::Proxied(body))
    }

    pub(super) fn played(steps: Vec<Step>) -> Self {
        Self(Source::Script(steps.into()))
    }

    /// The next bytes; `None` at the proper end. Who gives up waiting drops the body.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.0 {
            Source::Direct(body) => body.data().await.transpose().map_err(|_| cut()),
            Source::Proxied(body) => proxied(body).await,
            Source::Script(steps) => play(steps).await,
        }
    }

    /// The whole body.
    pub async fn whole(mut self) -> Result<Bytes, Failure> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(more) = self.chunk().await? {
            if all.len() + more.len() > MAX_ANSWER {
                let message = format!("The provider's answer is larger than {MAX_ANSWER} bytes");
                return Err(elsewhere(message));
            }
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }
}

/// The next data of a body; trailers are passed over.
async fn proxied(body: &mut reqwest::Body) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| cut())?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Plays a script up to its next bytes.
async fn play(steps: &mut VecDeque<Step>) -> Result<Option<Bytes>, Failure> {
    loop {
        match steps.front() {
            None => return Ok(None),
            Some(Step::Cut) => return Err(cut()),
            Some(Step::Hang) => std::future::pending::<()>().await,
            Some(Step::Wait(span)) => {
                tokio::time::sleep(*span).await;
                steps.pop_front();
            }
            Some(Step::Bytes(_)) => {
                let Some(Step::Bytes(bytes)) = steps.pop_front() else {
                    return Ok(None);
                };
                return Ok(Some(bytes));
            }
        }
    }
}

fn cut() -> Failure {
    elsewhere("The provider broke the connection in the middle of its answer".to_owned())
}
