//! Requests that come back with answers: what a client carries for us between two of them.
//!
//! In 2026-07-28 the server does not ask; it answers `input_required` and the client sends the request anew, with
//! answers and with the `requestState` it was given. That state comes from outside, so it is sealed: it opens only
//! for the same caller with the same request, unaltered, and not for long. Within it travel the answers of earlier
//! rounds, so that the work can be run anew from its beginning and finds each question answered that it had asked; and
//! what the work left for itself, so that it may go on from there instead.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData,
    model::{InputRequiredResult, InputResponses, RequestStateCodec, SealOptions},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Gate, questions, spent::Spent};
use crate::tools::{Abilities, Answers, Question, Unanswered};

/// How long a client may take for its answers. People are asked, and look things up first.
pub(super) const LIFE: Duration = Duration::from_secs(600);

/// The most the answers of one request may take within the state, in bytes: it goes back and forth with each round.
const LARGEST: usize = 256 * 1024;

/// What a client carries.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Carried {
    /// The state's number; none where nothing was sealed yet.
    number: Option<u64>,
    /// What it answered so far.
    answers: Answers,
    /// What the run before left.
    left: Option<Value>,
}

/// Seals what clients carry. The key is of this process: after a restart a client begins anew.
#[derive(Debug)]
pub(super) struct Sealer {
    codec: RequestStateCodec,
    spent: Arc<Spent>,
}

/// A digest of who asks for what. A state opens for its own subject only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject([u8; blake3::OUT_LEN]);

impl Subject {
    /// Who sends which request. Objects have their members in one order, so spelling makes no difference; no arguments
    /// are as good as empty ones.
    pub(super) fn new(
        principal: &str,
        method: &str,
        name: &str,
        arguments: Option<&Map<String, Value>>,
    ) -> Self {
        let none = Map::new();
        let subject = (principal, method, name, arguments.unwrap_or(&none));
        let mut hasher = blake3::Hasher::new();
        #[expect(
            clippy::expect_used,
            reason = "texts and JSON are written to a hasher, which takes every byte"
        )]
        serde_json::to_writer(&mut hasher, &subject).expect("JSON can be written");
        Self(*hasher.finalize().as_bytes())
    }
}

impl Sealer {
    /// A sealer with a key that nobody knows.
    pub(super) fn new() -> Self {
        let key: [u8; RequestStateCodec::MIN_KEY_LENGTH] = rand::random();
        Self {
            codec: RequestStateCodec::new_unchecked(key),
            spent: Arc::default(),
        }
    }

    fn seal(&self, subject: Subject, carried: &Carried) -> Result<String, ErrorData> {
        let carried = serde_json::to_vec(carried)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        if carried.len() > LARGEST {
            let message = format!("The answers take more than {LARGEST} bytes in all");
            return Err(ErrorData::invalid_params(message, None));
        }
        let options = SealOptions::new().associated_data(&subject.0).ttl(LIFE);
        Ok(self.codec.seal_with(&carried, &options))
    }

    /// What is within. Why a state does not open is told to nobody: a forger would learn from it.
    fn open(&self, subject: Subject, sealed: &str) -> Result<Carried, ErrorData> {
        let opened = self.codec.open_json_with(sealed, &subject.0);
        opened.map_err(|_| {
            ErrorData::invalid_params(
                "The requestState is not valid here: it was altered, is too old, or belongs to another request. \
                 Send the request without requestState to begin anew",
                None,
            )
        })
    }
}

/// One request on its way through its rounds.
#[derive(Debug)]
pub(super) struct Round {
    subject: Subject,
    /// The number of the state it came with.
    number: Option<u64>,
    spent: Arc<Spent>,
    told: Mutex<Told>,
}

/// What is known of the client's answers.
#[derive(Debug, Default)]
struct Told {
    /// What the client says, now or in earlier rounds.
    said: Answers,
    /// What goes on to the next round: of what it says, what answers a question that was asked.
    taken: Carried,
}

impl Round {
    /// The round a request is in; none where its revision asks the client directly.
    pub(super) fn of(
        gate: &Gate,
        is_modern: bool,
        subject: impl FnOnce() -> Subject,
        (state, responses): (Option<&str>, Option<InputResponses>),
    ) -> Result<Option<Arc<Self>>, ErrorData> {
        if !is_modern {
            return Ok(None);
        }
        let round = Self::open(&gate.sealer, subject(), state, responses)?;
        Ok(Some(Arc::new(round)))
    }

