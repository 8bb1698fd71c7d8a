//! What the simulated model says: text, JSON, or calls of tools.

use serde_json::value::RawValue;

use super::{
    Run,
    ask::{Ask, Choice, Format},
    dice::{Dice, Use},
    prose::{self, Topic},
    schema_value,
};
use crate::{catalog::Fault, chat::Finish};

/// Most tokens of one answer: the output limit of a small model. It bounds what a request can cost us, too.
const OUTPUT_LIMIT: u64 = 16_384;

/// Mean length of a text nobody set a length for.
const MEAN_TOKENS: f64 = 60.0;

/// How much of a tool's result an answer repeats, in tokens.
const QUOTED_TOKENS: u64 = 24;

/// What `json_object` gets.
const SOME_OBJECT: &str = r#"{"type":"object","properties":{"answer":{"type":"string"},"topics":{"type":"array","items":{"type":"string"}},"confidence":{"type":"number","minimum":0,"maximum":1}}}"#;

/// One answer of the model.
pub(super) struct Answer {
    /// The text; none beside calls.
    pub(super) text: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) finish: Finish,
}

/// One call of a tool.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text, unless the token limit cut it.
    pub(super) arguments: String,
}

impl Answer {
    /// Its size in tokens.
    pub(super) fn tokens(&self) -> u64 {
        let calls = self.calls.iter();
        let calls = calls.map(|call| prose::count(&call.name) + prose::count(&call.arguments));
        self.text.as_deref().map_or(0, prose::count) + calls.sum::<u64>()
    }
}

/// All answers to one request.
pub(super) fn answers(run: &Run<'_>, ask: &Ask, fault: Fault) -> Vec<Answer> {
    let mut dice = run.dice(Use::Turn);
    let topic = Topic::of(&ask.user);
    (0..ask.choices)
        .map(|_| spoilt(answer(ask, &topic, &mut dice), ask, fault))
        .collect()
}

/// An answer as a model gives it that has not understood what was asked of it.
fn spoilt(mut answer: Answer, ask: &Ask, fault: Fault) -> Answer {
    const OFF_SCHEMA: &str = r#"{"note":"this fits no schema"}"#;
    match fault {
        Fault::Empty => {
            answer.text = Some(String::new());
            answer.calls.clear();
            answer.finish = Finish::Stop;
        }
        Fault::OffSchema if !answer.calls.is_empty() => {
            for call in &mut answer.calls {
                call.arguments = OFF_SCHEMA.to_owned();
            }
        }
        Fault::OffSchema if !matches!(ask.format, Format::Text) => {
            answer.text = Some(OFF_SCHEMA.to_owned());
        }
        Fault::UnknownTool => {
            for call in &mut answer.calls {
                call.name.push_str("_v2");
            }
        }
        _ => {}
    }
    answer
}

fn answer(ask: &Ask, topic: &Topic, dice: &mut Dice) -> Answer {
    let limit = ask.limit.unwrap_or(OUTPUT_LIMIT).min(OUTPUT_LIMIT);
    let names = called(ask, dice);
    if names.is_empty() {
        return spoken(&text(ask, topic, dice), limit);
    }
    let calls: Vec<Call> = names
        .iter()
        .map(|name| call(ask, name, topic, dice))
        .collect();
    limited(calls, limit)
}

fn spoken(text: &str, limit: u64) -> Answer {
    let head = prose::head(text, limit);
    let finish = if head.len() < text.len() {
        Finish::Length
    } else {
        Finish::Stop
    };
    Answer {
        text: Some(head.to_owned()),
        calls: Vec::new(),
        finish,
    }
}

