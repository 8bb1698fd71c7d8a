//! A caller's whole request into the canonical conversation, with the path of whatever is wrong.

use super::{
    outline::{is_null, parse, typed, whole, wrong_type},
    read_part,
};
use crate::{
    chat::{
        CacheMark, Content, Effort, Format, Message, Request, Role, Tool, ToolCall, ToolChoice,
    },
    dialect::Malformed,
    json::{Object, Raw},
};

/// Reads a request that passed the outline.
pub(super) fn read(body: &[u8]) -> Result<Request, Malformed> {
    let outline = super::outline::read(body)?;
    let mut object = parse(body)?.into_owned();
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

fn missing(path: String) -> Malformed {
    let message = format!("Missing required parameter: '{path}'.");
    Malformed::at(path, message)
}

fn invalid_value(path: String, got: &str, supported: &str) -> Malformed {
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

fn message(at: usize, raw: &Raw) -> Result<Message, Malformed> {
    let path = format!("messages[{at}]");
    let mut object = object_at(&path, raw)?;
    let role: Option<String> = take(&mut object, &path, "role", "a string")?;
    let role = role.ok_or_else(|| missing(format!("{path}.role")))?;
    let role = match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let supported = "'system', 'assistant', 'user', 'tool', and 'developer'";
            return Err(invalid_value(format!("{path}.role"), other, supported));
        }
    };
    let mark = cache(&object);
    let content = read_part::content(&path, object.remove("content"), mark)?;
    object.remove("cache_control");
    let calls: Vec<Raw> =
        take(&mut object, &path, "tool_calls", "an array of objects")?.unwrap_or_default();
    let call = |(at, raw)| tool_call(&format!("{path}.tool_calls[{at}]"), raw);
    let tool_calls = calls
        .iter()
        .enumerate()
        .map(call)
        .collect::<Result<Vec<_>, _>>()?;
    let tool_call_id: Option<String> = take(&mut object, &path, "tool_call_id", "a string")?;
    if role == Role::Tool && tool_call_id.is_none() {
        return Err(missing(format!("{path}.tool_call_id")));
    }
    let message = Message {
        name: take(&mut object, &path, "name", "a string")?,
        refusal: take(&mut object, &path, "refusal", "a string")?,
        reasoning: take(&mut object, &path, "reasoning_content", "a string")?,
        // A client may give back what another gateway made: what does not fit is not ours to refuse.
        reasoning_details: object.peek("reasoning_details").unwrap_or_default(),
        tool_calls,
        tool_call_id,
        ..Message::new(role, content)
    };
    object.remove("reasoning_details");
    object.retain(|_, raw| !is_null(raw));
    if role != Role::Assistant && matches!(message.content, Content::Empty) {
        return Err(missing(format!("{path}.content")));
    }
    Ok(Message {
        extra: object,
        ..message
    })
}

