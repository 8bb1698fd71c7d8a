//! The state of a target, and what happened to it, in words.

use jiff::tz::TimeZone;
use owo_colors::Style;

use super::{
    line::Line,
    watch::{Event, What},
};
use crate::{facts::Circuit, health::TargetState, outcome::ErrorClass};

/// How a target is, for the end of its line; of one nobody has asked, nothing is known.
pub(super) fn circuit(state: Option<&TargetState>) -> Line {
    let Some(state) = state else {
        return Line::default().then("-", Style::new().dimmed());
    };
    match state.facts.circuit {
        Circuit::Open { remaining, .. } if remaining.is_zero() => {
            Line::default().then("open, being probed", Style::new().red().bold())
        }
        Circuit::Open { remaining, .. } => {
            let text = format!("open for {} s", seconds(remaining));
            let line = Line::default().then(text, Style::new().red().bold());
            let opening = state.keys.iter().find_map(|key| key.opening);
            match opening {
                Some(opening) => line.plain(format!(": {opening}")),
                None => line,
            }
        }
        Circuit::HalfOpen => Line::default().then("half open", Style::new().yellow()),
        Circuit::Warming { share } => {
            let text = format!("warming, {:.0} %", share * 100.0);
            Line::default().then(text, Style::new().yellow())
        }
        Circuit::Closed => closed(state),
    }
}

/// A target that is well may be put aside all the same, or have as much to do as it may.
fn closed(state: &TargetState) -> Line {
    if let Some(aside) = state.facts.cooldown {
        let because = state
            .facts
            .because
            .map_or("cooling down", ErrorClass::label);
        let text = format!("aside for {} s", seconds(aside));
        let line = Line::default().then(text, Style::new().yellow());
        return line.plain(format!(": {because}"));
    }
    let (busy, dim) = (state.facts.in_flight, Style::new().dimmed());
    match state.facts.capacity.filter(|most| busy >= *most) {
        Some(most) => Line::default().then(format!("closed, {busy} of {most} at once"), dim),
        None => Line::default().then("closed", dim),
    }
}

/// One event on a line of any length.
pub(super) fn event(event: &Event, zone: &TimeZone) -> Line {
    let time = event.at.to_zoned(zone.clone()).strftime("%H:%M:%S");
    let line = Line::default()
        .then(time.to_string(), Style::new().dimmed())
        .plain(format!(" {} ", event.target));
    match event.what {
        What::Recovered => line.then("recovered", Style::new().green().bold()),
        What::Ejected(opening, remaining) => {
            let line = line.then("ejected", Style::new().red().bold());
            let line = line.plain(format!(": {opening}"));
            if remaining.is_zero() {
                line
            } else {
                line.plain(format!(", probed in {} s", seconds(remaining)))
            }
        }
    }
}

/// Whole seconds, begun ones counted.
fn seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
