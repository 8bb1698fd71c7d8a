//! The end of a gateway: what runs may finish, what does not finish is told so, and nothing is forgotten. And
//! callers who leave.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;
use waypost::telemetry::End;

use crate::support::{
    Act, Answer, Gateway, Provider, chat, completion, done,
    provider::chunk,
    raw::{HEALTH, Raw},
    role, text,
};

async fn gateway(provider: &Provider, server: &str) -> Gateway {
    let yaml = format!(
        "
server: {{ {server} }}
providers: {{ a: {{ dialect: openai, base_url: \"{}\" }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    );
    Gateway::start(&yaml).await
}

/// Sends a chat under the id `it`.
fn asking(gateway: &Gateway, stream: bool) -> reqwest::RequestBuilder {
    let request = gateway.post("/v1/chat/completions", chat("r", stream));
    request.header("x-request-id", "it")
}

#[tokio::test]
async fn what_runs_may_finish_and_nothing_new_begins() {
    let gate = Arc::new(Notify::new());
    let slow = Act::Paused {
        first: vec![role(), text("Par")],
        gate: gate.clone(),
        rest: vec![text("is"), chunk("{}", Some("stop")), done()],
        cut: false,
    };
    let plain = Act::Gated(gate.clone(), Box::new(completion("Paris")));
    let provider = Provider::start([slow, plain]).await;
    let gateway = gateway(&provider, "").await;
    let mut idle = Raw::open(&gateway).await;
    idle.send(HEALTH).await;
    idle.until("\r\n\r\nok").await;
    let mut stream = asking(&gateway, true).send().await.unwrap();
    let mut begun = stream.chunk().await.unwrap().unwrap().to_vec();
    let plain = asking(&gateway, false);
    let plain = tokio::spawn(async move { Answer::read(plain.send().await.unwrap()).await });
    provider.asked_times(2).await;

    gateway.stop();
    gateway.until("the drain", |hall| hall.is_draining()).await;
    let ready = gateway.admin("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "draining"));
    assert_eq!(idle.closed().await, "");
    assert!(
        gateway.get("/healthz").send().await.is_err(),
        "nobody listens any more"
    );
    gate.notify_waiters();
    while let Some(more) = stream.chunk().await.unwrap() {
        begun.extend_from_slice(&more);
    }
    let streamed = String::from_utf8(begun).unwrap();
    assert!(
        streamed.contains("is") && streamed.ends_with("data: [DONE]\n\n"),
        "{streamed}"
    );
    assert!(plain.await.unwrap().body.contains("Paris"));
    let log = gateway.ended().await;
    assert_eq!(log.matches("\"outcome\":\"delivered\"").count(), 2, "{log}");
}

#[tokio::test]
async fn a_stream_that_outlives_the_drain_ends_with_an_error() {
    let provider = Provider::start([Act::Stall(vec![role(), text("Par")])]).await;
    let gateway = gateway(&provider, "drain: 50ms").await;
    let mut stream = asking(&gateway, true).send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    gateway.stop();
    let rest = Answer::read(stream).await;
    assert_in_band(&rest);
    provider.left().await;
    let log = gateway.ended().await;
    assert!(log.contains("\"error_class\":\"overloaded\""), "{log}");
}

#[tokio::test]
async fn a_stream_that_has_not_begun_when_the_drain_ends_is_told_so() {
    let provider = Provider::start([Act::Hang]).await;
    let gateway = gateway(&provider, "drain: 50ms, keepalive_after: 20ms").await;
    let mut stream = asking(&gateway, true).send().await.unwrap();
    assert!(
        stream
            .chunk()
            .await
            .unwrap()
            .unwrap()
            .starts_with(b": keep-alive")
    );
    gateway.stop();
    assert_in_band(&Answer::read(stream).await);
    provider.left().await;
    gateway.ended().await;
}

/// Checks that the stream ends with an error and never cleanly.
fn assert_in_band(rest: &Answer) {
    let last: Value = serde_json::from_str(rest.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "overloaded", "{}", rest.body);
    assert!(!rest.body.contains("[DONE]"), "{}", rest.body);
}

#[tokio::test]
async fn an_answer_that_outlives_the_drain_is_a_503() {
    for stream in [false, true] {
        let provider = Provider::start([Act::Hang]).await;
        let gateway = gateway(&provider, "drain: 50ms").await;
        let request = asking(&gateway, stream);
        let asking = tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await });
        provider.asked_times(1).await;
        gateway.stop();
        let answer = asking.await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
        provider.left().await;
        let log = gateway.ended().await;
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_first_token_cancels_the_provider() {
    let provider = Provider::start([Act::Hang]).await;
    let gateway = gateway(&provider, "keepalive_after: 20ms").await;
    let mut stream = asking(&gateway, true).send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    provider.asked_times(1).await;
    drop(stream);
    provider.left().await;
    assert_eq!(gateway.record("it").await.end, End::Abandoned);
}

#[tokio::test]
async fn a_reset_http_2_stream_cancels_the_provider_and_leaves_the_others() {
    let gate = Arc::new(Notify::new());
    let slow = Act::Gated(gate.clone(), Box::new(completion("Paris")));
    let provider = Provider::start([Act::Stall(vec![role(), text("Par")]), slow]).await;
    let gateway = gateway(&provider, "").await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let client = client.build().unwrap();
    let ask = |stream| {
        let url = format!("{}/v1/chat/completions", gateway.url);
        client.post(url).body(chat("r", stream))
    };
    let mut leaving = ask(true).send().await.unwrap();
    leaving.chunk().await.unwrap().unwrap();
    let staying = ask(false);
    let staying = tokio::spawn(async move { Answer::read(staying.send().await.unwrap()).await });
    provider.asked_times(2).await;
    drop(leaving);
    provider.left().await;
    gate.notify_one();
    assert!(staying.await.unwrap().body.contains("Paris"));
    assert_eq!(gateway.hall.ledger.metrics().connections.get(), 1);
}
