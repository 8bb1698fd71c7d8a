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
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::Instant,
};

use crate::secret::Secret;

/// What waits for a caller who reads slowly. More is left out: progress and logs are hints.
const WAITING: usize = 64;

/// How many questions of a server may be open at once in one request, and how many may wait: a form and a completion are
/// two.
pub(super) const QUESTIONS: usize = 8;

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
    spoiled: Mutex<Option<Spoiled>>,
    said: mpsc::Sender<Said>,
    questions: mpsc::Sender<Asked>,
}

/// Where it is heard what a server says and asks in the middle of a request.
#[derive(Debug)]
pub(super) struct Ears {
    /// Hints.
    pub(super) said: mpsc::Receiver<Said>,
    /// Questions, which have a way of their own: no hint takes the place of one.
    pub(super) questions: mpsc::Receiver<Asked>,
}

/// What is said of an answer that cannot be read.
pub(super) const UNREADABLE: &str = "it cannot be read as a message";

/// Why the answer to a request cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    /// It is too large.
    TooLarge(String),
    /// It is none.
    Unfit(String),
}

/// What a server says in the middle of a request.
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
}

/// What a server asks in the middle of a request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) params: Value,
    /// Where it is answered.
    pub(super) answer: oneshot::Sender<Result<Value, String>>,
}

/// Why a question is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unheard {
    #[error("The request it belongs to is over")]
    Over,
    #[error("Too many questions are open in this request")]
    TooMany,
}

impl Asking {
    /// A request that is not sent yet, and the end where it is heard what the server says.
    pub(super) fn new(
        token: Option<Secret>,
        deadline: Instant,
        is_a_callers: bool,
    ) -> (Arc<Self>, Ears) {
        let (said, hints) = mpsc::channel(WAITING);
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let asking = Self {
            token,
            deadline,
            is_a_callers,
            sent: AtomicBool::new(false),
            spoiled: Mutex::default(),
            said,
            questions,
        };
        let ears = Ears {
            said: hints,
            questions: asked,
        };
        (Arc::new(asking), ears)
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
    pub(super) fn spoil(&self, why: Spoiled) {
        *self.spoiled.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Why its answer could not be taken.
    pub(super) fn spoiled(&self) -> Option<Spoiled> {
        let spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
        spoiled.clone()
    }

    /// Passes on what the server said, if there is room: whether there was.
    pub(super) fn hear(&self, said: Said) -> bool {
        self.said.try_send(said).is_ok()
    }

    /// Passes on what the server asks.
    pub(super) fn ask(&self, question: Asked) -> Result<(), Unheard> {
        let asked = self.questions.try_send(question);
        asked.map_err(|unheard| match unheard {
            TrySendError::Full(_) => Unheard::TooMany,
            TrySendError::Closed(_) => Unheard::Over,
        })
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

    /// The only request there is, a caller's or ours, with its number.
    pub(super) fn single(&self) -> Option<(RequestId, Arc<Asking>)> {
        let running = self.lock();
        let mut all = running
            .iter()
            .filter_map(|(id, (_, asking))| Some((id.clone(), asking.upgrade()?)));
        let single = all.next()?;
        all.next().is_none().then_some(single)
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
        let (asking, mut ears) = Asking::new(None, Instant::now(), true);
        let log = || Said::Log {
            level: "info".to_owned(),
            data: Value::Null,
        };
        let taken = (0..WAITING * 2).filter(|_| asking.hear(log())).count();
        assert_eq!(taken, WAITING);
        ears.said.recv().await.unwrap();
        assert!(asking.hear(log()));
    }

    #[tokio::test]
    async fn no_hint_takes_the_place_of_a_question_and_it_is_told_why_one_is_not_heard() {
        let (asking, mut ears) = Asking::new(None, Instant::now(), true);
        let log = || Said::Log {
            level: "info".to_owned(),
            data: Value::Null,
        };
        while asking.hear(log()) {}
        let ask = || {
            asking.ask(Asked {
                method: "roots/list",
                params: Value::Null,
                answer: oneshot::channel().0,
            })
        };
        for _ in 0..QUESTIONS {
            assert_eq!(ask(), Ok(()));
        }
        assert_eq!(ask(), Err(Unheard::TooMany));
        ears.questions.recv().await.unwrap();
        assert_eq!(ask(), Ok(()));
        drop(ears);
        assert_eq!(ask(), Err(Unheard::Over));
    }
}
