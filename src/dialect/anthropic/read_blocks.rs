//! Turns and content blocks as canonical messages.
//!
//! One user turn may hold results of tools and words of the user: the results become messages of their own and
//! come first, as they answer the turn before. Blocks of tools the provider ran itself stay as they were written:
//! no other provider could go on from them, so other dialects leave them out and report them.

use serde_json::value::RawValue;

use super::{
    arguments::from_input,
    outline::{invalid, list, object, required, text},
    replay,
    request::{cache, member},
};
use crate::{
    chat::{CacheMark, Content, Media, Message, Part, Role, ToolCall},
    dialect::Malformed,
    json::Object,
};

/// Reads `system`.
pub(super) fn system(raw: &RawValue, messages: &mut Vec<Message>) -> Result<(), Malformed> {
    let content = content(raw, "system")?;
    messages.push(Message::new(Role::System, content));
    Ok(())
}

/// Reads one turn. `path` is its place in the body, `messages.3`.
pub(super) fn turn(
    raw: &RawValue,
    path: &str,
    messages: &mut Vec<Message>,
) -> Result<(), Malformed> {
    let turn = object(raw, path)?;
    let path_said = format!("{path}.content");
    let said = required(turn.get("content"), &path_said)?;
    match text(turn.get("role"), &format!("{path}.role"))?.as_str() {
        "user" => user(said, &path_said, messages),
        "assistant" => {
            messages.push(assistant(said, &path_said)?);
            Ok(())
        }
        "system" => {
            let content = content(said, &path_said)?;
            messages.push(Message::new(Role::System, content));
            Ok(())
        }
        _ => Err(invalid(
            &format!("{path}.role"),
            "Input should be 'user' or 'assistant'",
        )),
    }
}

fn user(raw: &RawValue, path: &str, messages: &mut Vec<Message>) -> Result<(), Malformed> {
    if is_string(raw) {
        messages.push(Message::new(Role::User, content(raw, path)?));
        return Ok(());
    }
    let mut parts = Vec::new();
    for (at, raw) in list(raw, path)?.into_iter().enumerate() {
        let path = format!("{path}.{at}");
        let block = object(raw, &path)?;
        if kind(&block, &path)? == "tool_result" {
            messages.push(result(&block, &path)?);
        } else {
            parts.push(part(raw, &path)?);
        }
    }
    if !parts.is_empty() {
        messages.push(Message::new(Role::User, Content::Parts(parts)));
    }
    Ok(())
}

fn result(block: &Object<'_>, path: &str) -> Result<Message, Malformed> {
    let said = match member(block, "content") {
        Some(raw) => content(raw, &format!("{path}.content"))?,
        None => Content::Text(String::new()),
    };
    let id = text(block.get("tool_use_id"), &format!("{path}.tool_use_id"))?;
    Ok(Message {
        tool_call_id: Some(id),
        is_error: block.peek("is_error").unwrap_or(false),
        ..Message::new(Role::Tool, marked(said, cache(block)))
    })
}

/// Puts a mark behind all of what is said.
fn marked(content: Content, mark: Option<CacheMark>) -> Content {
    let Some(mark) = mark else {
        return content;
    };
    let mut parts = match content {
        Content::Empty => Vec::new(),
        Content::Text(text) => vec![Part::Text { text, cache: None }],
        Content::Parts(parts) => parts,
    };
    if let Some(Part::Text { cache, .. } | Part::Image { cache, .. } | Part::File { cache, .. }) =
        parts.last_mut()
    {
        *cache = Some(mark);
    }
    Content::Parts(parts)
}

