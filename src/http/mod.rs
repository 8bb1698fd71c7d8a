//! The HTTP face: the only room that knows axum, paths and the status codes callers see.
//!
//! A handler enters through the [`door`] (who is calling, under which id), reads the body within its limits,
//! and hands an errand to the relay. What comes back becomes a response here, errors in the caller's own
//! dialect. Each endpoint family has its file; [`router`] lists every path.

mod admin;
mod body;
mod chat;
mod completion;
mod door;
mod embeddings;
mod error;
mod hall;
mod health;
mod hints;
mod listen;
mod messages;
mod metadata;
mod models;
mod name;
mod paths;
mod router;
mod settings;
mod sse;
mod ticket;
mod tls;

pub use hall::{Face, Hall};
pub use hints::wishes;
pub use listen::{Listener, serve};
pub use paths::{Annex, Paths};
pub use router::{admin_router, models_router, public_router};
pub use settings::{Settings, Tls};
pub use tls::{BadTls, acceptor};
