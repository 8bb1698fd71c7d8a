//! What journeys share.

pub mod gateway;
pub mod provider;

pub use gateway::{Answer, Gateway, PATIENCE, chat};
pub use provider::{Act, Provider, completion, done, error, role, streamed, text};
