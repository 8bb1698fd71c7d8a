//! Changes of a target's condition, told where operators look: the log and the metrics.

use crate::{catalog::Target, health::Change, telemetry::Metrics};

/// Logs and counts what has changed.
pub(super) fn tell(changes: impl IntoIterator<Item = Change>, target: &Target, metrics: &Metrics) {
    for change in changes {
        if let Some(to) = state(&change) {
            metrics
                .breaker_transitions
                .with_label_values(&[&target.card.name, model(target), to])
                .inc();
        }
        log(&change, target);
    }
}

/// Counts a request that found no place in time at a target with a cap.
pub(super) fn saturated(target: &Target, metrics: &Metrics) {
    metrics
        .saturated
        .with_label_values(&[&*target.card.name, model(target)])
        .inc();
}

/// A target's model as metrics may name it.
fn model(target: &Target) -> &str {
    match target.facts {
        Some(_) => &target.model,
        None => "other",
    }
}

/// What a circuit changed to; nothing where it is a key that changed.
fn state(change: &Change) -> Option<&'static str> {
    match change {
        Change::Opened { .. } => Some("open"),
        Change::HalfOpened => Some("half_open"),
        Change::Closed => Some("closed"),
        Change::PutAside { .. } | Change::Back { .. } => None,
    }
}

fn log(change: &Change, target: &Target) {
    match change {
        Change::Opened {
            because,
            failure_rate,
            wait,
        } => tracing::warn!(
            %target, because = because.label(), failure_rate, wait_ms = wait.as_millis(),
            "the circuit of {target} opened: it is left out, and probed afterwards"
        ),
        Change::HalfOpened => tracing::info!(%target, "{target} is probed"),
        Change::Closed => tracing::info!(%target, "{target} has recovered: the circuit is closed"),
        Change::PutAside {
            credential,
            because,
            wait,
            wholly,
        } => tracing::warn!(
            %target, key = credential.as_deref(), because = because.label(), wait_ms = wait.as_millis(), wholly,
            "a key for {target} is put aside"
        ),
        Change::Back { credential } => {
            tracing::info!(%target, key = credential.as_deref(), "a key for {target} works again");
        }
    }
}