    /// Begins with what the client brought: nothing at first, answers and a state when it comes back.
    fn open(
        sealer: &Sealer,
        subject: Subject,
        state: Option<&str>,
        responses: Option<InputResponses>,
    ) -> Result<Self, ErrorData> {
        let Carried {
            number,
            answers,
            left,
        } = match state {
            Some(sealed) => sealer.open(subject, sealed)?,
            None => Carried::default(),
        };
        let mut said = answers;
        said.extend(responses.unwrap_or_default());
        let taken = Carried {
            left,
            ..Carried::default()
        };
        Ok(Self {
            subject,
            number,
            spent: sealer.spent.clone(),
            told: Mutex::new(Told { said, taken }),
        })
    }

    /// The answers there are, and those questions that still have none. What does not answer its question counts as
    /// nothing; what answers no question is ignored.
    pub(super) fn split(
        &self,
        questions: Vec<(String, Question)>,
    ) -> (Answers, Vec<(String, Question)>) {
        let mut answers = Answers::new();
        let mut open = Vec::new();
        let mut told = self.told();
        for (key, question) in questions {
            match told.said.get(&key) {
                Some(answer) if questions::check(&question, answer).is_ok() => {
                    answers.insert(key, answer.clone());
                }
                _ => open.push((key, question)),
            }
        }
        told.taken.answers.extend(answers.clone());
        (answers, open)
    }

    /// Spends the answer to a question that is good for one call, and the state it came with. False where that state was
    /// spent before, or where there is none and so nobody had asked: the answer is forgotten then.
    pub(super) fn spend(&self, key: &str) -> bool {
        let mut told = self.told();
        if !told.taken.answers.contains_key(key) {
            // It did not come with this request: its user was asked directly.
            return true;
        }
        let is_good = self.number.is_some_and(|number| self.spent.spend(number));
        if !is_good {
            told.said.remove(key);
            told.taken.answers.remove(key);
        }
        is_good
    }

    /// Leaves something for the next round, and forgets the answers to questions that are past.
    pub(super) fn leave(&self, state: Value, past: &[String]) {
        let mut told = self.told();
        for key in past {
            told.said.remove(key);
            told.taken.answers.remove(key);
        }
        told.taken.left = Some(state);
    }

