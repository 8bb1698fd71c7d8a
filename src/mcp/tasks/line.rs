//! The client's end of a call that runs as a task: it hears when it asks, and answers when it likes.

use std::sync::Arc;

use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use serde_json::Value;

use super::Handle;
use crate::{
    mcp::{Gate, asks, round::Round},
    schema::shown_text,
    tools::{Abilities, Answers, Level, Line, Listing, Question, Unanswered},
};

/// The longest message a task shows, in letters.
const LONGEST: usize = 1_000;

/// The client's end of a call that runs as a task.
pub(in crate::mcp) struct TaskLine {
    pub(in crate::mcp) handle: Handle,
    pub(in crate::mcp) gate: Arc<Gate>,
    pub(in crate::mcp) abilities: Abilities,
    /// What was answered before the task began.
    pub(in crate::mcp) round: Arc<Round>,
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
        self.handle.say(message);
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
        async move {
            let asked = open.into_iter().map(|(key, question)| async move {
                if !asks::is_able(self.abilities, &question) {
                    return Err(Unanswered::Unable(question));
                }
                let answer = self.handle.ask(key.clone(), question).await?;
                Ok((key, answer))
            });
            answers.extend(try_join_all(asked).await?);
            Ok(answers)
        }
        .boxed()
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
