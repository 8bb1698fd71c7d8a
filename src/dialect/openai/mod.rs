//! OpenAI's wire format.
mod error;
mod finish;
mod usage;
mod wire;

pub mod embeddings;

use bytes::Bytes;
use http::HeaderMap;

use super::{Dialect, Malformed, Outgoing, StreamReader, StreamStyle, StreamWriter, Tidy};
use crate::{
    catalog::Target,
    chat::{Outline, Reply, Request},
    outcome::Failure,
};

/// The dialect.
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn read_outline(&self, _body: &[u8]) -> Result<Outline, Malformed> {
        unimplemented!()
    }

    fn read_request(&self, _body: &[u8]) -> Result<Request, Malformed> {
        unimplemented!()
    }

    fn write_reply(&self, _reply: &Reply, _now: u64) -> Bytes {
        unimplemented!()
    }

    fn write_error(&self, _failure: &Failure, _request_id: &str) -> Bytes {
        unimplemented!()
    }

    fn stream_writer(&self, _style: StreamStyle) -> Box<dyn StreamWriter> {
        unimplemented!()
    }

    fn write_request(&self, _request: &Request, _target: &Target) -> Result<Outgoing, Failure> {
        unimplemented!()
    }

    fn forward_request(&self, _body: &[u8], _target: &Target) -> Result<Outgoing, Failure> {
        unimplemented!()
    }

    fn read_reply(&self, _body: &[u8]) -> Result<Reply, Failure> {
        unimplemented!()
    }

    fn tidy_reply(&self, _body: Bytes) -> Result<Tidy, Failure> {
        unimplemented!()
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        unimplemented!()
    }

    fn read_error(&self, _status: u16, _headers: &HeaderMap, _body: &[u8]) -> Failure {
        unimplemented!()
    }
}
