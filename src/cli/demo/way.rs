//! The way a request took: the rule that chose, the tool that asked, each target it asked, what came of it, and why.

use owo_colors::Style;

use super::line::Line;
use crate::{
    outcome::{AttemptKind, ErrorClass, Reason},
    telemetry::{Attempt, End, Record, Surface, record::Candidate},
};

/// The way of one request on a line of any length.
pub(super) fn way(record: &Record) -> Line {
    let dim = Style::new().dimmed();
    let mut line = Line::default();
    if let Some(rule) = &record.rule {
        line = line.then(format!("rule {rule} · "), dim);
    }
    if let (Surface::Tool, Some(tool)) = (record.surface, &record.tool) {
        line = line.then(format!("tool {tool} · "), dim);
    }
    for (at, attempt) in record.attempts.iter().enumerate() {
        if at > 0 {
            line = line.then(" → ", dim);
        }
        let last = at + 1 == record.attempts.len();
        line = step(line.plain(&*attempt.target), attempt, record, last);
    }
    if record.attempts.is_empty() {
        line = line.then(format!("✗ {}", record.end.label()), Style::new().red());
    }
    match left_out(record) {
        Some(candidate) => line.then(
            format!(", {} {}", candidate.target, candidate.reason.label()),
            dim,
        ),
        None => line,
    }
}

fn step(line: Line, attempt: &Attempt, record: &Record, last: bool) -> Line {
    let red = Style::new().red();
    let line = match (attempt.end, attempt.verdict) {
        (End::Delivered, _) => line.then(" ✓", Style::new().green().bold()),
        (End::Failed(ErrorClass::InvalidAnswer), Some(verdict)) => {
            line.then(format!(" ✗ invalid: {verdict}"), red)
        }
        (end, _) => line.then(format!(" ✗ {}", end.label()), red),
    };
    // The commit point: what the caller has read cannot be taken back. An invalid answer was held back.
    let began = attempt.first_token.is_some() && last;
    match attempt.end {
        End::Failed(class) if began && class != ErrorClass::InvalidAnswer => {
            line.then(" mid-answer", red)
        }
        _ => match reason(attempt, record) {
            Some(reason) => line.then(format!(" {reason}"), Style::new().dimmed()),
            None => line,
        },
    }
}

/// Why this target was asked, where that is not plain from the order; of one that failed only what was special.
fn reason(attempt: &Attempt, record: &Record) -> Option<&'static str> {
    match attempt.kind {
        AttemptKind::Retry => return Some("again"),
        AttemptKind::Probe => return Some("probe"),
        AttemptKind::Primary | AttemptKind::Fallback if attempt.end != End::Delivered => {
            return None;
        }
        AttemptKind::Primary | AttemptKind::Fallback => {}
    }
    let candidates = &mut record.candidates.iter();
    let reason = candidates
        .find(|candidate| candidate.kept && candidate.target == attempt.target)?
        .reason;
    match reason {
        Reason::WeightDrawn => Some("drawn"),
        Reason::DrawnAmongEquals => Some("among equals"),
        Reason::SlowStart => Some("slow start"),
        Reason::PanicMode => Some("panic mode"),
        Reason::Cheapest
        | Reason::Fastest
        | Reason::Explored
        | Reason::Relaxed
        | Reason::Fallback
        | Reason::Direct => Some(reason.label()),
        _ => None,
    }
}

/// A target that would have stood further in front were it well, and was not asked.
fn left_out(record: &Record) -> Option<&Candidate> {
    if record.attempts.len() != 1 {
        return None;
    }
    record.candidates.iter().find(|candidate| {
        let unwell = matches!(
            candidate.reason,
            Reason::CircuitOpen
                | Reason::CoolingDown
                | Reason::RateLimited
                | Reason::TooSlow
                | Reason::SlowStart
                | Reason::Busy
        );
        let attempts = &mut record.attempts.iter();
        unwell && attempts.all(|attempt| attempt.target != candidate.target)
    })
}
