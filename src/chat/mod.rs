//! The canonical conversation: what a caller asked and what came back, in nobody's spelling.
//!
//! Plain data. Dialects read their own wire format into these types and write it from them, so *n* formats
//! need *n* translators. What a dialect has no word for travels in `extra`, in the spelling it came in, and is
//! offered back only to the same dialect. Values whose inner order carries meaning (JSON Schemas, tool
//! arguments) stay raw text: models generate in schema order and prompt caches hash prefixes.

mod answer;
mod delta;
mod media;
mod message;
mod outline;
mod reply;
mod request;
mod usage;

pub use answer::{Answer, Fix, Place};
pub use delta::Delta;
pub use media::{Look, look};
pub use message::{CacheMark, Content, Media, Message, Part, ReasoningDetail, Role, ToolCall};
pub use outline::{Needs, Outline, Shape, estimate_tokens};
pub use reply::{Choice, Finish, Reply};
pub use request::{Effort, Format, Request, Tool, ToolChoice};
pub use usage::{MOST_TOKENS, Usage};

/// Fields without a canonical meaning, in source order, in the spelling of the dialect they came from.
pub type Extra = crate::json::Object<'static>;
