//! A completion through the router: a prompt over the arguments, asked of whoever the route chooses.
//!
//! Arguments are data. They stand in the messages the operator put them in and are never read for expressions or
//! roles. An operator who puts one into `system` lets callers write instructions.

mod settings;

pub use settings::{Message, Role, Settings};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    dialect::Work,
    json::Object,
    problem::Problem,
    relay::Rights,
    route::Hints,
    tools::{
        About, Common, Fault, Input, Kind, Materials, Output, Run, Stop, Tool, Wanted,
        model::{self, Finished, Whom},
        prompt::Prompt,
    },
};

#[derive(Debug)]
struct Completion {
    whom: Whom,
    messages: Vec<(Role, Prompt)>,
    hints: Hints,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    json: bool,
    stream: bool,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let mut problems = Vec::new();
    let (route, target) = (settings.route.as_deref(), settings.target.as_deref());
    let whom = Whom::named(route, target, materials).map_err(|problem| problems.push(problem));
    let messages = messages(settings, materials.common, &mut problems);
    if settings.max_tokens == Some(0) {
        let problem = Problem::new(["max_tokens"], "an answer without tokens is none");
        problems.push(problem.expected("a whole number above 0"));
    }
    if let Some(temperature) = settings.temperature
        && !(0.0..=2.0).contains(&temperature)
    {
        let problem = Problem::new(["temperature"], format!("{temperature} is out of range"));
        problems.push(problem.expected("0 to 2"));
    }
    match whom {
        Ok(whom) if problems.is_empty() => Ok(Box::new(Completion {
            whom,
            messages,
            hints: Hints {
                strategy: settings.strategy,
                within: settings.within.clone(),
                ..Hints::default()
            },
            max_tokens: settings.max_tokens,
            temperature: settings.temperature,
            json: settings.json,
            stream: settings.stream,
        })),
        _ => Err(problems),
    }
}

/// The messages: the system's, and the prompt or the conversation.
fn messages(
    settings: &Settings,
    common: &Common,
    problems: &mut Vec<Problem>,
) -> Vec<(Role, Prompt)> {
    match (&settings.prompt, settings.messages.is_empty()) {
        (None, true) => {
            let problem = Problem::new(["prompt"], "the model is asked nothing");
            problems.push(problem.expected("`prompt: TEXT`, or `messages: [{role, content}]`"));
        }
        (Some(_), false) => {
            let problem = Problem::new(["messages"], "there are a prompt and a conversation");
            problems.push(problem.expected("one of them"));
        }
        _ => {}
    }
    let mut messages = Vec::new();
    let mut add = |role: Role, written: &str, path: &[&str]| match Prompt::compile(written, common)
    {
        Ok(prompt) => messages.push((role, prompt)),
        Err(problem) => problems.push(problem.under(path.iter().copied())),
    };
    if let Some(system) = &settings.system {
        add(Role::System, system, &["system"]);
    }
    if let Some(prompt) = &settings.prompt {
        add(Role::User, prompt, &["prompt"]);
    }
    for (at, message) in settings.messages.iter().enumerate() {
        let path = ["messages", &at.to_string(), "content"];
        add(message.role, &message.content, &path);
    }
    messages
}

impl Completion {
    /// Whether the answer is a structured result.
    fn is_json(&self, tool: &Tool) -> bool {
        self.json || tool.output_schema.is_some()
    }

    fn ask(&self, about: &About<'_>) -> Result<Wanted, Fault> {
        let input = Input {
            arguments: about.arguments,
            caller: &about.caller.name,
        };
        let message = |(role, prompt): &(Role, Prompt)| {
            Ok(json!({"role": role, "content": prompt.text(&input)?}))
        };
        let messages: Result<Vec<Value>, Fault> = self.messages.iter().map(message).collect();
        let mut body = Object::new();
        body.set("model", self.whom.model());
        body.set("messages", &messages?);
        if let Some(most) = self.max_tokens {
            body.set("max_tokens", &most);
        }
        if let Some(temperature) = self.temperature {
            body.set("temperature", &temperature);
        }
        match &about.tool.output_schema {
            Some(schema) => {
                let format = model::json_schema(&about.tool.wire, schema);
                body.set("response_format", &format);
            }
            None if self.json => body.set("response_format", &model::json_object()),
            None => {}
        }
        Ok(Wanted {
            body,
            work: Work::Completion,
            hints: self.hints.clone(),
            rights: Rights::Operator,
        })
    }

    async fn complete(&self, run: Run<'_>) -> Result<Output, Fault> {
        let mut wanted = self.ask(&run.about())?;
        let is_json = self.is_json(run.tool);
        // JSON is checked before it goes anywhere, so there is nothing to tell of it until it is whole.
        if self.stream && !is_json && run.line.wants_progress() {
            wanted.stream();
        }
        let finished = model::complete(&run, &wanted).await?;
        output(finished, is_json)
    }
}

/// What a finished completion gives.
fn output(finished: Finished, is_json: bool) -> Result<Output, Fault> {
    let meta = finished.meta();
    let output = if is_json {
        Output::structured(finished.json()?)
    } else {
        Output::text(finished.text)
    };
    Ok(Output { meta, ..output })
}

impl Kind for Completion {
    fn is_silent(&self) -> bool {
        true
    }

    fn wanted(&self, about: &About<'_>) -> Option<Result<Wanted, Fault>> {
        Some(self.ask(about))
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move { Ok(self.complete(run).await?) })
    }
}
