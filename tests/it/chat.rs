//! Chat completions: the way of one request, plain and streamed, and what happens when providers fail.

use std::sync::Arc;

use tokio::sync::Notify;
use waypost::telemetry::End;

use crate::support::{
    Act, Answer, Gateway, Provider, chat, completion, done, error, provider, role, streamed, text,
};

/// A gateway with the providers `a` and `b`, and the route `r` over both.
async fn two(a: &Provider, b: &Provider) -> Gateway {
    Gateway::start(&config(a, b, "")).await
}

fn config(a: &Provider, b: &Provider, more: &str) -> String {
    format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\", api_key: sk-canary-a, models: {{ m: {{ price: {{ input: 1, output: 2 }} }} }} }}
  b: {{ dialect: openai, base_url: \"{}\", api_key: sk-canary-b }}
routes:
  r: {{ targets: [a/m, b/n], retry: {{ base: 1ms, cap: 1ms }} }}
{more}",
        a.url, b.url
    )
}

#[tokio::test]
async fn a_plain_answer_comes_back_as_it_left_the_provider() {
    let a = Provider::start([completion("Hi")]).await;
    let b = Provider::start([]).await;
    let gateway = two(&a, &b).await;
    let answer = gateway.chat("r").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hi");
    assert_eq!(answer.json()["model"], "m-1");
    assert_eq!(answer.header("x-waypost-route"), "r");
    assert_eq!(answer.header("x-waypost-target"), "a/m");
    assert_eq!(answer.header("x-waypost-attempts"), "1");
    // 10 tokens in at $1 and 4 out at $2 per million.
    assert_eq!(answer.header("x-waypost-cost-usd"), "0.000018");

    let asked = &a.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], "Bearer sk-canary-a");
    assert_eq!(asked.json()["model"], "m");
    assert_eq!(asked.json()["messages"][0]["content"], "Hello?");

    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.end, End::Delivered);
    assert_eq!(record.usage.unwrap().total(), 14);
    assert_eq!(record.candidates.len(), 2);
}

#[tokio::test]
async fn a_stream_is_counted_though_the_caller_did_not_ask_for_its_usage() {
    let a = Provider::start([streamed("Hi")]).await;
    let b = Provider::start([]).await;
    let gateway = two(&a, &b).await;
    let answer = gateway.stream("r").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/event-stream")
    );
    assert_eq!(answer.text(), "Hi");
    assert_eq!(answer.events().last(), Some(&"[DONE]"));
    assert!(!answer.body.contains("prompt_tokens"), "{}", answer.body);
    assert_eq!(a.asked()[0].json()["stream_options"]["include_usage"], true);
    let record = gateway.record(answer.header("x-request-id")).await;
    let usage = record.usage.unwrap();
    assert_eq!((usage.total(), usage.estimated), (14, false));
}

#[tokio::test]
async fn a_missing_usage_is_estimated_and_said_to_be() {
    let frames = vec![
        role(),
        text("12345678"),
        provider::chunk("{}", Some("stop")),
        done(),
    ];
    let a = Provider::start([Act::Stream(frames)]).await;
    let b = Provider::start([]).await;
    let gateway = two(&a, &b).await;
    let answer = gateway.stream("r").await;
    let record = gateway.record(answer.header("x-request-id")).await;
    let usage = record.usage.unwrap();
    assert_eq!((usage.output, usage.estimated), (2, true));
}

