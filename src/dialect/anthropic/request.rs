//! A messages request as the canonical conversation.
//!
//! Read only to be translated, so what other dialects have no word for goes to `extra` under its own path, to
//! be reported when it is left out.

use serde_json::value::RawValue;

use super::{
    outline::{self, invalid, is_null, list, object, text},
    read_blocks,
    thinking::{Switch, wanted},
};
use crate::{
    chat::{CacheMark, Format, Request, Tool, ToolChoice},
    dialect::Malformed,
    json::Object,
};

/// The members that have a canonical meaning.
const KNOWN: [&str; 18] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "speed",
    "cache_control",
    "stream",
    "anthropic_version",
];

/// Callers of this dialect give no name to the shape of an answer, and others want one.
const SCHEMA_NAME: &str = "answer";

/// Reads a whole request.
pub(super) fn read(object: &Object<'_>) -> Result<Request, Malformed> {
    let outline = outline::read(object)?;
    let mut request = Request {
        model: outline.model,
        max_tokens: outline.max_tokens,
        stream: outline.stream,
        include_usage: outline.include_usage,
        n: outline.n,
        temperature: object.read("temperature")?,
        top_p: object.read("top_p")?,
        top_k: object.read("top_k")?,
        stop: object.read("stop_sequences")?.unwrap_or_default(),
        cache: cache(object),
        service_tier: service_tier(object)?,
        ..Request::default()
    };
    if let Some(system) = member(object, "system") {
        read_blocks::system(system, &mut request.messages)?;
    }
    if let Some(messages) = member(object, "messages") {
        for (at, message) in list(messages, "messages")?.into_iter().enumerate() {
            read_blocks::turn(message, &format!("messages.{at}"), &mut request.messages)?;
        }
    }
    tools(object, &mut request)?;
    tool_choice(object, &mut request)?;
    thinking(object, &mut request)?;
    if let Some(metadata) = member(object, "metadata") {
        let metadata = self::object(metadata, "metadata")?;
        request.user = metadata.read("user_id")?;
    }
    let rest = object.iter().filter(|(key, _)| !KNOWN.contains(key));
    for (key, raw) in rest {
        request.extra.set_raw(key.to_owned(), raw.to_owned());
    }
    Ok(request)
}

/// A member that is there and not null.
pub(super) fn member<'a>(object: &'a Object<'_>, key: &str) -> Option<&'a RawValue> {
    object.get(key).filter(|raw| !is_null(raw))
}

/// The cache mark of a block, a tool or the request.
pub(super) fn cache(object: &Object<'_>) -> Option<CacheMark> {
    let mark = Object::of(member(object, "cache_control")?).ok()?;
    Some(CacheMark {
        ttl: mark.peek("ttl"),
    })
}

fn service_tier(object: &Object<'_>) -> Result<Option<String>, Malformed> {
    if object.peek::<String>("speed").as_deref() == Some("fast") {
        return Ok(Some("fast".to_owned()));
    }
    let tier: Option<String> = object.read("service_tier")?;
    Ok(tier.map(|tier| match tier.as_str() {
        "standard_only" => "default".to_owned(),
        _ => tier,
    }))
}

/// Reads the tools. Those the provider runs itself have no word elsewhere.
fn tools(object: &Object<'_>, request: &mut Request) -> Result<(), Malformed> {
    let Some(tools) = member(object, "tools") else {
        return Ok(());
    };
    for (at, raw) in list(tools, "tools")?.into_iter().enumerate() {
        let path = format!("tools.{at}");
        let tool = self::object(raw, &path)?;
        let kind = tool.peek::<String>("type");
        if kind.is_some_and(|kind| kind != "custom") {
            let key = format!("tools[{at}]");
            request.extra.set_raw(key, raw.to_owned());
            continue;
        }
        request.tools.push(Tool {
            name: text(tool.get("name"), &format!("{path}.name"))?,
            description: tool.read("description")?,
            parameters: member(&tool, "input_schema").map(RawValue::to_owned),
            strict: tool.read("strict")?,
            cache: cache(&tool),
        });
    }
    Ok(())
}

fn tool_choice(object: &Object<'_>, request: &mut Request) -> Result<(), Malformed> {
    let Some(choice) = member(object, "tool_choice") else {
        return Ok(());
    };
    let choice = self::object(choice, "tool_choice")?;
    request.tool_choice = Some(
        match text(choice.get("type"), "tool_choice.type")?.as_str() {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            "tool" => ToolChoice::Named(text(choice.get("name"), "tool_choice.name")?),
            _ => {
                return Err(invalid(
                    "tool_choice.type",
                    "Input should be 'auto', 'any', 'none' or 'tool'",
                ));
            }
        },
    );
    if choice.peek("disable_parallel_tool_use") == Some(true) {
        request.parallel_tool_calls = Some(false);
    }
    Ok(())
}

/// Reads effort and shape of the answer.
fn thinking(object: &Object<'_>, request: &mut Request) -> Result<(), Malformed> {
    let config = match member(object, "output_config") {
        Some(config) => self::object(config, "output_config")?,
        None => Object::new(),
    };
    let switch = match member(object, "thinking") {
        None => None,
        Some(thinking) => {
            let thinking = self::object(thinking, "thinking")?;
            Some(Switch {
                kind: text(thinking.get("type"), "thinking.type")?,
                budget: thinking.read("budget_tokens")?,
            })
        }
    };
    request.effort = wanted(switch.as_ref(), config.read("effort")?);
    if let Some(format) = member(&config, "format") {
        let format = self::object(format, "output_config.format")?;
        let path = "output_config.format.schema";
        let schema = outline::required(format.get("schema"), path)?;
        request.format = Format::JsonSchema {
            schema: schema.to_owned(),
            name: SCHEMA_NAME.to_owned(),
            description: None,
            strict: Some(true),
        };
    }
    for (key, raw) in config.iter() {
        if !matches!(key, "effort" | "format") {
            let key = format!("output_config.{key}");
            request.extra.set_raw(key, raw.to_owned());
        }
    }
    Ok(())
}
