//! The MCP face: tools, prompts and resources, in both revisions of the protocol.
//!
//! rmcp knows the messages and both lifecycles: 2025-11-25 with sessions, 2026-07-28 without. Around it stands what
//! it leaves open: who is calling, which session is whose, how many there may be, what is too large. A request comes
//! in through [`http`](endpoint), is let in at the [gate](Gate), and its era decides which of rmcp's services answers;
//! both end in one [`server::Server`], which turns messages into calls of [`crate::tools`] and back.

mod calls;
mod changes;
mod connection;
mod convert;
pub mod endpoint;
mod gate;
mod guest;
mod handle;
mod incoming;
mod inquiry;
pub mod library;
mod line;
mod message;
mod methods;
mod notify;
mod plain;
mod prompts;
mod questions;
mod round;
mod server;
pub mod sessions;
mod settings;
mod spent;
mod stamp;
mod stdio;
mod strict;
pub mod tasks;
mod visits;
mod voice;
mod websocket;

pub use endpoint::Endpoint;
pub use gate::{Gate, Offer};
pub use guest::{Guest, Unwelcome};
pub use library::Library;
pub use settings::Settings;
pub use stdio::{Ended, stdio};

/// How long clients may keep lists and resources, in milliseconds. Those that listen hear of changes at once.
const LIST_TTL: u64 = 60_000;