#[tokio::test]
async fn falls_over_to_the_next_target_when_one_fails() {
    for (status, code) in [
        (500, "boom"),
        (503, "busy"),
        (429, "slow_down"),
        (401, "key"),
        (404, "gone"),
        (402, "pay"),
    ] {
        for stream in [false, true] {
            let a = Provider::start([error(status, code)]).await;
            let b = Provider::start([if stream {
                streamed("B")
            } else {
                completion("B")
            }])
            .await;
            let gateway = two(&a, &b).await;
            let answer = if stream {
                gateway.stream("r").await
            } else {
                gateway.chat("r").await
            };
            assert_eq!(answer.status, 200, "{status} {}", answer.body);
            assert_eq!(answer.header("x-waypost-target"), "b/n");
            assert_eq!(answer.header("x-waypost-attempts"), "2");
            assert_eq!((a.asked().len(), b.asked().len()), (1, 1));
            let record = gateway.record(answer.header("x-request-id")).await;
            assert_eq!(record.attempts[0].status, Some(status));
            assert!(matches!(record.attempts[0].end, End::Failed(_)));
        }
    }
}

#[tokio::test]
async fn falls_over_when_nobody_listens() {
    let a = Provider::start([]).await;
    let b = Provider::start([completion("B")]).await;
    let yaml = config(&a, &b, "");
    let url = a.url.clone();
    drop(a);
    // The port is free again; nothing else is told to use it.
    let gateway = Gateway::start(&yaml).await;
    let answer = gateway.chat("r").await;
    assert_eq!(
        answer.header("x-waypost-target"),
        "b/n",
        "{url} {}",
        answer.body
    );
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.attempts[0].end.label(), "unreachable");
}

