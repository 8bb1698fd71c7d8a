//! Running a tool for a call: in a place, under its circuit, again where that may help, and until its deadline.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Call, Fault, FaultClass, Line, Notes, Outcome, Output, Run, Stop, Tool, Toolbox, after,
    attentive::Attentive, clean, taint::UNTRUSTED,
};
use crate::health::{Change, Passage};

/// A call with all it needs to run.
pub(super) struct Job {
    pub(super) toolbox: Arc<Toolbox>,
    pub(super) tool: Arc<Tool>,
    pub(super) call: Call,
    pub(super) arguments: Value,
    pub(super) line: Attentive,
    pub(super) notes: Arc<Notes>,
    pub(super) seen: Seen,
    deadline: Instant,
    /// How long it waited for what is no part of its tool's time.
    waited: OnceLock<Duration>,
}

/// What the record tells of the way a call took.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) runs: AtomicU32,
    pub(super) paged: AtomicBool,
    queued: OnceLock<Duration>,
    cache: OnceLock<&'static str>,
    shared: OnceLock<&'static str>,
}

impl Seen {
    /// Notes what the cache had.
    pub(super) fn cache(&self, had: &'static str) {
        self.cache.get_or_init(|| had);
    }

    /// Notes how the call shares another's run, if it does.
    pub(super) fn shared(&self, how: Option<&'static str>) {
        if let Some(how) = how {
            self.shared.get_or_init(|| how);
        }
    }

    /// What the cache had.
    pub(super) fn had(&self) -> Option<&'static str> {
        self.cache.get().copied()
    }

    /// How the call shared another's run.
    pub(super) fn how(&self) -> Option<&'static str> {
        self.shared.get().copied()
    }

    /// The wait for a place.
    pub(super) fn queued(&self) -> Option<Duration> {
        self.queued.get().copied()
    }
}

impl Job {
    pub(super) fn new(
        toolbox: Arc<Toolbox>,
        tool: Arc<Tool>,
        mut call: Call,
        line: Arc<dyn Line>,
    ) -> Self {
        let arguments = Value::Object(std::mem::take(&mut call.arguments));
        let deadline = after(call.arrived, tool.common.timeout.get());
        Self {
            toolbox,
            tool,
            call,
            arguments,
            line: Attentive::new(line),
            notes: Arc::default(),
            seen: Seen::default(),
            deadline,
            waited: OnceLock::new(),
        }
    }

    /// Notes a wait that is no part of the tool's time.
    pub(super) fn waited(&self, wait: Duration) {
        self.waited.get_or_init(|| wait);
    }

    fn deadline(&self) -> Instant {
        let waited = self.waited.get().copied();
        after(self.deadline, waited.unwrap_or_default())
    }

    /// Runs the tool, in its place.
    pub(super) async fn run(&self) -> Result<Outcome, Fault> {
        let place = self.tool.standing.place(self.deadline()).await?;
        if let Some((_, queued)) = &place {
            self.seen.queued.get_or_init(|| *queued);
        }
        match self.tries().await {
            Ok(output) => Ok(Outcome::Done(output)),
            Err(Stop::Asks(questions)) => Ok(Outcome::Asks(questions)),
            Err(Stop::Fault(mut fault)) => {
                if let Some(output) = &mut fault.output {
                    clean::clean(output);
                    if self.tool.common.untrusted {
                        output.meta.insert(UNTRUSTED.to_owned(), true.into());
                    }
                }
                Err(fault)
            }
        }
    }

