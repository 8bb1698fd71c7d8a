//! The canonical conversation as a request in OpenAI's spelling, before any card's quirks.
//!
//! The gateway's own extensions (reasoning, cache marks) are written too: whoever does not take them has them
//! removed by the rewriting that follows.

use super::write_message::{CacheWord, message};
use crate::{
    catalog::Target,
    chat::{Format, Request, Tool, ToolChoice},
    json::{Object, Raw, raw},
    outcome::Failure,
};

/// Fields without canonical meaning that are OpenAI's own; others came from another dialect.
const OPENAI_FIELDS: [&str; 21] = [
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "presence_penalty",
    "frequency_penalty",
    "modalities",
    "audio",
    "prediction",
    "verbosity",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "store",
    "web_search_options",
    "moderation",
    "metadata",
    "functions",
    "function_call",
    "response_format",
];

/// Writes the request and tells what has no word here, as JSON paths.
pub(super) fn write(
    request: &Request,
    target: &Target,
) -> Result<(Object<'static>, Vec<String>), Failure> {
    let cache = CacheWord::of(target);
    let mut dropped = Vec::new();
    let mut messages = Vec::with_capacity(request.messages.len());
    for (at, turn) in request.messages.iter().enumerate() {
        messages.push(message(at, turn, cache, &mut dropped)?);
    }
    let mut object = Object::new();
    object.set("model", &request.model);
    object.set("messages", &messages);
    if !request.tools.is_empty() {
        let tools: Vec<_> = request
            .tools
            .iter()
            .map(|function| tool(function, cache))
            .collect();
        object.set("tools", &tools);
    }
    if let Some(choice) = &request.tool_choice {
        object.set_raw("tool_choice", tool_choice(choice));
    }
    set(
        &mut object,
        "parallel_tool_calls",
        &request.parallel_tool_calls,
    );
    set(&mut object, "max_completion_tokens", &request.max_tokens);
    set(&mut object, "temperature", &request.temperature);
    set(&mut object, "top_p", &request.top_p);
    set(&mut object, "top_k", &request.top_k);
    if !request.stop.is_empty() {
        object.set("stop", &request.stop);
    }
    set(&mut object, "reasoning_effort", &request.effort);
    set(&mut object, "response_format", &format(&request.format));
    set(&mut object, "user", &request.user);
    set(&mut object, "service_tier", &request.service_tier);
    if request.n > 1 {
        object.set("n", &request.n);
    }
    if request.stream {
        object.set("stream", &true);
    }
    if request.stream && request.include_usage {
        let mut options = Object::new();
        options.set("include_usage", &true);
        object.set_raw("stream_options", options.to_raw());
    }
    for (key, value) in request.extra.iter() {
        if OPENAI_FIELDS.contains(&key) {
            object.set(key.to_owned(), value);
        } else {
            dropped.push(key.to_owned());
        }
    }
    if let (Some(cache), Some(mark)) = (cache, &request.cache) {
        cache.write(&mut object, Some(mark));
    }
    Ok((object, dropped))
}

/// Sets what is there.
pub(super) fn set<T: serde::Serialize>(
    object: &mut Object<'static>,
    key: &'static str,
    value: &Option<T>,
) {
    if let Some(value) = value {
        object.set(key, value);
    }
}

fn tool(tool: &Tool, cache: Option<CacheWord>) -> Object<'static> {
    let mut function = Object::new();
    function.set("name", &tool.name);
    set(&mut function, "description", &tool.description);
    set(&mut function, "parameters", &tool.parameters);
    set(&mut function, "strict", &tool.strict);
    let mut object = Object::new();
    object.set("type", "function");
    object.set_raw("function", function.to_raw());
    // OpenAI's own breakpoints stand on parts only.
    if let Some(cache @ CacheWord::Control) = cache {
        cache.write(&mut object, tool.cache.as_ref());
    }
    object
}

fn tool_choice(choice: &ToolChoice) -> Raw {
    match choice {
        ToolChoice::Auto => raw("auto"),
        ToolChoice::None => raw("none"),
        ToolChoice::Required => raw("required"),
        ToolChoice::Named(name) => {
            let mut function = Object::new();
            function.set("name", name);
            let mut object = Object::new();
            object.set("type", "function");
            object.set_raw("function", function.to_raw());
            object.to_raw()
        }
    }
}

fn format(format: &Format) -> Option<Raw> {
    let mut object = Object::new();
    match format {
        Format::Text => return None,
        Format::JsonObject => object.set("type", "json_object"),
        Format::JsonSchema {
            schema,
            name,
            description,
            strict,
        } => {
            let mut inside = Object::new();
            inside.set("name", name);
            set(&mut inside, "description", description);
            inside.set("schema", schema);
            set(&mut inside, "strict", strict);
            object.set("type", "json_schema");
            object.set_raw("json_schema", inside.to_raw());
        }
    }
    Some(object.to_raw())
}
