//! The tools nobody configures.

use serde_json::{Value, json};

use super::{answer, call, post, request, result, text};
use crate::support::{Gateway, Provider, completion};

const ROUTES: &str = "
providers: {s: {dialect: simulated, first_token: 0ms, tokens_per_second: 9000, models: {m: {price: {input: 1, output: 2}}, e: {mode: embedding}}}}
routes:
  a_vectors: {targets: [s/e]}
  b: {targets: [s/m]}
  c: {targets: [s/m]}
";

const KEY: &str = "a-key-of-more-than-sixteen-letters";

fn keyed(rights: &str) -> String {
    format!("{ROUTES}access: {{keys: [{{name: k, key: {KEY}, {rights}}}]}}\n")
}

async fn with_key(gateway: &Gateway, arguments: Value) -> Value {
    let request = request("llm__complete", arguments, json!({}));
    let request = post(gateway, "llm__complete", &request).bearer_auth(KEY);
    result(&gateway.send(request).await)
}

#[tokio::test]
async fn a_prompt_is_enough() {
    let gateway = Gateway::start(ROUTES).await;
    let result = call(&gateway, "llm__complete", json!({"prompt": "Hello?"})).await;
    let told = &result["structuredContent"];
    // The first route that talks.
    assert_eq!(
        (&told["route"], &told["target"]),
        (&json!("b"), &json!("s/m"))
    );
    assert_eq!(told["text"], text(&result));
    assert!(told["usage"]["output"].as_u64().unwrap() > 0, "{told}");
    assert!(told["cost"].is_string(), "{told}");
    let talk = json!({"messages": [{"role": "user", "content": "Hello?"}], "route": "s/m", "max_tokens": 5});
    let result = call(&gateway, "llm__complete", talk).await;
    assert_eq!(result["structuredContent"]["route"], Value::Null);
}

#[tokio::test]
async fn an_answer_fits_the_schema_that_was_asked_for() {
    let gateway = Gateway::start(ROUTES).await;
    let schema = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 7, "maximum": 7}}});
    let result = call(
        &gateway,
        "llm__complete",
        json!({"prompt": "n", "json_schema": schema}),
    )
    .await;
    assert_eq!(result["structuredContent"]["json"], json!({"n": 7}));
    let broken = json!({"prompt": "n", "json_schema": {"type": "nonsense"}});
    let result = call(&gateway, "llm__complete", broken).await;
    assert!(text(&result).contains("`json_schema`"), "{result}");
}

#[tokio::test]
async fn arguments_that_say_too_little_or_too_much_are_refused() {
    let gateway = Gateway::start(ROUTES).await;
    let messages = json!([{"role": "user", "content": "a"}]);
    for arguments in [
        json!({}),
        json!({"prompt": "a", "messages": messages}),
        json!({"messages": []}),
        json!({"messages": [{"role": "tool", "content": "a"}]}),
        json!({"prompt": "a", "max_tokens": 0}),
        json!({"prompt": "a", "temperature": 3}),
        json!({"prompt": "a", "strategy": "cheapest"}),
    ] {
        let result = call(&gateway, "llm__complete", arguments).await;
        assert_eq!(result["isError"], true, "{result}");
    }
}

#[tokio::test]
async fn only_routes_that_talk_are_suggested() {
    let gateway = Gateway::start(ROUTES).await;
    let arguments = json!({"prompt": "a", "route": "nowhere"});
    let result = call(&gateway, "llm__complete", arguments).await;
    assert!(text(&result).ends_with("you may use `b`, `c`"), "{result}");
}

#[tokio::test]
async fn the_callers_rights_count_and_the_refusal_names_them() {
    let gateway = Gateway::start(&keyed("routes: [b]")).await;
    assert_eq!(
        with_key(&gateway, json!({"prompt": "a"})).await["structuredContent"]["route"],
        "b"
    );
    for route in ["c", "nowhere", "s/m"] {
        let result = with_key(&gateway, json!({"prompt": "a", "route": route})).await;
        let expected = format!("There is no route `{route}` that you may use; you may use `b`");
        assert_eq!(
            (text(&result), &result["isError"]),
            (&*expected, &json!(true))
        );
    }
    let nobody = Gateway::start(&keyed("routes: [a_vectors]")).await;
    let result = with_key(&nobody, json!({"prompt": "a"})).await;
    assert!(
        text(&result).contains("no route that you may use"),
        "{result}"
    );
}

