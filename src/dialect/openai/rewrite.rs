//! A request in OpenAI's spelling, made into the one a provider takes: the card's quirks on the top level.
//!
//! The one place where that happens, whether the body came from a caller or was written from a conversation.
//! Only what a quirk names is touched; everything else stays the bytes it was.

use serde_json::value::RawValue;

use super::{messages, outline::is_filled_list, thinking};
use crate::{
    catalog::{Ability, MaxTokensField, Quirks, StreamUsage, Target},
    dialect::HINTS,
    json::{Object, raw},
    outcome::Failure,
};

/// Parameters a model that samples by its own lights refuses.
const SAMPLING: [&str; 8] = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
];

/// Rewrites `object` for `target` and tells what was left out, as JSON paths. Fails where the target cannot do
/// what the request needs.
pub(super) fn rewrite(object: &mut Object<'_>, target: &Target) -> Result<Vec<String>, Failure> {
    let quirks = &target.card.quirks;
    let mut dropped = Vec::new();
    object.set("model", target.wire_model());
    strip_hints(object, quirks);
    offered_only_what_is_taken(object, target)?;
    messages::rewrite(object, target)?;
    limit(object, quirks.max_tokens_field);
    stream_options(object, quirks.stream_usage);
    thinking::rewrite(object, target, &mut dropped);
    let no_sampling = quirks.no_sampling_while_thinking && thinking::is_on(object, target);
    if no_sampling || cannot(target, Ability::Sampling) {
        SAMPLING
            .iter()
            .for_each(|key| leave_out(object, key, &mut dropped));
    }
    clamp_temperature(object, quirks);
    tool_choice(object, target, &mut dropped);
    if cannot(target, Ability::ParallelTools)
        && object.peek::<bool>("parallel_tool_calls") == Some(true)
    {
        // One call after the other is no other answer, so nothing is reported.
        object.remove("parallel_tool_calls");
    }
    if quirks.stop_as_list
        && let Ok(Some(stop)) = object.read::<String>("stop")
    {
        object.set("stop", &[stop]);
    }
    rename_and_drop(object, quirks, &mut dropped);
    Ok(dropped)
}

/// Takes out what was said to the gateway, where the provider has no such words of its own.
pub(super) fn strip_hints(object: &mut Object<'_>, quirks: &Quirks) {
    for key in HINTS {
        if !quirks.keep_extensions.iter().any(|kept| kept == key) {
            object.remove(key);
        }
    }
}

/// Renames and leaves out parameters as the card says.
pub(super) fn rename_and_drop(object: &mut Object<'_>, quirks: &Quirks, dropped: &mut Vec<String>) {
    for (from, to) in &quirks.rename {
        if let Some(value) = object.remove(from).filter(|value| value.get() != "null") {
            object.set_raw(to.clone(), value);
        }
    }
    for key in &quirks.drop {
        leave_out(object, key, dropped);
    }
}

/// Whether the model is known not to do it.
pub(super) fn cannot(target: &Target, ability: Ability) -> bool {
    let facts = target.facts.as_deref();
    facts.and_then(|facts| facts.can(ability)) == Some(false)
}

/// Refuses what could be left out only by changing the answer.
fn offered_only_what_is_taken(object: &Object<'_>, target: &Target) -> Result<(), Failure> {
    let tools = object.get("tools").is_some_and(is_filled_list);
    if tools && cannot(target, Ability::Tools) {
        return Err(Failure::unsupported(
            "tools are not supported by this model",
            "tools",
        ));
    }
    let one_only = target.card.quirks.drop.iter().any(|key| key == "n");
    if one_only && object.peek::<u64>("n").is_some_and(|n| n > 1) {
        return Err(Failure::unsupported(
            "n > 1 is not supported by this provider",
            "n",
        ));
    }
    Ok(())
}

