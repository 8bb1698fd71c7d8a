//! Anthropic's Messages API, as the language of providers and as a face for callers.
//!
//! What must stay true: a body forwarded between two ends of this dialect keeps its bytes except for what the
//! model would refuse; what a translation leaves out is reported; nothing a peer sends makes it panic. Facts
//! about models come from their cards, never from their names.

mod arguments;
mod blocks;
mod error;
mod events;
mod forward;
mod ids;
mod mend;
mod needs;
mod notes;
mod outline;
mod read_blocks;
mod replay;
mod reply;
mod request;
mod schema;
mod stream_reader;
mod stream_writer;
mod thinking;
mod tools;
mod turns;
mod usage;
mod version;
mod wire;
mod write;
mod write_reply;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::HeaderMap;

use super::{Dialect, Malformed, Outgoing, StreamReader, StreamStyle, StreamWriter, Tidy};
use crate::{
    catalog::Target,
    chat::{Fix, Outline, Reply, Request},
    json::Object,
    outcome::Failure,
};

/// The dialect.
pub struct Anthropic;

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<Object<'a>, Malformed> {
        outline::parse(body)
    }

    fn read_outline(&self, request: &Object<'_>) -> Result<Outline, Malformed> {
        outline::read(request)
    }

    fn read_request(&self, request: &Object<'_>) -> Result<Request, Malformed> {
        request::read(request)
    }

    fn write_reply(&self, reply: &Reply, now: u64) -> Bytes {
        write_reply::write(reply, now)
    }

    fn write_error(&self, failure: &Failure, request_id: &str) -> Bytes {
        error::write(failure, Some(request_id))
    }

    fn stream_writer(&self, style: StreamStyle) -> Box<dyn StreamWriter> {
        Box::new(stream_writer::Writer::new(style))
    }

    fn write_request(&self, request: &Request, target: &Target) -> Result<Outgoing, Failure> {
        write::write(request, target)
    }

    fn forward_request(&self, request: Object<'_>, target: &Target) -> Result<Outgoing, Failure> {
        Ok(forward::forward(request, target))
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, Failure> {
        reply::read(body)
    }

    fn tidy_reply(&self, body: Bytes) -> Result<Tidy, Failure> {
        reply::tidy(body)
    }

    fn mend_reply(&self, body: &[u8], fixes: &[Fix]) -> Option<Bytes> {
        mend::mend(body, fixes)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(stream_reader::Reader::default())
    }

    fn read_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
        error::read(status, headers, body)
    }
}
