//! A server that is a process of ours: started, heard within bounds, and never waited for.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rmcp::{RoleClient, transport::async_rw::AsyncRwTransport};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    process::{ChildStderr, ChildStdin, ChildStdout},
    task::AbortHandle,
    time::Instant,
};

use super::{Extra, ProcessId, connection::Housed, watched::Cut};
use crate::{
    process::{Limits, Program, Running},
    secret::Secret,
};

/// The size of a file a server writes, in bytes: a gibibyte, like the programs of tools.
const FILE_SIZE: u64 = 1024 * 1024 * 1024;

/// How much of what a server complains of is read at once, in bytes.
const CHUNK: usize = 4 * 1024;

/// How many pieces of that are told in a second. The rest is read and left.
const TOLD: u32 = 20;

/// A transport over the standard input and output of a process.
pub(super) type Pipe = AsyncRwTransport<RoleClient, Lines<ChildStdout>, ChildStdin>;

/// How a process of a server is started.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) server: &'a Arc<str>,
    pub(super) command: &'a [String],
    pub(super) folder: PathBuf,
    pub(super) environment: Vec<(String, Secret)>,
    /// Memory, in bytes, and open files.
    pub(super) limits: (u64, u64),
    /// The longest line, in bytes.
    pub(super) max_message: usize,
    /// The gateway's file, where it is not the one that runs.
    pub(super) starter: Option<PathBuf>,
    /// Which process it will be.
    pub(super) life: Life,
}

/// A process from before its start to its end, which those are told who gave it more than is configured.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) process: ProcessId,
    extra: Arc<dyn Extra>,
}

impl Life {
    pub(super) fn new(extra: &Arc<dyn Extra>) -> Self {
        Self {
            process: ProcessId::new(),
            extra: extra.clone(),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.extra.ended(self.process);
    }
}

impl Start<'_> {
    /// Starts it.
    pub(super) fn start(self) -> io::Result<(Pipe, Housed)> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let limits = Limits {
            // It lives as long as the gateway, so no time is too long.
            cpu: None,
            memory: self.limits.0,
            files: self.limits.1,
            file_size: FILE_SIZE,
            processes: None,
        };
        let mut program = match self.starter {
            Some(gateway) => Program::by(gateway, program.into(), self.folder, limits),
            None => Program::new(program.into(), self.folder, limits)?,
        };
        program.environment = self.environment;
        let (running, pipes) = Running::start(program.command(arguments, true))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (pipes.stdin, pipes.stdout, pipes.stderr)
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let lines = Lines {
            inner: stdout,
            most: self.max_message,
            length: 0,
        };
        // rmcp would read over a line that is too long, and its request would wait in vain.
        let pipe = AsyncRwTransport::new(lines, stdin).with_max_line_length(usize::MAX);
        let housed = Housed {
            _running: running,
            life: self.life,
            complaints: drain(self.server.clone(), stderr),
        };
        Ok((pipe, housed))
    }
}

/// What an error of the pipe means.
pub(super) fn cut(_: io::Error) -> Cut {
    Cut::Closed
}

/// Reads what a process complains of until it ends, so that it never waits for a reader.
fn drain(server: Arc<str>, mut stderr: ChildStderr) -> AbortHandle {
    let reading = async move {
        let mut piece = vec![0; CHUNK];
        let (mut since, mut told) = (Instant::now(), 0);
        while let Ok(length @ 1..) = stderr.read(&mut piece).await {
            if since.elapsed() >= Duration::from_secs(1) {
                (since, told) = (Instant::now(), 0);
            }
            told += 1;
            if told <= TOLD {
                let text = String::from_utf8_lossy(&piece[..length]);
                tracing::debug!(%server, "a server complains: {}", text.escape_debug());
            }
        }
    };
    tokio::spawn(reading).abort_handle()
}

/// Lines up to a length. A longer one is an error, and the end.
#[derive(Debug)]
pub(super) struct Lines<R> {
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
