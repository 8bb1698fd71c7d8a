//! Rules where operators look: in metrics from the start, on the record, in an explained plan.

use super::metrics;
use crate::support::{Gateway, Provider, completion, metrics::sum};

async fn gateway(a: &Provider) -> Gateway {
    let yaml = format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\", models: {{ m: {{ price: {{ input: 1, output: 2 }} }}, n: {{}} }} }}
routes: {{ auto: {{ targets: [a/m] }}, other: {{ targets: [a/n] }} }}
rules:
  - {{ name: team, when: 'request.metadata.team == \"x\"', route: other }}
  - {{ name: invoices, when: request.tool == \"read_invoice\", route: other, strategy: cheapest }}
",
        a.url
    );
    Gateway::start(&yaml).await
}

#[tokio::test]
async fn rules_are_counted_from_the_start() {
    let a = Provider::start([completion("Hi"), completion("Hi")]).await;
    let gateway = gateway(&a).await;
    let check = |text: &str, name, rule, expected: f64| {
        assert!(
            text.contains(&format!("{name}{{rule=\"{rule}\"}}")),
            "{text}"
        );
        assert_eq!(sum(text, name, &[("rule", rule)]), expected, "{text}");
    };
    let text = gateway.admin("/metrics").await.body;
    for rule in ["team", "invoices"] {
        check(&text, "waypost_rule_matches_total", rule, 0.0);
        check(&text, "waypost_rule_errors_total", rule, 0.0);
    }

    assert_eq!(gateway.chat("auto").await.header("x-waypost-target"), "a/m");
    let body = r#"{"model":"auto","messages":[{"role":"user","content":"Hi"}]}"#;
    let asked = gateway.post("/v1/chat/completions", body);
    let answer = gateway.send(asked.header("x-waypost-tool", "read_invoice"));
    assert_eq!(answer.await.header("x-waypost-target"), "a/n");
    let text = metrics(&gateway, 2.0).await;
    check(&text, "waypost_rule_matches_total", "invoices", 1.0);
    check(&text, "waypost_rule_matches_total", "team", 0.0);
    // Both requests came without `metadata`, so the first rule could not be tested.
    check(&text, "waypost_rule_errors_total", "team", 2.0);
}

#[tokio::test]
async fn an_explained_plan_names_the_rule_that_chose() {
    let a = Provider::start([]).await;
    let gateway = gateway(&a).await;
    let explain = async |tool: &str| {
        let url = format!("{}/admin/explain", gateway.admin);
        let request = gateway.client.post(url).header("x-waypost-tool", tool);
        gateway
            .send(request.body(r#"{"model":"auto"}"#))
            .await
            .json()
    };
    let plan = explain("read_invoice").await;
    assert_eq!(plan["model"], "auto");
    assert_eq!(plan["rule"], "invoices");
    assert_eq!(plan["route"], "other");
    assert_eq!(plan["strategy"], "cheapest");
    let plan = explain("write_poem").await;
    assert_eq!(plan["route"], "auto");
    assert!(plan.get("rule").is_none(), "{plan}");
}
