//! One task: what is known of it, and what it waits for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use rmcp::model::{DetailedTask, InputRequest, InputResponses, Task, TaskPayload};
use serde_json::Value;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::DropGuard;

use crate::{mcp::questions, tools::Question};

/// One task. Dropping it ends its work.
pub(super) struct Entry {
    /// The name of the key that began it.
    pub(super) owner: Arc<str>,
    /// When it is forgotten.
    pub(super) until: Instant,
    pub(super) seen: bool,
    /// The tool that speaks in it, where its words are untrusted data.
    pub(super) untrusted: Option<Arc<str>>,
    id: String,
    created: Timestamp,
    updated: Timestamp,
    message: Option<String>,
    life: Duration,
    poll: Duration,
    state: State,
}

enum State {
    Working {
        /// Ends the work when dropped.
        _work: DropGuard,
        open: BTreeMap<String, Asked>,
    },
    Ended(TaskPayload),
}

/// A question that waits for its answer.
struct Asked {
    question: Question,
    request: InputRequest,
    answer: oneshot::Sender<Value>,
}

impl Entry {
    pub(super) fn new(
        id: String,
        owner: Arc<str>,
        life: Duration,
        poll: Duration,
        work: DropGuard,
    ) -> Self {
        let now = Instant::now();
        let created = Timestamp::now();
        Self {
            owner,
            until: now.checked_add(life).unwrap_or(now),
            seen: false,
            untrusted: None,
            id,
            created,
            updated: created,
            message: None,
            life,
            poll,
            state: State::Working {
                _work: work,
                open: BTreeMap::new(),
            },
        }
    }

    /// Whether it has come to an end.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Ends it, unless it has ended before.
    pub(super) fn end(&mut self, payload: TaskPayload) {
        if !self.has_ended() {
            self.state = State::Ended(payload);
            self.updated = Timestamp::now();
        }
    }

    /// What it says of itself while it works.
    pub(super) fn say(&mut self, message: String) {
        if !self.has_ended() {
            self.message = Some(message);
            self.updated = Timestamp::now();
        }
    }

    /// Asks a question; the answer comes through the receiver, which hears of the end as well. `None` where one of
    /// this key is open: an answer could not tell which it means.
    pub(super) fn ask(
        &mut self,
        key: &str,
        question: Question,
        request: InputRequest,
    ) -> Option<oneshot::Receiver<Value>> {
        let (answer, answered) = oneshot::channel();
        if let State::Working { open, .. } = &mut self.state {
            if open.contains_key(key) {
                return None;
            }
            let asked = Asked {
                question,
                request,
                answer,
            };
            open.insert(key.to_owned(), asked);
            self.updated = Timestamp::now();
        }
        Some(answered)
    }

    /// Takes back a question that nobody waits for any more.
    pub(super) fn withdraw(&mut self, key: &str) {
        if let State::Working { open, .. } = &mut self.state {
            open.remove(key);
        }
    }

    /// Gives answers to the questions they fit. What does not answer its question leaves it open, and what answers
    /// none is ignored.
    pub(super) fn answer(&mut self, responses: InputResponses) {
        let State::Working { open, .. } = &mut self.state else {
            return;
        };
        for (key, answer) in responses {
            let fits = |asked: &Asked| questions::check(&asked.question, &answer).is_ok();
            if open.get(&key).is_some_and(fits)
                && let Some(asked) = open.remove(&key)
            {
                // Whoever asked may have given up meanwhile.
                let _ = asked.answer.send(answer);
                self.updated = Timestamp::now();
            }
        }
    }

    /// How it looks from outside.
    pub(super) fn view(&self) -> DetailedTask {
        let payload = match &self.state {
            State::Ended(payload) => payload.clone(),
            State::Working { open, .. } if open.is_empty() => TaskPayload::Working,
            State::Working { open, .. } => {
                let requests = open.iter();
                let requests = requests.map(|(key, asked)| (key.clone(), asked.request.clone()));
                TaskPayload::InputRequired {
                    input_requests: requests.collect(),
                }
            }
        };
        let times = [self.created, self.updated].map(|time| time.to_string());
        let [created, updated] = times;
        let mut task = Task::new(self.id.clone(), payload.status(), created, updated);
        task.status_message = self.message.clone();
        task.ttl_ms = Some(millis(self.life));
        task.poll_interval_ms = Some(millis(self.poll));
        DetailedTask::new(task, payload)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
