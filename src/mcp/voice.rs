//! Progress of one call, at a pace that a client can take.
//!
//! A tool may report thousands of steps a second. What comes too fast is held back, and only the latest of it is
//! sent when its time has come, so that the client is never far behind. What is let through waits while the client is
//! slow to read, and the tool with it. The last one is always sent, before the answer.

use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::Peer,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Fifty notifications a second: more than an eye can follow.
const GAP: Duration = Duration::from_millis(20);

/// How far a burst may run ahead of the pace: ten notifications.
const AHEAD: Duration = Duration::from_millis(200);

/// A pace of one in [`GAP`], with short bursts.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the pace will have caught up with what was let through.
    even_at: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            even_at: Instant::now(),
        }
    }

    /// Lets one through, or says when the next may go.
    pub(super) fn take(&mut self) -> Result<(), Instant> {
        let now = Instant::now();
        let ahead = self.even_at.saturating_duration_since(now);
        if ahead + GAP > AHEAD {
            return Err(now + (ahead + GAP).saturating_sub(AHEAD));
        }
        self.even_at = self.even_at.max(now) + GAP;
        Ok(())
    }
}

/// Tells one call's progress.
pub(super) struct Voice {
    /// Who listens, if anybody does.
    heard: Option<(Peer<RoleServer>, ProgressToken)>,
    state: Mutex<State>,
    held_back: Notify,
}

struct State {
    pace: Pace,
    /// The greatest so far: progress must grow.
    reached: f64,
    waiting: Option<ProgressNotificationParam>,
    over: bool,
}

impl Voice {
    pub(super) fn new(heard: Option<(Peer<RoleServer>, ProgressToken)>) -> Self {
        let state = State {
            pace: Pace::new(),
            reached: f64::NEG_INFINITY,
            waiting: None,
            over: false,
        };
        Self {
            heard,
            state: Mutex::new(state),
            held_back: Notify::new(),
        }
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// Tells of progress, now or soon. What does not grow, or comes after the end, is not told.
    pub(super) async fn say(&self, progress: f64, total: Option<f64>, message: Option<&str>) {
        let Some((_, token)) = &self.heard else {
            return;
        };
        let mut said = ProgressNotificationParam::new(token.clone(), progress);
        said.total = total.filter(|total| total.is_finite());
        said.message = message.map(str::to_owned);
        let admitted = self.lock().admit(said);
        match admitted {
            Some(said) => self.send(said).await,
            None => self.held_back.notify_one(),
        }
    }

    /// Sends what was held back when its time has come. Runs beside the call.
    pub(super) async fn keep_pace(&self) -> Infallible {
        loop {
            self.held_back.notified().await;
            loop {
                let next = self.lock().next();
                match next {
                    Next::Send(said) => self.send(said).await,
                    Next::At(time) => sleep_until(time).await,
                    Next::Nothing => break,
                }
            }
        }
    }

    /// Sends what is still held back, and nothing any more after it.
    pub(super) async fn finish(&self) {
        let waiting = {
            let mut state = self.lock();
            state.over = true;
            state.waiting.take()
        };
        if let Some(said) = waiting {
            self.send(said).await;
        }
    }

    async fn send(&self, said: ProgressNotificationParam) {
        // A client that left hears nothing, which ends nothing by itself.
        if let Some((peer, _)) = &self.heard {
            let _ = peer.notify_progress(said).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Send(ProgressNotificationParam),
    At(Instant),
    Nothing,
}

impl State {
    /// What may be sent at once; keeps it for later if it comes too fast.
    fn admit(&mut self, said: ProgressNotificationParam) -> Option<ProgressNotificationParam> {
        let grows = said.progress.is_finite() && said.progress > self.reached;
        if self.over || !grows {
            return None;
        }
        self.reached = said.progress;
        if self.pace.take().is_ok() {
            self.waiting = None;
            return Some(said);
        }
        self.waiting = Some(said);
        None
    }

    fn next(&mut self) -> Next {
        if self.waiting.is_none() {
            return Next::Nothing;
        }
        match self.pace.take() {
            Ok(()) => self.waiting.take().map_or(Next::Nothing, Next::Send),
            Err(time) => Next::At(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn a_flood_is_let_through_at_its_pace() {
        pause();
        let mut pace = Pace::new();
        let mut passed = 0;
        for _ in 0..100_000 {
            passed += usize::from(pace.take().is_ok());
            advance(Duration::from_micros(10)).await;
        }
        assert!((50..=61).contains(&passed), "{passed} in one second");
    }

    #[tokio::test]
    async fn it_says_when_the_next_may_go() {
        pause();
        let mut pace = Pace::new();
        while pace.take().is_ok() {}
        let at = pace.take().unwrap_err();
        advance(at - Instant::now() - Duration::from_millis(1)).await;
        assert!(pace.take().is_err());
        advance(Duration::from_millis(1)).await;
        assert!(pace.take().is_ok());
    }
}
