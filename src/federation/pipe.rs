//! A transport over the standard input and output of a process. It reads lines by itself: one that cannot be read was
//! somebody's answer, who would wait for it in vain.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rmcp::{
    RoleClient,
    model::{ErrorData, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Empty, ReadBuf, empty},
    process::{ChildStdin, ChildStdout},
};

use super::{
    asking::{Running, Spoiled, UNREADABLE},
    heard::Heard,
    stray,
};

/// The transport.
pub(super) struct Pipe {
    writing: AsyncRwTransport<RoleClient, Empty, ChildStdin>,
    reading: BufReader<Lines<ChildStdout>>,
    /// What of a line was read when nobody waited for it any more.
    line: Vec<u8>,
    running: Arc<Running>,
    heard: Arc<Heard>,
}

impl Pipe {
    /// Reads lines of at most so many bytes.
    pub(super) fn new(
        (stdin, stdout): (ChildStdin, ChildStdout),
        most: usize,
        running: Arc<Running>,
        heard: Arc<Heard>,
    ) -> Self {
        let lines = Lines {
            inner: stdout,
            most,
            length: 0,
        };
        Self {
            writing: AsyncRwTransport::new(empty(), stdin),
            reading: BufReader::new(lines),
            line: Vec::new(),
            running,
            heard,
        }
    }

    /// What stands in place of a line that is no message: that the request it was meant for has no answer. It is the
    /// request whose number it has, else the only one there is.
    fn instead(&self, line: &[u8]) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.heard.stray(line);
        let stray = stray::look(line);
        if !stray.is_answer {
            return None;
        }
        let (id, asking) = match stray.id {
            Some(id) => self.running.by_id(&id).map(|asking| (id, asking)),
            None => self.running.single(),
        }?;
        asking.spoil(Spoiled::Unfit(UNREADABLE.to_owned()));
        let error = ErrorData::internal_error(UNREADABLE, None);
        Some(JsonRpcMessage::error(error, Some(id)))
    }
}

impl Transport<RoleClient> for Pipe {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.writing.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            if let Err(error) = self.reading.read_until(b'\n', &mut self.line).await {
                if error.kind() == io::ErrorKind::InvalidData
                    && let Some((_, asking)) = self.running.single()
                {
                    asking.spoil(Spoiled::TooLarge(error.to_string()));
                }
                return None;
            }
            // Half a line is the end.
            let line = self.line.strip_suffix(b"\n")?;
            let text = line.strip_prefix(stray::MARK).unwrap_or(line);
            let message = match serde_json::from_slice(text) {
                Ok(message) => Some(message),
                Err(_) if text.trim_ascii().is_empty() => None,
                Err(_) => self.instead(line),
            };
            self.line.clear();
            if message.is_some() {
                return message;
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.writing.close().await
    }
}

/// Lines up to a length. A longer one is an error, and the end.
#[derive(Debug)]
struct Lines<R> {
    inner: R,
    most: usize,
    /// Of the line that is being read.
    length: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        self.length = match memchr::memrchr(b'\n', read) {
            Some(at) => read.len() - at - 1,
            None => self.length.saturating_add(read.len()),
        };
        if self.length > self.most {
            // Who is told of an error is given nothing.
            buffer.set_filled(before);
            let message = format!("a line of more than {} bytes", self.most);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn lines_are_read_up_to_a_length() {
        let read = async |text: &[u8]| {
            let mut lines = Lines {
                inner: text,
                most: 4,
                length: 0,
            };
            let mut all = Vec::new();
            lines.read_to_end(&mut all).await.map(|_| all)
        };
        assert_eq!(read(b"1234\n1234\n1").await.unwrap(), b"1234\n1234\n1");
        assert!(read(b"1234\n12345").await.is_err());
    }
}
