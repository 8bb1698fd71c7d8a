//! Other people's MCP servers: connections to them, what they offer, and what of it an operator has approved.
//!
//! A [`Server`] of the configuration is one or more replicas of the same program: processes of ours that speak over
//! standard input and output, or addresses that speak Streamable HTTP. The [`Fleet`] keeps them over reloads. Nothing
//! here waits for a server but who asks that server for something: one that hangs, floods or dies is a matter of its
//! own.
//!
//! What a server says of itself is data. Its name here is the operator's, its annotations widen no rights, and
//! nothing of it is offered to anybody before all that is said of it was [approved](Pins).

mod announced;
mod answering;
mod asked;
mod asking;
mod call;
mod catalogue;
mod choosing;
mod connecting;
mod connection;
mod cut;
mod events;
mod federated;
mod fleet;
mod heard;
mod hooks;
mod housed;
mod keeping;
mod levels;
mod listing;
mod pace;
mod persons;
mod pins;
mod pipe;
mod proof;
mod purse;
mod quoted;
mod reading;
mod replica;
mod replies;
mod server;
mod settings;
mod signs;
mod standing;
mod stdio;
mod stray;
mod tasks;
mod underway;
mod unsaid;
mod watched;
mod web;

pub use crate::store::{By, NotKept};
pub use announced::Announced;
pub use call::{Answer, Bearer, Failed, Outgoing, Person, Question, Relay, Serving};
pub use catalogue::{Catalogue, Offered};
pub use federated::Federated;
pub use fleet::Fleet;
pub use hooks::{Extra, OwnTokens, ProcessId};
pub use listing::Listing;
pub use pins::{Change, NotApproved, Pins, Seen};
pub use server::Server;
pub use settings::{
    Approve, Credentials, ModelAccess, Revision, Settings, Spec, ToolPolicy, Trust, Where,
};
pub use standing::{Held, ReplicaStanding, Standing};
