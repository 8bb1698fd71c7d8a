//! One connection: a plain exchange, or a stream whose every chunk is counted.

use std::io;

use bytes::BytesMut;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::Run;
use crate::{
    clock,
    http1::{self, BodyKind, Dechunk},
};

/// A kept-alive connection, opened when it is needed.
pub(super) struct Connection {
    socket: Option<TcpStream>,
    buffer: BytesMut,
    /// The body of the last answer, as far as it was read.
    pub(super) body: BytesMut,
}

/// How a stream ended.
pub(super) enum Streamed {
    /// With every chunk, `[DONE]` and the end of the body; and whether usage was told.
    Complete { usage: bool },
    /// With less than that.
    Short,
    /// Before it began, with this status.
    Refused(u16),
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            socket: None,
            buffer: BytesMut::with_capacity(16 * 1024),
            body: BytesMut::with_capacity(16 * 1024),
        }
    }

    /// One plain exchange; the answer's status.
    pub(super) async fn exchange(&mut self, run: &Run) -> io::Result<u16> {
        let reused = self.socket.is_some();
        let result = self.try_exchange(run).await;
        // A kept-alive connection that the server closed between two requests is no error.
        if result.is_err() && reused && self.body.is_empty() {
            return self.try_exchange(run).await;
        }
        result
    }

    async fn try_exchange(&mut self, run: &Run) -> io::Result<u16> {
        self.body.clear();
        let (mut socket, head) = self.ask(run).await?;
        let (buffer, body) = (&mut self.buffer, &mut self.body);
        http1::read_body(&mut socket, buffer, head.kind, body).await?;
        if !head.close {
            self.socket = Some(socket);
        }
        if head.status == 200 && memchr::memmem::find(&self.body, b"\"choices\"").is_none() {
            return Err(http1::invalid("200 without choices"));
        }
        Ok(head.status)
    }

    /// Sends the request and reads the head of the answer. The socket comes back only when all is well.
    async fn ask(&mut self, run: &Run) -> io::Result<(TcpStream, http1::Head)> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                self.buffer.clear();
                let socket = TcpStream::connect(run.args.target.address()).await?;
                socket.set_nodelay(true)?;
                run.stats.borrow_mut().connects += 1;
                socket
            }
        };
        socket.write_all(&run.request).await?;
        let head = http1::read_head(&mut socket, &mut self.buffer).await?;
        Ok((socket, head))
    }

    /// One stream, to its end.
    pub(super) async fn stream(&mut self, run: &Run) -> io::Result<Streamed> {
        let sent = clock::now();
        self.body.clear();
        let (mut socket, head) = self.ask(run).await?;
        if head.status != 200 {
            let (buffer, body) = (&mut self.buffer, &mut self.body);
            http1::read_body(&mut socket, buffer, head.kind, body).await?;
            return Ok(Streamed::Refused(head.status));
        }
        if head.kind != BodyKind::Chunked {
            return Err(http1::invalid("a stream that is not chunked"));
        }
        let mut seen = Seen::default();
        let mut chunks = Dechunk::default();
        loop {
            let ended = chunks.feed(&mut self.buffer, &mut self.body)?;
            let now = clock::now();
            while let Some(end) = memchr::memchr(b'\n', &self.body) {
                let line = self.body.split_to(end + 1);
                if let Some(data) = line.strip_prefix(b"data:") {
                    seen.event(data.trim_ascii(), sent, now, run);
                }
            }
            if ended {
                break;
            }
            http1::more(&mut socket, &mut self.buffer).await?;
        }
        Ok(if seen.done && seen.marks == run.args.chunks {
            Streamed::Complete { usage: seen.usage }
        } else {
            Streamed::Short
        })
    }
}

/// What a stream has brought so far.
#[derive(Default)]
struct Seen {
    /// Content chunks, counted by the provider's marks: a gateway may put several into one event.
    marks: u32,
    usage: bool,
    done: bool,
}

impl Seen {
    fn event(&mut self, data: &[u8], sent: u64, now: u64, run: &Run) {
        if data == b"[DONE]" {
            self.done = true;
            return;
        }
        let before = self.marks;
        let mut rest = data;
        while let Some((mark, behind)) = next_mark(rest) {
            rest = behind;
            let mut stats = run.stats.borrow_mut();
            if self.marks == 0 {
                stats
                    .first_token
                    .saturating_record(now.saturating_sub(sent));
            }
            stats.transit.saturating_record(now.saturating_sub(mark));
            stats.chunks += 1;
            self.marks += 1;
        }
        if self.marks == before && memchr::memmem::find(data, b"\"usage\":{").is_some() {
            self.usage = true;
        }
    }
}

/// The next `@t` mark, and what stands behind it.
fn next_mark(data: &[u8]) -> Option<(u64, &[u8])> {
    let at = memchr::memmem::find(data, b"@t")?;
    let behind = &data[at + 2..];
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit());
    let (digits, rest) = behind.split_at(digits.count());
    let mark = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((mark, rest))
}
