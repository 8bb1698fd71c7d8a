//! What must not go wrong again: reloads, patience, logs and numbers that once told less than the truth.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
};

use tokio::time::{Duration, Instant, sleep};
use waypost::{
    app::wire,
    config::{File, parse},
    dialect::{Ask, Work, openai::OpenAi},
    limit::Limits,
    relay::{self, Answered, Desk, Errand},
    telemetry::{Ledger, Opening, Receipt, Surface},
    upstream::Upstream,
};

use crate::support::{
    Act, Gateway, Provider, chat, completion, gateway::PATIENCE, raw::Raw, streamed,
};

const KEY: &str = "wp-0123456789abcdef";

/// A configuration of the providers `a` and `b`, tried in this order by the route `r`.
fn config(a: &Provider, b: &Provider) -> String {
    format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\" }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes: {{ r: {{ targets: [a/m, b/m] }} }}
",
        a.url, b.url
    )
}

/// The program, in a folder and an environment of its own.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

#[tokio::test]
async fn a_reload_never_opens_a_listener_that_strangers_reach() {
    let provider = Provider::start([completion("Hi")]).await;
    let rest = format!(
        "
providers: {{ a: {{ dialect: openai, base_url: \"{}\" }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    );
    let keys = format!("access: {{ keys: [{{ name: k, key: {KEY} }}] }}\n");
    let open = "server: { listen: \"0.0.0.0:0\", admin_listen: \"0.0.0.0:0\", admin_key: admin-0123456789 }\n";
    let gateway = Gateway::start_as_written(&format!("{open}{keys}{rest}")).await;
    let generation = || gateway.hall.face().generation;
    let away = "server: { listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"";
    for refused in [
        format!("{away}, admin_key: admin-0123456789 }}\n{rest}"),
        format!("{away} }}\n{keys}{rest}"),
        format!("server: {{ listen: nowhere, admin_key: admin-0123456789 }}\n{keys}{rest}"),
    ] {
        gateway.reconfigure(&refused).await;
        assert_eq!(generation(), 1, "{refused}");
        assert_eq!(gateway.chat("r").await.status, 401);
        assert_eq!(gateway.admin("/metrics").await.status, 401);
    }
    let guarded = format!("{away}, admin_key: admin-0123456789 }}\n{keys}{rest}");
    gateway.reconfigure(&guarded).await;
    assert_eq!(generation(), 2, "what stays guarded may be written");
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_caller_may_be_as_patient_as_it_likes() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = Gateway::start(&config(&provider, &provider)).await;
    for name in [
        "x-stainless-read-timeout",
        "x-stainless-timeout",
        "x-request-timeout-ms",
    ] {
        let request = gateway.post("/v1/chat/completions", chat("r", false));
        let answer = gateway.send(request.header(name, "1e19")).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    assert_eq!(gateway.hall.ledger.metrics().panics.get(), 0);
}

#[tokio::test]
async fn spent_patience_ends_the_chain() {
    for stream in [false, true] {
        let slow = Provider::start([Act::Hang]).await;
        let slower = Provider::start([Act::Hang]).await;
        let gateway = Gateway::start(&config(&slow, &slower)).await;
        let request = gateway.post("/v1/chat/completions", chat("r", stream));
        let answer = gateway
            .send(request.header("x-stainless-read-timeout", "0.1"))
            .await;
        assert_eq!(answer.status, 504, "{}", answer.body);
        let record = gateway.record(answer.header("x-request-id")).await;
        let tried: Vec<&str> = record.attempts.iter().map(|made| &*made.target).collect();
        // Each had half of what was left, and the last one the rest.
        assert_eq!(tried, ["a/m", "b/m"]);
    }
}

#[tokio::test]
async fn who_never_answers_leaves_time_for_the_next() {
    for stream in [false, true] {
        let silent = Provider::start([Act::Hang]).await;
        let ready = Provider::start([if stream {
            streamed("Hi")
        } else {
            completion("Hi")
        }])
        .await;
        let gateway = Gateway::start(&config(&silent, &ready)).await;
        let request = gateway.post("/v1/chat/completions", chat("r", stream));
        let answer = gateway
            .send(request.header("x-request-timeout-ms", "1000"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("x-waypost-target"), "b/m");
    }
}

#[test]
fn the_configured_level_decides_what_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    // A literal key is warned about; the port that is taken ends the program.
    let check = |level: &str, variable: Option<&str>, warned: bool| {
        let yaml = format!(
            "server: {{ listen: \"{listen}\", admin_listen: \"127.0.0.1:0\" }}
telemetry: {{ level: {level} }}
providers: {{ a: {{ dialect: openai, base_url: \"http://127.0.0.1:1/v1\", api_key: a-literal-key }} }}
"
        );
        std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
        let mut serve = program(folder.path(), &["serve"]);
        let output = serve
            .envs(variable.map(|value| ("WAYPOST_LOG", value)))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("cannot listen"), "{told}");
        assert_eq!(told.contains("literal key"), warned, "{level}: {told}");
    };
    check("info", None, true);
    check("warn", None, true);
    check("error", None, false);
    check("error", Some("warn"), true);
    check("info", Some("error"), false);
}

#[tokio::test]
async fn a_wish_that_cannot_be_understood_is_refused_by_name() {
    let provider = Provider::start([]).await;
    let gateway = Gateway::start(&format!(
        "
providers: {{ a: {{ dialect: openai, base_url: \"{}\", models: {{ m: {{}} }} }} }}
routes: {{ r: {{ targets: [a/m] }} }}
",
        provider.url
    ))
    .await;
    let request = gateway.post("/v1/chat/completions", chat("r", false));
    let answer = gateway
        .send(request.header("x-waypost-strategy", "cheapst"))
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let error: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(error["error"]["param"], "x-waypost-strategy");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("Did you mean cheapest?"), "{message}");
}

#[tokio::test]
async fn a_target_that_cannot_do_it_stands_in_the_record() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{0}\", models: {{ m: {{ cannot: [tools] }} }} }}
  b: {{ dialect: openai, base_url: \"{0}\", models: {{ m: {{}} }} }}
routes: {{ r: {{ targets: [a/m, b/m] }} }}
",
        provider.url
    ))
    .await;
    let body = r#"{"model":"r","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    let answer = gateway
        .send(gateway.post("/v1/chat/completions", body))
        .await;
    assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
    let record = gateway.record(answer.header("x-request-id")).await;
    let shown: Vec<_> = record
        .candidates
        .iter()
        .map(|shown| (&*shown.target, shown.kept, shown.reason.label()))
        .collect();
    assert_eq!(
        shown,
        [("b/m", true, "list_order"), ("a/m", false, "lacks_ability")]
    );
    assert_eq!(record.attempts.len(), 1);
}

#[test]
fn a_reader_who_leaves_ends_commands_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "providers: { s: { dialect: simulated, models: { m: {} } } }\nroutes: { r: { targets: [s/m] } }\n";
    std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
    std::fs::write(folder.path().join("ask.json"), chat("r", false)).unwrap();
    for arguments in [
        &["schema"][..],
        &["models"],
        &["models", "--json"],
        &["check"],
        &["check", "--json"],
        &["explain", "--request", "ask.json"],
        &["explain", "--request", "ask.json", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(folder.path(), arguments).stdout(writer).output();
        let output = output.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), told.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn an_image_reserves_what_an_image_costs() {
    let provider = Provider::start([completion("Hi")]).await;
    let keys = format!("access: {{ keys: [{{ name: k, key: {KEY}, tpm: 10000 }}] }}");
    let gateway = Gateway::start(&format!("{}{keys}", config(&provider, &provider))).await;
    let media = "A".repeat(600_000);
    let url =
        format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{media}"}}}}"#);
    let source = format!(
        r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{media}"}}}}"#
    );
    for (path, part) in [("/v1/chat/completions", url), ("/v1/messages", source)] {
        let body = format!(
            r#"{{"model":"r","max_tokens":50,"messages":[{{"role":"user","content":[{part}]}}]}}"#
        );
        let answer = gateway
            .send(gateway.post(path, body).bearer_auth(KEY))
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_reads_slowly_is_no_silence_of_the_provider() {
    let yaml = "
providers: { s: { dialect: simulated, tokens_per_second: 5, models: { m: {} } } }
routes: { r: { targets: [s/m], timeout: { idle: 5s } } }
";
    let file: File = parse("test", yaml).unwrap().value;
    let wired = wire(&file, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}"));
    let ask = Ask::read(&OpenAi, Work::Completion, chat("r", true).as_bytes()).unwrap();
    let caller = wired.access.identify(None).unwrap();
    let now = Instant::now();
    let opening = Opening {
        id: "it".into(),
        surface: Surface::Chat,
        caller: caller.name.clone(),
        identity: None,
        model: "r".into(),
        stream: true,
        serves: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        arrived: now,
    };
    let errand = Errand {
        hints: Default::default(),
        rights: Default::default(),
        affinity: 0,
        tool: None,
        ask,
        caller,
        limits: Arc::new(Limits::new(None, None, now)),
        patience: None,
        total: None,
        seed: 0,
        receipt: Receipt::open(Ledger::start(None), opening),
    };
    let desk = Desk::new(
        wired.router,
        Default::default(),
        Arc::new(Upstream::new(file.upstream)),
        Default::default(),
        Default::default(),
    );
    let answered = relay::complete(Arc::new(desk), errand).await;
    let Ok(Answered::Stream(mut flow, _)) = answered else {
        panic!("no stream")
    };
    let mut all = Vec::new();
    for pause in [7, 7, 7, 0, 7] {
        all.extend_from_slice(&flow.next().await.unwrap());
        sleep(Duration::from_secs(pause)).await;
    }
    while let Some(more) = flow.next().await {
        all.extend_from_slice(&more);
    }
    let all = String::from_utf8(all).unwrap();
    assert!(all.ends_with("data: [DONE]\n\n"), "{all}");
}

#[tokio::test]
async fn requests_that_could_not_be_read_are_counted() {
    let provider = Provider::start([completion("Hi")]).await;
    let server = "server: { max_body: 300, body_grace: 50ms }";
    let gateway = Gateway::start(&format!("{server}{}", config(&provider, &provider))).await;
    let send = |body: String| gateway.send(gateway.post("/v1/chat/completions", body));
    assert_eq!(send("{".into()).await.status, 400);
    assert_eq!(send("{}".into()).await.status, 400);
    assert_eq!(send("x".repeat(301)).await.status, 413);
    let mut slow = Raw::open(&gateway).await;
    slow.send("POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        .await;
    slow.until("HTTP/1.1 408").await;
    let metrics = gateway.admin("/metrics").await.body;
    for (reason, count) in [("malformed", 2), ("too_large", 1), ("too_slow", 1)] {
        let line = format!("waypost_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

/// The program while it serves, and what it says on standard error. Ended when dropped.
struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in told.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits until it says `what`.
    fn says(&self, what: &str) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(what) => return,
                Ok(_) => {}
                Err(error) => panic!("waited for {what:?}: {error}"),
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_hangup_without_a_file_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let mut serve = program(folder.path(), &["serve"]);
    serve.args(addresses).env("OPENAI_API_KEY", "a-key");
    let mut serving = Serving::start(serve);
    serving.says("waypost serves");
    for _ in 0..2 {
        serving.signal("HUP");
        serving.says("nothing to reload");
    }
    serving.signal("TERM");
    assert!(serving.child.wait().unwrap().success());
}

#[tokio::test]
async fn what_alerts_look_at_is_there_before_it_happens() {
    let provider = Provider::start([]).await;
    let gateway = Gateway::start(&config(&provider, &provider)).await;
    let metrics = gateway.admin("/metrics").await.body;
    let check = |name: &str, label: &str, values: &[&str]| {
        for value in values {
            let line = format!("{name}{{{label}=\"{value}\"}} 0");
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
    };
    check("waypost_config_reloads_total", "result", &["ok", "refused"]);
    check("waypost_limited_total", "limit", &["requests", "tokens"]);
    let refusals = [
        "no_key",
        "wrong_key",
        "ambiguous_key",
        "bad_token",
        "expired_token",
        "no_scope",
        "no_tell",
        "admin_key",
        "malformed",
        "too_large",
        "too_slow",
    ];
    check("waypost_refused_total", "reason", &refusals);
}

#[test]
fn a_provider_whose_key_is_missing_is_warned_about() {
    let check = |yaml: &str, variable: &str, expected: &[&str]| {
        let file: File = parse("test", yaml).unwrap().value;
        let environment = |name: &str| (name == variable).then(|| "a-key".to_owned());
        let wired = wire(&file, &environment).unwrap_or_else(|problems| panic!("{problems:?}"));
        let told: Vec<&str> = wired
            .warnings
            .iter()
            .map(|problem| &*problem.message)
            .collect();
        assert_eq!(told, expected, "{yaml}");
    };
    let unset = |name| {
        format!("no key: the environment variable {name} is not set; requests go out without one")
    };
    let shipped = "providers: { openai: {} }";
    check(shipped, "OPENAI_API_KEY", &[]);
    check(shipped, "", &[&unset("OPENAI_API_KEY")]);
    check("providers: { openai: { auth: none } }", "", &[]);
    check(
        "providers: { mine: { card: openai, key_env: MINE } }",
        "OPENAI_API_KEY",
        &[&unset("MINE")],
    );
    let local = "providers: { local: { dialect: openai, base_url: \"http://127.0.0.1:1/v1\" } }";
    check(local, "", &[]);
}

#[test]
fn check_counts_in_good_english() {
    let folder = tempfile::tempdir().unwrap();
    let check = |yaml: &str, expected: &str| {
        std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
        let output = program(folder.path(), &["check"]).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("waypost.yaml is good: {expected}\n")
        );
    };
    let one = "providers: { s: { dialect: simulated, models: { m: {} } } }\nroutes: { r: { targets: [s/m] } }\n";
    check(one, "1 provider, 1 route, 0 tools");
    let tool = "tools: { t: { kind: fixture, does: text, description: Says something. } }\n";
    check(tool, "0 providers, 0 routes, 1 tool");
    check("", "0 providers, 0 routes, 0 tools");
}

#[test]
fn a_change_that_waits_for_a_restart_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("waypost.yaml");
    let yaml = |drain| {
        format!(
            "server: {{ listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\", drain: {drain} }}\n"
        )
    };
    std::fs::write(&config, yaml("1s")).unwrap();
    let mut serving = Serving::start(program(folder.path(), &["serve"]));
    serving.says("waypost serves");
    std::fs::write(&config, yaml("2s")).unwrap();
    serving.says("server.drain");
    serving.says("the configuration was reloaded");
    serving.signal("TERM");
    assert!(serving.child.wait().unwrap().success());
}
