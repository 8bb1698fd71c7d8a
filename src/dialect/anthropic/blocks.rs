//! Parts of a message as content blocks.
//!
//! Text that says nothing is left out: the API refuses it. What cannot be left out without changing the
//! question (sound, media the model lacks) makes the target unsupported.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    notes::{Notes, lacks},
    wire::{Block, CacheControl, Said, Source},
};
use crate::{
    catalog::{Ability, Model},
    chat::{Content, Media, Part},
    json::Object,
    outcome::Failure,
};

/// Writes what a message says. `path` is the message's, `messages[3]`.
pub(super) fn said<'a>(
    content: &'a Content,
    path: &str,
    facts: Option<&Model>,
    notes: &mut Notes<'a>,
) -> Result<Said<'a>, Failure> {
    let parts = match content {
        Content::Empty => return Ok(Said::Blocks(Vec::new())),
        Content::Text(text) => return Ok(Said::Plain(Cow::Borrowed(text))),
        Content::Parts(parts) => parts,
    };
    let mut blocks = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let path = format!("{path}.content[{at}]");
        blocks.extend(block(part, &path, facts, notes)?);
    }
    Ok(Said::Blocks(blocks))
}

fn block<'a>(
    part: &'a Part,
    path: &str,
    facts: Option<&Model>,
    notes: &mut Notes<'a>,
) -> Result<Option<Block<'a>>, Failure> {
    let cannot = |ability| facts.and_then(|model| model.can(ability)) == Some(false);
    let mut mark = |cache| notes.mark(cache, &format!("{path}."));
    match part {
        Part::Text { text, .. } if text.trim().is_empty() => Ok(None),
        Part::Text { text, cache } => Ok(Some(Block::Text {
            text: Cow::Borrowed(text),
            cache_control: mark(cache.as_ref()),
        })),
        Part::Image { .. } if cannot(Ability::Vision) => Err(lacks("image_url", path)),
        Part::Image {
            source,
            detail,
            cache,
        } => {
            let cache_control = mark(cache.as_ref());
            if detail.as_deref().is_some_and(|detail| detail != "auto") {
                notes.drop(format!("{path}.image_url.detail"));
            }
            let source = image(source, path)?;
            Ok(Some(Block::Image {
                source,
                cache_control,
            }))
        }
        Part::Audio { .. } => Err(lacks("input_audio", path)),
        Part::File {
            source,
            name,
            cache,
        } => {
            let cache_control: Option<CacheControl> = mark(cache.as_ref());
            let source = document(source, path, cannot(Ability::Pdf))?;
            Ok(Some(Block::Document {
                source,
                title: name.as_deref(),
                cache_control,
            }))
        }
        Part::Other(raw) => {
            let object = Object::of(raw).unwrap_or_default();
            let kind = object.peek::<String>("type").unwrap_or_default();
            match object.peek::<String>("refusal") {
                Some(text) if kind == "refusal" => {
                    Ok((!text.trim().is_empty()).then(|| Block::text(Cow::Owned(text))))
                }
                _ if kind.is_empty() => Err(lacks("this part", path)),
                _ => Err(lacks(&kind, path)),
            }
        }
    }
}

fn image<'a>(source: &'a Media, path: &str) -> Result<Source<'a>, Failure> {
    match source {
        Media::Inline { mime, data } => {
            let media_type = match mime.as_str() {
                "image/jpg" => "image/jpeg",
                known @ ("image/jpeg" | "image/png" | "image/gif" | "image/webp") => known,
                other => return Err(lacks(other, path)),
            };
            Ok(Source::Base64 { media_type, data })
        }
        Media::Url(url) => Ok(Source::Url { url }),
        Media::FileId(file_id) => Ok(Source::File { file_id }),
    }
}

fn document<'a>(source: &'a Media, path: &str, no_pdf: bool) -> Result<Source<'a>, Failure> {
    match source {
        Media::Inline { mime, data } if mime.starts_with("text/") => {
            let bytes = STANDARD.decode(data).ok();
            let data = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let data = data.ok_or_else(|| lacks("text that is not UTF-8 in base64", path))?;
            Ok(Source::Text {
                media_type: "text/plain",
                data,
            })
        }
        Media::Inline { .. } | Media::Url(_) if no_pdf => Err(lacks("file", path)),
        // OpenAI's callers may send bare base64, which is a PDF.
        Media::Inline { mime, data } if matches!(mime.as_str(), "" | "application/pdf") => {
            Ok(Source::Base64 {
                media_type: "application/pdf",
                data,
            })
        }
        Media::Inline { mime, .. } => Err(lacks(mime, path)),
        Media::Url(url) => Ok(Source::Url { url }),
        Media::FileId(file_id) => Ok(Source::File { file_id }),
    }
}
