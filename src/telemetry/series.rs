//! Series whose labels are known beforehand. They begin at zero, before their first event: the rate of a new series misses
//! what made it, and a panel without a series looks like a broken one.
//!
//! Only what configurations name is begun: targets of routes, routes and rules, never all models on all cards.

use prometheus::IntCounterVec;

use super::{Metrics, Surface, What};

/// Why requests are refused before they could be read.
const REFUSALS: &[&str] = &[
    "no_key",
    "wrong_key",
    "ambiguous_key",
    "bad_token",
    "expired_token",
    "no_scope",
    "no_tell",
    "admin_key",
    "malformed",
    "too_large",
    "too_slow",
    "forbidden",
];

/// How requests for prompts, resources and completions of other servers end.
const READS: &[&str] = &[
    "done",
    "asks",
    "invalid_arguments",
    "rate_limited",
    "timeout",
    "unavailable",
    "declined",
    "failed",
    "invalid_output",
    "too_large",
    "cancelled",
];

/// What is found out about tokens.
const TOKEN_CHECKS: &[&str] = &["good", "known", "bad", "expired", "no_tell"];

/// What an answer can be found to be when it is checked.
const VERDICTS: &[&str] = &[
    "pass",
    "repaired",
    "empty",
    "not_json",
    "off_schema",
    "unknown_tool",
    "bad_arguments",
    "arguments_off_schema",
];

/// What a circuit can change to.
const CIRCUITS: &[&str] = &["open", "half_open", "closed"];

impl Metrics {
    /// Makes those of every process.
    pub(super) fn begin(&self) {
        let series: [(&IntCounterVec, &[&str]); 5] = [
            (&self.mcp_evictions, &["idle", "per_key", "max"]),
            (&self.config_reloads, &["ok", "refused"]),
            (&self.limited, &["requests", "tokens"]),
            (&self.refused, REFUSALS),
            (&self.token_checks, TOKEN_CHECKS),
        ];
        for (counter, labels) in series {
            for label in labels {
                counter.with_label_values(&[label]);
            }
        }
        for outcome in ["unknown_tool", "rate_limited"] {
            self.tool_calls.with_label_values(&["other", outcome]);
        }
    }

    /// Makes the series of a target that may be asked, at zero.
    pub fn begin_target(&self, provider: &str, model: &str) {
        for to in CIRCUITS {
            self.breaker_transitions
                .with_label_values(&[provider, model, to]);
        }
        for verdict in VERDICTS {
            self.verdicts.with_label_values(&[provider, model, verdict]);
        }
        for billable in ["delivered", "wasted"] {
            self.cost_unknown
                .with_label_values(&[provider, model, billable]);
        }
        self.usage_estimated.with_label_values(&[provider, model]);
        self.saturated.with_label_values(&[provider, model]);
        self.queue_wait.with_label_values(&[provider]);
    }

    /// Makes the series of a route that may be named, at zero.
    pub fn begin_route(&self, route: &str) {
        self.budget_exhausted.with_label_values(&[route]);
        // The first failed request of a route is the one that alerts wait for.
        for surface in [
            Surface::Chat,
            Surface::Messages,
            Surface::Embeddings,
            Surface::Tool,
        ] {
            for outcome in ["delivered", "server_error"] {
                self.requests
                    .with_label_values(&[surface.label(), route, outcome]);
            }
        }
    }

    /// Makes the series of a rule that may decide, at zero.
    pub fn begin_rule(&self, rule: &str) {
        self.rule_matches.with_label_values(&[rule]);
        self.rule_errors.with_label_values(&[rule]);
    }

    /// Makes the series of a configured tool, at zero.
    pub fn begin_tool(&self, tool: &str, outcomes: impl Iterator<Item = &'static str>) {
        for outcome in outcomes {
            self.tool_calls.with_label_values(&[tool, outcome]);
        }
        self.tool_running.with_label_values(&[tool]);
        self.tool_retries.with_label_values(&[tool]);
        self.tool_pages.with_label_values(&[tool]);
        for result in ["hit", "miss"] {
            self.tool_cache.with_label_values(&[tool, result]);
        }
        for how in ["joined", "replayed"] {
            self.tool_shared.with_label_values(&[tool, how]);
        }
    }

    /// Makes the series of a configured server, at zero.
    pub fn begin_server(&self, server: &str, outcomes: &[&str]) {
        for outcome in outcomes {
            self.upstream_mcp_calls
                .with_label_values(&[server, outcome]);
        }
        for what in What::OTHERS.map(What::label) {
            for outcome in READS {
                self.upstream_mcp_reads
                    .with_label_values(&[server, what, outcome]);
            }
        }
        self.upstream_mcp_reconnects.with_label_values(&[server]);
    }

    /// Makes the series of a configured issuer, at zero.
    pub fn begin_issuer(&self, issuer: &str) {
        for outcome in ["ok", "failed"] {
            self.key_fetches.with_label_values(&[issuer, outcome]);
        }
    }

    /// Takes out what shows where the replicas of a server are that is gone.
    pub fn forget_server(&self, server: &str) {
        for state in ["connecting", "ready", "failing"] {
            let gauge = &self.upstream_mcp_connections;
            // Of a server that never connected there is none.
            let _ = gauge.remove_label_values(&[server, state]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_beforehand_begins_at_zero_and_is_not_set_back() {
        let metrics = Metrics::new();
        metrics.begin_target("a", "m");
        metrics.saturated.with_label_values(&["a", "m"]).inc();
        metrics.begin_target("a", "m");
        metrics.begin_route("chat");
        metrics.begin_rule("1");
        let text = metrics.render();
        for line in [
            r#"waypost_breaker_transitions_total{model="m",provider="a",to="open"} 0"#,
            r#"waypost_verdicts_total{model="m",provider="a",verdict="not_json"} 0"#,
            r#"waypost_queue_wait_seconds_count{provider="a"} 0"#,
            r#"waypost_saturated_total{model="m",provider="a"} 1"#,
            r#"waypost_retry_budget_exhausted_total{route="chat"} 0"#,
            r#"waypost_rule_errors_total{rule="1"} 0"#,
            r#"waypost_requests_total{outcome="server_error",route="chat",surface="chat"} 0"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
