use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::Mutex,
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{
    access::{Access, Denied},
    catalog::{Catalog, resolve},
    federation::{Extra, ProcessId, Settings},
    relay::Desk,
    route::{Dollars, Router},
    secret::Secret,
    telemetry::Ledger,
    tools::{
        Kind, Memory, Nobody, Outcome, Output, Stop, Tool, Toolbox, call,
        stage::{call_of, common},
    },
    upstream::{Upstream, guarded::Allow},
};

type Script = dyn for<'a> Fn(Run<'a>, Lent) -> BoxFuture<'a, Output> + Send + Sync;

/// A tool of the server `crm` that does what the test says with what the server is lent.
struct Served {
    spec: Spec,
    script: Box<Script>,
}

impl fmt::Debug for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Served")
    }
}

impl Kind for Served {
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            let lent = Lent::of(&run, &self.spec).unwrap();
            Ok((self.script)(run, lent).await)
        })
    }
}

fn spec(place: Where) -> Spec {
    Spec {
        breaker: Default::default(),
        name: "crm".into(),
        settings: Settings {
            model: Some(ModelAccess {
                route: Some("cheap".to_owned()),
                max_completions: 1,
                max_cost: Dollars::nanos(1_000_000_000),
                client_key: Some("env:CRM_KEY".to_owned()),
                ..ModelAccess::default()
            }),
            ..Settings::default()
        },
        place,
    }
}

fn stdio() -> Where {
    Where::Stdio {
        command: Vec::new(),
        environment: Vec::new(),
        folder: "/".into(),
    }
}

fn http() -> Where {
    Where::Http {
        urls: Vec::new(),
        headers: Vec::new(),
        allow: Allow::default(),
    }
}

