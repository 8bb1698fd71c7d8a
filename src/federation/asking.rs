//! The requests that run on one connection, and what the server says and asks while they do.
//!
//! What a server sends in the middle belongs to a request: progress by its token, the rest by the stream it came on.
//! A server of before 2026-07-28 that speaks over standard output gives no relation; then it belongs to the only
//! request there is, or to none. It is never guessed: a guess could tell one caller what another asked.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use rmcp::model::{ProgressToken, RequestId};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::secret::Secret;

/// What waits for a caller who reads slowly. More is left out: progress and logs are hints.
const WAITING: usize = 64;

/// One request.
#[derive(Debug)]
pub(super) struct Asking {
    /// The bearer token of this request alone.
    pub(super) token: Option<Secret>,
    /// When its answer must be here.
    pub(super) deadline: Instant,
    /// Whether a caller waits, who may be told and asked.
    pub(super) is_a_callers: bool,
    sent: AtomicBool,
    spoiled: Mutex<Option<String>>,
    said: mpsc::Sender<Said>,
}

/// What a server says or asks in the middle of a request.
#[derive(Debug)]
pub(super) enum Said {
    /// How far it is.
    Progress {
        progress: f64,
        total: Option<f64>,
        message: Option<String>,
    },
    /// A log message.
    Log { level: String, data: Value },
    /// A question, which is answered here.
    Question {
        method: &'static str,
        params: Value,
        answer: oneshot::Sender<Result<Value, String>>,
    },
}

impl Asking {
    /// A request that is not sent yet, and the end where it is heard what the server says.
    pub(super) fn new(
        token: Option<Secret>,
        deadline: Instant,
        is_a_callers: bool,
    ) -> (Arc<Self>, mpsc::Receiver<Said>) {
        let (said, heard) = mpsc::channel(WAITING);
        let asking = Self {
            token,
            deadline,
            is_a_callers,
            sent: AtomicBool::new(false),
            spoiled: Mutex::default(),
            said,
        };
        (Arc::new(asking), heard)
    }

    /// Notes whether any of it may have reached the server.
    pub(super) fn sent(&self, sent: bool) {
        self.sent.store(sent, Ordering::Release);
    }

    /// Whether any of it may have reached the server.
    pub(super) fn may_be_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// Notes why its answer cannot be taken.
    pub(super) fn spoil(&self, why: String) {
        *self.spoiled.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Why its answer could not be taken.
    pub(super) fn spoiled(&self) -> Option<String> {
        let spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
        spoiled.clone()
    }

    /// Passes on what the server said, if there is room: whether there was.
    pub(super) fn hear(&self, said: Said) -> bool {
        self.said.try_send(said).is_ok()
    }
}

/// The requests that run, each with the token of its progress.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<ById>);

/// Whoever asks keeps its request alive. One that left before its request was sent ends before it begins, and must not
/// stand here for ever.
type ById = HashMap<RequestId, (Option<ProgressToken>, Weak<Asking>)>;

impl Running {
    fn lock(&self) -> MutexGuard<'_, ById> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of one.
    pub(super) fn begin(&self, id: RequestId, token: Option<ProgressToken>, asking: &Arc<Asking>) {
        let mut running = self.lock();
        running.retain(|_, (_, asking)| asking.strong_count() > 0);
        running.insert(id, (token, Arc::downgrade(asking)));
    }

    /// It is over.
    pub(super) fn end(&self, id: &RequestId) {
        self.lock().remove(id);
    }

    /// The request that asked to be told of progress by this token.
    pub(super) fn by_token(&self, token: &ProgressToken) -> Option<Arc<Asking>> {
        let running = self.lock();
        let mut all = running.values();
        let found = all.find(|(own, _)| own.as_ref() == Some(token));
        found.and_then(|(_, asking)| asking.upgrade())
    }

    /// The request of this number.
    pub(super) fn by_id(&self, id: &RequestId) -> Option<Arc<Asking>> {
        self.lock().get(id).and_then(|(_, asking)| asking.upgrade())
    }

    /// The only request of a caller there is.
    pub(super) fn only(&self) -> Option<Arc<Asking>> {
        let running = self.lock();
        let asking = running.values().filter_map(|(_, asking)| asking.upgrade());
        let mut callers = asking.filter(|asking| asking.is_a_callers);
        let only = callers.next()?;
        callers.next().is_none().then_some(only)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::NumberOrString;

    use super::*;

    fn asking(is_a_callers: bool) -> Arc<Asking> {
        Asking::new(None, Instant::now(), is_a_callers).0
    }

    #[tokio::test]
    async fn what_has_no_relation_belongs_to_the_only_caller_or_to_none() {
        let running = Running::default();
        assert!(running.only().is_none());
        let (first, ours, third) = (asking(true), asking(false), asking(true));
        running.begin(NumberOrString::Number(1), None, &first);
        running.begin(NumberOrString::Number(2), None, &ours);
        assert!(running.only().is_some());
        running.begin(NumberOrString::Number(3), None, &third);
        assert!(running.only().is_none());
        running.end(&NumberOrString::Number(1));
        let only = running.only().unwrap();
        assert!(Arc::ptr_eq(
            &only,
            &running.by_id(&NumberOrString::Number(3)).unwrap()
        ));
    }

    #[tokio::test]
    async fn who_left_before_its_request_was_sent_is_in_nobodys_way() {
        let running = Running::default();
        let left = asking(true);
        running.end(&NumberOrString::Number(1));
        running.begin(NumberOrString::Number(1), None, &left);
        drop(left);
        assert!(running.only().is_none());
        let next = asking(true);
        running.begin(NumberOrString::Number(2), None, &next);
        assert!(Arc::ptr_eq(&running.only().unwrap(), &next));
        assert_eq!(running.lock().len(), 1, "nothing is left of it");
    }

    #[tokio::test]
    async fn a_caller_who_does_not_read_loses_hints_and_holds_nothing() {
        let (asking, mut heard) = Asking::new(None, Instant::now(), true);
        let log = || Said::Log {
            level: "info".to_owned(),
            data: Value::Null,
        };
        let taken = (0..WAITING * 2).filter(|_| asking.hear(log())).count();
        assert_eq!(taken, WAITING);
        heard.recv().await.unwrap();
        assert!(asking.hear(log()));
    }
}