fn tool_call(path: &str, raw: &Raw) -> Result<ToolCall, Malformed> {
    let mut object = object_at(path, raw)?;
    let id: Option<String> = take(&mut object, path, "id", "a string")?;
    let id = id.ok_or_else(|| missing(format!("{path}.id")))?;
    object.remove("type");
    let inside = format!("{path}.function");
    let function = object
        .remove("function")
        .ok_or_else(|| missing(inside.clone()))?;
    let mut function = object_at(&inside, &function)?;
    let name: Option<String> = take(&mut function, &inside, "name", "a string")?;
    let arguments = match function.remove("arguments") {
        None => String::new(),
        // An object is what some clients write; it means the same.
        Some(raw) if raw.get().starts_with('{') => super::wire::compact(raw.get()),
        Some(raw) => serde_json::from_str::<Option<String>>(raw.get())
            .map_err(|_| wrong_type(&format!("{inside}.arguments"), "a string", &raw))?
            .unwrap_or_default(),
    };
    Ok(ToolCall {
        id,
        name: name.ok_or_else(|| missing(format!("{inside}.name")))?,
        arguments,
        extra: object,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Part;

    fn request(fields: &str, message: &str) -> Result<Request, Malformed> {
        read(format!(r#"{{"model":"m","messages":[{message}]{fields}}}"#).as_bytes())
    }

    #[test]
    fn what_is_wrong_has_a_path() {
        let check = |fields: &str, message: &str, param: &str| {
            let error = request(fields, message).unwrap_err();
            assert_eq!(
                error.param.as_deref(),
                Some(param),
                "{fields} {message}: {error}"
            );
        };
        let user = r#"{"role":"user","content":"a"}"#;
        check("", "7", "messages[0]");
        check("", "{}", "messages[0].role");
        check("", r#"{"role":"robot"}"#, "messages[0].role");
        check("", r#"{"role":"user"}"#, "messages[0].content");
        check("", r#"{"role":"user","content":7}"#, "messages[0].content");
        check(
            "",
            r#"{"role":"user","content":["a"]}"#,
            "messages[0].content[0]",
        );
        check(
            "",
            r#"{"role":"user","content":[{}]}"#,
            "messages[0].content[0].type",
        );
        check(
            "",
            r#"{"role":"user","content":[{"type":"text"}]}"#,
            "messages[0].content[0].text",
        );
        check(
            "",
            r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#,
            "messages[0].content[0].image_url.url",
        );
        check(
            "",
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}"#,
            "messages[0].content[0].image_url.url",
        );
        check(
            "",
            r#"{"role":"tool","content":"a"}"#,
            "messages[0].tool_call_id",
        );
        check(
            "",
            r#"{"role":"assistant","tool_calls":[{}]}"#,
            "messages[0].tool_calls[0].id",
        );
        check(
            "",
            r#"{"role":"assistant","tool_calls":[{"id":"c"}]}"#,
            "messages[0].tool_calls[0].function",
        );
        check(
            "",
            r#"{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":7}}]}"#,
            "messages[0].tool_calls[0].function.arguments",
        );
        check(r#","tools":[{}]"#, user, "tools[0].function");
        check(r#","tool_choice":"perhaps""#, user, "tool_choice");
        check(
            r#","tool_choice":{"type":"function"}"#,
            user,
            "tool_choice.function",
        );
        check(r#","stop":7"#, user, "stop");
        check(r#","reasoning_effort":"huge""#, user, "reasoning_effort");
        check(
            r#","response_format":{"type":"json_schema"}"#,
            user,
            "response_format.json_schema",
        );
        check(r#","temperature":"hot""#, user, "temperature");
    }

    #[test]
    fn everything_is_read_and_the_rest_is_kept() {
        let fields = r#","max_tokens":1,"max_completion_tokens":2,"stop":"x","seed":7,"logprobs":null,
            "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}},
            "safety_identifier":"u","tools":[{"type":"custom","custom":{"name":"c"}}]"#;
        let message = r#"{"role":"user","odd":1,"content":[
            {"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"new"}]}"#;
        let request = request(fields, message).unwrap();
        assert_eq!(request.max_tokens, Some(2));
        assert_eq!(request.stop, ["x"]);
        assert_eq!(request.tool_choice, Some(ToolChoice::Required));
        assert_eq!(request.user.as_deref(), Some("u"));
        assert_eq!(
            request.extra.to_raw().get(),
            r#"{"seed":7,"tools":[{"type":"custom","custom":{"name":"c"}}]}"#
        );
        assert_eq!(request.messages[0].extra.to_raw().get(), r#"{"odd":1}"#);
        let Content::Parts(parts) = &request.messages[0].content else {
            panic!("not parts");
        };
        assert!(
            matches!(&parts[0], Part::Text { cache: Some(mark), .. } if mark.ttl.as_deref() == Some("30m"))
        );
        assert!(
            matches!(&parts[1], Part::Image { source: crate::chat::Media::Inline { mime, data }, .. } if mime == "image/png" && data == "AAAA")
        );
        assert!(matches!(&parts[2], Part::Other(raw) if raw.get() == r#"{"type":"new"}"#));
    }
}
