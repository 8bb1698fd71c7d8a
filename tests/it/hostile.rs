//! Bytes that are no HTTP, or that two readers of HTTP would understand differently; requests that would lead elsewhere.

use serde_json::{Value, json};

use crate::support::{
    Gateway, Provider, chat, completion,
    raw::{HEALTH, Raw},
};

async fn gateway(provider: &Provider) -> Gateway {
    let yaml = format!(
        "
server: {{ header_timeout: 300ms }}
providers: {{ a: {{ dialect: openai, base_url: \"{}\" }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    );
    Gateway::start(&yaml).await
}

/// What the gateway says to these bytes, until it closes.
async fn said(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut raw = Raw::open(gateway).await;
    raw.send(bytes).await;
    raw.closed().await
}

#[tokio::test]
async fn garbage_is_refused_or_cut_and_harms_nobody() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider).await;
    let long = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let many = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    let cases: [&[u8]; 11] = [
        b"\r\n\r\n\r\n\r\n",
        b"HELO mail.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET /heal\0thz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nbad\0name: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame, not a frame, not a frame",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for bytes in cases {
        let answer = said(&gateway, bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(!answer.contains(" 200 "), "{shown:?} {answer:?}");
        let refused = answer.starts_with("HTTP/1.1 4") || !answer.contains("HTTP/1.1");
        assert!(refused, "{shown:?} {answer:?}");
    }
    assert!(said(&gateway, HEALTH.as_bytes()).await.contains(" 200 "));
    gateway
        .until("the connections' end", |hall| {
            hall.ledger.metrics().connections.get() == 0
        })
        .await;
}

#[tokio::test]
async fn bodies_of_two_lengths_do_not_smuggle_a_second_request() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let body = chat("r", false);
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let length = body.len();
    let cases = [
        (
            format!(
                "content-length: {length}\r\ncontent-length: {}\r\n",
                length + 40
            ),
            body.clone(),
        ),
        (
            format!("content-length: {length}, {}\r\n", length + 40),
            body.clone(),
        ),
        (format!("content-length: +{length}\r\n"), body.clone()),
        (format!("content-length: 0x{length:x}\r\n"), body.clone()),
        (format!("content-length : {length}\r\n"), body.clone()),
        ("content-length: -1\r\n".into(), body.clone()),
        (
            "transfer-encoding: chunked, identity\r\n".into(),
            chunked.clone(),
        ),
        ("transfer-encoding: xchunked\r\n".into(), chunked.clone()),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n".into(),
            chunked.clone(),
        ),
        (
            "transfer-encoding\u{b}: chunked\r\n".into(),
            chunked.clone(),
        ),
        (
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            chunked.clone(),
        ),
        (
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
            chunked.clone(),
        ),
        (
            format!(
                "transfer-encoding: chunked\r\ncontent-length: {}\r\n",
                length + 40
            ),
            chunked.clone(),
        ),
        (
            "transfer-encoding: chunked\r\n".into(),
            chunked.replace("\r\n0\r\n", "\r\n-0\r\n"),
        ),
        (
            "transfer-encoding: chunked\r\n".into(),
            format!("ffffffffffffffff1\r\n{body}\r\n0\r\n\r\n"),
        ),
        (
            "transfer-encoding: chunked\r\n".into(),
            chunked.replace("\r\n0", "XX0"),
        ),
    ];
    for (headers, body) in cases {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}{smuggled}"
        );
        let answer = said(&gateway, request.as_bytes()).await;
        // One answer at most, whatever stood behind the body; a request of two lengths ends its connection.
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{headers:?} {answer}"
        );
        let both = headers.contains("content-length") && headers.contains("transfer-encoding");
        let status = if both { "HTTP/1.1 200" } else { "HTTP/1.1 400" };
        assert!(answer.starts_with(status), "{headers:?} {answer}");
    }
    let asked = provider.asked();
    assert_eq!(asked.len(), 3);
    assert!(
        asked
            .iter()
            .all(|asked| asked.json()["messages"][0]["content"] == "Hello?")
    );
}

#[tokio::test]
async fn names_that_callers_make_up_leave_nothing_behind() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let health = gateway.hall.face().desk.health.clone();
    let known = || {
        let now = tokio::time::Instant::now();
        let targets = health.snapshot(now).into_iter();
        let targets: Vec<String> = targets.map(|state| state.target.to_string()).collect();
        let mut routes: Vec<String> = health.budgets(now).into_iter().map(|it| it.0).collect();
        routes.sort();
        (targets, routes)
    };
    let before = (vec!["a/m".to_owned()], vec![String::new(), "r".to_owned()]);
    assert_eq!(known(), before, "what the configuration names");
    for name in 0..20 {
        let answer = gateway.chat(&format!("invented-{name}")).await;
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
    assert_eq!(known(), before);

    // Names are remembered in records, so they are short.
    let long = "a/".to_owned() + &"x".repeat(511);
    let answer = gateway.chat(&long).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.json()["error"]["param"], "model");
    let tool = "x".repeat(129);
    let body = format!(
        r#"{{"model":"r","messages":[{{"role":"user","content":"?"}}],"metadata":{{"x-waypost-tool":"{tool}"}}}}"#
    );
    let answer = gateway
        .send(gateway.post("/v1/chat/completions", body))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.tool, None);
}

#[tokio::test]
async fn no_caller_says_where_its_completion_is_asked_for_or_with_which_key() {
    let (provider, decoy) = (
        Provider::start([completion("Hi")]).await,
        Provider::start([completion("stolen")]).await,
    );
    let yaml = format!(
        "
providers: {{ a: {{ dialect: openai, base_url: '{}', api_key: sk-of-the-operator }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    );
    let gateway = Gateway::start(&yaml).await;
    let there = &decoy.url;
    let members = [
        json!({ "api_base": there }),
        json!({ "base_url": there, "api_key": "sk-of-the-caller" }),
        json!({ "custom_llm_provider": "openai", "litellm_params": { "api_base": there } }),
        json!({ "extra_headers": { "authorization": "Bearer sk-of-the-caller", "host": there } }),
        json!({ "extra_body": { "api_base": there } }),
        json!({ "provider": { "base_url": there, "order": [there] } }),
        json!({ "model": format!("{there}/m") }),
        json!({ "fallbacks": [{ "model": "r", "api_base": there }] }),
    ];
    for more in &members {
        let mut body: Value = serde_json::from_str(&chat("r", false)).unwrap();
        let all = body.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        let answer = gateway.post("/v1/chat/completions", body.to_string());
        let answer = gateway.send(answer).await;
        let is_fine = match answer.status {
            200 => answer.body.contains("Hi"),
            status => [400, 404].contains(&status),
        };
        assert!(is_fine, "{more}: {} {}", answer.status, answer.body);
    }
    let address = there.trim_end_matches("/v1").trim_start_matches("http://");
    for (name, value) in [
        ("x-portkey-custom-host", there.as_str()),
        ("helicone-target-url", there),
        ("x-forwarded-host", address),
        ("forwarded", &format!("host={address}")),
        ("host", address),
        ("proxy-authorization", "Bearer sk-of-the-caller"),
    ] {
        let asking = gateway.post("/v1/chat/completions", chat("r", false));
        let answer = gateway.send(asking.header(name, value)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    assert!(decoy.asked().is_empty());
    let asked = provider.asked();
    assert!(asked.len() >= 6);
    for asked in asked {
        assert_eq!(asked.headers["authorization"], "Bearer sk-of-the-operator");
        let told = format!("{:?}", asked.headers);
        assert!(
            !told.contains("caller") && !told.contains(address),
            "{told}"
        );
    }
}
