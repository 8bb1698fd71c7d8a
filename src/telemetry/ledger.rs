//! Where closed receipts go: metrics at once, the log and the ring of recent records a moment later.
//!
//! Closing never waits. Records pass through a bounded queue to one thread that writes log lines in batches
//! and keeps the ring for explain. If that thread cannot keep up (a stuck log pipe), records are counted as
//! lost instead of holding up requests; metrics are never lost.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Metrics, Record, ToolRecord, log};

/// Records on their way to the thread: about a second's worth at full speed.
const QUEUE: usize = 16_384;

/// Recent records kept for explain; as many of requests as of calls of tools.
const RING: usize = 10_000;

/// How long a record may wait for its batch. Waking the thread for each would cost more than writing the line.
const BATCH: Duration = Duration::from_millis(20);

/// Takes closed receipts.
#[derive(Debug)]
pub struct Ledger {
    metrics: Metrics,
    queue: Mutex<Queue>,
    /// Signalled when the queue closes and when its last batch is written.
    changed: Condvar,
    requests: Mutex<Ring<Record>>,
    tool_calls: Mutex<Ring<ToolRecord>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Entry>,
    closed: bool,
    written: bool,
}

/// One line of the log.
#[derive(Debug)]
enum Entry {
    Request(Record),
    ToolCall(ToolRecord),
}

#[derive(Debug)]
struct Ring<T> {
    order: VecDeque<Arc<T>>,
    taken: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            taken: 0,
        }
    }
}

impl Ledger {
    /// A ledger whose thread writes log lines to `output`; nowhere for `None`.
    pub fn start(output: Option<Box<dyn Write + Send>>) -> Arc<Self> {
        let ledger = Arc::new(Self {
            metrics: Metrics::new(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            requests: Mutex::default(),
            tool_calls: Mutex::default(),
        });
        let keeper = ledger.clone();
        let thread = std::thread::Builder::new().name("ledger".into());
        if let Err(error) = thread.spawn(move || keeper.keep(output)) {
            tracing::error!(%error, "the ledger has no thread: there will be no access log and no explain records");
        }
        ledger
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Takes a closed record. Never waits.
    pub(super) fn take(&self, record: Record) {
        self.metrics.observe(&record);
        self.queue(Entry::Request(record));
    }

    /// Takes the record of a call of a tool. Never waits.
    pub fn take_tool_call(&self, record: ToolRecord) {
        self.metrics.observe_tool_call(&record);
        self.queue(Entry::ToolCall(record));
    }

    fn queue(&self, entry: Entry) {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() < QUEUE {
            queue.waiting.push(entry);
        } else {
            self.metrics.records_lost.inc();
        }
    }

    /// The record of this request, if it is among the recent ones.
    pub fn find(&self, id: &str) -> Option<Arc<Record>> {
        // Looked through, newest first: an index would cost each request more than this costs an operator.
        lock(&self.requests).newest(|record| record.id == id)
    }

    /// The call of a tool that came with this request, if it is among the recent ones.
    pub fn find_tool_call(&self, id: &str) -> Option<Arc<ToolRecord>> {
        lock(&self.tool_calls).newest(|record| record.id == id)
    }

    /// Up to `count` recent records, newest last, and the number of all records so far.
    pub fn recent(&self, count: usize) -> (Vec<Arc<Record>>, u64) {
        let ring = lock(&self.requests);
        let skip = ring.order.len().saturating_sub(count);
        (ring.order.iter().skip(skip).cloned().collect(), ring.taken)
    }

    /// Closes the queue and waits, up to `patience`, until everything in it is written.
    pub fn finish(&self, patience: Duration) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(queue, patience, |queue| !queue.written);
        if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
            tracing::warn!("the access log could not be written to its end");
        }
    }

    /// The thread: writes batch after batch until the queue is closed.
    fn keep(&self, mut output: Option<Box<dyn Write + Send>>) {
        let mut batch = Vec::new();
        let mut lines = Vec::new();
        loop {
            let closed = {
                let queue = lock(&self.queue);
                let waited = self
                    .changed
                    .wait_timeout_while(queue, BATCH, |queue| !queue.closed);
                let Ok((mut queue, _)) = waited else { return };
                std::mem::swap(&mut queue.waiting, &mut batch);
                queue.closed
            };
            lines.clear();
            for entry in batch.drain(..) {
                if output.is_some() {
                    match &entry {
                        Entry::Request(record) => log::line(record, &mut lines),
                        Entry::ToolCall(record) => log::tool_line(record, &mut lines),
                    }
                }
                match entry {
                    Entry::Request(record) => lock(&self.requests).push(record),
                    Entry::ToolCall(record) => lock(&self.tool_calls).push(record),
                }
            }
            if let Some(output) = &mut output
                && !lines.is_empty()
                && output
                    .write_all(&lines)
                    .and_then(|()| output.flush())
                    .is_err()
            {
                // Nobody reads the log any more; the gateway goes on without it.
                self.metrics.log_failures.inc();
            }
            if closed {
                lock(&self.queue).written = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

impl<T> Ring<T> {
    fn push(&mut self, record: T) {
        self.taken += 1;
        if self.order.len() == RING {
            self.order.pop_front();
        }
        self.order.push_back(Arc::new(record));
    }

    fn newest(&self, is_it: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        self.order
            .iter()
            .rev()
            .find(|record| is_it(record))
            .cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
