//! What the dialect promises, subject by subject.

mod errors;
mod replies;
mod requests;
mod rewriting;
mod streams;
