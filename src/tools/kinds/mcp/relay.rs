//! The caller's end of one request to a server: its words on a line of ours, and its questions too.
#![expect(
    deprecated,
    reason = "servers of 2025-11-25 log and ask for completions and folders this way"
)]

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::BoxFuture;
use rmcp::model::{
    ClientCapabilities, ElicitationCapability, InputRequests, InputResponses, LoggingLevel,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Lent, questions::Asker};
use crate::{
    federation::{Federated, Relay, Trust},
    tools::{
        Fault, FaultClass, Level, Line, Notes, Question, Run, Stop, Unanswered,
        clean::{clean_text, clean_value},
        size,
    },
};

/// The most questions in one call: more is no dialogue but a siege.
const MOST_QUESTIONS: usize = 32;

/// The longest message of progress, in characters: a line.
const LONGEST_MESSAGE: usize = 500;

/// The largest log message, in bytes. What is larger is not worth reading line by line.
const LARGEST_LOG: usize = 8 * 1024;

/// A server's words and questions, on their way to the caller of a tool.
pub(crate) struct LineRelay<'a> {
    line: &'a dyn Line,
    server: &'a dyn Federated,
    /// The call it serves.
    run: Option<&'a Run<'a>>,
    /// What the server is lent for it: its completions may be the router's.
    lent: Option<&'a Lent>,
    /// What is noted of the request.
    notes: Option<&'a Notes>,
    /// How far the server says it is: it may only grow.
    progress: Mutex<f64>,
    asked: AtomicUsize,
    /// What the caller answers with a later call only.
    later: Mutex<Vec<(String, Question)>>,
    put_off: Notify,
}

impl<'a> LineRelay<'a> {
    /// Relays to this line.
    pub(crate) fn new(line: &'a dyn Line, server: &'a dyn Federated) -> Self {
        Self {
            line,
            server,
            run: None,
            lent: None,
            notes: None,
            progress: Mutex::new(f64::NEG_INFINITY),
            asked: AtomicUsize::new(0),
            later: Mutex::default(),
            put_off: Notify::new(),
        }
    }

    /// Relays to the caller of this run.
    pub(super) fn of_run(
        run: &'a Run<'a>,
        lent: Option<&'a Lent>,
        server: &'a dyn Federated,
    ) -> Self {
        Self {
            run: Some(run),
            lent,
            notes: Some(run.notes),
            ..Self::new(run.line, server)
        }
    }

    /// The same, with where it is noted who was asked.
    pub(crate) fn noting(self, notes: &'a Notes) -> Self {
        Self {
            notes: Some(notes),
            ..self
        }
    }

