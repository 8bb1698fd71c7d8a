//! Sessions as the store keeps them.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{State, budget::Budget, state::Phase};
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

#[cfg(test)]
mod tests {
    use rmcp::model::InitializeRequestParams;

    use super::*;

    #[test]
    fn a_session_is_the_same_after_a_restart() {
        let budget = Arc::default();
        let before = State::new("alice".into(), [7; 32], Phase::Opening, Arc::clone(&budget));
        assert!(row(&before).is_none(), "its handshake is not over");
        before.life().handshake = Some(InitializeRequestParams::default());
        before.set_log_level(Level::Warning);
        assert!(before.subscribe("test://a") && before.subscribe("test://b"));
        before.unsubscribe("test://a");
        let after = state(row(&before).unwrap(), &budget).unwrap();
        assert_eq!((&*after.owner, after.digest), ("alice", [7; 32]));
        assert_eq!(after.log_level(), Some(Level::Warning));
        assert_eq!(after.subscribed(), ["test://b"]);
        let life = after.life();
        assert_eq!(life.phase, Phase::Parked);
        assert_eq!(life.handshake, Some(InitializeRequestParams::default()));
        drop(life);
        let mut broken = row(&before).unwrap();
        broken.handshake = "{".into();
        assert!(state(broken, &budget).is_none());
    }

    #[test]
    fn subscriptions_are_bounded() {
        let state = State::new("alice".into(), [7; 32], Phase::Awake, Arc::default());
        assert!((0..256).all(|at| state.subscribe(&format!("test://{at}"))));
        assert!(!state.subscribe("test://more") && state.subscribe("test://7"));
        state.unsubscribe("test://7");
        assert!(!state.subscribe(&"x".repeat(2049)) && state.subscribe("test://more"));
        let subscribed = state.subscribed();
        assert_eq!(subscribed.len(), 256);
        let is_subscribed = |uri: &str| subscribed.iter().any(|subscribed| subscribed == uri);
        assert!(is_subscribed("test://more") && !is_subscribed("test://7"));
    }
}
