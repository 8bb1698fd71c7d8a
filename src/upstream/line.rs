//! One HTTP/1.1 connection to a provider, driven by whoever waits for it.
//!
//! hyper parts a connection into a sender and a driver, which is usually spawned. Then every request and every
//! piece of an answer passes from task to task, which costs more than reading and writing it. Here the driver is
//! polled by the request that uses the connection, before it goes to sleep; between requests by nobody. What a
//! provider does to a resting connection is found by the next request, which then takes another.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
    rt::{Read, Write},
};
use tokio::task::coop::unconstrained;

use super::bell::Bell;

/// A request as it goes out.
pub(super) type Outbound = Request<Full<Bytes>>;

/// A connection. Dropping it closes it.
pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Driver>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Line {
    /// HTTP/1.1 over an open stream.
    pub(super) async fn open<S>(stream: S) -> hyper::Result<Self>
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        let (sender, driver) = http1::handshake(stream).await?;
        let bell = Bell::rung();
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            waker: Waker::from(bell.clone()),
            bell,
        })
    }

    /// Sends a request and waits for the head of its answer. The error holds the request if nothing of it left.
    pub(super) async fn send(
        &mut self,
        request: Outbound,
    ) -> Result<Response<Incoming>, TrySendError<Outbound>> {
        // Outside of Tokio's budget, which would wake a task that only the driver can help.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(request)));
        std::future::poll_fn(|task| {
            drive(&mut self.driver, &self.bell, &self.waker, task, |nobody| {
                answer.as_mut().poll(nobody)
            })
        })
        .await
    }

    /// The next data of an answer's body; trailers are passed over.
    pub(super) async fn data(&mut self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        std::future::poll_fn(|task| {
            drive(&mut self.driver, &self.bell, &self.waker, task, |nobody| {
                next_data(body, nobody)
            })
        })
        .await
    }

    /// Whether another request may be sent. A line that rests must be told so, or it would wake its last user.
    pub(super) fn rest(&mut self) -> bool {
        self.bell.forget();
        self.sender.is_ready()
    }
}

/// Polls for something that the driver alone can bring; polls the driver for it where that has something to do.
fn drive<T>(
    driver: &mut Option<Driver>,
    bell: &Bell,
    ring: &Waker,
    task: &mut Context<'_>,
    mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    // Who polls next need not be woken by what the driver brings: it is here to take it.
    let nobody = &mut Context::from_waker(Waker::noop());
    bell.attend(task);
    let mut found = wanted(nobody);
    if found.is_pending() && bell.take() {
        let work = driver.as_mut().map(|work| work.as_mut());
        // Its error, if any, comes out where the answer is waited for.
        if work.is_none_or(|work| work.poll(&mut Context::from_waker(ring)).is_ready()) {
            *driver = None;
        }
        found = wanted(nobody);
    }
    if bell.leave() && found.is_pending() {
        // It has more to do, but others shall have their turn.
        task.waker().wake_by_ref();
    }
    found
}

fn next_data(body: &mut Incoming, task: &mut Context<'_>) -> Poll<Option<hyper::Result<Bytes>>> {
    loop {
        let frame = match std::task::ready!(Pin::new(&mut *body).poll_frame(task)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Line").finish_non_exhaustive()
    }
}
