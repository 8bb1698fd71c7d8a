//! The listener against everything that arrives: protocols, slow and broken clients, sizes.

use crate::support::{
    Act, Answer, Gateway, Provider, chat, completion, error,
    raw::{HEALTH, Raw},
    streamed,
};

/// A gateway with the route `r` and these settings of the server.
async fn gateway(provider: &Provider, server: &str) -> Gateway {
    Gateway::start(&config(provider, server)).await
}

fn config(provider: &Provider, server: &str) -> String {
    format!(
        "
server: {{ {server} }}
providers: {{ a: {{ dialect: openai, base_url: \"{}\" }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    )
}

/// A chat as bytes, with these header lines.
fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider, "").await;
    let mut raw = Raw::open(&gateway).await;
    for _ in 0..3 {
        raw.send(HEALTH).await;
        assert!(raw.until("\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
    }
    // Two at once.
    raw.send([HEALTH, HEALTH].concat()).await;
    raw.until("\r\n\r\nok").await;
    raw.until("\r\n\r\nok").await;
    assert_eq!(gateway.hall.ledger.metrics().connections.get(), 1);
    raw.send("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(raw.closed().await.contains("connection: close"));
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port_without_tls() {
    let provider = Provider::start([completion("Hi"), streamed("Hi")]).await;
    let gateway = gateway(&provider, "").await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let client = client.build().unwrap();
    let url = format!("{}/v1/chat/completions", gateway.url);
    for stream in [false, true] {
        let response = client
            .post(&url)
            .body(chat("r", stream))
            .send()
            .await
            .unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        let answer = Answer::read(response).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.events().last() == Some(&"[DONE]"), stream);
    }
    assert_eq!(gateway.hall.ledger.metrics().connections.get(), 1);
}

#[tokio::test]
async fn tls_offers_http_2_and_1() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let provider = Provider::start([streamed("Hi")]).await;
    let tls = format!(
        "tls: {{ cert: {}, key: {} }}",
        path("cert.pem"),
        path("key.pem")
    );
    let gateway = gateway(&provider, &tls).await;
    let port = gateway.url.rsplit_once(':').unwrap().1;
    let url = format!("https://localhost:{port}/v1/chat/completions");
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let builder = || {
        reqwest::Client::builder()
            .no_proxy()
            .add_root_certificate(root.clone())
    };
    for (client, version) in [
        (builder(), http::Version::HTTP_2),
        (builder().http1_only(), http::Version::HTTP_11),
    ] {
        let client = client.build().unwrap();
        let response = client
            .post(&url)
            .body(chat("r", true))
            .send()
            .await
            .unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(Answer::read(response).await.text(), "Hi");
    }
    // Neither plain text nor a half handshake gets anything, and neither harms.
    let mut plain = Raw::open(&gateway).await;
    plain.send(HEALTH).await;
    assert!(!plain.closed().await.contains("ok"));

    let broken = format!("tls: {{ cert: {0}, key: {0} }}", path("cert.pem"));
    let failed = Gateway::start_on(&config(&provider, &broken), "127.0.0.1:0", "127.0.0.1:0").await;
    let failed = failed.err().unwrap().to_string();
    assert!(
        failed.contains("waypost.yaml:2:") && failed.contains("no private key"),
        "{failed}"
    );
}

#[tokio::test]
async fn clients_that_never_end_their_head_are_closed() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider, "header_timeout: 100ms").await;
    for beginning in [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ",
        "PRI * HTTP/2.0\r\n",
    ] {
        let mut raw = Raw::open(&gateway).await;
        raw.send(beginning).await;
        let said = raw.closed().await;
        assert!(!said.contains("200"), "{beginning:?} {said}");
    }
    // The next request of a connection has as long, and no longer.
    let mut raw = Raw::open(&gateway).await;
    raw.send(HEALTH).await;
    raw.until("\r\n\r\nok").await;
    raw.send("GET /he").await;
    raw.closed().await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider, "header_timeout: 100ms").await;
    let mut raw = Raw::open(&gateway).await;
    raw.send(HEALTH).await;
    raw.until("\r\n\r\nok").await;
    assert_eq!(raw.closed().await, "");
    gateway
        .until("the connection's end", |hall| {
            hall.ledger.metrics().connections.get() == 0
        })
        .await;
}

#[tokio::test]
async fn a_long_answer_is_not_cut_by_the_time_heads_may_take() {
    let provider = Provider::start([Act::Hang]).await;
    let gateway = gateway(&provider, "header_timeout: 50ms, keepalive_after: 100ms").await;
    let mut raw = Raw::open(&gateway).await;
    let body = chat("r", true);
    raw.send(post(&format!("content-length: {}\r\n", body.len()), &body))
        .await;
    for _ in 0..3 {
        raw.until(": keep-alive").await;
    }
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider, "body_grace: 100ms").await;
    for head in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let mut raw = Raw::open(&gateway).await;
        raw.send(post(head, "2\r\n{\"\r\n")).await;
        let answer = raw.closed().await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("invalid_request_error"), "{answer}");
    }
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "max_body: 1000").await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    for (headers, body) in [
        ("content-length: 1001\r\n", ""),
        ("content-length: 1001\r\nexpect: 100-continue\r\n", ""),
        ("content-length: 18446744073709551610\r\n", ""),
        ("transfer-encoding: chunked\r\n", &*chunk.repeat(3)),
    ] {
        let mut raw = Raw::open(&gateway).await;
        raw.send(post(headers, body)).await;
        let answer = raw.until("\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{headers} {answer}");
    }
    let padded = |length: usize| {
        let body = chat("r", false);
        format!("{}{body}", " ".repeat(length - body.len()))
    };
    for (length, status) in [(1_000, 200), (1_001, 413)] {
        let answer = gateway
            .send(gateway.post("/v1/chat/completions", padded(length)))
            .await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 413 {
            assert_eq!(answer.json()["error"]["code"], "request_too_large");
        }
    }
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_room() {
    let provider = Provider::start([error(500, "boom")]).await;
    let gateway = gateway(&provider, "max_connections: 1").await;
    let mut first = Raw::open(&gateway).await;
    first.send(HEALTH).await;
    first.until("\r\n\r\nok").await;
    let mut second = Raw::open(&gateway).await;
    second.send(HEALTH).await;
    first.send(HEALTH).await;
    first.until("\r\n\r\nok").await;
    assert_eq!(gateway.hall.ledger.metrics().connections.get(), 1);
    drop(first);
    assert!(second.until("\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
}