/// Cuts the arguments where the limit is reached, as models do: what was cut is no JSON any more.
fn limited(mut calls: Vec<Call>, limit: u64) -> Answer {
    let mut left = limit;
    let mut finish = Finish::ToolCalls;
    let mut kept = 0;
    for call in &mut calls {
        if left == 0 {
            finish = Finish::Length;
            break;
        }
        kept += 1;
        left = left.saturating_sub(prose::count(&call.name));
        let head = prose::head(&call.arguments, left).len();
        if head < call.arguments.len() {
            call.arguments.truncate(head);
            finish = Finish::Length;
        }
        left = left.saturating_sub(prose::count(&call.arguments));
    }
    calls.truncate(kept);
    Answer {
        text: None,
        calls,
        finish,
    }
}

/// The names of the tools to call.
fn called<'a>(ask: &'a Ask, dice: &mut Dice) -> Vec<&'a str> {
    if ask.tools.is_empty() || ask.directives.echo {
        return Vec::new();
    }
    let wanted = &ask.directives.tools;
    match &ask.choice {
        Choice::None => Vec::new(),
        Choice::Named(name) => vec![name],
        Choice::Auto if !ask.user_is_last => Vec::new(),
        Choice::Auto | Choice::Required if ask.user_is_last && !wanted.is_empty() => {
            wanted.iter().map(String::as_str).collect()
        }
        Choice::Auto if dice.chance(0.5) => Vec::new(),
        Choice::Auto | Choice::Required => fitting(ask, dice),
    }
}

/// All tools the user speaks of, if several may be called at once; else one.
fn fitting<'a>(ask: &'a Ask, dice: &mut Dice) -> Vec<&'a str> {
    let user = ask.user.to_lowercase();
    let spoken_of = |name: &str| {
        let name = name.to_lowercase();
        !name.is_empty() && (user.contains(&name) || user.contains(&name.replace(['_', '-'], " ")))
    };
    let names = ask.tools.iter().map(|tool| tool.name.as_str());
    let mut fitting: Vec<&str> = names.clone().filter(|name| spoken_of(name)).collect();
    if fitting.is_empty() {
        let all: Vec<&str> = names.collect();
        fitting.extend(dice.pick(&all));
    }
    if !ask.parallel {
        fitting.truncate(1);
    }
    fitting
}

fn call(ask: &Ask, name: &str, topic: &Topic, dice: &mut Dice) -> Call {
    let tool = ask.tools.iter().find(|tool| tool.name == name);
    let schema = tool.and_then(|tool| tool.parameters.as_deref());
    Call {
        id: format!("call_sim{:016x}", dice.below(u64::MAX)),
        name: name.to_owned(),
        arguments: schema.map_or_else(
            || "{}".to_owned(),
            |schema| schema_value::value(schema, topic, dice),
        ),
    }
}

fn text(ask: &Ask, topic: &Topic, dice: &mut Dice) -> String {
    if ask.directives.echo {
        return ask.user.clone();
    }
    match &ask.format {
        Format::Schema(schema) => schema_value::value(schema, topic, dice),
        Format::Object => match serde_json::from_str::<&RawValue>(SOME_OBJECT) {
            Ok(schema) => schema_value::value(schema, topic, dice),
            Err(_) => "{}".to_owned(),
        },
        Format::Text => sentences(ask, topic, dice),
    }
}

fn sentences(ask: &Ask, topic: &Topic, dice: &mut Dice) -> String {
    let mut text = String::new();
    for result in &ask.results {
        let quoted = prose::head(result.trim(), QUOTED_TOKENS);
        text.push_str(&format!("The tool says: {quoted}. "));
    }
    match ask.directives.tokens {
        None => {
            let least = dice.geometric(MEAN_TOKENS).min(OUTPUT_LIMIT);
            text.push_str(&prose::prose(topic, least, dice));
            text
        }
        Some(exactly) => {
            // One more than the limit is as good as any more: the limit cuts it.
            let exactly = exactly.min(OUTPUT_LIMIT + 1);
            text.push_str(&prose::prose(topic, exactly, dice));
            prose::head(&text, exactly).to_owned()
        }
    }
}
