//! Watches the gateway's memory and CPU time while a run is measured, and the noise beside it.

use std::{cell::RefCell, rc::Rc};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Window;
use crate::{
    clock::{self, sleep_until},
    procstat::{self, Core, Snapshot},
};

/// How often memory is looked at; in seconds. Reading /proc costs the load generator's core.
const EVERY: f64 = 0.1;

/// The machine at one instant.
#[derive(Clone, Default)]
struct Moment {
    at: u64,
    gateway: Snapshot,
    /// CPU time of load generator and providers, in microseconds.
    harness_us: u64,
    cores: Vec<Core>,
}

/// What was seen over a run.
#[derive(Clone, Default)]
pub(super) struct Seen {
    gateway: bool,
    first: Moment,
    last: Moment,
    rss_peak_kib: u64,
}

/// Watches until the window closes, or until it is told to finish.
pub(super) struct Observer {
    eye: Rc<Eye>,
    task: JoinHandle<()>,
    open_ended: bool,
}

struct Eye {
    gateway: Option<u32>,
    harness: Vec<u32>,
    seen: RefCell<Seen>,
}

impl Observer {
    pub(super) fn start(gateway: Option<u32>, mut mocks: Vec<u32>, window: Window) -> Self {
        mocks.push(std::process::id());
        let eye = Rc::new(Eye {
            gateway,
            harness: mocks,
            seen: RefCell::default(),
        });
        let task = tokio::task::spawn_local(eye.clone().watch(window));
        Self {
            eye,
            task,
            open_ended: window.to == u64::MAX,
        }
    }

    pub(super) async fn finish(self) -> Seen {
        if self.open_ended {
            self.eye.look();
            self.task.abort();
        } else {
            // It ends with the window.
            let _ = self.task.await;
        }
        self.eye.seen.borrow().clone()
    }
}

impl Eye {
    async fn watch(self: Rc<Self>, window: Window) {
        sleep_until(window.from).await;
        self.seen.borrow_mut().first = self.moment();
        loop {
            self.look();
            let now = clock::now();
            if now >= window.to {
                return;
            }
            sleep_until((now + clock::nanos(EVERY)).min(window.to)).await;
        }
    }

    fn look(&self) {
        let moment = self.moment();
        let mut seen = self.seen.borrow_mut();
        seen.gateway = self.gateway.is_some();
        seen.rss_peak_kib = seen.rss_peak_kib.max(moment.gateway.rss_kib);
        seen.last = moment;
    }

    fn moment(&self) -> Moment {
        let harness = self
            .harness
            .iter()
            .map(|pid| procstat::snapshot(*pid).cpu_us);
        Moment {
            at: clock::now(),
            gateway: self.gateway.map(procstat::snapshot).unwrap_or_default(),
            harness_us: harness.sum(),
            cores: procstat::cores(),
        }
    }
}

impl Seen {
    /// Per answer and per chunk of what was counted in the same window.
    pub(super) fn report(&self, answers: u64, chunks: u64) -> Value {
        let (first, last) = (&self.first, &self.last);
        let wall_us = last.at.saturating_sub(first.at).max(1) as f64 / 1e3;
        let cpu_us = last.gateway.cpu_us.saturating_sub(first.gateway.cpu_us) as f64;
        let harness_us = last.harness_us.saturating_sub(first.harness_us) as f64;
        let busy_pct = procstat::busy_pct(&first.cores, &last.cores);
        let pct = |us: f64| us / wall_us * 100.0;
        let mut report = json!({
            "harness_cpu_pct": pct(harness_us),
            "noise_pct": (busy_pct - pct(harness_us) - pct(cpu_us)).max(0.0),
        });
        if self.gateway {
            let per = |count: u64| (count > 0).then(|| cpu_us / count as f64);
            report["gateway"] = json!({
                "cpu_pct": pct(cpu_us),
                "cpu_us_per_request": per(answers),
                "cpu_us_per_chunk": per(chunks),
                "rss_start_mib": first.gateway.rss_kib as f64 / 1024.0,
                "rss_peak_mib": self.rss_peak_kib as f64 / 1024.0,
            });
        }
        report
    }
}