fn assistant(said: &RawValue, path: &str) -> Result<Message, Malformed> {
    let mut message = Message::new(Role::Assistant, Content::Empty);
    if is_string(said) {
        message.content = content(said, path)?;
        return Ok(message);
    }
    let mut parts = Vec::new();
    let mut reasoning = String::new();
    for (at, raw) in list(said, path)?.into_iter().enumerate() {
        let path = format!("{path}.{at}");
        let block = object(raw, &path)?;
        let word = |key: &str| text(block.get(key), &format!("{path}.{key}"));
        let index = message.reasoning_details.len() as u64;
        match kind(&block, &path)?.as_str() {
            "text" | "image" | "document" => parts.push(part(raw, &path)?),
            "thinking" => {
                let thought = word("thinking")?;
                reasoning.push_str(&thought);
                let signature = block.peek::<String>("signature");
                let signature = signature.filter(|signature| !signature.is_empty());
                let detail = replay::readable(Some(thought), signature, index);
                message.reasoning_details.push(detail);
            }
            "redacted_thinking" => {
                let detail = replay::encrypted(word("data")?, index);
                message.reasoning_details.push(detail);
            }
            "tool_use" => message.tool_calls.push(ToolCall {
                id: word("id")?,
                name: word("name")?,
                arguments: member(&block, "input").map_or("{}".to_owned(), from_input),
                extra: Object::new(),
            }),
            _ => parts.push(Part::Other(raw.to_owned())),
        }
    }
    if !parts.is_empty() {
        message.content = Content::Parts(parts);
    }
    message.reasoning = Some(reasoning).filter(|reasoning| !reasoning.is_empty());
    Ok(message)
}

/// A string or blocks.
fn content(raw: &RawValue, path: &str) -> Result<Content, Malformed> {
    if is_string(raw) {
        return Ok(Content::Text(text(Some(raw), path)?));
    }
    let parts = list(raw, path)?.into_iter().enumerate();
    let parts = parts.map(|(at, raw)| part(raw, &format!("{path}.{at}")));
    Ok(Content::Parts(parts.collect::<Result<_, _>>()?))
}

fn part(raw: &RawValue, path: &str) -> Result<Part, Malformed> {
    let block = object(raw, path)?;
    let word = |key: &str| text(block.get(key), &format!("{path}.{key}"));
    let cache = cache(&block);
    match kind(&block, path)?.as_str() {
        "text" => Ok(Part::Text {
            text: word("text")?,
            cache,
        }),
        "image" => Ok(Part::Image {
            source: source(&block, path)?,
            detail: None,
            cache,
        }),
        "document" => document(&block, path, cache),
        "search_result" => Ok(Part::Text {
            text: search_result(&block),
            cache,
        }),
        _ => Ok(Part::Other(raw.to_owned())),
    }
}

/// A document. Plain text becomes a text part, which every provider can read.
fn document(block: &Object<'_>, path: &str, cache: Option<CacheMark>) -> Result<Part, Malformed> {
    let place = format!("{path}.source");
    let source = object(required(block.get("source"), &place)?, &place)?;
    let title = block.peek::<String>("title");
    let plain = match kind(&source, &place)?.as_str() {
        "text" => text(source.get("data"), &format!("{place}.data"))?,
        "content" => {
            let said = required(source.get("content"), &format!("{place}.content"))?;
            content(said, &format!("{place}.content"))?.text()
        }
        _ => {
            return Ok(Part::File {
                source: self::source(block, path)?,
                name: title,
                cache,
            });
        }
    };
    let text = match title {
        Some(title) => format!("{title}\n\n{plain}"),
        None => plain,
    };
    Ok(Part::Text { text, cache })
}

/// What a search of the caller's own found, as text.
fn search_result(block: &Object<'_>) -> String {
    let heading = ["title", "source"].map(|key| block.peek::<String>(key));
    let found = block.get("content").map(|raw| content(raw, ""));
    let found = found.and_then(Result::ok).unwrap_or_default().text();
    let lines: Vec<_> = heading.into_iter().flatten().chain([found]).collect();
    lines.join("\n")
}

fn source(block: &Object<'_>, path: &str) -> Result<Media, Malformed> {
    let path = format!("{path}.source");
    let source = object(required(block.get("source"), &path)?, &path)?;
    let word = |key: &str| text(source.get(key), &format!("{path}.{key}"));
    match kind(&source, &path)?.as_str() {
        "base64" => Ok(Media::Inline {
            mime: word("media_type")?,
            data: word("data")?,
        }),
        "url" => Ok(Media::Url(word("url")?)),
        "file" => Ok(Media::FileId(word("file_id")?)),
        _ => Err(invalid(&path, "Input should be base64, url or file")),
    }
}

fn kind(block: &Object<'_>, path: &str) -> Result<String, Malformed> {
    text(block.get("type"), &format!("{path}.type"))
}

fn is_string(raw: &RawValue) -> bool {
    raw.get().starts_with('"')
}