/// Calls the tool once, and gives the ledger.
async fn serve(
    memory: &Arc<Memory>,
    place: Where,
    script: impl for<'a> Fn(Run<'a>, Lent) -> BoxFuture<'a, Output> + Send + Sync + 'static,
) -> (Output, Arc<Ledger>) {
    let card = "{dialect: simulated, models: {m: {price: {input: 1, output: 1}}}}";
    let card = resolve("s", &serde_saphyr::from_str(card).unwrap(), None).unwrap();
    let routes: BTreeMap<String, crate::route::Settings> =
        serde_saphyr::from_str("{cheap: {targets: [s/m]}}").unwrap();
    let desk = Desk::new(
        Router::new(Catalog::new([card]).into(), &routes).unwrap(),
        Default::default(),
        Arc::new(Upstream::new(Default::default())),
        Default::default(),
        Default::default(),
    );
    let kind = Served {
        spec: spec(place),
        script: Box::new(script),
    };
    let tool = Tool::built_in("t", "t", common(), Box::new(kind)).unwrap();
    let ledger = Ledger::start(None);
    let toolbox = Toolbox::new(vec![tool], Arc::new(desk), ledger.clone(), memory.clone());
    let outcome = call(Arc::new(toolbox), call_of(json!({})), Arc::new(Nobody)).await;
    ledger.finish(Duration::from_secs(10));
    match outcome {
        Ok(Outcome::Done(output)) => (output, ledger),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_sampled_from_the_calls_budget_and_told_in_its_record() {
    let (output, ledger) = serve(&Arc::default(), stdio(), |run, lent| {
        Box::pin(async move {
            let params = json!({
                "messages": [{"role": "user", "content": {"type": "text", "text": "Hello?"}}],
                "maxTokens": 50,
                "modelPreferences": {"hints": [{"name": "s/m"}], "costPriority": 1},
            });
            let sampled = lent.sample(&run, &params).await.unwrap();
            let refused = lent.sample(&run, &params).await.unwrap_err();
            let malformed = lent.sample(&run, &json!({})).await.unwrap_err();
            Output::structured(json!([sampled, refused, malformed]))
        })
    })
    .await;
    let told = output.structured.unwrap();
    let sampled = &told[0];
    assert_eq!(sampled["role"], "assistant");
    assert_eq!(
        (&sampled["model"], &sampled["stopReason"]),
        (&json!("s/m"), &json!("maxTokens"))
    );
    assert!(!sampled["content"]["text"].as_str().unwrap().is_empty());
    let refused = told[1].as_str().unwrap();
    assert!(refused.contains("may ask for 1 completions"), "{refused}");
    let malformed = told[2].as_str().unwrap();
    assert!(
        malformed.contains("missing field `messages`"),
        "{malformed}"
    );

    let called = ledger.find_tool_call("req_1").unwrap();
    assert_eq!(
        called.completions,
        ["req_1.1", "req_1.2"],
        "the refused one, too"
    );
    assert!(called.cost.dollars().is_some() && called.output_tokens > 0);
    let record = ledger.find("req_1.1").unwrap();
    let serves = record.serves.as_ref().unwrap();
    assert_eq!(
        (&*serves.server, &*serves.tool, &*serves.request),
        ("crm", "t", "req_1")
    );
    assert_eq!((&*record.caller, record.cost), ("alice", called.cost));
}

#[tokio::test]
async fn the_key_of_a_process_is_the_calls_while_it_is_served_there() {
    let memory: Arc<Memory> = Arc::default();
    let slots = memory.slots().clone();
    slots.serve_at("http://127.0.0.1:1/v1");
    slots.lend_to(HashSet::from(["crm".into()]));
    let key = |process| slots.environment("crm", process)[1].1.clone();
    let [zero, one, nobody] = std::array::from_fn(|_| ProcessId::new());
    let (mine, other) = (key(zero), key(one));
    let access = Access::open().with_mint(slots.mint.clone());
    let access = Arc::new(access);
    let (looks, first, second) = (access.clone(), mine.clone(), other.clone());
    serve(&memory, stdio(), move |_, lent| {
        let holder = |key: &Secret| {
            let caller = looks.identify(Some(key.reveal()))?;
            Ok::<_, Denied>(caller.serves.as_ref().unwrap().serves.request.clone())
        };
        assert_eq!(holder(&first), Err(Denied::Over));
        let held = lent.serve(zero);
        assert_eq!(
            (holder(&first).unwrap().as_str(), holder(&second)),
            ("req_1", Err(Denied::Over))
        );
        // No such process, and one that is taken: the call goes on, without a key.
        drop((lent.serve(nobody), lent.serve(zero)));
        assert_eq!(holder(&first).unwrap(), "req_1");
        drop(held);
        assert_eq!(holder(&first), Err(Denied::Over));
        let forgotten = lent.serve(one);
        drop(lent);
        assert_eq!(holder(&second), Err(Denied::Over));
        drop(forgotten);
        Box::pin(async { Output::default() })
    })
    .await;
    assert_eq!(access.identify(Some(mine.reveal())), Err(Denied::Over));
}

#[tokio::test]
async fn a_server_elsewhere_is_sent_a_ticket_for_the_call() {
    let memory: Arc<Memory> = Arc::default();
    let slots = memory.slots().clone();
    slots.serve_at("http://127.0.0.1:1/v1");
    let sent: Arc<Mutex<String>> = Arc::default();
    let (notes, mint) = (sent.clone(), slots.mint.clone());
    serve(&memory, http(), move |_, lent| {
        let mut meta = Map::new();
        lent.tell(&mut meta);
        assert_eq!(meta["dev.waypost/base_url"], "http://127.0.0.1:1/v1");
        let ticket = meta["dev.waypost/ticket"].as_str().unwrap().to_owned();
        assert!(mint.exchange(&ticket, "mail", Instant::now()).is_none());
        *notes.lock().unwrap() = ticket;
        Box::pin(async { Output::default() })
    })
    .await;
    let ticket = sent.lock().unwrap().clone();
    assert!(
        slots
            .mint
            .exchange(&ticket, "crm", Instant::now())
            .is_none()
    );

    serve(&memory, stdio(), |_, lent| {
        let mut meta = Map::new();
        lent.tell(&mut meta);
        assert!(meta.is_empty(), "a program has its key in its environment");
        Box::pin(async { Output::default() })
    })
    .await;
}
