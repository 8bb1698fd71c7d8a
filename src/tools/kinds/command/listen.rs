//! What a program says while it runs: its output, told line by line, its complaints, and how it ends.

use std::{future::pending, io, process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::ChildStdin,
    time::{Instant, sleep_until},
};

use crate::{
    process::{Pipes, Running},
    tools::{Line, redact::Redactor},
};

/// How much is read at once, in bytes: a quarter of what a pipe of Linux holds.
const CHUNK: usize = 16 * 1024;

/// How much of standard error is kept, in bytes: its end, where programs say what went wrong.
pub(super) const COMPLAINT: usize = 4 * 1024;

/// The longest line that is told as progress, in characters: what a person reads in passing.
const TOLD: usize = 500;

/// How long it is listened to after the program has ended, with all it started: what its pipes hold is read within
/// milliseconds. Only a process that got away from its supervisor can still hold one open, and must not hold the call.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What was heard of a program.
#[derive(Debug)]
pub(super) struct Heard {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Its standard output, whole.
    pub(super) said: Vec<u8>,
    /// The end of its standard error: [`COMPLAINT`] bytes, and before them as much as a secret is long, so that none is
    /// cut before it is hidden.
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
    redactor: &Redactor,
) -> Result<Heard, Unheard> {
    let Pipes {
        mut stdin,
        mut stdout,
        mut stderr,
    } = pipes;
    let (mut said, mut complaint) = (Vec::new(), Vec::new());
    let kept = COMPLAINT + redactor.longest();
    let mut teller = Teller::new(line, redactor);
    let mut fed = 0;
    // How it ended, and until when it is listened to.
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let status = loop {
        if let (Some((status, _)), None, None) = (ended, &stdout, &stderr) {
            break status;
        }
        tokio::select! {
            read = read(&mut stdout, &mut said) => {
                if read? == 0 {
                    stdout = None;
                }
                if said.len() > most {
                    return Err(Unheard::TooMuch);
                }
                let began = Instant::now();
                teller.tell(&said).await;
                if let Some((_, until)) = &mut ended {
                    // A slow caller must not lose what was said.
                    *until += began.elapsed();
                }
            }
            read = read(&mut stderr, &mut complaint) => {
                if read? == 0 {
                    stderr = None;
                }
                complaint.drain(..complaint.len().saturating_sub(kept));
            }
            written = write(&mut stdin, &input[fed..]) => match written {
                Ok(written) if fed + written < input.len() => fed += written,
                // All is written, or the program does not want to read it: its own affair.
                _ => stdin = None,
            },
            status = running.ended(), if ended.is_none() => {
                stdin = None;
                ended = Some((status?, Instant::now() + AFTERMATH));
            }
            status = aftermath(ended) => break status,
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

/// Waits until it was listened to long enough; never returns before it has ended.
async fn aftermath(ended: Option<(ExitStatus, Instant)>) -> ExitStatus {
    match ended {
        Some((status, until)) => {
            sleep_until(until).await;
            status
        }
        None => pending().await,
    }
}

/// Tells lines as progress, once each.
struct Teller<'a> {
    line: &'a dyn Line,
    redactor: &'a Redactor,
    wanted: bool,
    /// How far the output was told.
    told: usize,
    /// How far it was searched for the end of a line.
    searched: usize,
    /// How many lines there were.
    lines: f64,
}

impl<'a> Teller<'a> {
    fn new(line: &'a dyn Line, redactor: &'a Redactor) -> Self {
        Self {
            line,
            redactor,
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
        // Whole, for no secret may be cut before it is hidden.
        let text = self.redactor.text(&String::from_utf8_lossy(line));
        let printing = text.chars().filter(|letter| !letter.is_control());
        let mut shown: String = printing.clone().take(TOLD).collect();
        if printing.count() > TOLD {
            shown.push('…');
        }
        self.line.progress(self.lines, None, Some(&shown)).await;
    }
}
