//! The client's end of a call that runs as a task: it hears when it asks, and answers when it likes.

use std::sync::{Arc, OnceLock};

use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use serde_json::Value;
use tokio::sync::Notify;

use super::Handle;
use crate::{
    mcp::{Gate, round::Round},
    schema::shown_text,
    tools::{Abilities, Answers, Level, Line, Listing, Question, Unanswered},
};

/// The longest message a task shows, in letters.
const LONGEST: usize = 1_000;

/// The client's end of a call that runs as a task.
pub(in crate::mcp) struct TaskLine {
    /// The task, once there is one.
    task: OnceLock<Handle>,
    begun: Notify,
    gate: Arc<Gate>,
    abilities: Abilities,
    /// What was answered before the task began.
    round: Arc<Round>,
}

impl TaskLine {
    /// The line of a call that is no task yet: what it asks is answered with a later call.
    pub(in crate::mcp) fn new(gate: Arc<Gate>, abilities: Abilities, round: Arc<Round>) -> Self {
        Self {
            task: OnceLock::new(),
            begun: Notify::new(),
            gate,
            abilities,
            round,
        }
    }

    /// Waits until the work has begun.
    pub(in crate::mcp) async fn has_begun(&self) {
        self.begun.notified().await;
    }

    /// From now on the call runs as this task.
    pub(in crate::mcp) fn run_as(&self, task: Handle) {
        // A call becomes a task once.
        let _ = self.task.set(task);
    }
}

impl Line for TaskLine {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn wants_progress(&self) -> bool {
        true
    }

    /// A task has no stream to tell its progress on; it stands in the task's message.
    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        let message = match (message, total) {
            (Some(message), _) => shown_text(message, LONGEST),
            (None, Some(total)) => format!("{progress} of {total}"),
            (None, None) => progress.to_string(),
        };
        if let Some(task) = self.task.get() {
            task.say(message);
        }
        std::future::ready(()).boxed()
    }

    fn log<'a>(&'a self, _: Level, _: &'a str, _: Value) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        let (mut answers, open) = self.round.split(questions);
        let Some(task) = self.task.get() else {
            let all = match open.is_empty() {
                true => Ok(answers),
                false => Err(Unanswered::Later(open)),
            };
            return std::future::ready(all).boxed();
        };
        async move {
            let asked = open.into_iter().map(|(key, question)| async move {
                if !self.abilities.has(&question) {
                    return Err(Unanswered::Unable(question));
                }
                let answer = task.ask(key.clone(), question).await?;
                Ok((key, answer))
            });
            answers.extend(try_join_all(asked).await?);
            Ok(answers)
        }
        .boxed()
    }

    fn spend(&self, key: &str) -> bool {
        self.round.spend(key)
    }

    fn begun(&self) {
        self.begun.notify_one();
    }

    fn leave(&self, state: Value, past: &[String]) {
        self.round.leave(state, past);
    }

    fn left(&self) -> Option<Value> {
        self.round.left()
    }

    fn changed(&self, listing: Listing) {
        self.gate.changed(listing);
    }
}
