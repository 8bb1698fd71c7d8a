//! Every metric, in one table.
//!
//! OpenTelemetry's names in Prometheus spelling where it has a convention, `waypost_*` where it has none.
//! Labels come from closed sets: configured routes, configured providers, models on cards, our own words.
//! Nothing a caller or a model writes becomes a label; what is not in a set is `other`.

use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

/// OpenTelemetry's buckets for durations of model calls, in seconds.
const SECONDS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/// OpenTelemetry's buckets for token counts.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// OpenTelemetry's buckets for durations of MCP operations, in seconds.
const MCP_SECONDS: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Our own share of a request is tens of microseconds when all is well.
const OVERHEAD: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
];

macro_rules! table {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ident = $name:literal $([$($label:literal),*])? $(@ $buckets:ident)?;)*) => {
        /// The metrics of one process.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $kind,)*
        }

        impl Metrics {
            /// All metrics, at zero.
            pub fn new() -> Self {
                let registry = Registry::new();
                $(let $field = register(
                    &registry,
                    <$kind as Make>::make($name, concat!($($help),+).trim(), &[$($($label),*)?], make_buckets!($($buckets)?)),
                );)*
                let metrics = Self { registry, $($field,)* };
                metrics.begin();
                metrics
            }

            /// The names of all metrics, for the documentation's test.
            pub fn names() -> &'static [&'static str] {
                &[$($name),*]
            }
        }
    };
}

macro_rules! make_buckets {
    () => {
        &[]
    };
    ($buckets:ident) => {
        $buckets
    };
}

