//! A stream from the database that lets no large message through.
//!
//! The client library reads a message whole before it looks at it, and one value may have 1 GiB. Each message says
//! its length first, so this looks at the lengths as they pass and fails before the bytes behind them are read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// A message's head: one byte for its kind, four for its length, which counts itself.
const HEAD: usize = 5;

/// Whether a message was too large. Shared, because the library tells waiting callers only that the connection is
/// closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Overflow(Arc<AtomicBool>);

impl Overflow {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose messages have at most so many bytes.
pub(super) struct Metered<S> {
    inner: S,
    meter: Meter,
}

#[derive(Clone)]
pub(super) struct Meter {
    most: usize,
    overflow: Overflow,
    head: [u8; HEAD],
    /// How many bytes of the head are there.
    known: usize,
    /// How many bytes of the message are still to come.
    left: usize,
}

impl Meter {
    /// A meter for messages of at most `most` bytes.
    pub(super) fn new(most: usize, overflow: Overflow) -> Self {
        Self {
            most,
            overflow,
            head: [0; HEAD],
            known: 0,
            left: 0,
        }
    }

    /// The stream behind this meter.
    pub(super) fn on<S>(self, inner: S) -> Metered<S> {
        Metered { inner, meter: self }
    }

    fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(first) = bytes.first() {
            if self.left > 0 {
                let step = self.left.min(bytes.len());
                self.left -= step;
                bytes = bytes.get(step..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.known) {
                *place = *first;
                self.known += 1;
                bytes = bytes.get(1..).unwrap_or_default();
            }
            if self.known == HEAD {
                let [_, a, b, c, d] = self.head;
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length > self.most {
                    self.overflow.0.store(true, Ordering::Relaxed);
                    return Err(io::Error::other("a message of the database is too large"));
                }
                self.left = length.saturating_sub(HEAD - 1);
                self.known = 0;
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.meter.pass(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Metered<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// TLS whose decrypted stream is metered.
pub(super) struct MeteredTls<T> {
    pub(super) tls: T,
    pub(super) meter: Meter,
}

impl<S, T> TlsConnect<S> for MeteredTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
    T::Stream: 'static,
    T::Error: 'static,
{
    type Stream = Metered<T::Stream>;
    type Error = T::Error;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Stream, Self::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.tls.connect(stream);
        let meter = self.meter;
        Box::pin(async move { Ok(meter.on(connecting.await?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: usize) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&(u32::try_from(body).unwrap() + 4).to_be_bytes());
        bytes.extend(std::iter::repeat_n(0xff, body));
        bytes
    }

    #[test]
    fn lengths_are_seen_however_the_bytes_arrive() {
        let stream = [message(b'T', 0), message(b'D', 96), message(b'D', 97)].concat();
        for step in [1, 2, 3, 5, 7, 64, stream.len()] {
            let overflow = Overflow::default();
            let mut meter = Meter::new(100, overflow.clone());
            let mut passed = 0;
            let failed = stream.chunks(step).any(|bytes| {
                let stopped = meter.pass(bytes).is_err();
                passed += bytes.len();
                stopped
            });
            assert!(failed && overflow.happened(), "in steps of {step}");
            // Before the large body, give or take what came in one piece with its head.
            assert!(passed <= 5 + 101 + 5 + step, "{passed} in steps of {step}");
        }
    }

    #[test]
    fn messages_of_the_allowed_length_pass() {
        let mut meter = Meter::new(100, Overflow::default());
        for _ in 0..1000 {
            meter.pass(&message(b'D', 96)).unwrap();
        }
        assert!(!meter.overflow.happened());
    }
}
