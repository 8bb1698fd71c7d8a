//! Tokens, in both directions: whether one that comes is good, and where to get one for a server that wants it.
//!
//! Who comes with a token of an authorization server is told by its signature, or by asking that server. A request to
//! a tool server on somebody's behalf carries a token that was made for that server: the caller's own goes to nobody
//! but the authorization server that exchanges it. Everything is fetched with the guarded client.

mod authority;
mod bearer;
mod broker;
mod claims;
mod discovery;
mod flights;
mod introspection;
mod jwt;
mod kept;
mod keyring;
mod keys;
mod reader;

pub use authority::problems;
pub use bearer::Verifier;
pub use broker::{Broker, Client, NoToken, Wanted};

#[cfg(test)]
mod tests;
