//! The client's end of one running call, over rmcp's peer.

#![expect(
    deprecated,
    reason = "log messages, sampling and roots are deprecated in 2026-07-28, and part of both revisions"
)]

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{
    FutureExt,
    future::{BoxFuture, try_join_all},
};
use rmcp::{
    RoleServer,
    model::{LoggingLevel, LoggingMessageNotificationParam},
    service::{Peer, ServiceError},
};
use serde::Serialize;
use serde_json::{Value, to_value};

use super::{
    Gate,
    incoming::Incoming,
    questions,
    round::Round,
    voice::{Pace, Voice},
};
use crate::{
    schema::shown_text,
    tools::{Abilities, Answers, Level, Line, Listing, Question, Unanswered},
};

/// The longest part of what a client says of its failure that goes on to a model, in letters.
const SHOWN: usize = 200;

/// The client's end of one running call.
pub(super) struct ClientLine {
    /// Where to speak and ask; there is none where only the answer can be sent.
    peer: Option<Peer<RoleServer>>,
    gate: Arc<Gate>,
    abilities: Abilities,
    voice: Voice,
    /// Log messages from this level on are wanted.
    wanted: Option<LoggingLevel>,
    log_pace: Mutex<Pace>,
    /// Where answers come with a later request: what was answered so far. Else the client is asked directly.
    round: Option<Arc<Round>>,
}

impl ClientLine {
    /// The line of a request. With a `round`, nothing is asked directly.
    pub(super) fn new(
        gate: Arc<Gate>,
        incoming: &Incoming,
        wanted: Option<LoggingLevel>,
        round: Option<Arc<Round>>,
    ) -> Self {
        let heard = incoming
            .peer
            .clone()
            .zip(incoming.meta.get_progress_token());
        Self {
            peer: incoming.peer.clone(),
            gate,
            abilities: questions::abilities(&incoming.declared),
            voice: Voice::new(heard),
            wanted,
            log_pace: Mutex::new(Pace::new()),
            round,
        }
    }

    /// How progress is told.
    pub(super) fn voice(&self) -> &Voice {
        &self.voice
    }

    /// Asks one question over the connection, and waits as long as the call may take.
    async fn ask_directly(&self, question: Question) -> Result<Value, Unanswered> {
        if !self.abilities.has(&question) {
            return Err(Unanswered::Unable(question));
        }
        let Some(peer) = &self.peer else {
            return Err(Unanswered::Unable(question));
        };
        let answer = match &question {
            Question::Elicit { message, schema } => {
                let form = questions::form(message, schema).map_err(Unanswered::Failed)?;
                told(peer.create_elicitation(form).await)?
            }
            Question::Sample(params) => {
                let params = questions::sampling(params).map_err(Unanswered::Failed)?;
                told(peer.create_message(params).await)?
            }
            Question::Roots => told(peer.list_roots().await)?,
        };
        let fits = questions::check(&question, &answer);
        fits.map_err(|why| Unanswered::Failed(format!("The client's answer does not fit: {why}")))?;
        Ok(answer)
    }
}

/// What the client told, as data.
fn told<T: Serialize>(answer: Result<T, ServiceError>) -> Result<Value, Unanswered> {
    let answer = answer.map_err(|error| match error {
        ServiceError::McpError(error) => shown_text(&error.message, SHOWN),
        other => shown_text(&other.to_string(), SHOWN),
    });
    let answer = answer
        .map_err(|why| Unanswered::Failed(format!("The client was asked and failed: {why}")))?;
    to_value(answer).map_err(|error| Unanswered::Failed(error.to_string()))
}

impl Line for ClientLine {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn wants_progress(&self) -> bool {
        self.voice.is_heard()
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        self.voice.say(progress, total, message).boxed()
    }

    fn log<'a>(&'a self, matters: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        let level = LoggingLevel::from(matters);
        // The protocol's levels are in the order of RFC 5424, from the least to the most that matters.
        let wanted = self
            .wanted
            .is_some_and(|wanted| level as u8 >= wanted as u8);
        let mut pace = self.log_pace.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = self.peer.as_ref().filter(|_| wanted);
        let Some(peer) = peer.filter(|_| pace.take().is_ok()) else {
            return std::future::ready(()).boxed();
        };
        drop(pace);
        let message = LoggingMessageNotificationParam::new(level, data).with_logger(logger);
        peer.notify_logging_message(message)
            // A client that left hears nothing, which ends nothing by itself.
            .map(|_| ())
            .boxed()
    }

    fn wanted(&self) -> Option<Level> {
        self.peer.as_ref().and(self.wanted).map(Level::from)
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        if let Some(round) = &self.round {
            return std::future::ready(round.ask(questions)).boxed();
        }
        async move {
            let answers = questions.into_iter().map(|(key, question)| async move {
                let answer = self.ask_directly(question).await?;
                Ok((key, answer))
            });
            Ok(try_join_all(answers).await?.into_iter().collect())
        }
        .boxed()
    }

    fn spend(&self, key: &str) -> bool {
        self.round.as_ref().is_none_or(|round| round.spend(key))
    }

    fn leave(&self, state: Value, past: &[String]) {
        if let Some(round) = &self.round {
            round.leave(state, past);
        }
    }

    fn left(&self) -> Option<Value> {
        self.round.as_ref()?.left()
    }

    fn changed(&self, listing: Listing) {
        self.gate.changed(listing);
    }
}
