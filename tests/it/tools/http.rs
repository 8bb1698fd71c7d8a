//! Tools that call an API.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStderr},
    time::timeout,
};
use waypost::{
    app::wire,
    config::{File, parse},
};

use super::{answer, call, text};
use crate::support::{
    Gateway,
    gateway::PATIENCE,
    web::{self, Web},
};

/// A gateway with tools of this kind; `$KEY` stands for a file that holds `sk-canary-0123456789`.
struct Scene {
    gateway: Arc<Gateway>,
    _folder: tempfile::TempDir,
}

const CANARY: &str = "sk-canary-0123456789";

async fn scene(tools: &str) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, CANARY).unwrap();
    let tools = tools.replace("$KEY", &format!("file:{}", key.display()));
    let yaml = format!(
        "providers: {{ s: {{ dialect: simulated }} }}\nroutes: {{ chat: {{ targets: [s/fast] }} }}\ntools:\n{tools}"
    );
    Scene {
        gateway: Arc::new(Gateway::start(&yaml).await),
        _folder: folder,
    }
}

/// One tool `api.get` on this service; `more` is further keys, one each line.
async fn tool(web: &Web, url: &str, more: &str) -> Scene {
    let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
    let address = web.address;
    scene(&format!(
        "  api.get:\n    kind: http\n    description: Calls.\n    url: http://{address}{url}\n    allow_private: [\"{address}\"]\n    input_schema: {{ type: object, additionalProperties: true }}\n{more}"
    ))
    .await
}

fn is_error(result: &Value) -> bool {
    result["isError"] == true
}