    /// What was left last.
    pub(super) fn left(&self) -> Option<Value> {
        self.told().taken.left.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answers if all are there; else those questions that have none, for a later request.
    pub(super) fn ask(&self, questions: Vec<(String, Question)>) -> Result<Answers, Unanswered> {
        match self.split(questions) {
            (answers, open) if open.is_empty() => Ok(answers),
            (_, open) => Err(Unanswered::Later(open)),
        }
    }

    /// What tells the client to come back with answers.
    ///
    /// # Errors
    /// The client did not say that it can be asked such things, or a question is none.
    pub(super) fn come_back(
        &self,
        sealer: &Sealer,
        abilities: Abilities,
        questions: &[(String, Question)],
    ) -> Result<InputRequiredResult, ErrorData> {
        let questions_alone = questions.iter().map(|(_, question)| question);
        let mut unable = questions_alone
            .filter(|question| !abilities.has(question))
            .peekable();
        if unable.peek().is_some() {
            return Err(ErrorData::missing_required_client_capability(
                questions::required(unable),
            ));
        }
        let requests = questions.iter().map(|(key, question)| {
            let request = questions::request(question);
            request.map(|request| (key.clone(), request))
        });
        let requests = requests.collect::<Result<_, String>>();
        let requests = requests.map_err(|why| ErrorData::internal_error(why, None))?;
        let mut told = self.told();
        told.taken.number = Some(sealer.spent.number());
        let state = sealer.seal(self.subject, &told.taken)?;
        Ok(InputRequiredResult::new(Some(requests), Some(state)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject(arguments: &Value) -> Subject {
        Subject::new("alice", "tools/call", "t", arguments.as_object())
    }

    #[test]
    fn a_subject_is_who_sends_what() {
        let arguments = json!({"a": 1, "b": [2, "c"]});
        let same = json!({"b": [2, "c"], "a": 1});
        assert_eq!(subject(&arguments), subject(&same));
        let with = |principal: &str, method: &str, name: &str| {
            Subject::new(principal, method, name, arguments.as_object())
        };
        for other in [
            with("bob", "tools/call", "t"),
            with("alice", "prompts/get", "t"),
            with("alice", "tools/call", "u"),
            with("alicetools/call", "", "t"),
            with("alice\",\"tools/call", "", "t"),
            subject(&json!({"a": 1, "b": [2, "C"]})),
            subject(&json!({})),
        ] {
            assert_ne!(subject(&arguments), other);
        }
        let without = Subject::new("alice", "tools/call", "t", None);
        assert_eq!(without, subject(&json!({})));
    }

    #[test]
    fn a_state_that_is_too_old_is_refused() {
        let sealer = Sealer::new();
        let subject = subject(&json!({}));
        let options = SealOptions::new().associated_data(&subject.0);
        let fresh = sealer.codec.seal_with(b"{}", &options.ttl(LIFE));
        assert!(sealer.open(subject, &fresh).is_ok());
        let options = SealOptions::new().associated_data(&subject.0);
        let old = sealer.codec.seal_with(b"{}", &options.ttl(Duration::ZERO));
        // It is good for the millisecond it was sealed in.
        let begun = std::time::SystemTime::now();
        while sealer.open(subject, &old).is_ok() {
            let waited = begun.elapsed().unwrap_or_default();
            assert!(waited < Duration::from_secs(20), "it never grows old");
        }
    }

    #[test]
    fn only_answers_to_questions_travel_on() {
        let sealer = Sealer::new();
        let subject = subject(&json!({}));
        let said = Answers::from([
            ("roots".to_owned(), json!({"roots": []})),
            ("more".to_owned(), json!("x".repeat(1_000))),
        ]);
        let round = Round::open(&sealer, subject, None, Some(said)).unwrap();
        let all = Abilities {
            elicitation: true,
            sampling: true,
            roots: true,
        };
        assert!(
            round
                .ask(vec![("roots".to_owned(), Question::Roots)])
                .is_ok()
        );
        let open = [("again".to_owned(), Question::Roots)];
        let back = round.come_back(&sealer, all, &open).unwrap();
        let carried = sealer.open(subject, &back.request_state.unwrap()).unwrap();
        assert_eq!(carried.answers.keys().collect::<Vec<_>>(), ["roots"]);
    }

    #[test]
    fn an_answer_that_is_good_once_goes_on_through_later_rounds_and_no_second_time() {
        let sealer = Sealer::new();
        let subject = subject(&json!({}));
        let all = Abilities {
            roots: true,
            ..Abilities::default()
        };
        let question = |key: &str| vec![(key.to_owned(), Question::Roots)];
        let yes = || Some(Answers::from([("may".to_owned(), json!({"roots": []}))]));
        let comes = |state: Option<&str>, said| {
            let round = Round::open(&sealer, subject, state, said).unwrap();
            assert!(round.ask(question("may")).is_ok());
            let is_good = round.spend("may");
            // What was not good is forgotten, so that asking asks.
            assert_eq!(round.ask(question("may")).is_ok(), is_good);
            let back = round.come_back(&sealer, all, &question("more")).unwrap();
            (is_good, back.request_state.unwrap())
        };
        let (unasked, first) = comes(None, yes());
        assert!(!unasked, "nobody had asked");
        let (once, next) = comes(Some(&first), yes());
        assert!(once);
        assert!(!comes(Some(&first), yes()).0);
        assert!(comes(Some(&next), None).0, "a later round of the same call");
        assert!(!comes(Some(&next), None).0);
    }

    #[test]
    fn what_is_left_travels_on_and_what_is_past_does_not() {
        let sealer = Sealer::new();
        let subject = subject(&json!({}));
        let said = || Some(Answers::from([("who".to_owned(), json!({"roots": []}))]));
        let who = || vec![("who".to_owned(), Question::Roots)];
        let round = Round::open(&sealer, subject, None, said()).unwrap();
        assert!(round.ask(who()).is_ok());
        round.leave(json!("state 1"), &["who".to_owned()]);
        // The same key is another question now.
        assert!(round.ask(who()).is_err());
        let all = Abilities {
            roots: true,
            ..Abilities::default()
        };
        let back = round.come_back(&sealer, all, &who()).unwrap();
        let state = back.request_state.as_deref();
        let next = Round::open(&sealer, subject, state, said()).unwrap();
        assert_eq!(next.left(), Some(json!("state 1")));
        assert!(next.ask(who()).is_ok());
    }
}
