//! OpenAI's wire format: chat completions and embeddings, and whoever copies them.
//!
//! Between two ends that both speak it, requests are edited at the top level ([`rewrite`]), whole replies are
//! judged and usually forwarded as they came ([`reply`]), and so are the events of streams
//! ([`stream_reader`]). Where a provider departs from OpenAI, its card says so in data; where answers do, it
//! is put right here for everybody, because no card knows all the ways.

mod calls;
mod citations;
pub mod embeddings;
mod error;
mod finish;
mod lenient;
mod mend;
mod messages;
mod needs;
mod outline;
mod put_right;
mod read_message;
mod read_part;
mod read_reply;
mod read_request;
mod reply;
mod rewrite;
mod stream_choice;
mod stream_reader;
mod stream_writer;
#[cfg(test)]
mod tests;
mod thinking;
mod tool_ids;
mod usage;
mod wire;
mod words;
mod write_message;
mod write_reply;
mod write_request;

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
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn parse<'a>(&self, body: &'a [u8]) -> Result<Object<'a>, Malformed> {
        outline::parse(body)
    }

    fn read_outline(&self, request: &Object<'_>) -> Result<Outline, Malformed> {
        outline::read(request)
    }

    fn read_request(&self, request: &Object<'_>) -> Result<Request, Malformed> {
        read_request::read(request)
    }

    fn write_reply(&self, reply: &Reply, now: u64) -> Bytes {
        write_reply::write(reply, now)
    }

    fn write_error(&self, failure: &Failure, _request_id: &str) -> Bytes {
        error::write(failure)
    }

    fn stream_writer(&self, style: StreamStyle) -> Box<dyn StreamWriter> {
        Box::new(stream_writer::Writer::new(style))
    }

    fn write_request(&self, request: &Request, target: &Target) -> Result<Outgoing, Failure> {
        let (object, lost) = write_request::write(request, target)?;
        let outgoing = ask(object, target)?;
        let dropped = lost.into_iter().chain(outgoing.dropped).collect();
        Ok(Outgoing {
            dropped,
            ..outgoing
        })
    }

    fn forward_request(&self, request: Object<'_>, target: &Target) -> Result<Outgoing, Failure> {
        ask(request, target)
    }

    fn forward_embeddings(
        &self,
        request: Object<'_>,
        target: &Target,
    ) -> Result<Outgoing, Failure> {
        embeddings::forward(request, target)
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, Failure> {
        read_reply::read(body)
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

/// The request for `target`, from a body in OpenAI's spelling.
fn ask(mut object: Object<'_>, target: &Target) -> Result<Outgoing, Failure> {
    let dropped = rewrite::rewrite(&mut object, target)?;
    Ok(Outgoing {
        path: path(&target.card.paths.chat, target),
        headers: Vec::new(),
        body: object.to_bytes(),
        dropped,
    })
}

/// A card's path with the model filled in.
fn path(path: &str, target: &Target) -> String {
    path.replace("{model}", target.wire_model())
}
