//! Series that begin at zero, before their first event: the rate of a new series misses what made it, and a panel
//! without a series looks like a broken one.
//!
//! Only what configurations name is made: targets of routes, routes and rules, never all models on all cards.

use super::{Metrics, Surface};

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
    /// A target that may be asked.
    pub fn expect_target(&self, provider: &str, model: &str) {
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

    /// A route that may be named.
    pub fn expect_route(&self, route: &str) {
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

    /// A rule that may decide.
    pub fn expect_rule(&self, rule: &str) {
        self.rule_matches.with_label_values(&[rule]);
        self.rule_errors.with_label_values(&[rule]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_begins_at_zero_and_is_not_set_back() {
        let metrics = Metrics::new();
        metrics.expect_target("a", "m");
        metrics.saturated.with_label_values(&["a", "m"]).inc();
        metrics.expect_target("a", "m");
        metrics.expect_route("chat");
        metrics.expect_rule("1");
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
