//! The process at the other end of a connection, from its start to its end.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, sync::Arc, time::Duration};

use tokio::{sync::Mutex, task::AbortHandle, time::timeout};

use super::{Extra, ProcessId, heard::Heard};
use crate::process::Running;

/// How long the end of a process is waited for that has closed its standard output: it closes it when it ends.
const ENDING: Duration = Duration::from_secs(2);

/// The process at the other end. Ended when dropped.
#[derive(Debug)]
pub(super) struct Housed {
    running: Mutex<Running>,
    life: Life,
    heard: Arc<Heard>,
    /// Hears what it complains of.
    hearing: AbortHandle,
}

/// A process from before its start to its end, which those are told who gave it more than is configured.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) process: ProcessId,
    extra: Arc<dyn Extra>,
}

impl Housed {
    pub(super) fn new(
        running: Running,
        life: Life,
        heard: Arc<Heard>,
        hearing: AbortHandle,
    ) -> Self {
        Self {
            running: Mutex::new(running),
            life,
            heard,
            hearing,
        }
    }

    /// Which process it is.
    pub(super) fn process(&self) -> ProcessId {
        self.life.process
    }

    /// How it ended, where it has closed its output, and what was heard of it: for operators, behind other words. Waits a
    /// little for its end.
    pub(super) async fn last_words(&self, is_closed: bool) -> Vec<String> {
        let mut words = Vec::new();
        if is_closed {
            let ending = async {
                let ended = self.running.lock().await.ended().await;
                self.heard.silence().await;
                ended
            };
            let ended = timeout(ENDING, ending).await;
            words.extend(ended.ok().and_then(Result::ok).map(how));
        }
        words.extend(self.heard.words());
        words
    }
}

impl Drop for Housed {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

/// How a program ended.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("its program ended with code {code}"),
        (None, Some(signal)) => format!("its program was ended by signal {signal}"),
        (None, None) => "its program ended".to_owned(),
    }
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
