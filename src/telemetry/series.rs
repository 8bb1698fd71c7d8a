//! Series whose labels are known beforehand: they are there at zero, because the rate of one that is new misses its first
//! event.

use prometheus::IntCounterVec;

use super::{Metrics, What};

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
