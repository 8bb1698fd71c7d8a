//! Which replica a request goes to.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    Failed,
    connection::Connection,
    replica::{Place, Replica, State},
    server::Inner,
};
use crate::health::Passage;

/// A replica that is to be asked.
pub(super) struct Chosen<'a> {
    pub(super) replica: &'a Replica,
    pub(super) connection: Arc<Connection>,
    pub(super) passage: Passage,
    _place: Place<'a>,
}

impl Inner {
    /// The least busy replica that can be asked and was not, or the only one that can answer; waits for one that is
    /// about to be there.
    pub(super) async fn choose(
        &self,
        only: Option<usize>,
        tried: &[Arc<Connection>],
        deadline: Instant,
    ) -> Result<Chosen<'_>, Failed> {
        let mut moves = self.moved.subscribe();
        loop {
            moves.mark_unchanged();
            let soonest = match self.look(only, tried) {
                Look::Found(chosen) => return Ok(chosen),
                Look::Wait => None,
                Look::Nobody(soonest) => Some(soonest),
            };
            if let Some(soonest) = soonest {
                return Err(self.away(soonest));
            }
            let moved = timeout_at(deadline, moves.changed()).await;
            if !matches!(moved, Ok(Ok(()))) {
                return Err(self.away(None));
            }
        }
    }

    fn look(&self, only: Option<usize>, tried: &[Arc<Connection>]) -> Look<'_> {
        let now = Instant::now();
        let mut waits = false;
        let mut soonest: Option<Duration> = None;
        let mut sooner = |wait: Duration| soonest = Some(soonest.map_or(wait, |so| so.min(wait)));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len().max(1);
        let mut all: Vec<&Replica> = self.replicas.iter().map(|replica| &**replica).collect();
        all.rotate_left(turn % count);
        all.retain(|replica| only.is_none_or(|only| replica.number == only));
        all.sort_by_key(|replica| replica.running());
        for replica in all {
            let connection = match replica.state() {
                State::Ready(connection) if !connection.is_gone() => connection,
                // One that broke is about to be made anew.
                State::Ready(_) | State::Listed(_) | State::Connecting => {
                    waits = true;
                    continue;
                }
                State::Failing { until, .. } => {
                    sooner(until.saturating_duration_since(now));
                    continue;
                }
                State::Stopped => continue,
            };
            if tried.iter().any(|other| Arc::ptr_eq(other, &connection)) {
                continue;
            }
            let Some(place) = replica.take() else {
                waits = true;
                continue;
            };
            match replica.circuit.admit(rand::random(), now) {
                Ok(passage) => {
                    return Look::Found(Chosen {
                        replica,
                        connection,
                        passage,
                        _place: place,
                    });
                }
                Err(wait) => sooner(wait),
            }
        }
        if waits {
            Look::Wait
        } else {
            Look::Nobody(soonest)
        }
    }
}

/// What was found in one look at all replicas.
enum Look<'a> {
    Found(Chosen<'a>),
    /// One is about to be there.
    Wait,
    /// None is, for so long at least.
    Nobody(Option<Duration>),
}
