//! Records, plans and log lines: why a request went where it went.

use serde_json::{Value, json};

use super::gateway;
use crate::support::{Answer, Gateway, Provider, chat, completion, error, streamed};

#[tokio::test]
async fn a_record_tells_why_a_request_went_where_it_went() {
    let a = Provider::start([error(503, "busy")]).await;
    let b = Provider::start([streamed("Hi")]).await;
    let gateway = gateway(&a, &b).await;
    let answer = gateway.stream("r").await;
    let id = answer.header("x-request-id").to_owned();
    gateway.record(&id).await;
    let shown = gateway.admin(&format!("/admin/requests/{id}")).await;
    assert_eq!(
        (shown.status, shown.header("content-type")),
        (200, "application/json")
    );
    let record = shown.json();
    assert_eq!(record["id"], id.as_str());
    assert_eq!(record["surface"], "chat");
    assert_eq!(
        (&record["route"], &record["strategy"]),
        (&json!("r"), &json!("priority"))
    );
    let candidates = record["candidates"].as_array().unwrap();
    let places: Vec<_> = candidates
        .iter()
        .map(|it| (&it["target"], &it["kept"], &it["reason"]))
        .collect();
    let (yes, listed) = (json!(true), json!("list_order"));
    let expected = [
        (&json!("a/m"), &yes, &listed),
        (&json!("b/n"), &yes, &listed),
    ];
    assert_eq!(places, expected);
    assert_eq!(candidates[0]["facts"]["circuit"]["state"], "closed");
    let attempts = record["attempts"].as_array().unwrap();
    let of = |at: usize, key: &str| attempts[at][key].clone();
    assert_eq!(
        (
            of(0, "target"),
            of(0, "kind"),
            of(0, "end"),
            of(0, "status")
        ),
        (
            json!("a/m"),
            json!("primary"),
            json!("overloaded"),
            json!(503)
        )
    );
    assert_eq!(
        (of(1, "target"), of(1, "kind"), of(1, "end"), of(1, "cost")),
        (
            json!("b/n"),
            json!("fallback"),
            json!("delivered"),
            json!("unknown")
        )
    );
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt["total_ms"].as_f64().is_some_and(|ms| ms > 0.0))
    );
    assert_eq!(record["target"], "b/n");
    assert_eq!(record["usage"]["input"], 10);
    assert_eq!(record["usage"]["output"], 4);
    assert_eq!(record["cost"], "unknown");
    assert!(record["first_token_ms"].as_f64() <= record["total_ms"].as_f64());
    assert!(!shown.body.contains("Hello?"), "no prompt is kept");

    let unknown = gateway.admin("/admin/requests/nobody").await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (404, &json!("request_not_found"))
    );
}

