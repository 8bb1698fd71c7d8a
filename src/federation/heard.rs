//! What a program says that is no message: its complaints, and what its standard output has beside messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    pace::Pace,
    quoted::on_one_line,
    unsaid::{Sieve, Unsaid},
};

/// How much of what a program complains of is read at once, in bytes.
const CHUNK: usize = 4 * 1024;

/// How much of its last complaints is kept, in bytes.
const KEPT: usize = 1024;

/// How much is told of a line that is no message, in bytes.
const LINE: usize = 256;

/// What was heard of a program.
#[derive(Debug)]
pub(super) struct Heard {
    server: Arc<str>,
    unsaid: Unsaid,
    complaints: Mutex<Vec<u8>>,
    /// The first line of its standard output that was no message.
    stray: Mutex<Option<String>>,
    told: Pace,
    /// It complains no more.
    silent: CancellationToken,
}

impl Heard {
    /// Nothing yet. Nothing of what is unsaid will be repeated.
    pub(super) fn new(server: Arc<str>, unsaid: Unsaid) -> Arc<Self> {
        Arc::new(Self {
            server,
            unsaid,
            complaints: Mutex::default(),
            stray: Mutex::default(),
            told: Pace::default(),
            silent: CancellationToken::new(),
        })
    }

    /// Reads what a program complains of until it ends, so that it never waits for a reader.
    pub(super) fn listen(
        self: &Arc<Self>,
        mut stderr: impl AsyncRead + Unpin + Send + 'static,
    ) -> AbortHandle {
        let heard = self.clone();
        let reading = async move {
            let _silent = heard.silent.clone().drop_guard();
            let mut piece = vec![0; CHUNK];
            let mut sieve = Sieve::new(heard.unsaid.clone());
            while let Ok(length @ 1..) = stderr.read(&mut piece).await {
                heard.complains(&sieve.more(&piece[..length]));
            }
            heard.complains(&sieve.rest());
        };
        tokio::spawn(reading).abort_handle()
    }

    fn complains(&self, said: &[u8]) {
        if said.is_empty() {
            return;
        }
        let mut kept = lock(&self.complaints);
        kept.extend_from_slice(said);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
        drop(kept);
        if self.told.allows() {
            let text = String::from_utf8_lossy(said);
            tracing::debug!(
                server = &*self.server,
                "a server complains: {}",
                text.escape_debug()
            );
        }
    }

    /// Takes note of a line of the standard output that is no message.
    pub(super) fn stray(&self, line: &[u8]) {
        let (is_first, is_told) = (lock(&self.stray).is_none(), self.told.allows());
        if !is_first && !is_told {
            return;
        }
        let line = self.unsaid.without(&line[..line.len().min(LINE)]);
        let text = on_one_line(&String::from_utf8_lossy(&line));
        if is_told {
            let server = &*self.server;
            tracing::warn!(
                server,
                "the standard output has a line that is no message: {text}"
            );
        }
        lock(&self.stray).get_or_insert(text);
    }

    /// Waits until there are no more complaints.
    pub(super) async fn silence(&self) {
        self.silent.cancelled().await;
    }

    /// What was heard, for operators.
    pub(super) fn words(&self) -> Vec<String> {
        let stray = lock(&self.stray).clone();
        let stray = stray.map(|line| format!("its standard output has what is no message: {line}"));
        let complaints = on_one_line(&String::from_utf8_lossy(&lock(&self.complaints)));
        let complained = !complaints.is_empty();
        let complaints = complained.then(|| format!("its last words: {complaints}"));
        stray.into_iter().chain(complaints).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
