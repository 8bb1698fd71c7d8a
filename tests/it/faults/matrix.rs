//! The matrix: every fault × every surface and dialect × plain and streamed. Each case has a route of its own with
//! a target that has the fault and a healthy fallback; all run against one gateway.

use std::sync::Arc;

use serde_json::Value;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::timeout,
};

use super::{
    judge::{Got, judge},
    table::{Expect, Fault, HEALTHY, Limit, Scene, faults},
    voice::{LANES, Surface, Voice},
};
use crate::support::{
    Act, Answer, Gateway, Provider,
    faulty::{Faulty, Stance},
    gateway::PATIENCE,
    metrics,
    provider::json,
};

/// How many cases run at once: enough that waits overlap, few enough that no healthy answer is late.
const AT_ONCE: usize = 16;

/// One cell of the matrix.
pub(super) struct Case {
    /// What assertions call it.
    pub(super) name: String,
    /// Its route and its request's id.
    pub(super) id: String,
    pub(super) surface: Surface,
    pub(super) stream: bool,
    pub(super) expect: Expect,
    /// Whether the faulty target sees requests at all.
    pub(super) reached: bool,
    voice: Voice,
    limit: Limit,
    committed: Arc<Notify>,
    pub(super) faulty: Faulty,
    pub(super) healthy: Provider,
}

impl Case {
    async fn stage(
        number: usize,
        fault: &Fault,
        (surface, voice): (Surface, Voice),
        stream: bool,
        expect: Expect,
    ) -> Self {
        let committed = Arc::new(Notify::new());
        let scene = Scene {
            voice,
            stream,
            committed: committed.clone(),
        };
        let healthy = if stream {
            Act::Stream(vec![voice.stream(HEALTHY)])
        } else {
            json(200, voice.plain(HEALTHY))
        };
        let kind = if stream { "streamed" } else { "plain" };
        let stance = fault.made_for(&scene);
        Self {
            name: format!("{} ({kind} {surface:?} over {voice:?})", fault.name),
            id: format!("c{number}"),
            surface,
            stream,
            expect,
            reached: matches!(stance, Stance::Serves(_)),
            voice,
            limit: fault.limit(stream),
            committed,
            faulty: Faulty::start(stance).await,
            healthy: Provider::start([healthy]).await,
        }
    }

    /// Its two providers, as configuration.
    fn providers(&self) -> String {
        let id = &self.id;
        let (dialect, path) = match self.voice {
            Voice::Anthropic => ("anthropic", ""),
            Voice::OpenAi | Voice::Vectors => ("openai", "/v1"),
        };
        let provider = |name: &str, url: &str| {
            let url = url.trim_end_matches("/v1");
            format!(
                "  {name}-{id}: {{ dialect: {dialect}, base_url: \"{url}{path}\", api_key: sk-canary-{name}-{id} }}\n"
            )
        };
        provider("a", &self.faulty.url) + &provider("b", &self.healthy.url)
    }

    /// Its route, as configuration.
    fn route(&self) -> String {
        let id = &self.id;
        // Where another limit must end it, the rest is longer than the test's own patience.
        let timeouts = match self.limit {
            Limit::None => "",
            Limit::Silence => {
                "timeout: { connect: 300ms, first_token: 400ms, idle: 400ms, total: 60s }, "
            }
            Limit::Total => "timeout: { connect: 300ms, total: 6s }, ",
        };
        format!(
            "  {id}: {{ {timeouts}targets: [a-{id}/m, b-{id}/m], retry: {{ base: 1ms, cap: 1ms }} }}\n"
        )
    }

    async fn run(&self, gateway: &Gateway) {
        let request = gateway
            .post(
                self.surface.path(),
                self.surface.request(&self.id, self.stream),
            )
            .header("x-request-id", &self.id);
        let response = timeout(PATIENCE, request.send()).await;
        let response = response.unwrap_or_else(|_| panic!("{}: no answer", self.name));
        let answer = self.read(response.unwrap()).await;
        gateway.record(&self.id).await;
        let record = gateway
            .admin(&format!("/admin/requests/{}", self.id))
            .await
            .body;
        let health = gateway.send(gateway.get("/healthz")).await;
        assert_eq!(health.status, 200, "{}: the gateway lives", self.name);
        judge(self, &Got { answer, record });
    }

