//! One prompt: what it is given, what it asks, what it says.

use std::collections::{BTreeMap, BTreeSet};

use rmcp::{
    ErrorData,
    model::{ClientCapabilities, GetPromptResult, Prompt as WirePrompt, PromptArgument},
};
use serde_json::{Map, Value};

use super::{
    ArgumentSettings, Got, PromptSettings, Read, SHOWN,
    ask::{Answer, Ask},
    message::Message,
    resource::Resource,
};
use crate::{
    access::Caller,
    problem::Problem,
    schema::shown_text,
    tools::{Line, Question, Unanswered},
};

/// The longest argument, in bytes. People paste whole files; a prompt that repeats one stays within megabytes.
const LONGEST_ARGUMENT: usize = 256 * 1024;

/// One prompt.
#[derive(Debug)]
pub(super) struct Prompt {
    /// As clients see it in lists.
    pub(super) wire: WirePrompt,
    arguments: Vec<ArgumentSettings>,
    asks: BTreeMap<String, Ask>,
    messages: Vec<Message>,
}

impl Prompt {
    pub(super) fn build(
        name: &str,
        settings: &PromptSettings,
        resources: &BTreeMap<String, Resource>,
        read: &Read<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut asks = BTreeMap::new();
        for (key, ask) in &settings.ask {
            match Ask::build(ask) {
                Ok(ask) => {
                    asks.insert(key.clone(), ask);
                }
                Err(more) => problems.extend(more.into_iter().map(|it| it.under(["ask", key]))),
            }
        }
        let members = members(settings, &asks, &mut problems);
        let mut messages = Vec::with_capacity(settings.messages.len());
        for (at, message) in settings.messages.iter().enumerate() {
            match Message::build(message, &members, resources, read) {
                Ok(message) => messages.push(message),
                Err(more) => {
                    let at = at.to_string();
                    problems.extend(more.into_iter().map(|it| it.under(["messages", &at])));
                }
            }
        }
        if settings.messages.is_empty() {
            problems.push(Problem::new(["messages"], "there are no messages"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let arguments = settings.arguments.iter().map(wire_argument).collect();
        let mut wire = WirePrompt::new(name, settings.description.clone(), Some(arguments));
        wire.title.clone_from(&settings.title);
        Ok(Self {
            wire,
            arguments: settings.arguments.clone(),
            asks,
            messages,
        })
    }

    /// The prompt for one caller, or what has to be asked before.
    pub(super) async fn get(
        &self,
        caller: &Caller,
        arguments: Map<String, Value>,
        line: &dyn Line,
    ) -> Result<Got<GetPromptResult>, ErrorData> {
        let mut input = self.input(arguments)?;
        match self.answers(line).await? {
            Answered::All(members) => input.extend(members),
            Answered::Not(questions) => return Ok(Got::Asks(questions)),
        }
        let input = Value::Object(input);
        let messages = self.messages.iter();
        let messages: Result<Vec<_>, _> = messages.map(|it| it.render(&input, caller)).collect();
        let mut result = GetPromptResult::new(messages?);
        result.description.clone_from(&self.wire.description);
        Ok(Got::This(result))
    }

    /// The values to offer for an argument; `None` if there is no such argument.
    pub(super) fn offers(&self, argument: &str) -> Option<&[String]> {
        let known = self.arguments.iter().find(|it| it.name == argument);
        known.map(|argument| argument.complete.as_slice())
    }

    /// The arguments, each a text; those left out are empty.
    fn input(&self, mut given: Map<String, Value>) -> Result<Map<String, Value>, ErrorData> {
        let refuse = |message: String| Err(ErrorData::invalid_params(message, None));
        let mut input = Map::new();
        for argument in &self.arguments {
            let name = &argument.name;
            match given.remove(name) {
                Some(Value::String(text)) if text.len() > LONGEST_ARGUMENT => {
                    return refuse(format!(
                        "The argument `{name}` has {} bytes, and {LONGEST_ARGUMENT} are allowed",
                        text.len()
                    ));
                }
                Some(Value::String(text)) => input.insert(name.clone(), text.into()),
                Some(_) => return refuse(format!("The argument `{name}` is no text")),
                None if argument.required => {
                    return refuse(format!("The argument `{name}` is missing"));
                }
                None => input.insert(name.clone(), "".into()),
            };
        }
        match given.keys().next() {
            Some(name) => refuse(format!("Unknown argument: {}", shown_text(name, SHOWN))),
            None => Ok(input),
        }
    }

    /// Asks everything there is to ask. What does not fit is asked again.
    async fn answers(&self, line: &dyn Line) -> Result<Answered, ErrorData> {
        if self.asks.is_empty() {
            return Ok(Answered::All(Map::new()));
        }
        let questions = self
            .asks
            .iter()
            .map(|(key, ask)| (key.clone(), ask.question()));
        let answers = match line.ask(questions.collect()).await {
            Ok(answers) => answers,
            Err(Unanswered::Later(questions)) => return Ok(Answered::Not(questions)),
            Err(Unanswered::Unable(_)) => {
                let needed = ClientCapabilities::builder().enable_elicitation().build();
                return Err(ErrorData::missing_required_client_capability(needed));
            }
            Err(Unanswered::Failed(why)) => return Err(ErrorData::invalid_request(why, None)),
        };
        let mut members = Map::new();
        let mut again = Vec::new();
        for (key, ask) in &self.asks {
            match ask.answer(answers.get(key).unwrap_or(&Value::Null)) {
                Answer::Given(more) => members.extend(more),
                Answer::Unfit(why) => {
                    tracing::debug!(prompt = self.wire.name, question = key, why, "asked again");
                    again.push((key.clone(), ask.question()));
                }
                Answer::Declined => {
                    let message = format!("The user does not answer `{key}`");
                    return Err(ErrorData::invalid_request(message, None));
                }
            }
        }
        Ok(match again.is_empty() {
            true => Answered::All(members),
            false => Answered::Not(again),
        })
    }
}

enum Answered {
    All(Map<String, Value>),
    Not(Vec<(String, Question)>),
}

/// The members of `input`: arguments, and what is asked. Names count once.
fn members<'a>(
    settings: &'a PromptSettings,
    asks: &'a BTreeMap<String, Ask>,
    problems: &mut Vec<Problem>,
) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    for (at, argument) in settings.arguments.iter().enumerate() {
        let name = argument.name.as_str();
        let path = || ["arguments".to_owned(), at.to_string(), "name".to_owned()];
        let begins = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
        if !begins
            || !name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '_')
        {
            let problem = Problem::new(path(), format!("`{name}` is no name of an argument"));
            problems.push(problem.expected("letters, digits and `_`"));
        } else if !seen.insert(name) {
            problems.push(Problem::new(path(), format!("`{name}` is there twice")));
        }
    }
    for (key, ask) in asks {
        for name in ask.members() {
            if !seen.insert(name) {
                let message = format!("`{name}` is there twice");
                problems.push(Problem::new(["ask", key, "schema"], message));
            }
        }
    }
    seen.into_iter().collect()
}

fn wire_argument(settings: &ArgumentSettings) -> PromptArgument {
    let mut wire = PromptArgument::new(&settings.name).with_required(settings.required);
    wire.title.clone_from(&settings.title);
    wire.description.clone_from(&settings.description);
    wire
}

#[cfg(test)]
#[path = "prompt_tests.rs"]
mod tests;
