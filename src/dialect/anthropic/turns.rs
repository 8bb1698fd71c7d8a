//! The conversation as `system` and alternating turns.
//!
//! Leading instructions become `system`. Later ones stay where the model takes them (directly behind a user
//! turn, never two in a row), and become user text where it does not. Neighbours of one role merge, and a turn
//! that was not merged keeps its plain string: providers hash the two spellings apart.

use std::borrow::Cow;

use super::{
    arguments::to_input,
    blocks::said,
    notes::Notes,
    replay::replayed,
    wire::{Block, Said, Turn},
};
use crate::{
    catalog::{Ability, Model},
    chat::{Message, Request, Role},
    outcome::Failure,
};

const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const SYSTEM: &str = "system";

/// What is said by a user turn that only asks the model to go on.
const CONTINUE: &str = "Continue.";

/// Marks instructions that had to become user text.
const SYSTEM_PREFIX: &str = "[System message]\n";

/// The conversation of one request.
pub(super) struct Turns<'a> {
    pub(super) system: Option<Said<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    /// Instructions that wait for the end of a user turn.
    waiting: Option<Said<'a>>,
}

/// Writes the conversation.
pub(super) fn write<'a>(
    request: &'a Request,
    facts: Option<&Model>,
    notes: &mut Notes<'a>,
) -> Result<Turns<'a>, Failure> {
    let can = |ability| facts.and_then(|model| model.can(ability));
    let takes_system = can(Ability::MidConversationSystem) == Some(true);
    let mut turns = Turns {
        system: None,
        turns: Vec::new(),
        waiting: None,
    };
    let mut leading = true;
    for (at, message) in request.messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        report(message, &path, notes);
        let content = said(&message.content, &path, facts, notes)?;
        leading &= matches!(message.role, Role::System | Role::Developer);
        match message.role {
            Role::System | Role::Developer if leading => join(&mut turns.system, content),
            Role::System | Role::Developer if takes_system => join(&mut turns.waiting, content),
            Role::System | Role::Developer => turns.add(USER, prefixed(content)),
            Role::User => turns.add(USER, content),
            Role::Tool => turns.add(USER, result(message, content, notes)),
            Role::Assistant => turns.answer(assistant(message, content, notes)),
        }
    }
    turns.close();
    turns.end_with_user(request, can(Ability::AssistantPrefill), notes);
    Ok(turns)
}

impl<'a> Turns<'a> {
    /// Adds to the last turn if it is of the same role, else as a new one.
    fn add(&mut self, role: &'static str, content: Said<'a>) {
        if content.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.role == role => last.content.join(content),
            _ => self.turns.push(Turn { role, content }),
        }
    }

    fn answer(&mut self, content: Said<'a>) {
        if !content.is_empty() {
            self.settle();
            self.add(ASSISTANT, content);
        }
    }

    /// Puts waiting instructions behind the user turn that just ended.
    fn settle(&mut self) {
        if self.turns.last().is_some_and(|last| last.role == USER)
            && let Some(content) = self.waiting.take()
        {
            self.add(SYSTEM, content);
        }
    }

    /// Instructions no user turn follows become one.
    fn close(&mut self) {
        self.settle();
        if let Some(content) = self.waiting.take() {
            self.add(USER, prefixed(content));
        }
    }

    /// Sees to it that the model has something to answer: some models refuse to go on from their own words.
    fn end_with_user(&mut self, request: &Request, prefill: Option<bool>, notes: &mut Notes<'a>) {
        let ends_with_answer = self.turns.last().is_some_and(|last| last.role == ASSISTANT);
        if ends_with_answer && prefill == Some(false) {
            notes.drop(format!(
                "messages[{}]",
                request.messages.len().saturating_sub(1)
            ));
            self.add(USER, Said::Plain(Cow::Borrowed(CONTINUE)));
        } else if ends_with_answer {
            self.trim_end();
        } else if self.turns.is_empty() {
            notes.drop("messages");
            self.add(USER, Said::Plain(Cow::Borrowed(CONTINUE)));
        }
    }

    /// The API refuses a last answer that ends with white space.
    fn trim_end(&mut self) {
        let text = match self.turns.last_mut().map(|last| &mut last.content) {
            Some(Said::Plain(text)) => Some(text),
            Some(Said::Blocks(blocks)) => match blocks.last_mut() {
                Some(Block::Text { text, .. }) => Some(text),
                _ => None,
            },
            None => None,
        };
        if let Some(text) = text {
            *text = Cow::Owned(text.trim_end().to_owned());
        }
    }
}

fn join<'a>(known: &mut Option<Said<'a>>, next: Said<'a>) {
    if next.is_empty() {
        return;
    }
    match known {
        Some(said) => said.join(next),
        None => *known = Some(next),
    }
}

fn prefixed(content: Said<'_>) -> Said<'_> {
    match content {
        said if said.is_empty() => said,
        Said::Plain(text) => Said::Plain(Cow::Owned(format!("{SYSTEM_PREFIX}{text}"))),
        Said::Blocks(mut blocks) => {
            if let Some(Block::Text { text, .. }) = blocks.first_mut() {
                *text = Cow::Owned(format!("{SYSTEM_PREFIX}{text}"));
            }
            Said::Blocks(blocks)
        }
    }
}

fn result<'a>(message: &'a Message, content: Said<'a>, notes: &mut Notes<'a>) -> Said<'a> {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    Said::Blocks(vec![Block::ToolResult {
        tool_use_id: notes.ids.map(id),
        content: Some(content).filter(|content| !content.is_empty()),
        is_error: message.is_error,
    }])
}

fn assistant<'a>(message: &'a Message, content: Said<'a>, notes: &mut Notes<'a>) -> Said<'a> {
    let mut blocks = replayed(&message.reasoning_details);
    let content = match message.refusal.as_deref() {
        Some(refusal) if content.is_empty() => Said::Plain(Cow::Borrowed(refusal)),
        _ => content,
    };
    if blocks.is_empty() && message.tool_calls.is_empty() {
        return content;
    }
    if !content.is_empty() {
        blocks.extend(content.into_blocks());
    }
    for call in &message.tool_calls {
        blocks.push(Block::ToolUse {
            id: notes.ids.map(&call.id),
            name: &call.name,
            input: to_input(&call.arguments),
        });
    }
    Said::Blocks(blocks)
}

/// Reports the fields of a message the API has no word for. `annotations` only tell what an answer cited, and
/// the name of a tool is its call's.
fn report(message: &Message, path: &str, notes: &mut Notes<'_>) {
    if message.name.is_some() && message.role != Role::Tool {
        notes.drop(format!("{path}.name"));
    }
    for (key, raw) in message.extra.iter() {
        if key != "annotations" && raw.get() != "null" {
            notes.drop(format!("{path}.{key}"));
        }
    }
}