    /// Runs it until it succeeds, fails for good, or there is no time left for another wait.
    async fn tries(&self) -> Result<Output, Stop> {
        let seed = rand::random();
        let mut waits = self.tool.common.retry.waits(seed);
        let mut last = None;
        let mut unsent = true;
        loop {
            let passage = match (self.admit(seed), last.take()) {
                (Ok(passage), _) => passage,
                // What it failed with says more than that it may not be tried again.
                (Err(_), Some(fault)) | (Err(fault), None) => return Err(Stop::Fault(fault)),
            };
            let ran = self.run_once().await;
            self.close(passage, &ran);
            let mut fault = match ran {
                Err(Stop::Fault(fault)) => fault,
                ran => return ran,
            };
            // One run that reached it is enough.
            unsent &= fault.unsent;
            fault.unsent = unsent;
            if !fault.class.passes() {
                return Err(Stop::Fault(fault));
            }
            let Some(wait) = waits.next() else {
                return Err(Stop::Fault(fault));
            };
            let wait = wait.max(fault.retry_after.unwrap_or_default());
            // A wait whose end no clock can tell ends after every deadline.
            let until = Instant::now().checked_add(wait);
            let Some(until) = until.filter(|until| *until < self.deadline()) else {
                return Err(Stop::Fault(fault));
            };
            sleep_until(until).await;
            last = Some(fault);
        }
    }

    async fn run_once(&self) -> Result<Output, Stop> {
        self.seen.runs.fetch_add(1, Ordering::Relaxed);
        let run = Run {
            arguments: &self.arguments,
            call: &self.call,
            tool: &self.tool,
            toolbox: &self.toolbox,
            line: &self.line,
            notes: &self.notes,
            deadline: self.deadline(),
        };
        // In a block, so that it covers what a kind does before it has a future too.
        let running = AssertUnwindSafe(async { self.tool.kind.run(run).await }).catch_unwind();
        let mut output = match timeout_at(self.deadline(), running).await {
            Ok(Ok(ran)) => ran?,
            Ok(Err(_)) => return Err(self.panicked().into()),
            Err(_) => {
                let message = format!(
                    "The tool did not finish within {}",
                    self.tool.common.timeout
                );
                return Err(Fault::new(FaultClass::Timeout, message).into());
            }
        };
        clean::clean(&mut output);
        Ok(self.fits(output)?)
    }

    /// The panic hook has told where.
    fn panicked(&self) -> Fault {
        self.toolbox.ledger.metrics().panics.inc();
        Fault::new(
            FaultClass::Internal,
            "The tool broke down: this is a bug of the gateway",
        )
    }

    /// Holds what the tool gave to its output schema.
    fn fits(&self, output: Output) -> Result<Output, Fault> {
        let Some(schema) = self.tool.output.as_ref().filter(|_| !output.is_error) else {
            return Ok(output);
        };
        let fits = match &output.structured {
            Some(value) => schema.check(value).map_err(|mismatch| mismatch.to_string()),
            None => Err("there is no structured result".to_owned()),
        };
        fits.map(|()| output).map_err(|why| {
            let message =
                format!("The tool gave a result that does not fit its output schema: {why}");
            Fault::new(FaultClass::InvalidOutput, message)
        })
    }

    fn admit(&self, seed: u64) -> Result<Passage, Fault> {
        /// While a probe is under way there is no time to name; trying again at once would not help.
        const SHORTEST: Duration = Duration::from_secs(1);
        let admitted = self.tool.standing.circuit().admit(seed, Instant::now());
        admitted.map_err(|remaining| {
            let retry_after = remaining.max(SHORTEST);
            let message = "The tool failed too often of late and is not asked now";
            Fault::new(FaultClass::CircuitOpen, message).after(Some(retry_after))
        })
    }

    fn close(&self, passage: Passage, ran: &Result<Output, Stop>) {
        let now = Instant::now();
        let change = match ran {
            Ok(_) => passage.succeeded(now),
            Err(Stop::Fault(fault)) if fault.speaks_against_the_tool() => passage.failed(now),
            // It says nothing of the tool. A probe is given back: the next call is the probe.
            Err(_) => None,
        };
        let tool = self.tool.id.as_str();
        match change {
            Some(Change::Opened { because, wait, .. }) => {
                tracing::warn!(
                    tool,
                    ?because,
                    ?wait,
                    "the circuit of the tool {tool} opened: it is not asked for a while"
                );
            }
            Some(Change::Closed) => {
                tracing::info!(
                    tool,
                    "the circuit of the tool {tool} closed: it works again"
                );
            }
            _ => {}
        }
    }
}
