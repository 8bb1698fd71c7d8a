//! Streams of answers: counted, and ended when they must end.
//!
//! Whoever holds a stream holds the visit of its session: a session with an open stream is not idle.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, pending};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use prometheus::IntGauge;

use crate::{
    access::{Caller, Denied},
    mcp::{Gate, sessions::Visit},
    secret::Secret,
};

/// The key or token a request came with: what it opened ends when that is no longer good.
pub(super) struct Pass {
    /// The key. Of a token the caller says all there is to know: nobody is asked again.
    pub(super) key: Option<Secret>,
    pub(super) caller: Arc<Caller>,
}

impl Pass {
    /// Whom the key or token belongs to now, if that is still this caller.
    ///
    /// # Errors
    /// It is no longer good.
    pub(super) fn renewed(&self, gate: &Gate) -> Result<Arc<Caller>, Denied> {
        let offer = gate.offer();
        let known = if self.is_token() {
            offer.access.renew(&self.caller)
        } else {
            let key = self.key.as_ref().map(Secret::reveal);
            offer.access.identify(key).ok()
        };
        let known = known.filter(|known| known.name == self.caller.name);
        known.ok_or_else(|| offer.access.gone(&self.caller))
    }

    /// A key that was made for a call may be of somebody who came with a token.
    fn is_token(&self) -> bool {
        self.caller.identity.is_some() && self.caller.serves.is_none()
    }

    /// Comes back when it is no longer this caller's.
    async fn revoked(self, gate: Arc<Gate>) {
        let mut reloads = gate.reloads();
        while self.renewed(&gate).is_ok() {
            if !gate.until_news(&mut reloads, &self.caller).await {
                return;
            }
        }
    }
}

/// A stream of an answer.
pub(super) struct Stream {
    /// Gone once it has ended.
    body: Option<BoxBody<Bytes, Infallible>>,
    end: BoxFuture<'static, ()>,
    visit: Option<Visit>,
    open: IntGauge,
}

impl Stream {
    /// Watches over a stream: it ends with its session, and, where it has a pass, with its key.
    pub(super) fn watch(
        body: BoxBody<Bytes, Infallible>,
        visit: Option<Visit>,
        pass: Option<Pass>,
        gate: &Arc<Gate>,
    ) -> Body {
        let over = visit.as_ref().map(|visit| visit.over());
        let over = async move {
            match over {
                Some(over) => over.cancelled().await,
                None => pending().await,
            }
        };
        let revoked = pass.map(|pass| pass.revoked(gate.clone()));
        let revoked = async move {
            match revoked {
                Some(revoked) => revoked.await,
                None => pending().await,
            }
        };
        let open = gate.ledger.metrics().mcp_streams.clone();
        open.inc();
        Body::new(Self {
            body: Some(body),
            end: futures_util::future::select(Box::pin(over), Box::pin(revoked))
                .map(drop)
                .boxed(),
            visit,
            open,
        })
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        let ended = match &polled {
            Poll::Ready(Some(_)) => false,
            Poll::Ready(None) => true,
            Poll::Pending => self.end.poll_unpin(context).is_ready(),
        };
        if ended {
            self.body = None;
            self.visit = None;
            return Poll::Ready(None);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.dec();
    }
}
