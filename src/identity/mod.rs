//! Tokens, in both directions: whether one that comes is good, and where to get one for a server that wants it.
//!
//! Who comes with a token of an authorization server is told by its signature, or by asking that server. A request to
//! a tool server on somebody's behalf carries a token that was made for that server: the caller's own goes to nobody
//! but the authorization server that exchanges it. Everything is fetched with the guarded client.

mod bearer;
mod broker;

pub use bearer::Verifier;
pub use broker::{Broker, Client, NoToken, Wanted};
