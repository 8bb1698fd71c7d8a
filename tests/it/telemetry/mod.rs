//! Metrics: what really happened, and no names that callers invent.

mod records;
mod rules;
mod tools;

use waypost::telemetry::End;

use crate::support::{
    Act, Gateway, Provider, chat, completion, done, error,
    metrics::{names, sum},
    provider::chunk,
    role, streamed, text,
};

async fn gateway(a: &Provider, b: &Provider) -> Gateway {
    let yaml = format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\", models: {{ m: {{ context: 1000, price: {{ input: 1, output: 2 }} }} }} }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes: {{ r: {{ targets: [a/m, b/n], retry: {{ base: 1ms }} }} }}
",
        a.url, b.url
    );
    Gateway::start(&yaml).await
}

/// The metrics once `count` requests are on them.
async fn metrics(gateway: &Gateway, count: f64) -> String {
    let total = |text: &str| sum(text, "waypost_requests_total", &[]);
    let ready = |hall: &waypost::http::Hall| total(&hall.ledger.metrics().render()) >= count;
    gateway.until("the requests' metrics", ready).await;
    gateway.admin("/metrics").await.body
}

#[tokio::test]
async fn requests_attempts_tokens_and_costs_are_counted() {
    let a = Provider::start([error(500, "boom"), completion("Hi"), streamed("Hi")]).await;
    let b = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&a, &b).await;
    assert_eq!(gateway.chat("r").await.header("x-waypost-target"), "b/n");
    assert_eq!(gateway.chat("r").await.header("x-waypost-target"), "a/m");
    assert_eq!(gateway.stream("r").await.header("x-waypost-target"), "a/m");
    assert_eq!(gateway.chat("nobody").await.status, 404);
    let text = metrics(&gateway, 4.0).await;
    let check = |name, labels: &[(&str, &str)], expected: f64| {
        assert_eq!(
            sum(&text, name, labels),
            expected,
            "{name} {labels:?}\n{text}"
        );
    };
    check(
        "waypost_requests_total",
        &[("route", "r"), ("outcome", "delivered")],
        3.0,
    );
    check(
        "waypost_requests_total",
        &[("route", "none"), ("outcome", "not_found")],
        1.0,
    );
    let attempts = "waypost_attempts_total";
    check(attempts, &[], 4.0);
    check(
        attempts,
        &[
            ("provider", "a"),
            ("kind", "primary"),
            ("outcome", "server_error"),
        ],
        1.0,
    );
    check(
        attempts,
        &[
            ("provider", "b"),
            ("kind", "fallback"),
            ("outcome", "delivered"),
        ],
        1.0,
    );
    check(
        attempts,
        &[("provider", "a"), ("model", "m"), ("outcome", "delivered")],
        2.0,
    );
    check(
        "waypost_decisions_total",
        &[("route", "r"), ("strategy", "priority")],
        6.0,
    );

    let duration = "gen_ai_client_operation_duration_seconds_count";
    check(
        duration,
        &[
            ("gen_ai_operation_name", "chat"),
            ("gen_ai_provider_name", "a"),
            ("gen_ai_request_model", "m"),
            ("error_type", ""),
        ],
        2.0,
    );
    check(duration, &[("error_type", "not_found")], 1.0);
    let first = "gen_ai_client_operation_time_to_first_chunk_seconds_count";
    check(first, &[("gen_ai_provider_name", "a")], 1.0);
    let tokens = "gen_ai_client_token_usage_sum";
    check(
        tokens,
        &[
            ("gen_ai_provider_name", "a"),
            ("gen_ai_token_type", "input"),
        ],
        20.0,
    );
    check(tokens, &[("gen_ai_token_type", "output")], 12.0);

    let cost = "waypost_cost_nanodollars_total";
    // Twice 10 tokens in at $1 and 4 out at $2 per million.
    check(
        cost,
        &[("provider", "a"), ("billable", "delivered")],
        36_000.0,
    );
    check(cost, &[("billable", "wasted")], 0.0);
    check(
        "waypost_cost_unknown_total",
        &[("provider", "b"), ("billable", "delivered")],
        1.0,
    );
    check(cost, &[("provider", "b")], 0.0);
    check("waypost_usage_estimated_total", &[], 0.0);
    check(
        "waypost_overhead_seconds_count",
        &[("surface", "chat")],
        4.0,
    );
    check("waypost_requests_in_flight", &[], 0.0);
}

