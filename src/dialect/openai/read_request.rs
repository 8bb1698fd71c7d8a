//! A caller's whole request into the canonical conversation, with the path of whatever is wrong.

use super::{
    outline::{is_null, typed, whole, wrong_type},
    read_message::message,
};
use crate::{
    chat::{CacheMark, Effort, Format, Request, Tool, ToolChoice},
    dialect::Malformed,
    json::{Object, Raw},
};

/// Reads a request that passed the outline.
pub(super) fn read(request: &Object<'_>) -> Result<Request, Malformed> {
    let outline = super::outline::read(request)?;
    let mut object = request.borrowed().into_owned();
    let messages: Vec<Raw> = typed(&object, "messages", "an array of objects")?.unwrap_or_default();
    let messages = messages
        .iter()
        .enumerate()
        .map(|(at, raw)| message(at, raw))
        .collect::<Result<_, _>>()?;
    let (tools, other_tools) = tools(&object)?;
    let mut request = Request {
        messages,
        tools,
        tool_choice: tool_choice(&object)?,
        parallel_tool_calls: typed(&object, "parallel_tool_calls", "a boolean")?,
        temperature: typed(&object, "temperature", "a decimal")?,
        top_p: typed(&object, "top_p", "a decimal")?,
        top_k: whole(&object, "top_k")?,
        stop: stop(&object)?,
        effort: effort(&object)?,
        service_tier: typed(&object, "service_tier", "a string")?,
        user: typed(&object, "user", "a string")?,
        cache: cache(&object),
        model: outline.model,
        stream: outline.stream,
        include_usage: outline.include_usage,
        max_tokens: outline.max_tokens,
        n: outline.n,
        ..Request::default()
    };
    if request.user.is_none() {
        request.user = typed(&object, "safety_identifier", "a string")?;
        object.remove("safety_identifier");
    }
    if let Some(format) = format(&object)? {
        request.format = format;
        object.remove("response_format");
    }
    const READ: [&str; 18] = [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "reasoning_effort",
        "user",
        "service_tier",
        "stream",
        "stream_options",
        "n",
        "cache_control",
    ];
    object.retain(|key, raw| !READ.contains(&key) && !is_null(raw));
    if !other_tools.is_empty() {
        object.set("tools", &other_tools);
    }
    request.extra = object;
    Ok(request)
}

/// The breakpoint behind whatever carries it: OpenAI's own word, or Anthropic's.
pub(super) fn cache(object: &Object<'_>) -> Option<CacheMark> {
    let mark = ["prompt_cache_breakpoint", "cache_control"]
        .into_iter()
        .find(|key| object.has(key))?;
    let mark = Object::of(object.get(mark)?).ok()?;
    Some(CacheMark {
        ttl: mark.peek("ttl"),
    })
}

/// OpenAI's sentence about what is not there.
pub(super) fn missing(path: String) -> Malformed {
    let message = format!("Missing required parameter: '{path}'.");
    Malformed::at(path, message)
}

/// OpenAI's sentence about a word it does not know.
pub(super) fn invalid_value(path: String, got: &str, supported: &str) -> Malformed {
    let message = format!("Invalid value: '{got}'. Supported values are: {supported}.");
    Malformed::at(path, message)
}

/// The object at `path`.
pub(super) fn object_at(path: &str, raw: &Raw) -> Result<Object<'static>, Malformed> {
    let object = Object::of(raw).map_err(|_| wrong_type(path, "an object", raw))?;
    Ok(object.into_owned())
}

/// Takes a value out of the object at `path`; `None` when absent or null.
pub(super) fn take<T: serde::de::DeserializeOwned>(
    object: &mut Object<'static>,
    path: &str,
    key: &str,
    expected: &str,
) -> Result<Option<T>, Malformed> {
    let Some(raw) = object.remove(key) else {
        return Ok(None);
    };
    serde_json::from_str(raw.get())
        .map_err(|_| wrong_type(&format!("{path}.{key}"), expected, &raw))
}