#[tokio::test]
async fn a_key_without_the_tool_does_not_know_it() {
    let gateway = Gateway::start(&keyed("tools: [docs.*]")).await;
    let request = request("llm__complete", json!({"prompt": "a"}), json!({}));
    let answer = gateway
        .send(post(&gateway, "llm__complete", &request).bearer_auth(KEY))
        .await;
    assert_eq!(answer.json()["error"]["message"], "Unknown tool");
}

#[tokio::test]
async fn the_operator_may_leave_it_out_or_replace_it() {
    let none = Gateway::start(&format!("{ROUTES}mcp: {{builtin: false}}\n")).await;
    let answer = answer(&none, "llm__complete", json!({"prompt": "a"})).await;
    assert_eq!(answer.json()["error"]["message"], "Unknown tool");

    let provider = Provider::start([completion("mine")]).await;
    let url = &provider.url;
    let own = format!(
        "providers: {{p: {{dialect: openai, base_url: '{url}'}}}}\ntools: {{llm.complete: {{kind: completion, description: d, target: p/m, prompt: hi}}}}\n"
    );
    let gateway = Gateway::start(&own).await;
    assert_eq!(
        text(&call(&gateway, "llm__complete", json!({})).await),
        "mine"
    );
}

/// The conversation's handle, and who answered.
fn kept(result: &Value) -> (Value, Value) {
    let meta = &result["_meta"];
    (
        meta["dev.waypost/conversation"].clone(),
        meta["dev.waypost/route"]["target"].clone(),
    )
}

#[tokio::test]
async fn calls_of_one_conversation_stay_with_one_target() {
    let targets: Vec<String> = (0..8).map(|at| format!("s/m{at}")).collect();
    let yaml = format!(
        "providers: {{s: {{dialect: simulated, first_token: 0ms, tokens_per_second: 9000}}}}\nroutes: {{r: {{strategy: sticky, targets: [{}]}}}}\n",
        targets.join(", ")
    );
    let gateway = Gateway::start(&yaml).await;
    let ask = async |prompt: String, meta: Value| {
        let request = request(
            "llm__complete",
            json!({"prompt": prompt, "max_tokens": 1}),
            meta,
        );
        result(
            &gateway
                .send(post(&gateway, "llm__complete", &request))
                .await,
        )
    };
    let mut begun = std::collections::BTreeSet::new();
    for at in 0..12 {
        let (handle, first) = kept(&ask(format!("first {at}"), json!({})).await);
        let meta = json!({"dev.waypost/conversation": handle});
        for next in 0..2 {
            let (_, then) = kept(&ask(format!("{next} of {at}"), meta.clone()).await);
            assert_eq!(then, first);
        }
        begun.insert(first.to_string());
    }
    assert!(begun.len() > 1, "{begun:?}");
}

#[tokio::test]
async fn a_handle_of_another_or_of_nobody_is_refused() {
    let other = "another-key-of-more-than-sixteen-letters";
    let yaml =
        format!("{ROUTES}access: {{keys: [{{name: k, key: {KEY}}}, {{name: l, key: {other}}}]}}\n");
    let gateway = Gateway::start(&yaml).await;
    let (handle, _) = kept(&with_key(&gateway, json!({"prompt": "a"})).await);
    let sent = handle.as_str().unwrap();
    for (key, handle) in [
        (other, json!(sent)),
        (KEY, json!(&sent[1..])),
        (KEY, json!("")),
        (KEY, json!(7)),
    ] {
        let meta = json!({"dev.waypost/conversation": handle});
        let request = request("llm__complete", json!({"prompt": "a"}), meta);
        let answer = gateway
            .send(post(&gateway, "llm__complete", &request).bearer_auth(key))
            .await;
        assert_eq!(answer.json()["error"]["code"], -32602, "{}", answer.body);
    }
}