#[tokio::test]
async fn an_error_as_first_event_of_a_stream_falls_over_unseen() {
    let failing = "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n".to_owned();
    for frames in [vec![failing.clone()], vec![role(), failing]] {
        let a = Provider::start([Act::Stream(frames)]).await;
        let b = Provider::start([streamed("B")]).await;
        let gateway = two(&a, &b).await;
        let answer = gateway.stream("r").await;
        assert_eq!(answer.text(), "B");
        assert_eq!(answer.header("x-waypost-target"), "b/n");
        assert!(!answer.body.contains("error"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_page_instead_of_an_answer_falls_over_and_is_never_shown() {
    let page = || {
        Act::Answer(
            200,
            vec![("content-type".into(), "text/html".into())],
            "<html>login</html>".into(),
        )
    };
    for stream in [false, true] {
        let a = Provider::start([page()]).await;
        let b = Provider::start([page()]).await;
        let gateway = two(&a, &b).await;
        let answer = if stream {
            gateway.stream("r").await
        } else {
            gateway.chat("r").await
        };
        assert_eq!(answer.status, 502, "{}", answer.body);
        assert!(!answer.body.contains("html>"), "{}", answer.body);
        assert_eq!(a.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_not_tried_elsewhere() {
    for stream in [false, true] {
        let a = Provider::start([error(400, "bad_thing")]).await;
        let b = Provider::start([completion("B")]).await;
        let gateway = two(&a, &b).await;
        let answer = if stream {
            gateway.stream("r").await
        } else {
            gateway.chat("r").await
        };
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["error"]["message"], "it is bad_thing");
        assert_eq!((a.asked().len(), b.asked().len()), (1, 0));
    }
}

#[tokio::test]
async fn an_exhausted_chain_says_so_and_when_to_come_back() {
    let limited = Act::Answer(
        429,
        vec![("retry-after".into(), "7".into())],
        r#"{"error":{"message":"slow"}}"#.into(),
    );
    let a = Provider::start([error(500, "boom")]).await;
    let b = Provider::start([limited]).await;
    let gateway = two(&a, &b).await;
    let answer = gateway.chat("r").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(answer.header("x-should-retry"), "false");
    assert_eq!(answer.header("x-waypost-attempts"), "2");
}

#[tokio::test]
async fn a_lone_target_that_failed_once_is_tried_again() {
    let a = Provider::start([error(500, "boom"), completion("A")]).await;
    let b = Provider::start([]).await;
    let gateway = Gateway::start(&config(
        &a,
        &b,
        "  lone: { targets: [a/m], retry: { base: 1ms } }",
    ))
    .await;
    let answer = gateway.chat("lone").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-waypost-attempts"), "2");
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.attempts[1].kind.label(), "retry");
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_ends_with_an_error_and_never_cleanly() {
    let finished = provider::chunk("{}", Some("stop"));
    let failures = [
        ("cut", String::new(), true),
        ("no finish", String::new(), false),
        ("no terminator", finished, false),
        ("half an event", "data: {\"id\":\"chat".to_owned(), false),
        ("garbage", "data: {not json}\n\n".to_owned(), false),
    ];
    for (name, rest, cut) in failures {
        let gate = Arc::new(Notify::new());
        let first = vec![role(), text("Par")];
        let act = Act::Paused {
            first,
            gate: gate.clone(),
            rest: vec![rest],
            cut,
        };
        let a = Provider::start([act]).await;
        let b = Provider::start([streamed("B")]).await;
        let gateway = two(&a, &b).await;
        let mut response = gateway
            .post("/v1/chat/completions", chat("r", true))
            .send()
            .await
            .unwrap();
        let id = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let first = response.chunk().await.unwrap().unwrap();
        gate.notify_one();
        let mut answer = Answer::read(response).await;
        answer
            .body
            .insert_str(0, std::str::from_utf8(&first).unwrap());
        assert_eq!(answer.text(), "Par", "{name}");
        let last: serde_json::Value =
            serde_json::from_str(answer.events().last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "server_error", "{}", answer.body);
        assert!(!answer.body.contains("[DONE]"), "{}", answer.body);
        assert!(
            b.asked().is_empty(),
            "after the first delta there is no other attempt"
        );
        let record = gateway.record(&id).await;
        assert_eq!(record.end.label(), "server_error", "{name}");
        assert!(
            record.attempts[0].usage.unwrap().estimated,
            "what was produced is on the books"
        );
    }
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_provider() {
    let stalled = Act::Stall(vec![role(), text("Par")]);
    for (stream, act) in [(false, Act::Hang), (true, Act::Hang), (true, stalled)] {
        let a = Provider::start([act]).await;
        let b = Provider::start([]).await;
        let gateway = two(&a, &b).await;
        let request = gateway
            .post("/v1/chat/completions", chat("r", stream))
            .header("x-request-id", "leaver");
        let asking = tokio::spawn(async move {
            let mut response = request.send().await.unwrap();
            while response.chunk().await.unwrap().is_some() {}
        });
        a.asked_times(1).await;
        asking.abort();
        a.left().await;
        let record = gateway.record("leaver").await;
        assert_eq!(record.end, End::Abandoned);
        assert_eq!(record.attempts[0].end, End::Abandoned);
        assert!(b.asked().is_empty());
    }
}

#[tokio::test]
async fn a_slow_first_token_falls_over_and_a_silent_stream_ends_with_an_error() {
    let a = Provider::start([Act::Hang]).await;
    let b = Provider::start([Act::Stall(vec![role(), text("Par"), ": ping\n\n".into()])]).await;
    let more = "    timeout: { first_token: 80ms, idle: 80ms }";
    let gateway =
        Gateway::start(&config(&a, &b, "").replace("retry: { base: 1ms, cap: 1ms }", more)).await;
    let answer = gateway.stream("r").await;
    assert_eq!(answer.header("x-waypost-target"), "b/n");
    let last: serde_json::Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "timeout", "{}", answer.body);
    a.left().await;
    b.left().await;
}

#[tokio::test]
async fn the_callers_own_deadlines_are_kept() {
    let a = Provider::start([Act::Hang]).await;
    let b = Provider::start([Act::Hang]).await;
    let gateway = two(&a, &b).await;
    for (header, value) in [
        ("x-request-timeout-ms", "60"),
        ("x-stainless-read-timeout", "0.06"),
    ] {
        let request = gateway
            .post("/v1/chat/completions", chat("r", false))
            .header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 504, "{header} {}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "timeout");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn a_head_that_waits_too_long_goes_out_and_comments_keep_the_connection() {
    let gate = Arc::new(Notify::new());
    let a = Provider::start([Act::Gated(gate.clone(), Box::new(error(500, "boom")))]).await;
    let b = Provider::start([streamed("B")]).await;
    let more = "server: { keepalive_after: 30ms }";
    let gateway = Gateway::start(&config(&a, &b, more)).await;
    let mut response = gateway
        .post("/v1/chat/completions", chat("r", true))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("x-waypost-target").is_none());
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b": keep-alive"), "{first:?}");
    gate.notify_one();
    let rest = Answer::read(response).await;
    // The first target failed while the head was out already, and the second answered all the same.
    assert_eq!(rest.text(), "B", "{}", rest.body);
    assert_eq!(rest.events().last(), Some(&"[DONE]"));
}

#[tokio::test]
async fn after_the_head_went_out_a_failed_chain_is_an_in_band_error() {
    let gate = Arc::new(Notify::new());
    let a = Provider::start([Act::Gated(gate.clone(), Box::new(error(500, "boom")))]).await;
    let b = Provider::start([error(503, "busy")]).await;
    let gateway = Gateway::start(&config(&a, &b, "server: { keepalive_after: 30ms }")).await;
    let mut response = gateway
        .post("/v1/chat/completions", chat("r", true))
        .send()
        .await
        .unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    gate.notify_one();
    let rest = Answer::read(response).await;
    let last: serde_json::Value = serde_json::from_str(rest.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "overloaded", "{}", rest.body);
    assert!(!rest.body.contains("[DONE]"));
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_with_their_place() {
    let a = Provider::start([]).await;
    let gateway = two(&a, &a).await;
    for (body, param) in [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        (r#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
        (r#"{"model":"r"}"#, "messages"),
        (r#"{"model":"r","messages":"x"}"#, "messages"),
        (r#"{"model":"r","model":"s","messages":[]}"#, ""),
        (
            r#"{"model":"r","messages":[{"role":"user","content":"x"}],"stream":"yes"}"#,
            "stream",
        ),
    ] {
        let answer = gateway
            .send(gateway.post("/v1/chat/completions", body))
            .await;
        assert_eq!(answer.status, 400, "{body} {}", answer.body);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        assert_eq!(
            answer.json()["error"]["param"].as_str().unwrap_or(""),
            param,
            "{body} {}",
            answer.body
        );
    }
    assert!(a.asked().is_empty());
}

#[tokio::test]
async fn unknown_models_and_paths_are_openai_shaped_errors() {
    let a = Provider::start([]).await;
    let gateway = two(&a, &a).await;
    let answer = gateway.chat("nobody").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
    let answer = gateway.send(gateway.post("/v1/nothing", "{}")).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (404, Some("unknown_url"))
    );
    let answer = gateway
        .send(
            gateway
                .client
                .get(format!("{}/v1/chat/completions", gateway.url)),
        )
        .await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn keys_and_prompts_stay_out_of_logs_and_answers() {
    let a = Provider::start([error(401, "key sk-canary-a is wrong")]).await;
    let b = Provider::start([completion("B")]).await;
    let gateway = two(&a, &b).await;
    let answer = gateway.chat("r").await;
    assert_eq!(answer.status, 200);
    let id = answer.header("x-request-id").to_owned();
    let record = gateway
        .admin(&format!("/admin/requests/{}", gateway.record(&id).await.id))
        .await;
    let metrics = gateway.admin("/metrics").await;
    gateway.stop();
    let log = gateway.ended().await;
    assert_eq!(log.lines().count(), 1, "{log}");
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(line["request_id"], id.as_str());
    assert_eq!(line["attempts"], 2);
    assert_eq!(line["target"], "b/n");
    assert_eq!(line["cost_usd"], "unknown");
    for text in [&log, &record.body, &metrics.body, &answer.body] {
        assert!(
            !text.contains("canary") && !text.contains("Hello?"),
            "{text}"
        );
    }
}
