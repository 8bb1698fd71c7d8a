//! `waypost mcp`: the protocol on standard input and output, and nothing else there.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{config, peer::meta};
use crate::support::gateway::PATIENCE;

const KEY: &str = "wp-0123456789abcdef";

const PROMPT: &str = "prompts: { hello: { messages: [{ text: Hello. }] } }";

/// The program, with its configuration. Killed when dropped.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    folder: TempDir,
}

impl Process {
    fn start(yaml: &str, key: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("waypost.yaml"), yaml).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.env_clear().current_dir(folder.path()).arg("mcp");
        command.envs(key.map(|key| ("WAYPOST_API_KEY", key)));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, output) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let input = child.stdin.take();
        Self {
            child,
            input,
            output,
            folder,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes());
    }

    /// The next line, which is JSON or the test fails.
    fn next(&mut self) -> Value {
        match self.output.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")),
            Err(error) => panic!("no line: {error}"),
        }
    }

    fn initialize(&mut self) {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(self.next()["result"]["serverInfo"]["name"], "waypost");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    fn reconfigure(&self, yaml: &str) {
        std::fs::write(self.folder.path().join("waypost.yaml"), yaml).unwrap();
    }

    /// Ends its input.
    fn end(&mut self) {
        self.input = None;
    }

    /// How it exited, and what it said on standard error. Nothing more was on standard output.
    fn exited(mut self) -> (i32, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let rest = self.output.recv_timeout(PATIENCE);
        assert_eq!(rest, Err(RecvTimeoutError::Disconnected));
        let mut said = String::new();
        let mut error = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut error, &mut said).unwrap();
        (status.code().expect("an exit, not a signal"), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keys() -> String {
    format!("access: {{ keys: [{{ name: k, key: {KEY} }}] }}")
}

fn request(id: i64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}})
}

#[test]
fn without_a_good_key_or_configuration_nothing_is_served() {
    let good = config(PROMPT, &keys());
    for key in [None, Some(""), Some("wp-fedcba9876543210")] {
        let (code, said) = Process::start(&good, key).exited();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("WAYPOST_API_KEY: "), "{said}");
        assert!(!said.contains("wp-fedcba9876543210"), "{said}");
    }
    let (code, said) = Process::start("mpc: {}", None).exited();
    assert_eq!(code, 2);
    assert!(
        said.contains("waypost.yaml:1:1: error: unknown key `mpc`"),
        "{said}"
    );
}

#[test]
fn what_is_no_message_is_answered_and_it_goes_on() {
    let mut process = Process::start(&config(&format!("max_body: 1000\n{PROMPT}"), ""), None);
    process.initialize();
    process.write(b"{\n");
    assert_eq!(process.next()["error"]["code"], -32700);
    process.write(b"\n\r\n\xff\n");
    assert_eq!(process.next()["error"]["code"], -32700);
    process.write(b"[]\n");
    assert_eq!(process.next()["error"]["code"], -32600);
    // Far more than a pipe holds, so that it can only be written if it is thrown away.
    process.write(&[b'x'; 1 << 20]);
    process.write(b"\n");
    let answer = process.next();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&Value::Null, &json!(-32600))
    );
    process.send(&request(1, "prompts/list"));
    assert_eq!(process.next()["result"]["prompts"][0]["name"], "hello");
    process.end();
    let (code, said) = process.exited();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_was_asked_is_answered_though_the_input_has_ended() {
    let mut process = Process::start(&config(PROMPT, &keys()), Some(KEY));
    let mut lines = String::new();
    for id in 0..20 {
        let params = json!({"name": "hello", "_meta": meta()});
        let request =
            json!({"jsonrpc": "2.0", "id": id, "method": "prompts/get", "params": params});
        lines += &format!("{request}\n");
    }
    process.write(lines.trim_end().as_bytes());
    process.end();
    let mut ids: Vec<_> = (0..20)
        .map(|_| process.next()["id"].as_i64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..20).collect::<Vec<_>>());
    assert_eq!(process.exited().0, 0);
}

#[test]
fn a_reload_is_told_and_a_key_that_goes_ends_it() {
    let mut process = Process::start(&config(PROMPT, &keys()), Some(KEY));
    process.initialize();
    process.send(&request(1, "ping"));
    process.next();
    process.reconfigure("mpc: {}");
    process.reconfigure(&config(&PROMPT.replace("hello", "bye"), &keys()));
    assert_eq!(
        process.next()["method"],
        "notifications/prompts/list_changed"
    );
    process.send(&request(2, "prompts/list"));
    assert_eq!(process.next()["result"]["prompts"][0]["name"], "bye");
    process.reconfigure(&config(PROMPT, &keys().replace(KEY, "wp-fedcba9876543210")));
    let (code, said) = process.exited();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("WAYPOST_API_KEY is no longer a key"),
        "{said}"
    );
}

#[test]
fn sigterm_ends_it_though_its_input_is_open_and_a_subscription_runs() {
    let mut process = Process::start(&config(PROMPT, ""), None);
    let params = json!({"notifications": {"promptsListChanged": true}, "_meta": meta()});
    process.send(
        &json!({"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": params}),
    );
    assert_eq!(
        process.next()["method"],
        "notifications/subscriptions/acknowledged"
    );
    let id = rustix::process::Pid::from_child(&process.child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let end = process.next();
    assert_eq!(
        (&end["id"], &end["result"]["resultType"]),
        (&json!(7), &json!("complete"))
    );
    assert_eq!(process.exited().0, 0);
}

#[test]
fn one_that_does_not_begin_as_the_protocol_does_is_told() {
    let mut process = Process::start(&config(PROMPT, ""), None);
    process.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let (code, said) = process.exited();
    assert_eq!(code, 1);
    assert!(said.contains("does not begin as MCP does"), "{said}");
}
