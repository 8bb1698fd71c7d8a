//! Joins the two ends of one request: what the caller speaks and what the provider speaks.
//!
//! This is the only place where a lane is chosen. Where both ends speak the same dialect, requests and replies
//! are edited at their top level and events are forwarded as they came; else everything passes through the
//! canonical conversation.

mod hold;
mod stream;
mod whole;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{Ask, Dialect, Outgoing, Tidy, Work, of, openai};
use crate::{
    catalog::Target,
    chat::{Answer, Content, Reply},
    outcome::{ErrorClass, Failure},
};

pub use hold::{MAX_HELD, Watch};
pub use stream::{Notes, Stream};
pub use whole::Whole;

/// Writes what the caller asked as a request to `target`.
pub fn request(ask: &Ask, target: &Target) -> Result<Outgoing, Failure> {
    let provider = of(target.card.dialect);
    if ask.work == Work::Embeddings {
        return provider.forward_embeddings(ask.request(), target);
    }
    if same(ask.dialect, provider) {
        return provider.forward_request(ask.request(), target);
    }
    let conversation = ask.conversation().map_err(|malformed| Failure {
        param: malformed.param,
        ..Failure::new(ErrorClass::InvalidRequest, malformed.message)
    })?;
    provider.write_request(conversation, target)
}

/// Reads a whole reply of `target` and writes it for the caller. `now` is seconds since the Unix epoch.
pub fn reply(ask: &Ask, target: &Target, body: Bytes, now: u64) -> Result<Tidy, Failure> {
    let provider = of(target.card.dialect);
    if ask.work == Work::Embeddings {
        return openai::embeddings::tidy(body);
    }
    if same(ask.dialect, provider) {
        return provider.tidy_reply(body);
    }
    let reply = provider.read_reply(&body)?;
    Ok(translated(ask, &reply, now))
}

/// A reply in the caller's spelling.
fn translated(ask: &Ask, reply: &Reply, now: u64) -> Tidy {
    Tidy {
        body: ask.dialect.write_reply(reply, now),
        usage: reply.usage,
        answer_bytes: answer_bytes(reply),
        silent: reply
            .choices
            .iter()
            .any(|choice| Answer::of(choice).is_silent()),
    }
}

fn same(left: &dyn Dialect, right: &dyn Dialect) -> bool {
    left.name() == right.name()
}

fn answer_bytes(reply: &Reply) -> u64 {
    let choice = |message: &crate::chat::Message| {
        let text = match &message.content {
            Content::Text(text) => text.len(),
            other => other.text().len(),
        };
        let calls: usize = message
            .tool_calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len())
            .sum();
        text + calls + message.reasoning.as_deref().map_or(0, str::len)
    };
    reply
        .choices
        .iter()
        .map(|answer| choice(&answer.message) as u64)
        .sum()
}
