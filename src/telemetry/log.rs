//! The access log: one JSON line for each request.

use serde::Serialize;

use super::{Record, record::as_millis};
use crate::chat::Usage;

/// What a log line holds, in this order. A choice from the record: explain has the rest.
#[derive(Serialize)]
struct Line<'a> {
    at: &'a jiff::Timestamp,
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    caller: &'a str,
    surface: &'static str,
    model: &'a str,
    stream: bool,
    route: Option<&'a str>,
    target: Option<&'a str>,
    attempts: usize,
    outcome: &'static str,
    error_class: Option<&'static str>,
    #[serde(serialize_with = "as_millis")]
    first_token_ms: Option<std::time::Duration>,
    #[serde(serialize_with = "as_millis")]
    total_ms: Option<std::time::Duration>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    estimated: bool,
    cost_usd: Option<&'a str>,
    wasted_usd: Option<&'a str>,
}

/// Appends the line of one record.
pub(super) fn line(record: &Record, out: &mut Vec<u8>) {
    use super::{Cost, End};

    let usage: Option<&Usage> = record.usage.as_ref();
    let cost = match record.cost {
        Cost::Unknown => Some("unknown".to_owned()),
        cost => cost.dollars(),
    };
    let wasted = record
        .attempts
        .iter()
        .filter(|attempt| attempt.end != End::Delivered)
        .fold(Cost::Nothing, |sum, attempt| sum.plus(attempt.cost));
    let wasted = match wasted {
        Cost::Unknown => Some("unknown".to_owned()),
        cost => cost.dollars(),
    };
    let error_class = match record.end {
        End::Delivered | End::Open => None,
        end => Some(end.label()),
    };
    let line = Line {
        at: &record.at,
        level: "info",
        message: "request",
        request_id: &record.id,
        caller: &record.caller,
        surface: record.surface.label(),
        model: &record.model,
        stream: record.stream,
        route: record.route.as_deref(),
        target: record.target.as_deref(),
        attempts: record.attempts.len(),
        outcome: if error_class.is_none() {
            "delivered"
        } else {
            "failed"
        },
        error_class,
        first_token_ms: record.first_token,
        total_ms: record.total,
        input_tokens: usage.map(|usage| usage.input),
        output_tokens: usage.map(|usage| usage.output),
        cached_tokens: usage.and_then(|usage| usage.cached),
        estimated: usage.is_some_and(|usage| usage.estimated),
        cost_usd: cost.as_deref(),
        wasted_usd: wasted.as_deref(),
    };
    let before = out.len();
    match serde_json::to_writer(&mut *out, &line) {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(before),
    }
}
