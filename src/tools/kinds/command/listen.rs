//! What a program says while it runs: its output, told line by line, its complaints, and how it ends.

use std::{future::pending, io, process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::ChildStdin,
    time::{Instant, sleep_until},
};

use super::running::{Pipes, Running};
use crate::tools::Line;

/// How much is read at once, in bytes: a quarter of what a pipe of Linux holds.
const CHUNK: usize = 16 * 1024;

/// How much of standard error is kept, in bytes: its end, where programs say what went wrong.
const COMPLAINT: usize = 4 * 1024;

/// The longest line that is told as progress, in characters: what a person reads in passing.
const TOLD: usize = 500;

/// How long a pipe may stay silent after the program has ended, and its group with it. Only a process that has left
/// the group can still hold one open.
const SILENCE: Duration = Duration::from_millis(500);

/// What was heard of a program.
#[derive(Debug)]
pub(super) struct Heard {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Its standard output, whole.
    pub(super) said: Vec<u8>,
    /// The end of its standard error.
    pub(super) complaint: Vec<u8>,
}

/// Why nothing was heard of it.
#[derive(Debug)]
pub(super) enum Unheard {
    /// It wrote more than it may.
    TooMuch,
    /// The system failed.
    Io(io::Error),
}

impl From<io::Error> for Unheard {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Feeds the program and hears it to its end. While progress is being told nothing is read, so a program that is
/// faster than its caller waits for the caller.
pub(super) async fn listen(
    mut running: Running,
    pipes: Pipes,
    input: Vec<u8>,
    most: usize,
    line: &dyn Line,
) -> Result<Heard, Unheard> {
    let Pipes {
        mut stdin,
        mut stdout,
        mut stderr,
    } = pipes;
    let (mut said, mut complaint) = (Vec::new(), Vec::new());
    let mut teller = Teller::new(line);
    let mut fed = 0;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let status = loop {
        if let (Some((status, _)), None, None) = (ended, &stdout, &stderr) {
            break status;
        }
        let silent_at = ended.map(|(_, heard_at)| heard_at + SILENCE);
        tokio::select! {
            read = read(&mut stdout, &mut said) => {
                if read? == 0 {
                    stdout = None;
                }
                if said.len() > most {
                    return Err(Unheard::TooMuch);
                }
                teller.tell(&said).await;
            }
            read = read(&mut stderr, &mut complaint) => {
                if read? == 0 {
                    stderr = None;
                }
                complaint.drain(..complaint.len().saturating_sub(COMPLAINT));
            }
            written = write(&mut stdin, &input[fed..]) => match written {
                Ok(written) if fed + written < input.len() => fed += written,
                // All is written, or the program does not want to read it: its own affair.
                _ => stdin = None,
            },
            status = running.ended(), if ended.is_none() => {
                stdin = None;
                ended = Some((status?, Instant::now()));
            }
            status = silence(ended.map(|(status, _)| status), silent_at) => break status,
        }
        if let Some((_, heard_at)) = &mut ended {
            *heard_at = Instant::now();
        }
    };
    teller.tell_rest(&said).await;
    Ok(Heard {
        status,
        said,
        complaint,
    })
}

/// Reads what there is; never returns where there is nothing to read from.
async fn read(
    pipe: &mut Option<impl AsyncRead + Unpin>,
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    match pipe {
        Some(pipe) => {
            buffer.reserve(CHUNK);
            pipe.read_buf(buffer).await
        }
        None => pending().await,
    }
}

/// Writes what fits; never returns where there is nothing to write to.
async fn write(pipe: &mut Option<ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.write(bytes).await,
        None => pending().await,
    }
}

async fn silence(status: Option<ExitStatus>, at: Option<Instant>) -> ExitStatus {
    match (status, at) {
        (Some(status), Some(at)) => {
            sleep_until(at).await;
            status
        }
        _ => pending().await,
    }
}

/// Tells lines as progress, once each.
struct Teller<'a> {
    line: &'a dyn Line,
    wanted: bool,
    /// How far the output was told.
    told: usize,
    /// How far it was searched for the end of a line.
    searched: usize,
    /// How many lines there were.
    lines: f64,
}

impl<'a> Teller<'a> {
    fn new(line: &'a dyn Line) -> Self {
        Self {
            line,
            wanted: line.wants_progress(),
            told: 0,
            searched: 0,
            lines: 0.0,
        }
    }

    /// Tells the lines that are whole.
    async fn tell(&mut self, said: &[u8]) {
        while self.wanted {
            let Some(at) = memchr::memchr(b'\n', &said[self.searched..]) else {
                self.searched = said.len();
                return;
            };
            let end = self.searched + at;
            self.send(&said[self.told..end]).await;
            (self.told, self.searched) = (end + 1, end + 1);
        }
    }

    /// Tells a last line that has no end.
    async fn tell_rest(&mut self, said: &[u8]) {
        if self.wanted && self.told < said.len() {
            self.send(&said[self.told..]).await;
        }
    }

    async fn send(&mut self, line: &[u8]) {
        self.lines += 1.0;
        // A character takes four bytes at most; what is cut in the middle of one is cut off below.
        let start = &line[..line.len().min(4 * (TOLD + 1))];
        let text = String::from_utf8_lossy(start);
        let printing = text.chars().filter(|letter| !letter.is_control());
        let mut shown: String = printing.clone().take(TOLD).collect();
        if start.len() < line.len() || printing.count() > TOLD {
            shown.push('…');
        }
        self.line.progress(self.lines, None, Some(&shown)).await;
    }
}
