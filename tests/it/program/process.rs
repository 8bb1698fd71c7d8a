//! `waypost serve` in a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use serde_json::Value;

use super::program;
use crate::support::{Answer, chat, gateway::PATIENCE};

/// How often a process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// A gateway in a process of its own. Killed when dropped.
pub(super) struct Process {
    pub(super) child: Child,
    /// Its messages, line by line.
    told: Receiver<String>,
    /// All of them so far.
    pub(super) heard: Arc<Mutex<String>>,
    pub(super) url: String,
    pub(super) client: reqwest::Client,
}

impl Process {
    /// Starts it on free ports, and waits until it serves.
    pub(super) fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_by(&[], folder, environment)
    }

    /// The same by way of another command, which becomes it.
    pub(super) fn start_by(by: &[&str], folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = program(folder);
        if let Some((first, rest)) = by.split_first() {
            let itself = command.get_program().to_owned();
            command = Command::new(first);
            command.args(rest).arg(itself).env_clear();
            command.current_dir(folder).stdin(Stdio::null());
            command.env("PATH", "/usr/bin:/bin");
        }
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        command.envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = channel();
        let heard = Arc::new(Mutex::new(String::new()));
        let hears = heard.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.lock().unwrap().push_str(&line);
                let _ = tell.send(line);
            }
        });
        let mut process = Self {
            child,
            told,
            heard,
            url: String::new(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let serves = process.told("waypost serves");
        let serves: Value = serde_json::from_str(&serves).unwrap();
        process.url = format!("http://{}", serves["fields"]["public"].as_str().unwrap());
        process
    }

    /// Waits for a message that holds `text`.
    pub(super) fn told(&self, text: &str) -> String {
        loop {
            let line = self.told.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("waited for {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(super) fn ask(&self, model: &str, stream: bool) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/chat/completions", self.url);
        self.client.post(url).body(chat(model, stream))
    }

    pub(super) async fn chat(&self, model: &str) -> Answer {
        Answer::read(self.ask(model, false).send().await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.url));
        Answer::read(request.send().await.unwrap()).await
    }

    /// Waits for its end: the exit code, and what it printed.
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        // Its output has ended, so there is little left to wait for.
        let polls = PATIENCE.as_millis() / POLL.as_millis();
        for _ in 0..polls {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), out);
            }
            std::thread::sleep(POLL);
        }
        panic!("it does not end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
