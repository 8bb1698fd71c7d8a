//! A client that answers, at once or with its next call.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::tools::{Abilities, Answers, Level, Line, Question, Unanswered};

/// A client.
#[derive(Default)]
pub(super) struct Client {
    /// Whether it is asked directly.
    pub(super) direct: bool,
    /// Whether it can be asked nothing.
    pub(super) mute: bool,
    /// What it was asked.
    pub(super) asked: Mutex<Vec<(String, Question)>>,
    /// What it answers with this call.
    pub(super) said: Mutex<Answers>,
    /// What was left for its next call.
    pub(super) left: Mutex<Option<Value>>,
    /// What it heard.
    pub(super) heard: Mutex<Vec<String>>,
}

impl Client {
    /// One that is asked directly, and accepts every form.
    pub(super) fn direct() -> Self {
        Self {
            direct: true,
            ..Self::default()
        }
    }

    /// The same client with its next call, and answers to all it was asked.
    pub(super) fn next(&self) -> Self {
        let asked = self.asked.lock().unwrap();
        let said = asked
            .iter()
            .map(|(key, question)| (key.clone(), answer(question)));
        Self {
            said: Mutex::new(said.collect()),
            left: Mutex::new(self.left.lock().unwrap().clone()),
            ..Self::default()
        }
    }
}

/// What it answers.
pub(super) fn answer(question: &Question) -> Value {
    match question {
        Question::Elicit { .. } => json!({"action": "accept", "content": {"approve": true}}),
        Question::Sample(_) => {
            json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}})
        }
        Question::Roots => json!({"roots": []}),
    }
}

impl Line for Client {
    fn abilities(&self) -> Abilities {
        Abilities {
            elicitation: !self.mute,
            sampling: !self.mute,
            roots: !self.mute,
        }
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
        let heard = format!("{progress} {}", message.unwrap_or_default());
        self.heard.lock().unwrap().push(heard);
        Box::pin(std::future::ready(()))
    }

    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        self.heard
            .lock()
            .unwrap()
            .push(format!("{level:?} {logger} {data}"));
        Box::pin(std::future::ready(()))
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        self.asked.lock().unwrap().extend(questions.clone());
        let said = self.said.lock().unwrap();
        let answers = questions.iter().map(|(key, question)| {
            let given = self.direct.then(|| answer(question));
            Some((key.clone(), given.or_else(|| said.get(key).cloned())?))
        });
        let answers: Option<Answers> = answers.collect();
        let answers = answers.ok_or(Unanswered::Later(questions));
        Box::pin(std::future::ready(answers))
    }

    fn leave(&self, state: Value, past: &[String]) {
        self.said
            .lock()
            .unwrap()
            .retain(|key, _| !past.contains(key));
        *self.left.lock().unwrap() = Some(state);
    }

    fn left(&self) -> Option<Value> {
        self.left.lock().unwrap().clone()
    }
}