    /// Who asks.
    pub(super) fn asker(&self) -> Asker<'a> {
        let spec = self.server.spec();
        Asker {
            name: &spec.name,
            is_trusted: spec.settings.trust == Trust::Trusted,
        }
    }

    /// The questions that are answered with a later call; waits until there are some.
    pub(crate) async fn put_off(&self) -> Vec<(String, Question)> {
        self.put_off.notified().await;
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut later)
    }

    /// The router's answer to a request for a completion, where the operator allows it; else nothing.
    pub(super) async fn completion(&self, question: &Question) -> Option<Result<Value, String>> {
        let (Question::Sample(params), Some(run), Some(lent)) = (question, self.run, self.lent)
        else {
            return None;
        };
        let access = self.server.spec().settings.model.as_ref();
        if !access.is_some_and(|access| access.sampling) {
            return None;
        }
        Some(lent.sample(run, params).await)
    }

    /// Where the request stands with its server, if this goes on with an earlier one.
    pub(super) fn left<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.line.left()?).ok()
    }

    /// Leaves for a later request where this one stands, with these questions behind it.
    pub(super) fn leave(&self, standing: &impl Serialize, past: &InputRequests) {
        let past: Vec<String> = past.keys().cloned().collect();
        // It came as JSON.
        let standing = serde_json::to_value(standing).unwrap_or_default();
        self.line.leave(standing, &past);
    }

    /// The caller's answers to a server's questions, and the router's where it asks for a completion.
    pub(super) async fn answers(&self, requests: &InputRequests) -> Result<InputResponses, Stop> {
        let declined = |why| Fault::new(FaultClass::Declined, why);
        let questions = self.asker().questions(requests);
        let questions =
            questions.map_err(|why| declined(format!("The tool's server asks: {why}")))?;
        self.count(questions.len()).map_err(declined)?;
        let mut answers = InputResponses::new();
        let mut open = Vec::new();
        for (key, question) in questions {
            match self.completion(&question).await {
                Some(Ok(answer)) => drop(answers.insert(key, answer)),
                Some(Err(why)) => return Err(declined(why).into()),
                None => open.push((key, question)),
            }
        }
        if !open.is_empty() {
            answers.extend(self.line.ask(open).await?);
        }
        Ok(answers)
    }

    /// The number of the first of so many more questions, or that there were enough.
    fn count(&self, more: usize) -> Result<usize, String> {
        let first = self.asked.fetch_add(more, Ordering::Relaxed);
        if first.saturating_add(more) > MOST_QUESTIONS {
            return Err(format!("A call may ask {MOST_QUESTIONS} questions"));
        }
        Ok(first)
    }

    fn put_off_all(&self, questions: Vec<(String, Question)>) {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        later.extend(questions);
        self.put_off.notify_one();
    }

    async fn answer(&self, method: &str, params: Value) -> Result<Value, String> {
        let number = self.count(1)?;
        let key = key(number, method, &params);
        let question = self.asker().ask(method, params)?;
        if let Some(answer) = self.completion(&question).await {
            return answer;
        }
        if !self.line.abilities().has(&question) {
            return Err("The client cannot be asked this".to_owned());
        }
        match self.line.ask(vec![(key.clone(), question)]).await {
            Ok(mut answers) => answers.remove(&key).ok_or("There is no answer".to_owned()),
            Err(Unanswered::Later(questions)) => {
                self.put_off_all(questions);
                // The request to the server is called off, and this with it.
                std::future::pending().await
            }
            Err(Unanswered::Unable(_)) => Err("The client cannot be asked this".to_owned()),
            Err(Unanswered::Failed(why)) => Err(why),
        }
    }
}

/// The key of a question: its place and its words, so that the answer to one is never taken for that to another when
/// the server, asked anew, asks something else.
fn key(number: usize, method: &str, params: &Value) -> String {
    let words = json!([method, params]).to_string();
    let digest = blake3::hash(words.as_bytes()).to_hex();
    format!("{number}-{}", &digest[..16])
}

impl Relay for LineRelay<'_> {
    fn able(&self) -> Option<ClientCapabilities> {
        let abilities = self.line.abilities();
        let access = self.server.spec().settings.model.as_ref();
        let router_answers = self.lent.is_some() && access.is_some_and(|access| access.sampling);
        let mut able = ClientCapabilities::builder().enable_tasks().build();
        if self.run.is_none() {
            // Only calls become tasks that are waited for here.
            able.extensions = None;
        }
        able.elicitation = abilities
            .elicitation
            .then(|| ElicitationCapability::new().with_form(Default::default()));
        able.sampling = (abilities.sampling || router_answers).then(Default::default);
        able.roots = abilities.roots.then(Default::default);
        Some(able)
    }

    fn log_level(&self) -> Option<LoggingLevel> {
        self.line.wanted().map(LoggingLevel::from)
    }

    fn notes(&self) -> Option<&Notes> {
        self.notes
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let grows = progress.is_finite() && progress > *last;
        if !grows || !self.line.wants_progress() {
            return Box::pin(std::future::ready(()));
        }
        *last = progress;
        drop(last);
        Box::pin(async move {
            let message = message.map(|message| {
                let mut short: String = message.chars().take(LONGEST_MESSAGE).collect();
                clean_text(&mut short);
                short
            });
            let total = total.filter(|total| total.is_finite());
            self.line
                .progress(progress, total, message.as_deref())
                .await;
        })
    }

    fn log<'a>(&'a self, level: &'a str, mut data: Value) -> BoxFuture<'a, ()> {
        // A word that is none of the protocol's says nothing of how much it matters.
        let level = serde_json::from_value(level.into()).map_or(Level::Info, LoggingLevel::into);
        let bytes = size::of_value(&data);
        if bytes > LARGEST_LOG {
            data = format!("A message of {bytes} bytes was left out").into();
        }
        clean_value(&mut data);
        self.line.log(level, &self.server.spec().name, data)
    }

    fn ask<'a>(&'a self, method: &'a str, params: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(self.answer(method, params))
    }
}
