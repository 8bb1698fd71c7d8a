//! Sessions as the store keeps them.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{State, log::Budget, state::Phase};
use crate::{store::Session, tools::Level};

/// The row of a session; none before its handshake is over.
pub(super) fn row(state: &State) -> Option<Session> {
    let life = state.life();
    let handshake = serde_json::to_string(life.handshake.as_ref()?).ok()?;
    let rests = i64::try_from(life.last_used.elapsed().as_secs()).unwrap_or(i64::MAX);
    drop(life);
    Some(Session {
        digest: state.digest,
        owner: state.owner.to_string(),
        handshake,
        log_level: state.log_level().map(|level| name(level).to_owned()),
        subscribed: state.subscribed(),
        used: jiff::Timestamp::now().as_second().saturating_sub(rests),
    })
}

/// The parked session of a row. One that cannot be read is none: its client begins a new one.
pub(super) fn state(row: Session, budget: &Arc<Budget>) -> Option<State> {
    let handshake = serde_json::from_str(&row.handshake).ok()?;
    let state = State::new(row.owner.into(), row.digest, Phase::Parked, budget.clone());
    let rests = jiff::Timestamp::now().as_second().saturating_sub(row.used);
    let rests = Duration::from_secs(u64::try_from(rests).unwrap_or(0));
    let now = Instant::now();
    let mut life = state.life();
    life.handshake = Some(handshake);
    // The clock of a machine that just started may not reach back that far. Then it rests from now.
    life.last_used = now.checked_sub(rests).unwrap_or(now);
    life.last_noted = life.last_used;
    drop(life);
    let level = row.log_level.as_deref().and_then(level);
    state.wish(level, row.subscribed);
    Some(state)
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn level(name: &str) -> Option<Level> {
    let levels = [Level::Debug, Level::Info, Level::Warning, Level::Error];
    levels.into_iter().find(|level| self::name(*level) == name)
}