#[tokio::test]
async fn recent_records_come_newest_first() {
    let a = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&a, &a).await;
    for id in ["one", "two", "three"] {
        let request = gateway.post("/v1/chat/completions", chat("r", false));
        gateway.send(request.header("x-request-id", id)).await;
        gateway.record(id).await;
    }
    let ids = async |path: &str| {
        let list: Vec<Value> = serde_json::from_str(&gateway.admin(path).await.body).unwrap();
        list.iter()
            .map(|record| record["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("/admin/requests").await, ["three", "two", "one"]);
    assert_eq!(ids("/admin/requests?last=1").await, ["three"]);
    assert_eq!(gateway.admin("/admin/requests?last=x").await.status, 400);
    assert_eq!(gateway.admin("/admin/nothing").await.status, 404);
}

#[tokio::test]
async fn a_record_without_a_plan_tells_who_was_considered_and_why_not() {
    let a = Provider::start([]).await;
    let gateway = Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{0}\", models: {{ m: {{ context: 10 }}, n: {{ context: 10 }} }} }}
routes:
  r: {{ targets: [a/m, a/n], strategy: cheapest }}
",
        a.url
    ))
    .await;
    let long = "long ".repeat(1_000);
    let body = json!({"model": "r", "messages": [{"role": "user", "content": long}]});
    let refused = gateway.post("/v1/chat/completions", body.to_string());
    let answer = gateway.send(refused).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let id = answer.header("x-request-id");
    gateway.record(id).await;
    let record = gateway.admin(&format!("/admin/requests/{id}")).await.json();
    assert_eq!(
        (&record["route"], &record["strategy"], &record["end"]),
        (&json!("r"), &json!("cheapest"), &json!("context_length")),
        "{record}"
    );
    let candidates = record["candidates"].as_array().unwrap();
    let why: Vec<_> = candidates
        .iter()
        .map(|it| (&it["target"], &it["kept"], &it["reason"]))
        .collect();
    let (no, small) = (json!(false), json!("context_too_small"));
    let (m, n) = (json!("a/m"), json!("a/n"));
    assert_eq!(why, [(&m, &no, &small), (&n, &no, &small)]);
    assert_eq!(record["attempts"], json!([]));
    assert!(a.asked().is_empty());

    let explain = gateway
        .client
        .post(format!("{}/admin/explain", gateway.admin));
    let plan = gateway.send(explain.body(body.to_string())).await.json();
    assert_eq!(
        (&plan["route"], &plan["strategy"]),
        (&json!("r"), &json!("cheapest")),
        "{plan}"
    );
}

#[tokio::test]
async fn a_plan_is_explained_without_asking_anybody() {
    let a = Provider::start([]).await;
    let gateway = gateway(&a, &a).await;
    let explain = async |body: &str| {
        let request = gateway
            .client
            .post(format!("{}/admin/explain", gateway.admin));
        gateway.send(request.body(body.to_owned())).await
    };
    let plan = explain(&chat("r", false)).await.json();
    assert_eq!(plan["route"], "r");
    assert_eq!(plan["candidates"][0]["target"], "a/m");
    assert_eq!(plan["candidates"][0]["facts"]["context"], 1_000);
    assert_eq!(plan["candidates"][0]["facts"]["output_price"], 2.0);
    assert_eq!(plan["candidates"][1]["facts"]["listed"], false);
    let plan = explain(&chat("nobody", false)).await.json();
    assert!(
        plan["error"].as_str().unwrap().contains("does not exist"),
        "{plan}"
    );
    for bad in ["", "{", "{}", "[]"] {
        assert_eq!(explain(bad).await.status, 400, "{bad}");
    }
    assert!(a.asked().is_empty());
}

#[tokio::test]
async fn a_log_line_has_what_operators_search_for() {
    let a = Provider::start([error(500, "boom"), streamed("Hi")]).await;
    let b = Provider::start([error(401, "key")]).await;
    let gateway = gateway(&a, &b).await;
    let failed = gateway.chat("r").await;
    assert_eq!(failed.status, 401);
    let streamed = gateway.stream("r").await;
    gateway.record(streamed.header("x-request-id")).await;
    gateway.stop();
    let log = gateway.ended().await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    let check = |line: &Value, expected: Value| {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&line[key], value, "{key} in {line}");
        }
        assert!(line["at"].as_str().unwrap().ends_with('Z'));
        assert!(line["total_ms"].as_f64().unwrap() > 0.0);
    };
    let id = |answer: &Answer| answer.header("x-request-id").to_owned();
    check(
        &lines[0],
        json!({
            "request_id": id(&failed), "caller": "anonymous", "surface": "chat", "model": "r", "stream": false,
            "route": "r", "target": null, "attempts": 2, "outcome": "failed", "error_class": "auth",
            "input_tokens": null, "cost_usd": null, "first_token_ms": null
        }),
    );
    check(
        &lines[1],
        json!({
            "request_id": id(&streamed), "stream": true, "target": "a/m", "attempts": 1, "outcome": "delivered",
            "error_class": null, "input_tokens": 10, "output_tokens": 4, "estimated": false,
            "cost_usd": "0.000018", "wasted_usd": null
        }),
    );
    assert!(lines[1]["first_token_ms"].is_f64());
}
