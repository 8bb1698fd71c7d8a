//! All tasks there are, each for its owner's eyes only.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use rmcp::model::{DetailedTask, InputResponses, Task, TaskPayload};
use serde_json::Value;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Settings, task::Entry};
use crate::{
    mcp::{convert, questions},
    tools::{Question, Unanswered},
};

/// All tasks there are.
#[derive(Clone)]
pub(in crate::mcp) struct Board {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    /// Ends every task when cancelled.
    closing: CancellationToken,
}

/// A task that somebody looks at.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::mcp) struct Look {
    /// How it stands.
    pub(in crate::mcp) task: DetailedTask,
    /// The tool that speaks in it, where its words are untrusted data.
    pub(in crate::mcp) untrusted: Option<Arc<str>>,
}

/// There are too many tasks already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "There are too many tasks already. Read the results of those that have ended, or cancel some"
)]
pub(in crate::mcp) struct Full;

impl std::fmt::Debug for Board {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tasks = self.lock().len();
        formatter
            .debug_struct("Board")
            .field("tasks", &tasks)
            .finish()
    }
}

impl Board {
    /// A board whose tasks end when `closing` is cancelled.
    pub(in crate::mcp) fn new(closing: CancellationToken) -> Self {
        Self {
            entries: Arc::default(),
            closing,
        }
    }

    /// Begins a task: `work` goes on until it ends, is cancelled, or the board closes. It may take `longest`. The tool
    /// that speaks in it is named where its words are `untrusted` data.
    ///
    /// # Errors
    /// There are too many already, and none of the owner's has ended and been seen.
    pub(in crate::mcp) fn begin(
        &self,
        settings: &Settings,
        owner: &Arc<str>,
        longest: Duration,
        untrusted: Option<Arc<str>>,
        work: impl FnOnce(Handle) -> BoxFuture<'static, TaskPayload>,
    ) -> Result<Task, Full> {
        let id = Uuid::new_v4().to_string();
        let cancelled = self.closing.child_token();
        let life = longest.saturating_add(settings.ttl.get());
        let guard = cancelled.clone().drop_guard();
        let mut entry = Entry::new(id.clone(), owner.clone(), life, settings.poll.get(), guard);
        entry.untrusted = untrusted;
        let task = entry.view().task;
        {
            let mut entries = self.lock();
            make_room(&mut entries, settings, owner)?;
            entries.insert(id.clone(), entry);
        }
        let handle = Handle {
            entries: Arc::downgrade(&self.entries),
            id,
        };
        let work = work(handle.clone());
        // Its owner is the entry, which ends it when it is dropped.
        tokio::spawn(async move {
            let work = AssertUnwindSafe(work).catch_unwind();
            let payload = tokio::select! {
                ended = work => ended.unwrap_or_else(|_| convert::broken("The tool broke down")),
                () = cancelled.cancelled() => TaskPayload::Cancelled,
            };
            handle.with(|entry| entry.end(payload));
        });
        Ok(task)
    }

    /// How a task stands; none if it is another's or there is none.
    pub(in crate::mcp) fn look(&self, owner: &str, id: &str) -> Option<Look> {
        self.with(owner, id, |entry| {
            entry.seen = entry.has_ended();
            Look {
                task: entry.view(),
                untrusted: entry.untrusted.clone(),
            }
        })
    }

    /// Gives answers to a task's questions; none if it is another's or there is none.
    pub(in crate::mcp) fn answer(
        &self,
        owner: &str,
        id: &str,
        responses: InputResponses,
    ) -> Option<()> {
        self.with(owner, id, |entry| entry.answer(responses))
    }

    /// Ends a task, unless it has ended; none if it is another's or there is none.
    pub(in crate::mcp) fn cancel(&self, owner: &str, id: &str) -> Option<()> {
        self.with(owner, id, |entry| entry.end(TaskPayload::Cancelled))
    }

    fn with<T>(&self, owner: &str, id: &str, then: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.lock();
        forget_old(&mut entries);
        let entry = entries.get_mut(id).filter(|entry| *entry.owner == *owner);
        entry.map(then)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_old(entries: &mut HashMap<String, Entry>) {
    let now = Instant::now();
    entries.retain(|_, entry| entry.until > now);
}

/// Makes room for one more of this owner's: of what has ended and was seen, the oldest goes.
fn make_room(
    entries: &mut HashMap<String, Entry>,
    settings: &Settings,
    owner: &Arc<str>,
) -> Result<(), Full> {
    forget_old(entries);
    let of_owner = entries.values().filter(|entry| entry.owner == *owner);
    if entries.len() < settings.max && of_owner.count() < settings.per_key {
        return Ok(());
    }
    let done = entries.iter();
    let done = done.filter(|(_, entry)| entry.seen && entry.owner == *owner);
    let oldest = done.min_by_key(|(_, entry)| entry.until);
    let oldest = oldest.map(|(id, _)| id.clone()).ok_or(Full)?;
    entries.remove(&oldest);
    Ok(())
}

/// A task's own way to its entry. The entry may be gone, and the task with it.
#[derive(Clone)]
pub(in crate::mcp) struct Handle {
    entries: Weak<Mutex<HashMap<String, Entry>>>,
    id: String,
}

impl Handle {
    fn with<T>(&self, then: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let entries = self.entries.upgrade()?;
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get_mut(&self.id).map(then)
    }

    /// What the task says of itself.
    pub(super) fn say(&self, message: String) {
        self.with(|entry| entry.say(message));
    }

    /// Asks the task's owner, who answers with `tasks/update`.
    pub(super) async fn ask(&self, key: String, question: Question) -> Result<Value, Unanswered> {
        let request = questions::request(&question).map_err(Unanswered::Failed)?;
        let gone = || Unanswered::Failed("The task has ended".to_owned());
        let twice = || Unanswered::Failed("The tool asks two things by one name".to_owned());
        let answer = self.with(|entry| entry.ask(&key, question, request));
        let asking = Asking {
            handle: self,
            key,
            answer: answer.ok_or_else(gone)?.ok_or_else(twice)?,
        };
        asking.answered().await.ok_or_else(gone)
    }
}

/// A question that is open as long as somebody waits.
struct Asking<'a> {
    handle: &'a Handle,
    key: String,
    answer: oneshot::Receiver<Value>,
}

impl Asking<'_> {
    async fn answered(mut self) -> Option<Value> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.handle.with(|entry| entry.withdraw(&self.key));
    }
}
