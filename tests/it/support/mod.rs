//! What tests share.

pub mod accumulate;
pub mod gateway;
pub mod provider;
pub mod vector;

pub use gateway::{Answer, Gateway, PATIENCE, chat};
pub use provider::{Act, Provider, completion, done, error, role, streamed, text};
