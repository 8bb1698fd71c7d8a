//! A prompt whose user does not answer: it waits no longer than people take, and not at all for one who has left.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, duplex},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use waypost::{
    access::Access,
    catalog::Catalog,
    mcp::{self, Gate, Guest, Library, Offer},
    relay::Desk,
    route,
    telemetry::Ledger,
    tools::Toolbox,
    upstream::Upstream,
};

/// Longer than any wait here, by the paused clock.
const AGES: Duration = Duration::from_secs(3600);

/// A client of 2025-11-25 on pipes, which was asked by a prompt.
struct Asked {
    gate: Arc<Gate>,
    input: DuplexStream,
    output: Lines<BufReader<DuplexStream>>,
}

fn gate() -> Arc<Gate> {
    let settings: mcp::Settings = serde_json::from_value(json!({
        "prompts": { "p": {
            "messages": [{ "text": "Hello." }],
            "ask": { "who": {
                "message": "Who?",
                "schema": { "type": "object", "properties": { "name": { "type": "string" } } },
            } },
        } },
    }))
    .unwrap();
    let ledger = Ledger::start(None);
    let desk = Desk::new(
        route::Router::new(Arc::new(Catalog::default()), &BTreeMap::new()).unwrap(),
        Default::default(),
        Arc::new(Upstream::new(Default::default())),
        Default::default(),
        Default::default(),
    );
    let library = Library::build(&settings, &|_| Err("there are no files".into())).unwrap();
    let toolbox = Toolbox::new(Vec::new(), Arc::new(desk), ledger.clone(), Arc::default());
    let offer = Offer {
        access: Arc::new(Access::open()),
        limits: Arc::default(),
        toolbox: Arc::new(toolbox),
        library: Arc::new(library),
        settings,
    };
    Arc::new(Gate::new(offer, ledger, CancellationToken::new()))
}

impl Asked {
    async fn begin() -> Self {
        let gate = gate();
        let guest = Guest::with_key(&gate.offer(), None).unwrap();
        let (input, theirs) = duplex(64 * 1024);
        let (ours, output) = duplex(64 * 1024);
        let serving = mcp::stdio(
            gate.clone(),
            guest,
            (BufReader::new(theirs), ours),
            Duration::from_secs(1),
        );
        tokio::spawn(serving);
        let mut this = Self {
            gate,
            input,
            output: BufReader::new(output).lines(),
        };
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "test", "version": "0"},
        });
        this.send(json!({"id": 0, "method": "initialize", "params": params}))
            .await;
        assert_eq!(this.next().await["id"], 0);
        this.send(json!({"method": "notifications/initialized"}))
            .await;
        this.send(json!({"id": 1, "method": "prompts/get", "params": {"name": "p"}}))
            .await;
        assert_eq!(this.next().await["method"], "elicitation/create");
        this
    }

    async fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = timeout(AGES, self.output.next_line()).await;
        let line = line.expect("a message in time").unwrap();
        serde_json::from_str(&line.unwrap()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_never_answers_is_given_up_after_ten_minutes() {
    let mut client = Asked::begin().await;
    let begun = Instant::now();
    let answer = client.next().await;
    assert_eq!(answer["id"], 1, "{answer}");
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert_eq!(begun.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_called_off_waits_for_nobody() {
    let mut client = Asked::begin().await;
    let asking = Arc::strong_count(&client.gate);
    client
        .send(json!({"method": "notifications/cancelled", "params": {"requestId": 1}}))
        .await;
    let begun = Instant::now();
    // What waits holds the gate.
    while Arc::strong_count(&client.gate) >= asking {
        assert!(begun.elapsed() < Duration::from_secs(60), "it waits on");
        sleep(Duration::from_millis(5)).await;
    }
}
