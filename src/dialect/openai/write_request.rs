//! The canonical conversation as a request in OpenAI's spelling, before any card's quirks.
//!
//! The gateway's own extensions (reasoning, cache marks) are written too: whoever does not take them has them
//! removed by the rewriting that follows.

use crate::{
    catalog::Target,
    chat::{CacheMark, Content, Format, Media, Message, Part, Request, Role, Tool, ToolChoice},
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

/// How a provider spells a cache mark.
#[derive(Clone, Copy)]
enum CacheWord {
    Control,
    Breakpoint,
}

impl CacheWord {
    fn of(target: &Target) -> Option<Self> {
        let keeps = |word| {
            target
                .card
                .quirks
                .keep_extensions
                .iter()
                .any(|kept| kept == word)
        };
        if keeps("cache_control") {
            return Some(Self::Control);
        }
        keeps("prompt_cache_breakpoint").then_some(Self::Breakpoint)
    }

    fn write(self, object: &mut Object<'static>, mark: Option<&CacheMark>) {
        let Some(mark) = mark else {
            return;
        };
        let (key, kind, word) = match self {
            Self::Control => ("cache_control", "type", "ephemeral"),
            Self::Breakpoint => ("prompt_cache_breakpoint", "mode", "explicit"),
        };
        let mut inside = Object::new();
        inside.set(kind, word);
        set(&mut inside, "ttl", &mark.ttl);
        object.set_raw(key, inside.to_raw());
    }
}

fn set<T: serde::Serialize>(object: &mut Object<'static>, key: &'static str, value: &Option<T>) {
    if let Some(value) = value {
        object.set(key, value);
    }
}

fn message(
    at: usize,
    message: &Message,
    cache: Option<CacheWord>,
    dropped: &mut Vec<String>,
) -> Result<Object<'static>, Failure> {
    let mut object = Object::new();
    object.set("role", role(message.role));
    match &message.content {
        Content::Empty => object.set("content", &()),
        Content::Text(text) => object.set("content", text),
        Content::Parts(parts) => {
            let mut written = Vec::with_capacity(parts.len());
            for (part_at, piece) in parts.iter().enumerate() {
                let path = || format!("messages[{at}].content[{part_at}]");
                match part(piece, cache, path)? {
                    Some(piece) => written.push(piece),
                    None => dropped.push(path()),
                }
            }
            object.set("content", &written);
        }
    }
    set(&mut object, "name", &message.name);
    set(&mut object, "refusal", &message.refusal);
    set(&mut object, "reasoning_content", &message.reasoning);
    if !message.reasoning_details.is_empty() {
        object.set("reasoning_details", &message.reasoning_details);
    }
    if !message.tool_calls.is_empty() {
        let calls: Vec<_> = message
            .tool_calls
            .iter()
            .map(super::write_reply::call)
            .collect();
        object.set("tool_calls", &calls);
    }
    set(&mut object, "tool_call_id", &message.tool_call_id);
    Ok(object)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// A part; `None` for one of another dialect's own kinds.
fn part(
    part: &Part,
    cache: Option<CacheWord>,
    path: impl Fn() -> String,
) -> Result<Option<Raw>, Failure> {
    let by = |kind: &'static str, inside: Object<'static>, mark: &Option<CacheMark>| {
        let mut object = Object::new();
        object.set("type", kind);
        object.set_raw(kind, inside.to_raw());
        if let Some(cache) = cache {
            cache.write(&mut object, mark.as_ref());
        }
        Ok(Some(object.to_raw()))
    };
    let mut inside = Object::new();
    match part {
        Part::Text { text, cache: mark } => {
            inside.set("type", "text");
            inside.set("text", text);
            if let Some(cache) = cache {
                cache.write(&mut inside, mark.as_ref());
            }
            Ok(Some(inside.to_raw()))
        }
        Part::Image {
            source,
            detail,
            cache: mark,
        } => {
            match source {
                Media::Inline { mime, data } => inside.set("url", &data_url(mime, data)),
                Media::Url(url) => inside.set("url", url),
                Media::FileId(_) => {
                    let message = "images by file id are not supported by this provider";
                    return Err(Failure::unsupported(message, path()));
                }
            }
            set(&mut inside, "detail", detail);
            by("image_url", inside, mark)
        }
        Part::Audio { data, format } => {
            inside.set("data", data);
            inside.set("format", format);
            by("input_audio", inside, &None)
        }
        Part::File {
            source,
            name,
            cache: mark,
        } => {
            set(&mut inside, "filename", name);
            match source {
                Media::Inline { mime, data } => inside.set("file_data", &data_url(mime, data)),
                Media::FileId(id) => inside.set("file_id", id),
                Media::Url(_) => {
                    let message = "documents by URL are not supported by this provider";
                    return Err(Failure::unsupported(message, path()));
                }
            }
            by("file", inside, mark)
        }
        Part::Other(raw) => {
            let kind = Object::of(raw)
                .ok()
                .and_then(|part| part.peek::<String>("type"));
            let ours = matches!(kind.as_deref(), Some("refusal" | "video_url"));
            Ok(ours.then(|| raw.clone()))
        }
    }
}

fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
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