#[tokio::test]
async fn arguments_go_where_they_belong_and_the_answer_comes_back_as_data() {
    let web = Web::start("127.0.0.1:0", |_| {
        web::json(200, r#"{"id":7,"name":"Ada"}"#)
    })
    .await;
    let more = "
method: POST
query: { fixed: a&b, list: \"${input.list}\", gone: \"${input.gone}\" }
headers: { x-user: \"${caller.name}/${input.user}\", x-gone: \"${input.gone}\", x-key: { secret: $KEY, before: 'Token ' } }
auth: { bearer: $KEY }
body: { json: { note: \"${input.note}\", deep: [\"${input.n}\"], gone: \"${input.gone}\" } }";
    let scene = tool(&web, "/c/${input.id}?v=${input.n}", more).await;
    let arguments =
        json!({"id": "a/b?c", "n": 3, "user": "ada", "list": ["x y", 2], "note": {"k": [1]}});
    let result = call(&scene.gateway, "api__get", arguments).await;
    assert_eq!(result["structuredContent"], json!({"id": 7, "name": "Ada"}));
    assert_eq!(
        serde_json::from_str::<Value>(text(&result)).unwrap(),
        result["structuredContent"]
    );

    let asked = web.last();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /c/a%2Fb%3Fc?v=3&fixed=a%26b&list=x+y&list=2 HTTP/1.1\r\n"),
        "{head}"
    );
    for line in [
        "x-key: Token sk-canary-0123456789",
        "authorization: Bearer sk-canary-0123456789",
        "content-type: application/json",
        "x-user: ",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(head.contains("/ada") && !head.contains("x-gone"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({"note": {"k": [1]}, "deep": [3]}));
}

#[tokio::test]
async fn an_argument_that_would_lead_elsewhere_sends_nothing() {
    let web = Web::start("127.0.0.1:0", |_| web::json(200, "{}")).await;
    let more = "headers: { x-user: \"${input.user}\" }";
    let scene = tool(&web, "/c/${input.id}", more).await;
    for hostile in [
        json!({"id": ".."}),
        json!({"id": "../admin"}),
        json!({"id": "%2e%2e"}),
        json!({"id": ""}),
        json!({}),
        json!({"id": null}),
        json!({"id": ["a"]}),
        json!({"id": "a\u{0}"}),
        json!({"id": "a", "user": "x\r\nx-admin: 1"}),
        json!({"id": "a", "user": "x\nHost: evil"}),
        json!({"id": "a", "user": "\u{0}"}),
        json!({"id": "a", "user": "é"}),
    ] {
        let result = call(&scene.gateway, "api__get", hostile.clone()).await;
        assert!(is_error(&result), "{hostile}: {result}");
        assert!(text(&result).contains("argument"), "{result}");
    }
    assert_eq!(web.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_classes_with_a_short_excerpt_and_without_our_key() {
    for (status, media_type, body, told) in [
        (
            404,
            "application/json",
            r#"{"error":"no such customer"}"#,
            "status 404: {\"error\":\"no such customer\"}",
        ),
        (
            401,
            "text/plain",
            "Incorrect API key provided: sk-canary-0123456789.",
            "Incorrect API key provided: [redacted].",
        ),
        (
            400,
            "application/json",
            r#"{"e":"sk-\u0063anary-0123456789"}"#,
            "{\"e\":\"[redacted]\"}",
        ),
        (400, "text/html", "<h1>no</h1>", "status 400"),
        (418, "text/plain", "a\nb\u{1b}[31m", "a\\nb\\u{1b}[31m"),
        (
            500,
            "application/json",
            r#"{"trace":"at /srv/app.py"}"#,
            "status 500",
        ),
        (302, "text/plain", "x", "status 302"),
    ] {
        let answer = web::says(status, media_type, "", body);
        let web = Web::start("127.0.0.1:0", move |_| answer.clone()).await;
        let scene = tool(&web, "/", "auth: { bearer: $KEY }").await;
        let answer = answer_of(&scene).await;
        assert!(
            !answer.contains(CANARY) && !answer.contains("/srv/app.py"),
            "{answer}"
        );
        let result: Value = serde_json::from_str(&answer).unwrap();
        let result = &result["result"];
        assert!(
            is_error(result) && text(result).contains(told),
            "{status}: {answer}"
        );
        assert!(text(result).chars().count() < 300, "{answer}");
    }
    let long = web::says(400, "text/plain", "", &"x".repeat(100_000));
    let web = Web::start("127.0.0.1:0", move |_| long.clone()).await;
    let scene = tool(&web, "/", "").await;
    assert!(answer_of(&scene).await.len() < 1_000);
}

#[tokio::test]
async fn wrong_guesses_of_one_caller_close_the_tool_to_nobody() {
    for status in [400, 404, 405, 409, 410, 422] {
        let web = Web::start("127.0.0.1:0", move |asked| {
            let found = asked.starts_with("GET /good ");
            web::json(if found { 200 } else { status }, "{}")
        })
        .await;
        let scene = tool(&web, "/${input.id}", "").await;
        for id in 0..30 {
            let refused = call(&scene.gateway, "api__get", json!({ "id": id })).await;
            let told = text(&refused);
            assert!(told.contains(&format!("status {status}")), "{id}: {told}");
        }
        let found = call(&scene.gateway, "api__get", json!({"id": "good"})).await;
        assert_eq!(found["structuredContent"], json!({}), "{status}");
        let metrics = scene.gateway.admin("/metrics").await.body;
        let counted = r#"waypost_tool_calls_total{outcome="declined",tool="api.get"} 30"#;
        assert!(metrics.contains(counted), "{metrics}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_longer_good_opens_the_circuit() {
    for status in [401, 403, 407] {
        let web = Web::start("127.0.0.1:0", move |_| web::json(status, "{}")).await;
        let scene = tool(&web, "/", "").await;
        for _ in 0..5 {
            assert!(answer_of(&scene).await.contains("answered with status"));
        }
        let rests = answer_of(&scene).await;
        assert!(rests.contains("failed too often"), "{status}: {rests}");
    }
}

#[tokio::test]
async fn a_text_with_an_argument_that_is_missing_is_not_sent() {
    let web = Web::start("127.0.0.1:0", |_| web::json(200, "{}")).await;
    let more = "headers: { x-user: \"Token ${input.user}\" }\nquery: { q: \"name:${input.user}\" }";
    let scene = tool(&web, "/", more).await;
    for arguments in [json!({}), json!({"user": null})] {
        let result = call(&scene.gateway, "api__get", arguments).await;
        assert!(is_error(&result), "{result}");
        assert!(text(&result).contains("missing"), "{result}");
    }
    assert_eq!(web.asked().len(), 0);
    call(&scene.gateway, "api__get", json!({"user": "ada"})).await;
    assert!(web.last().contains("x-user: Token ada"), "{}", web.last());
}

#[tokio::test]
async fn who_asks_too_often_reads_how_long_to_wait() {
    let answer = web::says(429, "application/json", "retry-after: 7\r\n", "{}");
    let web = Web::start("127.0.0.1:0", move |_| answer.clone()).await;
    let scene = tool(&web, "/", "").await;
    let result = call(&scene.gateway, "api__get", json!({})).await;
    assert!(text(&result).contains("Try again in 7 s"), "{result}");
}

async fn answer_of(scene: &Scene) -> String {
    answer(&scene.gateway, "api__get", json!({})).await.body
}

#[tokio::test]
async fn a_key_that_is_echoed_in_a_good_answer_is_hidden() {
    for body in [
        format!(r#"{{"headers":{{"authorization":"Bearer {CANARY}"}},"{CANARY}":1}}"#),
        r#"{"a":"sk-canary\u002d0123456789"}"#.to_owned(),
    ] {
        let answer = web::json(200, &body);
        let web = Web::start("127.0.0.1:0", move |_| answer.clone()).await;
        let scene = tool(&web, "/", "auth: { bearer: $KEY }").await;
        let told = answer_of(&scene).await;
        assert!(
            told.contains("[redacted]") && !told.contains("canary"),
            "{told}"
        );
    }
    // In words of no type, in the type itself, and as a piece of an image.
    for (media_type, body) in [
        ("text/plain", r#"{"a":"sk-\u0063anary\u002d0123456789"#),
        (&*format!("image/{CANARY}"), "PNG"),
        ("image/png", &*format!("PNG{CANARY}PNG")),
    ] {
        let answer = web::says(200, media_type, "", body);
        let web = Web::start("127.0.0.1:0", move |_| answer.clone()).await;
        let scene = tool(&web, "/", "auth: { bearer: $KEY }").await;
        let told = answer_of(&scene).await;
        for spelt in ["canary", "u0063anary", "c2stY2FuYXJ5", "UE5Hc2stY2FuYXJ5"] {
            assert!(!told.contains(spelt), "{media_type}: {told}");
        }
    }
    // In the beginning of a refusal that is long, or no JSON though it says so.
    let escaped = r"sk-canar\u0079-0123456789";
    let long = format!(r#"{{"key":"{escaped}","rest":"{}"}}"#, "x".repeat(20_000));
    for body in [long, format!(r#"{{"key":"{escaped}""#)] {
        let answer = web::says(400, "application/json", "", &body);
        let web = Web::start("127.0.0.1:0", move |_| answer.clone()).await;
        let scene = tool(&web, "/", "auth: { bearer: $KEY }").await;
        let told = answer_of(&scene).await;
        assert!(
            told.contains("status 400") && !told.contains("canar"),
            "{told}"
        );
    }
    // What is sent for a name and a password is hidden too.
    let web = Web::start("127.0.0.1:0", |asked| {
        web::says(200, "text/plain", "", asked)
    })
    .await;
    let scene = tool(&web, "/", "auth: { basic: { user: ada, password: $KEY } }").await;
    let told = answer_of(&scene).await;
    assert!(
        web.last()
            .contains("authorization: Basic YWRhOnNrLWNhbmFyeS0wMTIzNDU2Nzg5")
    );
    assert!(told.contains("Basic [redacted]"), "{told}");
}

#[tokio::test]
async fn answers_are_read_as_what_they_are() {
    for (answer, more, told) in [
        (web::says(200, "text/csv", "", "a,b"), "", "a,b"),
        (
            web::says(200, "application/vnd.x+json; charset=utf-8", "", "[1, 2]"),
            "",
            "[1,2]",
        ),
        (
            web::says(200, "text/html", "", r#"{"a":1}"#),
            "result: { as: json }",
            r#"{"a":1}"#,
        ),
        (
            web::json(200, r#"{"a":1}"#),
            "result: { as: text }",
            r#"{"a":1}"#,
        ),
        (
            web::json(200, r#"{"d":{"l":[3]}}"#),
            "result: { pick: /d/l/0 }",
            "3",
        ),
        (
            web::says(204, "text/plain", "", ""),
            "",
            "status 204 and no content",
        ),
        (web::json(404, r#"{"a":1}"#), "ok: [200, 404]", r#"{"a":1}"#),
    ] {
        let said = answer.clone();
        let web = Web::start("127.0.0.1:0", move |_| said.clone()).await;
        let scene = tool(&web, "/", more).await;
        let result = call(&scene.gateway, "api__get", json!({})).await;
        assert!(
            !is_error(&result) && text(&result).contains(told),
            "{answer}: {result}"
        );
    }
    for (answer, more, told) in [
        (web::json(200, "{"), "", "not the JSON"),
        (
            web::json(200, "{}"),
            "result: { pick: /gone }",
            "nothing at /gone",
        ),
        (
            web::says(200, "application/octet-stream", "", "x"),
            "",
            "neither JSON nor text",
        ),
        (web::json(201, "{}"), "ok: [200]", "status 201"),
        (
            web::json(200, &"1".repeat(2_000)),
            "max_response: 1000",
            "larger than 1000 bytes",
        ),
        (
            web::says(200, "text/plain", "content-encoding: gzip\r\n", "x"),
            "",
            "compressed",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_owned(),
            "",
            "broke the connection",
        ),
        (String::new(), "timeout: 300ms", "in"),
    ] {
        let said = answer.clone();
        let web = Web::start("127.0.0.1:0", move |_| said.clone()).await;
        let scene = tool(&web, "/", more).await;
        let result = call(&scene.gateway, "api__get", json!({})).await;
        assert!(
            is_error(&result) && text(&result).contains(told),
            "{answer}: {result}"
        );
    }
}

#[tokio::test]
async fn an_image_is_an_image() {
    let web = Web::start("127.0.0.1:0", |_| web::says(200, "image/png", "", "PNG")).await;
    let scene = tool(&web, "/", "").await;
    let result = call(&scene.gateway, "api__get", json!({})).await;
    assert_eq!(
        result["content"][0],
        json!({"type": "image", "data": "UE5H", "mimeType": "image/png"})
    );
}

#[tokio::test]
async fn a_redirect_inside_is_not_followed_and_told_like_nothing_there() {
    let inside = Web::start("127.0.0.2:0", |_| web::json(200, r#"{"secret":1}"#)).await;
    let location = format!("location: http://{}/\r\n", inside.address);
    let sends_on = web::says(302, "text/plain", &location, "");
    let web = Web::start("127.0.0.1:0", move |_| sends_on.clone()).await;
    let scene = tool(&web, "/", "").await;
    let result = call(&scene.gateway, "api__get", json!({})).await;
    assert!(is_error(&result), "{result}");
    assert_eq!(text(&result), "The service could not be reached");
    assert_eq!(inside.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_caller_that_leaves_takes_its_request_along() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let scene = scene(&format!(
        "  api.get: {{ kind: http, description: Waits., url: \"http://{address}/\", allow_private: [\"{address}\"] }}\n"
    ))
    .await;
    let gateway = scene.gateway.clone();
    let calling = tokio::spawn(async move { answer(&gateway, "api__get", json!({})).await });
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    calling.abort();
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    timeout(PATIENCE, reading)
        .await
        .expect("an end of the request in time")
        .unwrap();
    assert!(bytes.starts_with(b"GET / HTTP/1.1\r\n"));
}

/// The problems of one tool with these keys.
fn problems(keys: &str) -> Vec<String> {
    let yaml = format!(
        "providers: {{ s: {{ dialect: simulated }} }}\nroutes: {{ chat: {{ targets: [s/fast] }} }}\ntools:\n  t:\n    kind: http\n    description: Calls.\n    {keys}\n"
    );
    let file = match parse::<File>("test.yaml", &yaml) {
        Ok(loaded) => loaded.value,
        Err(problems) => {
            let told = problems.diagnostics.iter();
            return told
                .map(|it| format!("{}: {}", it.path.join("."), it.message))
                .collect();
        }
    };
    match wire(&file, &|_| None) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_is_wrong_with_a_tool_is_told_at_its_key() {
    assert_eq!(
        problems("url: https://a.example/${input.x}"),
        Vec::<String>::new()
    );
    for (keys, told) in [
        ("url: ''", "tools.t.url: there is no URL"),
        (
            "url: https://${input.host}/",
            "tools.t.url: scheme and host must be literal",
        ),
        ("url: http://a.example/", "it is http"),
        ("url: https://169.254.169.254/latest", "not public"),
        ("url: https://2130706433/", "not public"),
        ("url: https://u:p@a.example/", "user name"),
        (
            "url: https://a.example/${secrets.x}",
            "there is no `secrets.x` here",
        ),
        (
            "{url: https://a.example/, auth: {bearer: env:UNSET}}",
            "tools.t.auth.bearer: the environment variable UNSET",
        ),
        (
            "{url: https://a.example/, headers: {authorization: Bearer x}}",
            "tools.t.headers.authorization: this header holds a secret",
        ),
        (
            "{url: https://a.example/, headers: {Host: x}}",
            "tools.t.headers.Host: this header follows",
        ),
        (
            "{url: https://a.example/, headers: {'a b': x}}",
            "no name of a header",
        ),
        (
            "{url: https://a.example/, headers: {a: {secrets: env:X}}}",
            "tools.t.headers.a",
        ),
        (
            "{url: https://a.example/, query: {a: '${'}}",
            "tools.t.query.a",
        ),
        (
            "{url: https://a.example/, body: {json: {a: ['${x}']}}}",
            "tools.t.body.json.a.0",
        ),
        (
            "{url: https://a.example/, body: {form: {a: x}}}",
            "tools.t.body: a GET has no body",
        ),
        ("{url: https://a.example/, ok: [99]}", "tools.t.ok.0"),
        (
            "{url: https://a.example/, result: {pick: items}}",
            "tools.t.result.pick",
        ),
        (
            "{url: https://a.example/, max_response: 0}",
            "tools.t.max_response",
        ),
        (
            "{url: https://a.example/, allow_private: ['0.0.0.0/0']}",
            "tools.t.allow_private.0",
        ),
        ("{url: https://a.example/, uri: x}", "tools.t.uri"),
    ] {
        let keys = match keys.strip_prefix('{') {
            Some(inner) => {
                let inner = inner.strip_suffix('}').unwrap();
                inner
                    .split(".example/, ")
                    .collect::<Vec<_>>()
                    .join(".example/\n    ")
            }
            None => keys.to_owned(),
        };
        let found = problems(&keys);
        assert!(
            found.iter().any(|problem| problem.contains(told)),
            "{keys}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn proxies_of_the_environment_see_nothing() {
    let proxy = Web::start("127.0.0.1:0", |_| web::json(200, r#"{"from":"proxy"}"#)).await;
    let web = Web::start("127.0.0.1:0", |_| web::json(200, r#"{"from":"web"}"#)).await;
    let folder = tempfile::tempdir().unwrap();
    let address = web.address;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\" }}\nproviders: {{ s: {{ dialect: simulated }} }}\nroutes: {{ chat: {{ targets: [s/fast] }} }}\ntools:\n  t: {{ kind: http, description: Calls., url: \"http://{address}/\", allow_private: [\"{address}\"] }}\n"
    );
    std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
    let through = format!("http://{}", proxy.address);
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_waypost"));
    program
        .args(["serve"])
        .current_dir(folder.path())
        .env_clear()
        .kill_on_drop(true);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        program.env(name, &through);
    }
    program
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut running = program.spawn().unwrap();
    let (url, _lines) = listening(&mut running).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = super::request("t", json!({}), json!({}));
    let sent = client.post(format!("{url}/mcp")).body(request.to_string());
    let sent = sent
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "t");
    let answer = timeout(PATIENCE, sent.send()).await.unwrap().unwrap();
    let told = answer.text().await.unwrap();
    assert!(told.contains("web"), "{told}");
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert_eq!(web.asked().len(), 1);
    running.kill().await.unwrap();
}

/// The address a gateway says it serves at, and what must live for it to say more.
async fn listening(running: &mut Child) -> (String, Lines<BufReader<ChildStderr>>) {
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    loop {
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let line = line.expect("a gateway that serves");
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(address) = line["fields"]["public"].as_str() {
            return (format!("http://{address}"), lines);
        }
    }
}
