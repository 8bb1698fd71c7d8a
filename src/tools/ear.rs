//! For tests: a caller that hears of progress, and nothing else.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Abilities, Answers, Level, Line, Nobody, Question, Unanswered};

/// What was heard: how far it is, and what was said.
#[derive(Default)]
pub(in crate::tools) struct Ear(pub(in crate::tools) Mutex<Vec<(f64, String)>>);

impl Line for Ear {
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    fn wants_progress(&self) -> bool {
        true
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        _: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        let heard = (progress, message.unwrap_or_default().to_owned());
        self.0.lock().unwrap().push(heard);
        Box::pin(tokio::task::yield_now())
    }

    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        Nobody.log(level, logger, data)
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        Nobody.ask(questions)
    }
}
