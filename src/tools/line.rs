//! What a running call can say to its caller, and ask of it. Faces implement it; kinds speak into it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Level;

/// The caller's end of one running call.
///
/// Sending waits while the caller is slow to read (never without end: faces bound it), so a kind that is flooded
/// waits with it. What cannot be delivered is lost, which is no error: progress is a courtesy.
pub trait Line: Send + Sync {
    /// What the caller can be asked.
    fn abilities(&self) -> Abilities;

    /// Whether the caller wants to hear of progress. Nothing is sent if not.
    fn wants_progress(&self) -> bool;

    /// Tells of progress. `progress` must grow from one to the next.
    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()>;

    /// Sends a log message, if the caller wants such of this level.
    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()>;

    /// From which level on the caller wants log messages; none wants none. Kinds whose messages are made elsewhere say
    /// so there.
    fn wanted(&self) -> Option<Level> {
        None
    }

    /// Takes note that the work goes on elsewhere by itself now: where the call may become a task, it does, and what
    /// the kind asks from here on is asked by the task.
    fn begun(&self) {}

    /// Asks the caller. Where answers come with a later call only (stateless MCP), those known already are given at
    /// once; if one is missing, the kind passes [`Unanswered::Later`] on as [`super::Stop::Asks`] and is run anew.
    fn ask(&self, questions: Vec<(String, Question)>)
    -> BoxFuture<'_, Result<Answers, Unanswered>>;

    /// Spends the answer to a question that is good for one call only. False where it was used for another call before,
    /// or was given before it was asked for: it is forgotten then, and the question is asked anew. Who is asked directly
    /// answers for one call anyway.
    fn spend(&self, _key: &str) -> bool {
        true
    }

    /// Leaves something for the run that follows a question, where answers come with a later call, in place of what
    /// was left before. It travels sealed. Answers to the questions of these keys are forgotten: the run is past them.
    fn leave(&self, _state: Value, _past: &[String]) {}

    /// What the run before left.
    fn left(&self) -> Option<Value> {
        None
    }

    /// Tells whoever listens that a list is another now. Where nobody can listen, nothing happens.
    fn changed(&self, _listing: Listing) {}
}

/// What a client can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listing {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources, and templates of their addresses.
    Resources,
}

/// What a caller can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Its user, with a form.
    pub elicitation: bool,
    /// Its model.
    pub sampling: bool,
    /// The folders it works in.
    pub roots: bool,
}

impl Abilities {
    /// Whether the caller can be asked this.
    pub fn has(self, question: &Question) -> bool {
        match question {
            Question::Elicit { .. } => self.elicitation,
            Question::Sample(_) => self.sampling,
            Question::Roots => self.roots,
        }
    }
}

/// One thing to ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The user, with a form: a message and an object schema of plain members.
    Elicit {
        /// What the user reads.
        message: String,
        /// The form.
        schema: Value,
    },
    /// The client's model: the parameters of `sampling/createMessage`.
    Sample(Value),
    /// The folders the client works in.
    Roots,
}

/// Answers by the key of their question, each as the protocol's result object.
pub type Answers = BTreeMap<String, Value>;

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// It comes with a later call.
    Later(Vec<(String, Question)>),
    /// The caller cannot be asked such things.
    Unable(Question),
    /// It was asked and did not answer.
    Failed(String),
}

/// A caller that hears nothing and answers nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Line for Nobody {
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    fn wants_progress(&self) -> bool {
        false
    }

    fn progress<'a>(&'a self, _: f64, _: Option<f64>, _: Option<&'a str>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn log<'a>(&'a self, _: Level, _: &'a str, _: Value) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        let first = questions.into_iter().next();
        Box::pin(std::future::ready(match first {
            Some((_, question)) => Err(Unanswered::Unable(question)),
            None => Ok(Answers::new()),
        }))
    }
}