fn limit(object: &mut Object<'_>, field: MaxTokensField) {
    const OLD: &str = "max_tokens";
    const NEW: &str = "max_completion_tokens";
    // The newer name beats the older; a null under it is no limit.
    if object.has(NEW) {
        object.remove(OLD);
    }
    let (from, to) = match field {
        MaxTokensField::AsSent => return,
        MaxTokensField::MaxTokens => (NEW, OLD),
        MaxTokensField::MaxCompletionTokens => (OLD, NEW),
    };
    if object.has(from) {
        object.rename(from, to);
    } else {
        object.remove(from);
    }
}

fn stream_options(object: &mut Object<'_>, usage: StreamUsage) {
    const KEY: &str = "stream_options";
    match usage {
        StreamUsage::AsSent => {}
        StreamUsage::Unasked => drop(object.remove(KEY)),
        StreamUsage::Ask if object.peek::<bool>("stream") == Some(true) => {
            let mut options = object
                .get(KEY)
                .and_then(|raw| Object::of(raw).ok())
                .unwrap_or_default()
                .into_owned();
            if options.peek::<bool>("include_usage") != Some(true) {
                options.set("include_usage", &true);
                object.set_raw(KEY, options.to_raw());
            }
        }
        StreamUsage::Ask => {}
    }
}

fn clamp_temperature(object: &mut Object<'_>, quirks: &Quirks) {
    let Some(highest) = quirks.max_temperature else {
        return;
    };
    if object
        .peek::<f64>("temperature")
        .is_some_and(|wanted| wanted > highest)
    {
        object.set("temperature", &highest);
    }
}

/// Replaces the words of `tool_choice` the provider or model does not take. A named tool is as much of a
/// compulsion as `required`.
fn tool_choice(object: &mut Object<'_>, target: &Target, dropped: &mut Vec<String>) {
    const KEY: &str = "tool_choice";
    let Some(choice) = object.get(KEY) else {
        return;
    };
    let word = serde_json::from_str::<String>(choice.get()).ok();
    let forced = choice.get().starts_with('{') || word.as_deref() == Some("required");
    let words = &target.card.quirks.tool_choice;
    let auto = |word: &String| word == "auto";
    let unable = cannot(target, Ability::ForcedToolChoice) || cannot(target, Ability::ToolChoice);
    let replacement = if forced && unable {
        Some("auto".to_owned())
    } else if let Some(word) = &word {
        words.get(word).cloned()
    } else {
        words.get("required").filter(|word| auto(word)).cloned()
    };
    if let Some(replacement) = replacement {
        if auto(&replacement) {
            dropped.push(KEY.to_owned());
        }
        object.set(KEY, &replacement);
    }
}

/// Leaves a parameter out, and reports it unless that changes nothing.
pub(super) fn leave_out(object: &mut Object<'_>, key: &str, dropped: &mut Vec<String>) {
    if let Some(value) = object.remove(key).filter(|value| !is_default(key, value)) {
        drop(value);
        dropped.push(key.to_owned());
    }
}

/// Whether a value is what OpenAI takes when the parameter is absent.
fn is_default(key: &str, value: &RawValue) -> bool {
    let number = || serde_json::from_str::<f64>(value.get()).ok();
    match key {
        _ if value.get() == "null" => true,
        "temperature" | "top_p" | "n" => number() == Some(1.0),
        "presence_penalty" | "frequency_penalty" | "top_logprobs" => number() == Some(0.0),
        "logprobs" | "store" => value.get() == "false",
        "parallel_tool_calls" => value.get() == "true",
        "logit_bias" | "metadata" => Object::of(value).is_ok_and(|members| members.is_empty()),
        "stop" | "tools" => value.get().starts_with('[') && !is_filled_list(value),
        "service_tier" | "tool_choice" => value.get() == raw("auto").get(),
        "response_format" => Object::of(value)
            .is_ok_and(|format| format.peek::<String>("type").as_deref() == Some("text")),
        // It only tells how the stream reports; the answer is the same.
        "stream_options" => true,
        _ => false,
    }
}
