//! A changed configuration takes over without a request being dropped; a bad one changes nothing.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rustix::fs::OFlags;
use tokio::sync::Notify;

use crate::support::{Act, Answer, Gateway, Provider, chat, completion, error};

fn config(a: &Provider, b: &Provider, routes: &str) -> String {
    format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\" }}
  b: {{ dialect: openai, base_url: \"{}\" }}
routes: {{ {routes} }}
",
        a.url, b.url
    )
}

/// How many reloads ended so.
fn reloads(gateway: &Gateway, result: &str) -> u64 {
    let reloads = &gateway.hall.ledger.metrics().config_reloads;
    reloads.with_label_values(&[result]).get()
}

#[tokio::test]
async fn a_route_comes_and_goes_with_its_file() {
    let provider = Provider::start([completion("Hi")]).await;
    let with = |routes: &str| config(&provider, &provider, routes);
    let gateway = Gateway::start(&with("r: { targets: [a/m] }")).await;
    assert_eq!(gateway.chat("s").await.status, 404);
    gateway
        .reconfigure(&with("r: { targets: [a/m] }, s: { targets: [b/n] }"))
        .await;
    assert_eq!(gateway.chat("s").await.header("x-waypost-target"), "b/n");
    gateway.reconfigure(&with("s: { targets: [a/m] }")).await;
    assert_eq!(gateway.chat("s").await.header("x-waypost-target"), "a/m");
    let gone = gateway.chat("r").await;
    assert_eq!(
        (gone.status, &gone.json()["error"]["code"]),
        (404, &"model_not_found".into())
    );
    let metrics = gateway.admin("/metrics").await.body;
    assert!(metrics.contains("waypost_config_generation 3"), "{metrics}");
    assert!(
        metrics.contains("waypost_config_reloads_total{result=\"ok\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn requests_in_flight_end_on_the_configuration_they_began_with() {
    let gate = Arc::new(Notify::new());
    let failing = Act::Gated(gate.clone(), Box::new(error(500, "boom")));
    let a = Provider::start([failing]).await;
    let b = Provider::start([completion("old")]).await;
    let new = Provider::start([completion("new")]).await;
    let gateway = Gateway::start(&config(&a, &b, "r: { targets: [a/m, b/n] }")).await;
    let request = gateway.post("/v1/chat/completions", chat("r", false));
    let asking = tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await });
    a.asked_times(1).await;
    gateway
        .reconfigure(&config(&new, &new, "r: { targets: [a/m] }"))
        .await;
    assert!(gateway.chat("r").await.body.contains("new"));
    gate.notify_one();
    // Its first target fails only now, and the second one is still that of the old file.
    let answer = asking.await.unwrap();
    assert!(answer.body.contains("old"), "{}", answer.body);
    assert_eq!(answer.header("x-waypost-target"), "b/n");
}

#[tokio::test]
async fn a_bad_file_is_refused_and_the_old_configuration_stays() {
    let provider = Provider::start([completion("Hi")]).await;
    let good = config(&provider, &provider, "r: { targets: [a/m] }");
    let gateway = Gateway::start(&good).await;
    for (count, bad) in [
        "routes: [".to_owned(),
        good.replace("targets", "target"),
        good.replace("a/m", "nobody/m"),
        good.replace(
            "dialect: openai",
            "dialect: openai, api_key: env:WAYPOST_TEST_NOT_SET",
        ),
        format!("{good}access: {{ keys: [] }}"),
        String::new(),
    ]
    .iter()
    .enumerate()
    {
        gateway.reconfigure(bad).await;
        assert_eq!(reloads(&gateway, "refused"), count as u64 + 1, "{bad}");
        assert_eq!(gateway.chat("r").await.status, 200, "{bad}");
    }
    let metrics = gateway.admin("/metrics").await.body;
    assert!(
        metrics.contains("waypost_config_reloads_total{result=\"refused\"} 6"),
        "{metrics}"
    );
    assert!(metrics.contains("waypost_config_generation 1"), "{metrics}");
    gateway.reconfigure(&good.replace("r:", "mended:")).await;
    assert_eq!(gateway.chat("mended").await.status, 200);
}

#[tokio::test]
async fn keys_are_taken_and_withdrawn_by_a_reload() {
    const KEY: &str = "wp-0123456789abcdef";
    let provider = Provider::start([completion("Hi")]).await;
    let open = config(&provider, &provider, "r: { targets: [a/m] }");
    let gateway = Gateway::start(&open).await;
    assert_eq!(gateway.chat("r").await.status, 200);
    let keys = |key: &str| format!("{open}access: {{ keys: [{{ name: k, key: {key} }}] }}");
    gateway.reconfigure(&keys(KEY)).await;
    assert_eq!(gateway.chat("r").await.status, 401);
    let with_key = || {
        gateway
            .post("/v1/chat/completions", chat("r", false))
            .bearer_auth(KEY)
    };
    assert_eq!(gateway.send(with_key()).await.status, 200);
    gateway.reconfigure(&keys("wp-fedcba9876543210")).await;
    assert_eq!(gateway.send(with_key()).await.status, 401);
}

#[tokio::test]
async fn what_needs_a_restart_stays_as_it_was_and_the_rest_is_taken() {
    let provider = Provider::start([completion("Hi")]).await;
    let before = config(&provider, &provider, "r: { targets: [a/m] }");
    let gateway = Gateway::start(&before).await;
    let server = "server: { max_connections: 1, header_timeout: 1ms, max_body: 10 }";
    gateway.reconfigure(&format!("{before}{server}")).await;
    assert_eq!(reloads(&gateway, "ok"), 1);
    assert_eq!(gateway.chat("r").await.status, 413, "the new max_body");
    assert_eq!(gateway.admin("/healthz").await.status, 200);
}

/// A file that is read for as long as somebody has it open to write.
struct Pipe(PathBuf);

impl Pipe {
    fn new(folder: &Path) -> Self {
        let path = folder.join("key");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        Self(path)
    }

    /// This configuration, whose providers' keys stand in the pipe.
    fn keys_of(&self, config: &str) -> String {
        let key = format!("dialect: openai, api_key: 'file:{}'", self.0.display());
        config.replacen("dialect: openai", &key, 1)
    }

    /// Waits until the gateway reads it, and keeps it reading.
    async fn read_by(&self, gateway: &Gateway) -> File {
        let mut options = File::options();
        // Otherwise it would be waited for without end.
        options
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32);
        let mut opened = None;
        gateway
            .until("a reader", |_| {
                opened = options.open(&self.0).ok();
                opened.is_some()
            })
            .await;
        opened.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_served_does_not_wait_for_a_reload() {
    let provider = Provider::start([completion("Hi")]).await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = Pipe::new(folder.path());
    let before = config(&provider, &provider, "r: { targets: [a/m] }");
    let gateway = Gateway::start(&before).await;
    let other = before.replace("r:", "s:");
    std::fs::write(&gateway.config, pipe.keys_of(&other)).unwrap();
    let mut reading = pipe.read_by(&gateway).await;
    // Over a connection that was not there before.
    assert_eq!(gateway.chat("r").await.status, 200);
    assert_eq!(
        (reloads(&gateway, "ok"), gateway.chat("s").await.status),
        (0, 404)
    );
    reading.write_all(b"sk-out-of-the-pipe").unwrap();
    drop(reading);
    gateway
        .until("the reload", |_| reloads(&gateway, "ok") == 1)
        .await;
    assert_eq!(gateway.chat("s").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_ends_in_the_middle_of_a_reload() {
    let provider = Provider::start([completion("Hi")]).await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = Pipe::new(folder.path());
    let before = config(&provider, &provider, "r: { targets: [a/m] }");
    let gateway = Gateway::start(&before).await;
    std::fs::write(&gateway.config, pipe.keys_of(&before)).unwrap();
    let reading = pipe.read_by(&gateway).await;
    gateway.stop();
    gateway.ended().await;
    drop(reading);
}
