//! Callers who leave (F30 to F33): their provider sees it, and the books have what was used until then.

use std::sync::Arc;

use tokio::{
    sync::Notify,
    time::{Duration, Instant},
};
use waypost::telemetry::{End, Record};

use crate::support::{
    Gateway, Provider, chat, completion,
    faulty::{
        Fate, Faulty, Script, Step,
        script::{chunk, head, json, say, stream_head},
    },
    gateway::PATIENCE,
    raw::{HEALTH, Raw},
    role, text,
};

/// A gateway whose route `r` asks `first`, then `second`.
async fn gateway(first: &Faulty, second: &Provider) -> Gateway {
    Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}/v1\", api_key: sk-canary-a }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes: {{ r: {{ targets: [a/m, b/m] }} }}
",
        first.url, second.url
    ))
    .await
}

/// A chat as a raw request under the id `leaver`.
fn request(stream: bool) -> String {
    let body = chat("r", stream);
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: leaver\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// How a caller leaves.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// Its connection is closed.
    Close,
    /// It only says that it has nothing more to say, which on HTTP/1.1 is leaving too.
    HalfClose,
    /// Its connection is reset.
    Reset,
}

const LEAVES: [Leave; 3] = [Leave::Close, Leave::HalfClose, Leave::Reset];

/// Has a caller ask, wait for `mark` in the answer, and leave. Gives the record of it.
async fn leave(script: Script, stream: bool, mark: Option<&str>, how: Leave) -> Arc<Record> {
    let provider = Faulty::serving(script).await;
    let second = Provider::start([completion("B")]).await;
    let gateway = gateway(&provider, &second).await;
    let mut caller = Raw::open(&gateway).await;
    caller.send(request(stream)).await;
    match mark {
        Some(mark) => drop(caller.until(mark).await),
        None => drop(provider.until("the request", |seen| seen.len() == 1).await),
    }
    let since = Instant::now();
    let kept = match how {
        Leave::Close => {
            drop(caller);
            None
        }
        Leave::HalfClose => Some(caller.half_close().await),
        Leave::Reset => {
            caller.reset();
            None
        }
    };
    let seen = provider
        .until("the caller's leaving", |seen| seen[0].left().is_some())
        .await;
    let noticed = seen[0].left().unwrap().duration_since(since);
    assert!(noticed < PATIENCE, "{how:?}: noticed after {noticed:?}");
    let record = gateway.record("leaver").await;
    assert_eq!(record.end, End::Abandoned, "{how:?}");
    assert_eq!(record.attempts.len(), 1, "{how:?}");
    assert_eq!(record.attempts[0].end, End::Abandoned, "{how:?}");
    assert!(second.asked().is_empty(), "{how:?}: nobody else is asked");
    assert_eq!(provider.seen().len(), 1, "{how:?}");
    drop(kept);
    gateway
        .until("a place", |hall| hall.ledger.metrics().in_flight.get() == 0)
        .await;
    let health = gateway.send(gateway.get("/healthz")).await;
    assert_eq!(health.status, 200);
    record
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_head_cancels_the_provider() {
    for how in LEAVES {
        for stream in [false, true] {
            leave(vec![Step::Hang], stream, None, how).await;
        }
    }
}

#[tokio::test]
async fn a_caller_who_leaves_a_plain_wait_cancels_the_provider() {
    for how in LEAVES {
        let typed = [
            ("content-type", "application/json"),
            ("transfer-encoding", "chunked"),
        ];
        let begun = vec![say(head(200, &typed)), say(chunk("{\"id\":")), Step::Hang];
        leave(begun, false, None, how).await;
    }
}

#[tokio::test]
async fn a_caller_who_leaves_midway_is_on_the_books_with_what_came() {
    for how in LEAVES {
        let begun = vec![
            say(stream_head()),
            say(chunk(role() + &text("12345678") + &text("12345678"))),
            say(chunk(text("87654321"))),
            Step::Hang,
        ];
        let record = leave(begun, true, Some("87654321"), how).await;
        let usage = record.attempts[0].usage.unwrap();
        // Three times eight bytes, four to a token, of our own count.
        assert_eq!((usage.output, usage.estimated), (6, true), "{how:?}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_a_stream_that_flows_stops_it() {
    for how in LEAVES {
        let flowing = vec![
            say(stream_head()),
            say(chunk(role() + &text("first"))),
            Step::Forever(chunk(text("x")), Duration::from_millis(2)),
        ];
        leave(flowing, true, Some("first"), how).await;
    }
}

#[tokio::test]
async fn a_caller_who_waits_between_requests_has_not_left() {
    let gate = Arc::new(Notify::new());
    let slow = vec![Step::Await(gate.clone()), say(json(200, "{}"))];
    let provider = Faulty::serving(slow).await;
    let second = Provider::start([completion("B")]).await;
    let gateway = gateway(&provider, &second).await;
    let mut caller = Raw::open(&gateway).await;
    // The next request lies in the connection while the first is answered: no sign of leaving.
    caller.send(request(false) + HEALTH).await;
    provider.until("the request", |seen| seen.len() == 1).await;
    gate.notify_one();
    caller.until("\"B\"").await;
    caller.until("\r\n\r\nok").await;
    assert_eq!(provider.seen()[0].fate, Fate::Played);
    assert_eq!(gateway.record("leaver").await.end, End::Delivered);
}