table! {
    /// Time from a request's arrival to its end, in seconds.
    operation_duration: HistogramVec = "gen_ai_client_operation_duration_seconds"
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"] @ SECONDS;
    /// Tokens of an answer.
    token_usage: HistogramVec = "gen_ai_client_token_usage"
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"] @ TOKENS;
    /// Time from an attempt's start to the first piece of a streamed answer, in seconds.
    time_to_first_chunk: HistogramVec = "gen_ai_client_operation_time_to_first_chunk_seconds"
        ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] @ SECONDS;
    /// Requests by how they ended.
    requests: IntCounterVec = "waypost_requests_total" ["surface", "route", "outcome"];
    /// Attempts by outcome and why they were made.
    attempts: IntCounterVec = "waypost_attempts_total" ["route", "provider", "model", "kind", "outcome"];
    /// Candidates of plans by why they stand where they stand.
    decisions: IntCounterVec = "waypost_decisions_total" ["route", "strategy", "reason"];
    /// Cost in nano-dollars: delivered in answers, or wasted in attempts that gave none.
    cost: IntCounterVec = "waypost_cost_nanodollars_total" ["provider", "model", "billable"];
    /// Attempts that cost something nobody knows the price of.
    cost_unknown: IntCounterVec = "waypost_cost_unknown_total" ["provider", "model", "billable"];
    /// Answers without usage from the provider, whose tokens were estimated.
    usage_estimated: IntCounterVec = "waypost_usage_estimated_total" ["provider", "model"];
    /// Answers that were checked, by what was found.
    verdicts: IntCounterVec = "waypost_verdicts_total" ["provider", "model", "verdict"];
    /// The state of each circuit: 0 closed, 1 warming up, 2 half open, 3 open. Read when metrics are asked for.
    breaker_state: IntGaugeVec = "waypost_breaker_state" ["provider", "model", "credential"];
    /// Changes of circuits by what they changed to.
    breaker_transitions: IntCounterVec = "waypost_breaker_transitions_total" ["provider", "model", "to"];
    /// For how many seconds more a key is put aside, because of what the provider said of it; 0 in use.
    credential_aside: GaugeVec = "waypost_credential_aside" ["provider", "credential"];
    /// Requests at a target now.
    target_in_flight: IntGaugeVec = "waypost_target_in_flight" ["provider", "model"];
    /// Time requests waited for a place at a target with a cap, in seconds.
    queue_wait: HistogramVec = "waypost_queue_wait_seconds" ["provider"] @ OVERHEAD;
    /// Requests that found no place at a target with a cap in time.
    saturated: IntCounterVec = "waypost_saturated_total" ["provider", "model"];
    /// Retries that were not made, because the route's budget of retries was used up.
    budget_exhausted: IntCounterVec = "waypost_retry_budget_exhausted_total" ["route"];
    /// Retries the route's budget has left.
    budget_left: GaugeVec = "waypost_retry_budget_left" ["route"];
    /// Requests a rule decided on.
    rule_matches: IntCounterVec = "waypost_rule_matches_total" ["rule"];
    /// Rules that could not be evaluated, and so did not match.
    rule_errors: IntCounterVec = "waypost_rule_errors_total" ["rule"];
    /// Requests refused by a limit of their key.
    limited: IntCounterVec = "waypost_limited_total" ["limit"];
    /// Requests refused before they could be read, by reason.
    refused: IntCounterVec = "waypost_refused_total" ["reason"];
    /// Our own share of a request's time before its first byte went out, in seconds.
    overhead: HistogramVec = "waypost_overhead_seconds" ["surface"] @ OVERHEAD;
    /// Requests being served.
    in_flight: IntGauge = "waypost_requests_in_flight";
    /// Open client connections.
    connections: IntGauge = "waypost_connections";
    /// Sessions of MCP clients: active with a service of their own, or parked.
    mcp_sessions: IntGaugeVec = "waypost_mcp_sessions" ["state"];
    /// Open streams of events to MCP clients.
    mcp_streams: IntGauge = "waypost_mcp_streams";
    /// Sessions of MCP clients that were given up, by why.
    mcp_evictions: IntCounterVec = "waypost_mcp_evictions_total" ["reason"];
    /// The configuration in use, counted from 1.
    config_generation: IntGauge = "waypost_config_generation";
    /// Reloads of the configuration by result.
    config_reloads: IntCounterVec = "waypost_config_reloads_total" ["result"];
    /// Records that found the ledger's queue full and are in no log.
    records_lost: IntCounter = "waypost_records_lost_total";
    /// Batches of the access log that could not be written.
    log_failures: IntCounter = "waypost_log_failures_total";
    /// Time from an MCP request's arrival to its answer, in seconds.
    mcp_operation: HistogramVec = "mcp_server_operation_duration_seconds"
        ["mcp_method_name", "gen_ai_tool_name", "error_type"] @ MCP_SECONDS;
    /// Calls of tools by how they ended.
    tool_calls: IntCounterVec = "waypost_tool_calls_total" ["tool", "outcome"];
    /// Calls of tools that run now.
    tool_running: IntGaugeVec = "waypost_tool_running" ["tool"];
    /// Runs of tools beyond the first of their call.
    tool_retries: IntCounterVec = "waypost_tool_retries_total" ["tool"];
    /// Calls that looked in their tool's cache, by what it had.
    tool_cache: IntCounterVec = "waypost_tool_cache_total" ["tool", "result"];
    /// Calls answered by the run of an earlier one: joined while it ran, replayed after it.
    tool_shared: IntCounterVec = "waypost_tool_shared_total" ["tool", "how"];
    /// Results that were cut into pages.
    tool_pages: IntCounterVec = "waypost_tool_pages_total" ["tool"];
    /// The state of each tool's circuit: 0 closed, 1 warming up, 2 half open, 3 open. Read when metrics are asked for.
    tool_circuit: IntGaugeVec = "waypost_tool_circuit" ["tool"];
    /// Tokens that were checked, by what was found.
    token_checks: IntCounterVec = "waypost_token_checks_total" ["outcome"];
    /// Fetches of issuers' keys by how they ended.
    key_fetches: IntCounterVec = "waypost_key_fetches_total" ["issuer", "outcome"];
    /// Replicas and processes of other MCP servers, by where they are.
    upstream_mcp_connections: IntGaugeVec = "waypost_upstream_mcp_connections" ["server", "state"];
    /// Connections to other MCP servers that were made anew.
    upstream_mcp_reconnects: IntCounterVec = "waypost_upstream_mcp_reconnects_total" ["server"];
    /// Requests to other MCP servers by how they ended.
    upstream_mcp_calls: IntCounterVec = "waypost_upstream_mcp_calls_total" ["server", "outcome"];
    /// Prompts, resources and completions that were asked for at other MCP servers, by how that ended.
    upstream_mcp_reads: IntCounterVec = "waypost_upstream_mcp_reads_total" ["server", "what", "outcome"];
    /// Handlers that panicked.
    panics: IntCounter = "waypost_panics_total";
}

impl Metrics {
    /// Adds what is not counted but asked at each scrape. What has the name of another is left out.
    pub fn join(&self, collector: impl Collector + 'static) {
        let _ = self.registry.register(Box::new(collector));
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // The encoder fails only when the writer does, and a Vec does not.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// How each kind of metric is made from a row of the table.
trait Make: Sized {
    fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self>;
}

impl Make for IntCounter {
    fn make(name: &str, help: &str, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(name, help)
    }
}

impl Make for IntGauge {
    fn make(name: &str, help: &str, _: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(name, help)
    }
}

impl Make for IntGaugeVec {
    fn make(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Make for GaugeVec {
    fn make(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Make for IntCounterVec {
    fn make(name: &str, help: &str, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Make for HistogramVec {
    fn make(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::new(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
            labels,
        )
    }
}

/// Registers one metric of the table.
#[expect(
    clippy::expect_used,
    reason = "the table is constant: a test makes every metric once"
)]
fn register<M: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<M>) -> M {
    let metric = made.expect("a row of the table is no valid metric");
    registry
        .register(Box::new(metric.clone()))
        .expect("a row of the table has the name of another");
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_makes_a_metric() {
        let metrics = Metrics::new();
        metrics.panics.inc();
        assert!(metrics.render().contains("waypost_panics_total 1"));
        assert!(Metrics::names().len() > 15);
    }
}
