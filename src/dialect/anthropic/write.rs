//! A conversation as the body of a messages request.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    notes::{Notes, lacks},
    schema::closed,
    thinking, tools, turns,
    version::version,
    wire::{Body, CacheControl, Metadata, OutputConfig, OutputFormat},
};
use crate::{
    catalog::{Ability, Target},
    chat::{Format, Request},
    dialect::{HINTS, Outgoing},
    outcome::Failure,
};

/// Writes the request that asks `target` for this conversation.
pub(super) fn write(request: &Request, target: &Target) -> Result<Outgoing, Failure> {
    let facts = target.facts.as_deref();
    let cannot = |ability| facts.and_then(|model| model.can(ability)) == Some(false);
    if request.n > 1 {
        return Err(lacks("n greater than 1", "n"));
    }
    if !request.tools.is_empty() && cannot(Ability::Tools) {
        return Err(lacks("tools", "tools"));
    }
    let mut notes = Notes::new(request);
    let notes = &mut notes;
    // The order of the prompt's prefix, so that the marks kept are the first ones.
    let cache_control: Option<CacheControl> = notes.mark(request.cache.as_ref(), "");
    let tools = tools::tools(request, notes);
    let conversation = turns::write(request, facts, notes)?;

    let tool_choice = tools::choice(request, facts, notes);
    let max_tokens = request.max_tokens.unwrap_or_else(|| {
        let most = facts.and_then(|model| model.max_output);
        target.card.default_max_tokens.min(most.unwrap_or(u64::MAX))
    });
    let forced = tool_choice
        .as_ref()
        .is_some_and(|choice| choice.is_forced());
    let thought = thinking::plan(request.effort, max_tokens, forced, facts);
    if thought.changed {
        notes.drop("reasoning_effort");
    }
    let sampling = Sampling::of(request);
    let (version, samples) = version(target, sampling.matters() && !thought.is_on());
    let sampling = sampling.allowed(samples && !thought.is_on(), notes);
    let format = format(&request.format, cannot(Ability::JsonSchema), notes)?;
    let metadata = user(request).map(|user_id| Metadata { user_id });

    let body = Body {
        model: target.wire_model(),
        max_tokens,
        system: conversation.system,
        messages: conversation.turns,
        tools,
        tool_choice,
        thinking: thought.thinking,
        output_config: OutputConfig {
            effort: thought.effort,
            format,
        },
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: stops(request, notes),
        metadata,
        service_tier: service_tier(request, notes),
        cache_control,
        stream: request.stream,
    };
    let body = serde_json::to_vec(&body).map_err(|error| {
        let message = format!("the request cannot be written: {error}");
        Failure::new(crate::outcome::ErrorClass::InvalidRequest, message)
    })?;
    report_rest(request, notes);
    Ok(Outgoing {
        path: target.card.paths.chat.clone(),
        headers: vec![("anthropic-version", version.to_owned())],
        body: Bytes::from(body),
        dropped: std::mem::take(&mut notes.dropped),
    })
}

/// The sampling parameters of a request.
#[derive(Clone, Copy, Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Sampling {
    fn of(request: &Request) -> Self {
        Self {
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
        }
    }

    /// The names of those that say something else than the default.
    fn names(self) -> impl Iterator<Item = &'static str> {
        let temperature = self.temperature.is_some_and(|value| value != 1.0);
        let top_p = self.top_p.is_some_and(|value| value != 1.0);
        [
            ("temperature", temperature),
            ("top_p", top_p),
            ("top_k", self.top_k.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, matters)| matters.then_some(name))
    }

    fn matters(self) -> bool {
        self.names().next().is_some()
    }

    /// What may be sent; the rest is reported.
    fn allowed(self, allowed: bool, notes: &mut Notes<'_>) -> Self {
        if allowed {
            return Self {
                // OpenAI's scale ends at 2, Anthropic's at 1.
                temperature: self.temperature.map(|value| value.clamp(0.0, 1.0)),
                ..self
            };
        }
        self.names().for_each(|name| notes.drop(name));
        Self::default()
    }
}

fn format(
    format: &Format,
    unable: bool,
    notes: &mut Notes<'_>,
) -> Result<Option<OutputFormat>, Failure> {
    match format {
        Format::Text => Ok(None),
        Format::JsonObject => {
            notes.drop("response_format");
            Ok(None)
        }
        Format::JsonSchema { .. } if unable => Err(lacks("json_schema", "response_format")),
        Format::JsonSchema { schema, .. } => Ok(Some(OutputFormat {
            kind: "json_schema",
            schema: closed(schema),
        })),
    }
}

/// The API refuses stop texts of white space only.
fn stops<'a>(request: &'a Request, notes: &mut Notes<'_>) -> Vec<&'a str> {
    let said = |text: &&str| !text.trim().is_empty();
    let stops: Vec<_> = request
        .stop
        .iter()
        .map(String::as_str)
        .filter(said)
        .collect();
    if stops.len() < request.stop.len() {
        notes.drop("stop");
    }
    stops
}

fn service_tier(request: &Request, notes: &mut Notes<'_>) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "auto" => Some("auto"),
        "default" => Some("standard_only"),
        _ => {
            notes.drop("service_tier");
            None
        }
    }
}

const SAFETY_IDENTIFIER: &str = "safety_identifier";

fn user(request: &Request) -> Option<Cow<'_, str>> {
    let user = request.user.as_deref().map(Cow::Borrowed);
    user.or_else(|| request.extra.peek(SAFETY_IDENTIFIER).map(Cow::Owned))
}

/// Reports the caller's parameters that have no word here, unless they say what is so anyway.
fn report_rest(request: &Request, notes: &mut Notes<'_>) {
    for (key, value) in request.extra.iter() {
        let used = key == SAFETY_IDENTIFIER && request.user.is_none() || HINTS.contains(&key);
        if !used && !is_default(key, value) {
            notes.drop(key);
        }
    }
}

/// Whether a parameter equals OpenAI's default or has no effect.
fn is_default(key: &str, value: &RawValue) -> bool {
    match (key, value.get()) {
        (_, "null" | "{}" | "[]") | ("stream_options", _) => true,
        ("logprobs" | "store", "false") | ("verbosity", r#""medium""#) => true,
        ("modalities", list) => list.replace(char::is_whitespace, "") == r#"["text"]"#,
        ("frequency_penalty" | "presence_penalty" | "top_logprobs", number) => {
            number.parse::<f64>().is_ok_and(|number| number == 0.0)
        }
        _ => false,
    }
}
