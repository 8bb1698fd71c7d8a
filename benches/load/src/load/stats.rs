//! What the connections of a run have seen together.

use std::{collections::BTreeMap, io};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Counts and times; times in nanoseconds.
pub(super) struct Stats {
    /// From asking, or from when it was due, to the end of the answer.
    latency: Histogram<u64>,
    /// From asking to the first content chunk.
    pub(super) first_token: Histogram<u64>,
    /// From the provider's write of a chunk to its reading here.
    pub(super) transit: Histogram<u64>,
    /// Whole answers and complete streams.
    pub(super) ok: u64,
    /// Streams that ended without every chunk and `[DONE]`.
    pub(super) short: u64,
    pub(super) chunks: u64,
    pub(super) usage_seen: u64,
    pub(super) connects: u64,
    pub(super) active: u64,
    active_max: u64,
    errors: BTreeMap<String, u64>,
    last_refusal: String,
}

impl Stats {
    pub(super) fn new() -> io::Result<Self> {
        // Three digits, from a nanosecond to two minutes.
        let histogram = || Histogram::new_with_bounds(1, 120_000_000_000, 3);
        let histogram = || histogram().map_err(|error| io::Error::other(error.to_string()));
        Ok(Self {
            latency: histogram()?,
            first_token: histogram()?,
            transit: histogram()?,
            ok: 0,
            short: 0,
            chunks: 0,
            usage_seen: 0,
            connects: 0,
            active: 0,
            active_max: 0,
            errors: BTreeMap::new(),
            last_refusal: String::new(),
        })
    }

    pub(super) fn open(&mut self) {
        self.active += 1;
        self.active_max = self.active_max.max(self.active);
    }

    pub(super) fn answered(&mut self, took: u64) {
        self.ok += 1;
        self.latency.saturating_record(took);
    }

    pub(super) fn refused(&mut self, status: u16, body: &[u8]) {
        self.error(format!("http {status}"));
        self.last_refusal = String::from_utf8_lossy(&body[..body.len().min(300)]).into();
    }

    pub(super) fn error(&mut self, what: String) {
        *self.errors.entry(what).or_default() += 1;
    }

    pub(super) fn report(&self, seconds: f64) -> Value {
        json!({
            "ok": self.ok,
            "rps": self.ok as f64 / seconds,
            "latency_us": quantiles(&self.latency),
            "first_token_us": quantiles(&self.first_token),
            "transit_us": quantiles(&self.transit),
            "short": self.short,
            "chunks": self.chunks,
            "chunks_per_s": self.chunks as f64 / seconds,
            "usage_seen": self.usage_seen,
            "active_max": self.active_max,
            "connects": self.connects,
            "errors": self.errors.values().sum::<u64>(),
            "errors_by": self.errors,
            "last_refusal": self.last_refusal,
        })
    }
}

fn quantiles(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let at = |quantile| micros(histogram.value_at_quantile(quantile));
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": micros(histogram.max())})
}