    /// Reads an answer to its end, which must be a proper one; opens the gate once its first text is here.
    async fn read(&self, mut response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            let chunk = timeout(PATIENCE, response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("{}: it hangs", self.name));
            let Some(bytes) = chunk.unwrap_or_else(|error| panic!("{}: {error}", self.name)) else {
                break;
            };
            body.extend_from_slice(&bytes);
            if body.windows(3).any(|window| window == b"Par") {
                self.committed.notify_one();
            }
        }
        Answer {
            status,
            headers,
            body: in_one_spelling(&String::from_utf8(body).unwrap()),
        }
    }
}

/// An event stream with LF for every line end and a blank behind every colon; anything else stays as it is.
fn in_one_spelling(body: &str) -> String {
    let lines = body.replace("\r\n", "\n").replace('\r', "\n");
    lines
        .trim_start_matches('\u{feff}')
        .replace("\ndata:{", "\ndata: {")
        .replace("\ndata:[", "\ndata: [")
}

async fn stage() -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in faults() {
        for (surface, voice) in LANES {
            for stream in [false, true] {
                if let Some(expect) = fault.expect(surface, voice, stream) {
                    let lane = (surface, voice);
                    cases.push(Case::stage(cases.len(), &fault, lane, stream, expect).await);
                }
            }
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_on_every_surface_ends_as_promised() {
    let cases = stage().await;
    let providers: String = cases.iter().map(Case::providers).collect();
    let routes: String = cases.iter().map(Case::route).collect();
    let yaml = format!("providers:\n{providers}routes:\n{routes}");
    let gateway = Arc::new(Gateway::start(&yaml).await);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let count = cases.len();
    for case in cases {
        let (gateway, places) = (gateway.clone(), places.clone());
        running.spawn(async move {
            let _place = places.acquire().await.unwrap();
            case.run(&gateway).await;
            case
        });
    }
    let mut judged = Vec::new();
    while let Some(ended) = running.join_next().await {
        judged.extend(ended);
    }
    // Each failure has printed its own words.
    assert_eq!(judged.len(), count, "{} cases failed", count - judged.len());
    settle(gateway, &judged).await;
}

/// What can be judged once all is over: the metrics agree with the books, and no key got out.
async fn settle(gateway: Arc<Gateway>, cases: &[Case]) {
    let metrics = gateway.admin("/metrics").await.body;
    let attempts: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("waypost_attempts_total{"))
        .collect();
    for case in cases {
        let record = gateway.hall.ledger.find(&case.id).unwrap();
        let record: Value = serde_json::to_value(&*record).unwrap();
        let route = format!("route=\"{}\"", case.id);
        let counted: Vec<&str> = attempts
            .iter()
            .copied()
            .filter(|line| line.contains(&route))
            .collect();
        let counted = counted.join("\n");
        let made = record["attempts"].as_array().unwrap();
        for attempt in made {
            let labels = [
                ("provider", attempt["provider"].as_str().unwrap()),
                ("kind", attempt["kind"].as_str().unwrap()),
                ("outcome", attempt["end"].as_str().unwrap()),
            ];
            let sum = metrics::sum(&counted, "waypost_attempts_total", &labels);
            assert_eq!(sum, 1.0, "{}: {counted}", case.name);
        }
        let sum = metrics::sum(&counted, "waypost_attempts_total", &[]);
        assert_eq!(sum, made.len() as f64, "{}: {counted}", case.name);
    }
    assert!(!metrics.contains("canary"), "no key in the metrics");
    assert_eq!(gateway.hall.ledger.metrics().panics.get(), 0);
    gateway.stop();
    let gateway = Arc::into_inner(gateway).unwrap();
    let log = gateway.ended().await;
    assert!(!log.contains("canary"), "no key in the log");
    assert!(!log.contains("Hello?"), "no prompt in the log");
}
