//! For tests: a toolbox with one tool whose runs are scripted, and callers of it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    Call, Common, Fault, FaultClass, Kind, Line, Memory, Nobody, Outcome, Output, Refusal, Run,
    Stop, Surface, Tool, Toolbox, allow::Allow, call,
};
use crate::{
    access::{Access, Caller},
    catalog::Catalog,
    limit::Limits,
    relay::Desk,
    route::Router,
    telemetry::{Ledger, ToolRecord},
    upstream::Upstream,
};

/// What a run does: the number of the run, from 0, and its arguments.
type Script = dyn Fn(usize, &Value) -> BoxFuture<'static, Result<Output, Stop>> + Send + Sync;

/// A toolbox with one tool, `t`.
pub(super) struct Stage {
    pub(super) toolbox: Arc<Toolbox>,
    pub(super) ledger: Arc<Ledger>,
    memory: Arc<Memory>,
    runs: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    script: Arc<Script>,
}

struct Scripted {
    runs: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    script: Arc<Script>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Scripted")
    }
}

/// Counts the end of a run, whether it came to it or was dropped.
struct End(Arc<AtomicUsize>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Kind for Scripted {
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        let number = self.runs.fetch_add(1, Ordering::SeqCst);
        let end = End(self.ended.clone());
        let running = (self.script)(number, run.arguments);
        Box::pin(async move {
            let _end = end;
            running.await
        })
    }
}

impl Stage {
    /// With a script that does not wait.
    pub(super) fn new(
        common: Common,
        script: impl Fn(usize, &Value) -> Result<Output, Stop> + Send + Sync + 'static,
    ) -> Self {
        let script = move |number: usize, arguments: &Value| -> BoxFuture<'static, _> {
            Box::pin(std::future::ready(script(number, arguments)))
        };
        Self::with(common, Arc::new(script))
    }

    /// With a script that takes `time`.
    pub(super) fn slow(common: Common, time: Duration) -> Self {
        let script = move |number: usize, _: &Value| -> BoxFuture<'static, _> {
            Box::pin(async move {
                tokio::time::sleep(time).await;
                Ok(Output::text(format!("run {number}")))
            })
        };
        Self::with(common, Arc::new(script))
    }

    /// With a kind of the test's own, whose runs are not counted.
    pub(super) fn of_kind(common: Common, kind: Box<dyn Kind>) -> Self {
        let mut stage = Self::new(common.clone(), |_, _| Ok(Output::default()));
        stage.toolbox = stock(common, &stage.ledger, &stage.memory, kind);
        stage
    }

    fn with(common: Common, script: Arc<Script>) -> Self {
        let (runs, ended, memory) = (Arc::default(), Arc::default(), Arc::default());
        let ledger = Ledger::start(None);
        let toolbox = toolbox(common, &ledger, &memory, (&runs, &ended, &script));
        Self {
            toolbox,
            ledger,
            memory,
            runs,
            ended,
            script,
        }
    }

    /// The same under other settings, as after a reload.
    pub(super) fn reload(&mut self, common: Common) {
        let kind = (&self.runs, &self.ended, &self.script);
        self.toolbox = toolbox(common, &self.ledger, &self.memory, kind);
    }

    /// How often the tool was run.
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// How many of the runs are over.
    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// Calls the tool.
    pub(super) async fn call(&self, arguments: Value) -> Result<Outcome, Refusal> {
        self.make(call_of(arguments)).await
    }

    /// Makes a call.
    pub(super) async fn make(&self, made: Call) -> Result<Outcome, Refusal> {
        call(self.toolbox.clone(), made, Arc::new(Nobody)).await
    }

    /// Makes a call on this line.
    pub(super) async fn make_on(
        &self,
        made: Call,
        line: Arc<dyn Line>,
    ) -> Result<Outcome, Refusal> {
        call(self.toolbox.clone(), made, line).await
    }

    /// What a metric says now, by the beginning of its line.
    pub(super) fn metric(&self, line: &str) -> Option<f64> {
        let text = self.ledger.metrics().render();
        let found = text.lines().find_map(|found| found.strip_prefix(line));
        found?.trim().parse().ok()
    }

    /// The record of the call `request`, once the ledger has it.
    pub(super) fn record(&self, request: &str) -> Arc<ToolRecord> {
        self.ledger.finish(Duration::from_secs(10));
        self.ledger.find_tool_call(request).unwrap()
    }
}

fn toolbox(
    common: Common,
    ledger: &Arc<Ledger>,
    memory: &Arc<Memory>,
    (runs, ended, script): (&Arc<AtomicUsize>, &Arc<AtomicUsize>, &Arc<Script>),
) -> Arc<Toolbox> {
    let kind = Scripted {
        runs: runs.clone(),
        ended: ended.clone(),
        script: script.clone(),
    };
    stock(common, ledger, memory, Box::new(kind))
}

/// A toolbox with these tools.
pub(super) fn toolbox_of(tools: Vec<Tool>, ledger: &Arc<Ledger>, memory: &Arc<Memory>) -> Toolbox {
    let desk = Desk::new(
        Router::new(Arc::new(Catalog::default()), &BTreeMap::new()).unwrap(),
        Default::default(),
        Arc::new(Upstream::new(Default::default())),
        Default::default(),
        Default::default(),
    );
    Toolbox::new(tools, Arc::new(desk), ledger.clone(), memory.clone())
}

fn stock(
    common: Common,
    ledger: &Arc<Ledger>,
    memory: &Arc<Memory>,
    kind: Box<dyn Kind>,
) -> Arc<Toolbox> {
    assert_eq!(common.problems(), []);
    let allow = Allow::compile(&common.allow).unwrap();
    let mut tool = Tool::built_in("t", "t", common, kind).unwrap();
    tool.allow = Arc::new(allow);
    Arc::new(toolbox_of(vec![tool], ledger, memory))
}

/// What every tool of these tests has: any arguments, and no harm in running it again.
pub(super) fn common() -> Common {
    let schema = json!({"additionalProperties": true});
    let mut common = Common {
        description: "A test.".to_owned(),
        input_schema: schema.as_object().cloned(),
        ..Common::default()
    };
    common.annotations.idempotent = Some(true);
    common
}

/// A call of `t` by a caller without limits.
pub(super) fn call_of(arguments: Value) -> Call {
    let now = Instant::now();
    Call {
        tool: "t".to_owned(),
        arguments: match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        },
        caller: caller("alice"),
        limits: Arc::new(Limits::new(None, None, now)),
        request: "req_1".to_owned(),
        idempotency_key: None,
        conversation: Arc::default(),
        surface: Surface::Http,
        arrived: now,
    }
}

/// A caller who may use everything.
pub(super) fn caller(name: &str) -> Arc<Caller> {
    let mut caller = (*Access::open().identify(None).unwrap()).clone();
    caller.name = name.into();
    Arc::new(caller)
}

/// The fault a call ended with.
pub(super) fn fault(outcome: Result<Outcome, Refusal>) -> Fault {
    match outcome {
        Err(Refusal::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// The output a call ended with.
pub(super) fn output(outcome: Result<Outcome, Refusal>) -> Output {
    match outcome {
        Ok(Outcome::Done(output)) => output,
        other => panic!("no output: {other:?}"),
    }
}

/// A run that fails.
pub(super) fn failing(class: FaultClass) -> Result<Output, Stop> {
    Err(Fault::new(class, "it failed").into())
}
