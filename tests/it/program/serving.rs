//! `waypost serve` as a process: its listeners, its signals, its end.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::{folder, process::Process, program, run};
use crate::support::{Act, Answer, Provider, completion, done, error, provider, role, text};

fn config(provider: &Provider, routes: &str) -> String {
    format!(
        "providers: {{ a: {{ dialect: openai, base_url: \"{}\" }} }}\nroutes: {routes}",
        provider.url
    )
}

#[tokio::test]
async fn the_providers_whose_keys_are_set_are_served_without_a_file() {
    let empty = tempfile::tempdir().unwrap();
    let process = Process::start(empty.path(), &[("OPENAI_API_KEY", "sk-canary-0123456789")]);
    let models = process.get("/v1/models").await;
    let list = models.json()["data"].clone();
    let ids = list
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap());
    let ids: Vec<_> = ids.collect();
    assert!(ids.contains(&"openai/gpt-5.1"), "{ids:?}");
    assert!(ids.iter().all(|id| id.starts_with("openai/")), "{ids:?}");
    assert_eq!(process.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn sighup_and_changes_reload_the_file_and_sigterm_drains() {
    let provider = Provider::start([completion("Hi")]).await;
    let folder = folder(&config(&provider, "{ r: { targets: [a/m] } }"));
    let process = Process::start(folder.path(), &[]);
    assert_eq!(process.chat("r").await.status, 200);
    assert_eq!(process.chat("s").await.status, 404);
    process.signal("-HUP");
    process.told("the configuration was reloaded");
    assert_eq!(process.chat("r").await.status, 200);
    let changed = config(&provider, "{ s: { targets: [a/m] } }");
    std::fs::write(folder.path().join("waypost.yaml"), changed).unwrap();
    process.told("the configuration was reloaded");
    assert_eq!(process.chat("s").await.status, 200);
    process.signal("-TERM");
    process.told("SIGTERM: draining");
    process.told("waypost has drained");
    let (code, log) = process.ended();
    assert_eq!(code, Some(0));
    assert_eq!(log.lines().count(), 4, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["message"], "request");
    }
}

#[tokio::test]
async fn sigint_lets_a_stream_finish() {
    let gate = Arc::new(Notify::new());
    let act = Act::Paused {
        first: vec![role(), text("Par")],
        gate: gate.clone(),
        rest: vec![text("is"), provider::chunk("{}", Some("stop")), done()],
        cut: false,
    };
    let provider = Provider::start([act]).await;
    let folder = folder(&config(&provider, "{ r: { targets: [a/m] } }"));
    let process = Process::start(folder.path(), &[]);
    let mut stream = process.ask("r", true).send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    process.signal("-INT");
    process.told("SIGINT: draining");
    gate.notify_one();
    let rest = Answer::read(stream).await;
    assert!(rest.body.ends_with("data: [DONE]\n\n"), "{}", rest.body);
    assert_eq!(process.ended().0, Some(0));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder("providers: { s: { dialect: simulated } }");
    for (flag, other) in [
        ("--listen", "--admin-listen"),
        ("--admin-listen", "--listen"),
    ] {
        let mut command = program(folder.path());
        command.args(["serve", flag, &address, other, "127.0.0.1:0"]);
        let (code, out, told) = run(&mut command);
        assert_eq!((code, out.as_str()), (1, ""), "{told}");
        assert!(
            told.contains(&format!("cannot listen on {address}")),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_bad_file_is_not_served() {
    let folder = folder(super::BAD);
    let mut command = program(folder.path());
    let (code, _, told) = run(command.args(["serve", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, 2);
    assert!(told.contains("waypost.yaml:3:8"), "{told}");
    let empty = tempfile::tempdir().unwrap();
    let mut command = program(empty.path());
    command.env("WAYPOST_CONFIG", folder.path().join("waypost.yaml"));
    assert_eq!(run(command.arg("serve")).0, 2);
}

#[tokio::test]
async fn a_failing_provider_is_told_of_once_and_without_secrets() {
    let provider = Provider::start([error(401, "sk-canary")]).await;
    let yaml = config(&provider, "{ r: { targets: [a/m] } }")
        .replace("}\" }", "}\", api_key: sk-canary }");
    let folder = folder(&yaml);
    let process = Process::start(folder.path(), &[("WAYPOST_LOG", "debug")]);
    assert_eq!(process.chat("r").await.status, 401);
    process.signal("-TERM");
    process.told("waypost has drained");
    let heard = process.heard.clone();
    let (_, log) = process.ended();
    let heard = heard.lock().unwrap();
    assert!(
        !heard.contains("canary") && !heard.contains("Hello?"),
        "{heard}"
    );
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("\"error_class\":\"auth\"") && !log.contains("canary"),
        "{log}"
    );
}

#[tokio::test]
async fn a_session_of_mcp_survives_a_killed_process() {
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"0"}}}"#;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let folder = folder("providers: { s: { dialect: simulated } }\nstore: { path: waypost.db }");
    let post = |process: &Process, body: &'static str| {
        let post = process.client.post(format!("{}/mcp", process.url));
        let post = post.header("accept", "application/json, text/event-stream");
        post.header("content-type", "application/json").body(body)
    };
    let mut process = Process::start(folder.path(), &[]);
    let answer = Answer::read(post(&process, initialize).send().await.unwrap()).await;
    let session = answer.header("mcp-session-id").to_owned();
    process.child.kill().unwrap();
    process.child.wait().unwrap();
    let next = Process::start(folder.path(), &[]);
    let listed = post(&next, list).header("mcp-session-id", &session);
    let listed = Answer::read(listed.send().await.unwrap()).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    assert!(listed.body.contains("\"llm__complete\""), "{}", listed.body);
    for process in [&process, &next] {
        let heard = process.heard.lock().unwrap();
        assert!(
            !heard.contains(&session),
            "the log holds no id of a session: {heard}"
        );
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_named() {
    let folder =
        folder("providers: { s: { dialect: simulated } }\nstore: { path: no/such/folder.db }");
    let mut command = program(folder.path());
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    let (code, _, told) = run(&mut command);
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("the store no/such/folder.db cannot be used"),
        "{told}"
    );
}