/// The functions, and the tools that are none.
fn tools(object: &Object<'_>) -> Result<(Vec<Tool>, Vec<Raw>), Malformed> {
    let list: Vec<Raw> = typed(object, "tools", "an array of objects")?.unwrap_or_default();
    let (mut tools, mut others) = (Vec::new(), Vec::new());
    for (at, raw) in list.into_iter().enumerate() {
        let path = format!("tools[{at}]");
        let mut object = object_at(&path, &raw)?;
        if object
            .peek::<String>("type")
            .is_some_and(|kind| kind != "function")
        {
            others.push(raw);
            continue;
        }
        let inside = format!("{path}.function");
        let function = object
            .remove("function")
            .ok_or_else(|| missing(inside.clone()))?;
        let mut function = object_at(&inside, &function)?;
        let name: Option<String> = take(&mut function, &inside, "name", "a string")?;
        tools.push(Tool {
            name: name.ok_or_else(|| missing(format!("{inside}.name")))?,
            description: take(&mut function, &inside, "description", "a string")?,
            strict: take(&mut function, &inside, "strict", "a boolean")?,
            cache: cache(&object).or_else(|| cache(&function)),
            parameters: function.remove("parameters").filter(|raw| !is_null(raw)),
        });
    }
    Ok((tools, others))
}

fn tool_choice(object: &Object<'_>) -> Result<Option<ToolChoice>, Malformed> {
    const KEY: &str = "tool_choice";
    let Some(raw) = object.get(KEY).filter(|raw| !is_null(raw)) else {
        return Ok(None);
    };
    let word = |word: &str, path: &str| match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        other => Err(invalid_value(
            path.to_owned(),
            other,
            "'none', 'auto', and 'required'",
        )),
    };
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return word(&text, KEY).map(Some);
    }
    let choice = Object::of(raw).map_err(|_| wrong_type(KEY, "a string or an object", raw))?;
    let kind: String = choice
        .peek("type")
        .ok_or_else(|| missing(format!("{KEY}.type")))?;
    let inside = choice.get(&kind).and_then(|raw| Object::of(raw).ok());
    let inside = inside.ok_or_else(|| missing(format!("{KEY}.{kind}")))?;
    if kind == "allowed_tools" {
        let mode = inside
            .peek::<String>("mode")
            .unwrap_or_else(|| "auto".to_owned());
        return word(&mode, "tool_choice.allowed_tools.mode").map(Some);
    }
    let name = inside
        .peek("name")
        .ok_or_else(|| missing(format!("{KEY}.{kind}.name")))?;
    Ok(Some(ToolChoice::Named(name)))
}

fn stop(object: &Object<'_>) -> Result<Vec<String>, Malformed> {
    if let Some(one) = object.peek::<String>("stop") {
        return Ok(vec![one]);
    }
    Ok(typed(object, "stop", "a string or an array of strings")?.unwrap_or_default())
}

fn effort(object: &Object<'_>) -> Result<Option<Effort>, Malformed> {
    const KEY: &str = "reasoning_effort";
    let word: Option<String> = typed(object, KEY, "a string")?;
    word.map(|word| {
        object.peek(KEY).ok_or_else(|| {
            let supported = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'";
            invalid_value(KEY.to_owned(), &word, supported)
        })
    })
    .transpose()
}

/// The format; `None` for one without a canonical form.
fn format(object: &Object<'_>) -> Result<Option<Format>, Malformed> {
    const KEY: &str = "response_format";
    let Some(raw) = object.get(KEY).filter(|raw| !is_null(raw)) else {
        return Ok(None);
    };
    let format = Object::of(raw).map_err(|_| wrong_type(KEY, "an object", raw))?;
    match format.peek::<String>("type").as_deref() {
        None => Err(missing(format!("{KEY}.type"))),
        Some("text") => Ok(Some(Format::Text)),
        Some("json_object") => Ok(Some(Format::JsonObject)),
        Some("json_schema") => {
            let path = format!("{KEY}.json_schema");
            let inside: Option<Raw> = format.peek("json_schema");
            let inside = inside.ok_or_else(|| missing(path.clone()))?;
            let mut inside = object_at(&path, &inside)?;
            let name: Option<String> = take(&mut inside, &path, "name", "a string")?;
            Ok(Some(Format::JsonSchema {
                name: name.ok_or_else(|| missing(format!("{path}.name")))?,
                description: take(&mut inside, &path, "description", "a string")?,
                strict: take(&mut inside, &path, "strict", "a boolean")?,
                schema: inside
                    .remove("schema")
                    .unwrap_or_else(|| Object::new().to_raw()),
            }))
        }
        Some(_) => Ok(None),
    }
}
