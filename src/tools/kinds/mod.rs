//! The kinds of tools, one place each.

pub mod command;
pub mod completion;
pub mod embed;
pub mod fixture;
pub mod http;
pub mod mcp;
pub mod postgres;
pub mod search;