#[tokio::test]
async fn what_broke_off_is_wasted_and_estimates_are_said_to_be() {
    let cut = Act::Stream(vec![role(), text("12345678")]);
    let uncounted = vec![role(), text("12345678"), chunk("{}", Some("stop")), done()];
    let stalled = Act::Stall(vec![role(), text("12345678")]);
    let a = Provider::start([cut, Act::Stream(uncounted), stalled]).await;
    let b = Provider::start([]).await;
    let gateway = gateway(&a, &b).await;
    gateway.stream("r").await;
    gateway.stream("r").await;
    let request = gateway
        .post("/v1/chat/completions", chat("r", true))
        .header("x-request-id", "leaver");
    let mut leaving = request.send().await.unwrap();
    leaving.chunk().await.unwrap();
    drop(leaving);
    let record = gateway.record("leaver").await;
    assert_eq!(record.end, End::Abandoned);
    let text = metrics(&gateway, 3.0).await;
    let cost = |billable| {
        sum(
            &text,
            "waypost_cost_nanodollars_total",
            &[("billable", billable)],
        )
    };
    // Two answers of two tokens at $2 per million, and their prompts.
    let prompt = cost("delivered") - 4_000.0;
    assert!(prompt > 0.0, "{text}");
    assert_eq!(cost("wasted"), 2.0 * (prompt + 4_000.0));
    assert_eq!(
        sum(
            &text,
            "waypost_usage_estimated_total",
            &[("provider", "a"), ("model", "m")]
        ),
        3.0
    );
    let ended = |outcome| sum(&text, "waypost_requests_total", &[("outcome", outcome)]);
    assert_eq!(
        (
            ended("server_error"),
            ended("delivered"),
            ended("cancelled")
        ),
        (1.0, 1.0, 1.0)
    );
}

#[tokio::test]
async fn names_that_callers_invent_are_no_labels() {
    let a = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&a, &a).await;
    for model in ["a/canary-1", "a/canary-2", "b/canary-3"] {
        assert_eq!(gateway.chat(model).await.status, 200);
    }
    for model in ["canary-4", "canary/5"] {
        assert_eq!(gateway.chat(model).await.status, 404);
    }
    gateway.send(gateway.get("/canary-6")).await;
    let text = metrics(&gateway, 5.0).await;
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(
        sum(&text, "waypost_attempts_total", &[("model", "other")]),
        3.0
    );
    assert_eq!(
        sum(&text, "waypost_attempts_total", &[("route", "direct")]),
        3.0
    );
    let unknown = sum(&text, "waypost_cost_unknown_total", &[("model", "other")]);
    assert_eq!(unknown, 3.0, "a model nobody priced is not free");
}

#[tokio::test]
async fn every_metric_that_is_shown_is_described() {
    let a = Provider::start([error(500, "boom"), streamed("Hi")]).await;
    let gateway = gateway(&a, &a).await;
    gateway.stream("r").await;
    let text = metrics(&gateway, 1.0).await;
    for name in names(&text) {
        // The system's own words, under the name every Prometheus client gives them.
        if name == "process_resident_memory_bytes" {
            continue;
        }
        let known = waypost::telemetry::Metrics::names()
            .iter()
            .any(|known| name.starts_with(known));
        assert!(known && text.contains("# HELP"), "{name}");
        assert!(
            name.starts_with("waypost_") || name.starts_with("gen_ai_"),
            "{name}"
        );
    }
}
