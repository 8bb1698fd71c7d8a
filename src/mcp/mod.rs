//! The MCP face: tools, prompts and resources, in both revisions of the protocol.
//!
//! rmcp knows the messages and both lifecycles: 2025-11-25 with sessions, 2026-07-28 without. Around it stands what
//! it leaves open: who is calling, which session is whose, how many there may be, what is too large. A request comes
//! in through [`http`](endpoint), is let in at the [gate](Gate), and its era decides which of rmcp's services answers;
//! both end in one [`server::Server`], which turns messages into calls of [`crate::tools`] and back.

mod convert;
mod endpoint;
mod gate;
mod guest;
mod handle;
mod line;
mod server;
mod settings;

pub use endpoint::Endpoint;
pub use gate::{Gate, Offer};
pub use guest::Guest;
pub use settings::Settings;
