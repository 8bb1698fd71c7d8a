//! What each closed record adds to the metrics.

use super::{Cost, End, Metrics, Record, ToolRecord, What};

impl Metrics {
    /// Counts a closed record.
    pub(super) fn observe(&self, record: &Record) {
        let route = route_label(record);
        let surface = record.surface.label();
        let operation = record.surface.operation();
        self.requests
            .with_label_values(&[surface, route, record.end.label()])
            .inc();
        let strategy = record.strategy.unwrap_or("none");
        for candidate in &record.candidates {
            let reason = candidate.reason.label();
            self.decisions
                .with_label_values(&[route, strategy, reason])
                .inc();
        }
        let mut upstream = std::time::Duration::ZERO;
        for attempt in &record.attempts {
            let (provider, model) = (&*attempt.provider, &*attempt.model_label);
            let outcome = attempt.end.label();
            self.attempts
                .with_label_values(&[route, provider, model, attempt.kind.label(), outcome])
                .inc();
            if let Some(verdict) = attempt.verdict {
                self.verdicts
                    .with_label_values(&[provider, model, verdict])
                    .inc();
            }
            if let Some(queued) = attempt.queued {
                self.queue_wait
                    .with_label_values(&[provider])
                    .observe(queued.as_secs_f64());
                upstream += queued;
            }
            let delivered = attempt.end == End::Delivered;
            let billable = if delivered { "delivered" } else { "wasted" };
            match attempt.cost {
                Cost::Known(amount) => self
                    .cost
                    .with_label_values(&[provider, model, billable])
                    .inc_by(amount.0),
                Cost::Unknown => self
                    .cost_unknown
                    .with_label_values(&[provider, model, billable])
                    .inc(),
                Cost::Nothing => {}
            }
            if let Some(usage) = &attempt.usage {
                let tokens = |kind| {
                    self.token_usage
                        .with_label_values(&[operation, provider, model, kind])
                };
                tokens("input").observe(usage.input as f64);
                tokens("output").observe(usage.output as f64);
                if usage.estimated {
                    self.usage_estimated
                        .with_label_values(&[provider, model])
                        .inc();
                }
            }
            if let Some(first) = attempt.first_token
                && record.stream
            {
                self.time_to_first_chunk
                    .with_label_values(&[operation, provider, model])
                    .observe(first.as_secs_f64());
            }
            upstream += attempt.first_token.or(attempt.total).unwrap_or_default();
            upstream += attempt.waited.unwrap_or_default();
        }
        self.observe_times(record, operation, upstream);
    }

    /// Counts a closed record of a call of a tool, or of what is asked of another server like one.
    pub(super) fn observe_tool_call(&self, record: &ToolRecord) {
        match (record.what, &record.server) {
            (What::Tool, _) => self.observe_tool(record),
            (what, Some(server)) => self
                .upstream_mcp_reads
                .with_label_values(&[server, what.label(), record.outcome])
                .inc(),
            (_, None) => {}
        }
        if let Some(total) = record.total
            && record.is_mcp()
        {
            let error = match record.what {
                _ if !record.failed() => "",
                // OpenTelemetry's word for results that say of themselves that they are errors.
                What::Tool => "tool_error",
                _ => record.outcome,
            };
            self.mcp_operation
                .with_label_values(&[record.what.method(), record.label(), error])
                .observe(total.as_secs_f64());
        }
    }

    fn observe_tool(&self, record: &ToolRecord) {
        let tool = record.label();
        self.tool_calls
            .with_label_values(&[tool, record.outcome])
            .inc();
        if record.runs > 1 {
            self.tool_retries
                .with_label_values(&[tool])
                .inc_by(u64::from(record.runs - 1));
        }
        if let Some(result) = record.cache {
            self.tool_cache.with_label_values(&[tool, result]).inc();
        }
        if let Some(how) = record.shared {
            self.tool_shared.with_label_values(&[tool, how]).inc();
        }
        if record.paged {
            self.tool_pages.with_label_values(&[tool]).inc();
        }
    }

    fn observe_times(&self, record: &Record, operation: &str, upstream: std::time::Duration) {
        let Some(total) = record.total else { return };
        let last = record.attempts.last();
        let (provider, model) = last.map_or(("none", "none"), |attempt| {
            (&*attempt.provider, &*attempt.model_label)
        });
        let error = match record.end {
            End::Delivered => "",
            end => end.label(),
        };
        self.operation_duration
            .with_label_values(&[operation, provider, model, error])
            .observe(total.as_secs_f64());
        let ours = record.first_token.unwrap_or(total).saturating_sub(upstream);
        self.overhead
            .with_label_values(&[record.surface.label()])
            .observe(ours.as_secs_f64());
    }
}

/// A route of the configuration, `direct` for a target named by the caller, `none` where no plan was made.
fn route_label(record: &Record) -> &str {
    match (&record.route, record.strategy) {
        (Some(route), _) => route,
        (None, Some(_)) => "direct",
        (None, None) => "none",
    }
}
