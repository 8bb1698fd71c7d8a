//! Numbers within bounds.

use super::Facts;
use crate::upstream::simulated::dice::Dice;

/// Numbers come from a range of this size, or of so many steps, above the lower bound: people's numbers are small.
const FIRST: f64 = 100.0;

/// A range has at most so many steps, however small they are.
const MOST_STEPS: f64 = 1e6;

/// Where nothing else is said, numbers that are not whole have two decimals.
const STEP: f64 = 0.01;

/// A number for these facts, as JSON text.
pub(super) fn text(facts: &Facts, whole: bool, dice: &mut Dice) -> String {
    let step = step(facts, whole);
    let (low, high) = bounds(facts, step);
    let decimals = decimals(step);
    // Counted in steps, so that no rounding adds up.
    let first = (low.value / step).ceil();
    let last = (high.value / step).floor();
    let first = first + f64::from(u8::from(low.open && first * step <= low.value));
    let last = last - f64::from(u8::from(high.open && last * step >= high.value));
    if first <= last {
        let span = (last - first).min((FIRST / step).clamp(FIRST, MOST_STEPS));
        // The cast saturates, and the span is at most MOST_STEPS.
        let chosen = (first + dice.below(span as u64 + 1) as f64) * step;
        if chosen.is_finite() {
            // Adding 0 makes a plain 0 of a negative one.
            return format!("{:.decimals$}", chosen + 0.0);
        }
    }
    if whole {
        return format!("{:.0}", low.value.ceil());
    }
    // The bounds lie closer together than a step.
    let middle = low.value + (high.value - low.value) / 2.0;
    serde_json::to_string(&middle).unwrap_or_else(|_| "0".to_owned())
}

#[derive(Clone, Copy)]
struct Bound {
    value: f64,
    /// Whether the bound itself is outside.
    open: bool,
}

fn step(facts: &Facts, whole: bool) -> f64 {
    let wanted = facts.greatest("multipleOf").filter(|step| *step > 0.0);
    match wanted {
        Some(step) if !whole || step.fract() == 0.0 => step,
        // Whole numbers that are multiples of 0.5 are the whole numbers; of 2.5 those of 25.
        Some(step) if (1.0 / step).fract() == 0.0 => 1.0,
        Some(step) => (step * 10f64.powi(i32::try_from(decimals(step)).unwrap_or(0)))
            .round()
            .max(1.0),
        None if whole => 1.0,
        None => STEP,
    }
}

fn bounds(facts: &Facts, step: f64) -> (Bound, Bound) {
    let bound = |closed: Option<f64>, open: Option<f64>, outer: fn(f64, f64) -> bool| match (
        closed, open,
    ) {
        (Some(closed), Some(open)) if outer(closed, open) => Some(Bound {
            value: open,
            open: true,
        }),
        (None, Some(open)) => Some(Bound {
            value: open,
            open: true,
        }),
        (closed, _) => closed.map(|value| Bound { value, open: false }),
    };
    let low = bound(
        facts.greatest("minimum"),
        facts.greatest("exclusiveMinimum"),
        |closed, open| closed <= open,
    );
    let high = bound(
        facts.least("maximum"),
        facts.least("exclusiveMaximum"),
        |closed, open| closed >= open,
    );
    let closed = |value| Bound { value, open: false };
    let low = low.unwrap_or_else(|| match high {
        Some(high) if high.value < 1.0 => closed(if high.value > 0.0 {
            0.0
        } else {
            high.value - FIRST
        }),
        _ => closed(step.min(1.0)),
    });
    let high = high.unwrap_or(closed(low.value + (FIRST * step).max(FIRST)));
    (low, high)
}

/// The decimals of a step, at most 12.
fn decimals(step: f64) -> usize {
    let text = step.to_string();
    text.split_once('.')
        .map_or(0, |(_, decimals)| decimals.len().min(12))
}
