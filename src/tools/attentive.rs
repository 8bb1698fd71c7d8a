//! A line that remembers whether its caller was asked: what comes of answers is nobody else's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Abilities, Answers, Level, Line, Listing, Question, Unanswered};

/// A line that remembers whether its caller was asked.
pub(super) struct Attentive {
    line: Arc<dyn Line>,
    asked: AtomicBool,
}

impl Attentive {
    /// Nothing was asked yet.
    pub(super) fn new(line: Arc<dyn Line>) -> Self {
        Self {
            line,
            asked: AtomicBool::new(false),
        }
    }

    /// Whether anything was asked.
    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Line for Attentive {
    fn abilities(&self) -> Abilities {
        self.line.abilities()
    }

    fn wants_progress(&self) -> bool {
        self.line.wants_progress()
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        self.line.progress(progress, total, message)
    }

    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        self.line.log(level, logger, data)
    }

    fn wanted(&self) -> Option<Level> {
        self.line.wanted()
    }

    fn begun(&self) {
        self.line.begun();
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        self.asked.store(true, Ordering::Relaxed);
        self.line.ask(questions)
    }

    fn spend(&self, key: &str) -> bool {
        self.line.spend(key)
    }

    fn leave(&self, state: Value, past: &[String]) {
        self.line.leave(state, past);
    }

    fn left(&self) -> Option<Value> {
        self.line.left()
    }

    fn changed(&self, listing: Listing) {
        self.line.changed(listing);
    }
}
