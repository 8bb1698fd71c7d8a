//! A real gateway in the test's process, on ports of its own.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use waypost::{
    app::{self, Failed},
    config::Source,
    http::Hall,
    telemetry::Record,
};

/// How long anything a test waits for may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that serves. Stopped when dropped.
pub(crate) struct Gateway {
    /// Base URL of the public listener.
    pub(crate) url: String,
    /// Base URL of the admin listener.
    pub(crate) admin: String,
    /// What its handlers share.
    pub(crate) hall: Arc<Hall>,
    /// Its configuration file.
    pub(crate) config: PathBuf,
    /// A client that obeys no proxy.
    pub(crate) client: reqwest::Client,
    log: Log,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), Failed>>>,
    _folder: TempDir,
}

impl Gateway {
    /// Starts a gateway with this configuration; listeners are put on free ports.
    pub(crate) async fn start(yaml: &str) -> Self {
        let started = Self::start_on(yaml, "127.0.0.1:0", "127.0.0.1:0").await;
        started.unwrap_or_else(|failed| panic!("the gateway did not start: {failed}"))
    }

    /// Starts a gateway on these listeners, or tells why it did not start.
    pub(crate) async fn start_on(yaml: &str, listen: &str, admin: &str) -> Result<Self, Failed> {
        Self::launch(yaml, Some(listen.into()), Some(admin.into())).await
    }

    /// Starts a gateway on the listeners its configuration names.
    pub(crate) async fn start_as_written(yaml: &str) -> Self {
        let started = Self::launch(yaml, None, None).await;
        started.unwrap_or_else(|failed| panic!("the gateway did not start: {failed}"))
    }

    async fn launch(
        yaml: &str,
        listen: Option<String>,
        admin_listen: Option<String>,
    ) -> Result<Self, Failed> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("waypost.yaml");
        std::fs::write(&config, yaml).unwrap();
        let log = Log::default();
        let stop = CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let options = app::Options {
            source: Source::File(config.clone()),
            listen,
            admin_listen,
            output: Box::new(log.clone()),
            colour: false,
            ready: Box::new(move |started| {
                let _ = ready.send(started);
            }),
            stop: stop.clone(),
        };
        let mut task = tokio::spawn(app::run(options));
        let started = tokio::select! {
            Ok(started) = started => started,
            ended = &mut task => return Err(ended.unwrap().unwrap_err()),
        };
        Ok(Self {
            url: format!("http://{}", started.public),
            admin: format!("http://{}", started.admin),
            hall: started.hall,
            config,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            log,
            stop,
            task: Some(task),
            _folder: folder,
        })
    }

    /// Gets a path of the public listener.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// Posts JSON to a path of the public listener.
    pub(crate) fn post(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request
            .header("content-type", "application/json")
            .body(body)
    }

    /// Posts a chat to the model `model`, and reads the answer.
    pub(crate) async fn chat(&self, model: &str) -> Answer {
        self.send(self.post("/v1/chat/completions", chat(model, false)))
            .await
    }

    /// Posts a streamed chat to the model `model`, and reads the answer.
    pub(crate) async fn stream(&self, model: &str) -> Answer {
        self.send(self.post("/v1/chat/completions", chat(model, true)))
            .await
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = timeout(PATIENCE, request.send())
            .await
            .expect("an answer in time")
            .unwrap();
        Answer::read(response).await
    }

    /// Gets a path of the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.admin)))
            .await
    }

    /// The record of a request, once it is closed.
    pub(crate) async fn record(&self, id: &str) -> Arc<Record> {
        let found = async {
            loop {
                if let Some(record) = self.hall.ledger.find(id) {
                    return record;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| panic!("no record of {id}"))
    }

    /// Writes another configuration, and waits until the gateway has taken or refused it.
    pub(crate) async fn reconfigure(&self, yaml: &str) {
        let done = |hall: &Hall| {
            let reloads = &hall.ledger.metrics().config_reloads;
            let count = |result| reloads.with_label_values(&[result]).get();
            count("ok") + count("refused")
        };
        let before = done(&self.hall);
        std::fs::write(&self.config, yaml).unwrap();
        self.until("a reload", |hall| done(hall) > before).await;
    }

    /// Waits until `happened`.
    pub(crate) async fn until(&self, what: &str, mut happened: impl FnMut(&Hall) -> bool) {
        let happened = async {
            while !happened(&self.hall) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, happened)
            .await
            .unwrap_or_else(|_| panic!("waited for: {what}"));
    }

    /// Asks the gateway to end, as SIGTERM does.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end and gives everything it logged.
    pub(crate) async fn ended(mut self) -> String {
        let task = self.task.take().unwrap();
        timeout(PATIENCE, task)
            .await
            .expect("an end in time")
            .unwrap()
            .unwrap();
        self.log.text()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A chat's body.
pub(crate) fn chat(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello?"}}],"stream":{stream}}}"#
    )
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: reqwest::header::HeaderMap,
    /// Its body; what came of it, if the connection broke.
    pub(crate) body: String,
}

impl Answer {
    /// Reads a response to its end.
    pub(crate) async fn read(mut response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Ok(Some(bytes)) = timeout(PATIENCE, response.chunk())
            .await
            .expect("bytes in time")
        {
            body.extend_from_slice(&bytes);
        }
        Self {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
        }
    }

    /// A header's text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The `data` of each event.
    pub(crate) fn events(&self) -> Vec<&str> {
        self.body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect()
    }

    /// The text of all deltas.
    pub(crate) fn text(&self) -> String {
        let content = |event: &str| {
            let chunk: serde_json::Value = serde_json::from_str(event).ok()?;
            Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
        };
        self.events().into_iter().filter_map(content).collect()
    }
}

/// A log that can be read while it is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
