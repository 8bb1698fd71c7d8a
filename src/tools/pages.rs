//! Results too large for one answer: the first page is given, and a handle to the rest.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Call, Content, Fault, FaultClass, Output, Tool, after,
    digest::{self, Digest},
    shelf::{Bounds, Shelf},
    size,
    taint::UNTRUSTED,
};

/// Where an answer says that there is more, and which handle leads to it.
pub(super) const NEXT: &str = "dev.waypost/next";

/// The wire name of the tool that gives the next page.
pub(super) const NEXT_TOOL: &str = "result__next";

/// For how long the rest of a result is kept: as long as a conversation takes to come to it.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many results lie here, and how large: 8 MiB hold some thousand pages of text for one caller.
const BOUNDS: Bounds = Bounds {
    things: 4_096,
    bytes: 64 * 1024 * 1024,
    things_each: 256,
    bytes_each: 8 * 1024 * 1024,
};

/// The results of which more was asked for than fits into one answer.
#[derive(Debug)]
pub(super) struct Pages(Shelf<Arc<Whole>>);

/// One result, whole.
#[derive(Debug)]
struct Whole {
    content: Vec<Content>,
    bytes: usize,
    /// The bytes of one page.
    page: usize,
    is_untrusted: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self(Shelf::new(BOUNDS))
    }
}

impl Pages {
    /// The first page of a result, and whether there are more. Results that fit are given as they are.
    pub(super) fn first(
        &self,
        tool: &Tool,
        call: &Call,
        output: Output,
    ) -> Result<(Output, bool), Fault> {
        let most = tool.common.most_result(tool.output.is_some());
        let text = size::of_contents(&output.content);
        let data = output.structured.as_ref().map_or(0, size::of_value);
        if text <= most && data <= most {
            return Ok((output, false));
        }
        // Clients hold structured results to the schema, and no page of one fits it.
        if output.structured.is_some() && tool.output.is_some() && !output.is_error {
            return Err(too_large(text.max(data), most));
        }
        let content = match (output.content, &output.structured) {
            (content, Some(data)) if content.is_empty() => vec![Content::Text(data.to_string())],
            (content, _) => content,
        };
        let whole = Whole {
            bytes: size::of_contents(&content),
            content,
            page: most,
            is_untrusted: tool.common.untrusted,
        };
        whole.can_be_cut()?;
        let token = tool.common.paging.then(random);
        let mut page = whole.page(0, token.as_deref());
        page.is_error = output.is_error;
        page.meta.extend(output.meta);
        if let Some(token) = token {
            let bytes = whole.bytes;
            let until = after(Instant::now(), KEPT);
            let owner = &call.caller.name;
            if !self
                .0
                .put(key(call, &token), owner, (Arc::new(whole), bytes), until)
            {
                return Err(too_large(bytes, BOUNDS.bytes_each));
            }
        }
        Ok((page, true))
    }

    /// The page a handle leads to. Whether it was another's, is over or never was is told to nobody.
    pub(super) fn next(&self, call: &Call, handle: &str) -> Result<Output, Fault> {
        let unknown = || {
            Fault::new(
                FaultClass::InvalidArguments,
                "Unknown handle: results are kept for 10 minutes, for whoever asked for them",
            )
        };
        let (token, from) = handle.split_once('.').ok_or_else(unknown)?;
        let from = from.parse().map_err(|_| unknown())?;
        let whole = self.0.get(&key(call, token), Instant::now());
        let whole = whole.ok_or_else(unknown)?;
        if !whole.has(from) {
            return Err(unknown());
        }
        let mut page = whole.page(from, Some(token));
        if whole.is_untrusted {
            page.meta.insert(UNTRUSTED.to_owned(), true.into());
        }
        Ok(page)
    }
}

/// 128 bits, in hexadecimal: nobody guesses one.
fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The key of a result: no handle is worth anything to another caller, or outside of the conversation it was given
/// in, where conversations last.
fn key(call: &Call, token: &str) -> Digest {
    let conversation = if call.surface.lasts() {
        &call.conversation.id
    } else {
        ""
    };
    digest::of_texts(&["page", &call.caller.name, conversation, token])
}

fn too_large(bytes: usize, most: usize) -> Fault {
    let message = format!(
        "The result has {bytes} bytes, and {most} are allowed: ask for less, or for a part of it"
    );
    Fault::new(FaultClass::TooLarge, message)
}

impl Whole {
    /// Whether every piece that has no parts fits into one page.
    fn can_be_cut(&self) -> Result<(), Fault> {
        let pieces = self.content.iter();
        let pieces = pieces.filter(|content| !matches!(content, Content::Text(_)));
        let largest = pieces.map(size::of_content).max().unwrap_or_default();
        if largest > self.page {
            return Err(too_large(largest, self.page));
        }
        Ok(())
    }

    /// Whether a page may begin behind so many bytes: inside of the result, and not inside of a character or of
    /// what has no parts.
    fn has(&self, from: usize) -> bool {
        let mut before = from;
        for content in &self.content {
            let bytes = size::of_content(content);
            if before < bytes {
                return match content {
                    Content::Text(text) => text.is_char_boundary(before),
                    _ => before == 0,
                };
            }
            before -= bytes;
        }
        false
    }

    /// The page that begins behind so many bytes. `token` names the result where more of it can be asked for.
    fn page(&self, from: usize, token: Option<&str>) -> Output {
        let mut output = Output::default();
        let mut before = from;
        let mut room = self.page;
        for content in &self.content {
            let bytes = size::of_content(content);
            if before >= bytes {
                before -= bytes;
                continue;
            }
            let left = bytes - before;
            if left <= room {
                output.content.push(behind(content, before));
                room -= left;
                before = 0;
                continue;
            }
            // What has no parts begins the next page.
            if let Content::Text(text) = content {
                let end = text.floor_char_boundary(before + room);
                if end > before {
                    output
                        .content
                        .push(Content::Text(text[before..end].to_owned()));
                }
                room -= end - before;
            }
            self.say_more(from + (self.page - room), token, &mut output);
            break;
        }
        output
    }

    /// Tells the model, and its client, that the page ends behind `end` bytes of the whole.
    fn say_more(&self, end: usize, token: Option<&str>, output: &mut Output) {
        let mut note = format!("Result cut after {end} of {} bytes. ", self.bytes);
        // Writing to a string does not fail.
        let _ = match token {
            Some(token) => {
                let handle = format!("{token}.{end}");
                output.meta.insert(NEXT.to_owned(), handle.as_str().into());
                write!(
                    note,
                    "Call `{NEXT_TOOL}` with {{\"handle\": \"{handle}\"}} for more."
                )
            }
            None => write!(note, "Ask for less, or for a part of it."),
        };
        output.content.push(Content::Text(note));
    }
}

fn behind(content: &Content, before: usize) -> Content {
    match content {
        Content::Text(text) => Content::Text(text[before..].to_owned()),
        other => other.clone(),
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
