//! One message of the canonical conversation in OpenAI's spelling, with its parts and cache marks.

use super::write_request::set;
use crate::{
    catalog::Target,
    chat::{CacheMark, Content, Media, Message, Part, Role},
    json::{Object, Raw},
    outcome::Failure,
};

/// How a provider spells a cache mark.
#[derive(Clone, Copy)]
pub(super) enum CacheWord {
    /// Anthropic's word, which others took over.
    Control,
    /// OpenAI's own.
    Breakpoint,
}

impl CacheWord {
    /// The word this target keeps, if it keeps one.
    pub(super) fn of(target: &Target) -> Option<Self> {
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

    /// Marks `object`, if there is a mark to write.
    pub(super) fn write(self, object: &mut Object<'static>, mark: Option<&CacheMark>) {
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

/// Writes the message at this place, and tells which of its parts have no word here.
pub(super) fn message(
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
