//! How APIs spell a conversation. Pure: bytes in, values out, no I/O, no clock.
//!
//! A dialect knows both directions of one wire format: requests, whole replies, streams and errors. It is
//! used twice, as the face a caller speaks to and as the language of a provider, so *n* formats need *n*
//! dialects. [`bridge`] joins the two ends of one request and picks the lane: translate, or — where both ends
//! speak the same — edit the top level and forward the rest untouched.
//!
//! # Adding a dialect
//! A folder here with a type that implements [`Dialect`], a variant of [`catalog::DialectName`] and its line
//! in [`of`], and golden vectors in `tests/vectors/`.

pub mod anthropic;
pub mod bridge;
pub mod fault;
pub mod openai;
mod prefix;
pub mod sse;

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::{
    catalog::{DialectName, Target},
    chat::{Delta, Fix, Outline, Reply, Request, Usage},
    json::Object,
    outcome::Failure,
};

/// Members of a request that tell the gateway what to ask, in OpenRouter's words. They reach a provider only where
/// its card keeps them.
const HINTS: [&str; 2] = ["models", "provider"];

/// Both directions of one wire format.
pub trait Dialect: Send + Sync + 'static {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    // ---- as the face a caller speaks to

    /// Parses the top level of a caller's body.
    fn parse<'a>(&self, body: &'a [u8]) -> Result<Object<'a>, Malformed>;

    /// Reads the outline of a completion request, checking the top level only.
    fn read_outline(&self, request: &Object<'_>) -> Result<Outline, Malformed>;

    /// Reads a whole completion request.
    fn read_request(&self, request: &Object<'_>) -> Result<Request, Malformed>;

    /// Writes a whole reply. `now` is seconds since the Unix epoch, for replies that carry a creation time.
    fn write_reply(&self, reply: &Reply, now: u64) -> Bytes;

    /// Writes an error answer. The status is the face's business.
    fn write_error(&self, failure: &Failure, request_id: &str) -> Bytes;

    /// Makes a writer for one streamed reply.
    fn stream_writer(&self, style: StreamStyle) -> Box<dyn StreamWriter>;

    // ---- as the language of a provider

    /// Writes the request that asks `target` for this conversation.
    fn write_request(&self, request: &Request, target: &Target) -> Result<Outgoing, Failure>;

    /// Forwards a request of this same dialect to `target`, edited as little as the target needs. It has passed
    /// [`Dialect::read_outline`].
    fn forward_request(&self, request: Object<'_>, target: &Target) -> Result<Outgoing, Failure>;

    /// Forwards an embeddings request in OpenAI's spelling. Dialects without embeddings refuse.
    fn forward_embeddings(&self, _: Object<'_>, target: &Target) -> Result<Outgoing, Failure> {
        let message = format!("{target} offers no embeddings");
        Err(Failure::unsupported(message, "model"))
    }

    /// Reads a whole reply (HTTP 2xx). A 2xx body that is an error in truth is a failure.
    fn read_reply(&self, body: &[u8]) -> Result<Reply, Failure>;

    /// Tidies a whole reply of this same dialect for forwarding: the bytes to send (the very ones received
    /// where nothing is wrong with them) and what the books need of it.
    fn tidy_reply(&self, body: Bytes) -> Result<Tidy, Failure>;

    /// Puts the answers of a tidied reply of this same dialect right, and leaves everything else as it is.
    /// `None` where the body is no such reply.
    fn mend_reply(&self, body: &[u8], fixes: &[Fix]) -> Option<Bytes>;

    /// Makes a reader for one streamed reply.
    fn stream_reader(&self) -> Box<dyn StreamReader>;

    /// Reads an error answer (HTTP 4xx, 5xx): class, message, delay. Never fails: what cannot be read is
    /// classified by status alone.
    fn read_error(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Failure;
}

/// A request as it leaves for a provider. Authentication is added by `upstream`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Path and query below the card's base URL, starting with a slash.
    pub path: String,
    /// Headers beyond `content-type` and authentication.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON body.
    pub body: Bytes,
    /// Parameters of the caller that the provider has no word for, as JSON paths.
    pub dropped: Vec<String>,
}

/// A reply of the caller's own dialect, ready to be forwarded.
#[derive(Clone, Debug)]
pub struct Tidy {
    /// What the caller gets.
    pub body: Bytes,
    /// What it cost in tokens, if the provider said.
    pub usage: Option<Usage>,
    /// Size of the answer's text and arguments in bytes: for an estimate where usage is missing.
    pub answer_bytes: u64,
    /// An answer in it says nothing, as far as can be seen at a glance: no text, no call, no refusal.
    pub silent: bool,
}

/// What a caller wants of a stream.
#[derive(Clone, Debug, Default)]
pub struct StreamStyle {
    /// Whether the caller asked to see the usage.
    pub include_usage: bool,
    /// Seconds since the Unix epoch, for chunks that carry a creation time the provider did not give.
    pub now: u64,
    /// The model to name where the provider names none.
    pub model: String,
    /// The id of the answer where the provider gives none.
    pub id: String,
}

/// Reads one streamed reply, event by event.
pub trait StreamReader: Send {
    /// Reads one event and appends what it says. On success tells whether the event, as it stands, is what a
    /// caller of this same dialect should get for exactly these deltas.
    ///
    /// A failure here is the provider's own error event, or one that cannot be read. Nothing may be read after it.
    fn read(
        &mut self,
        event: &sse::Event<'_>,
        deltas: &mut Vec<Delta>,
    ) -> Result<Cleanliness, Failure>;

    /// The bytes have ended: was the reply whole? May append last deltas.
    fn end(&mut self, deltas: &mut Vec<Delta>) -> Result<(), Failure>;

    /// Whether the reply is whole and its terminator was read: what follows may be ignored.
    fn is_done(&self) -> bool;
}

/// Whether an event can be forwarded as it stands to a caller of the same dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanliness {
    /// Its bytes say exactly the deltas read from it.
    Clean,
    /// It must be written anew from the deltas (or dropped, if there are none).
    Rewrite,
}

/// Writes one streamed reply for a caller.
pub trait StreamWriter: Send {
    /// Writes one delta.
    fn write(&mut self, delta: &Delta, out: &mut BytesMut);

    /// Whether an event that holds these deltas and is [`Cleanliness::Clean`] may be forwarded as it stands;
    /// takes note of them if so. Says no where the writer would write something else (usage the caller did
    /// not ask for).
    fn forward(&mut self, deltas: &[Delta]) -> bool;

    /// From here on deltas are written, although events were forwarded before; `event` is the first that will
    /// not be.
    fn take_over(&mut self, _event: &[u8]) {}

    /// Writes the proper end of the stream.
    fn finish(&mut self, out: &mut BytesMut);

    /// Writes an error as the last event. No terminator follows.
    fn fail(&mut self, failure: &Failure, out: &mut BytesMut);
}

/// A caller's body that is no request of its dialect. The text is for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
    /// Where, as a path in the body.
    pub param: Option<String>,
}

impl Malformed {
    /// A body that is wrong as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: None,
        }
    }

    /// A body that is wrong at `param`.
    pub fn at(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: Some(param.into()),
        }
    }
}

impl From<crate::json::WrongType> for Malformed {
    fn from(error: crate::json::WrongType) -> Self {
        Self::at(error.key.clone(), error.to_string())
    }
}

/// The register: the dialect spoken by providers of this name. Simulated ones answer in OpenAI's.
pub fn of(name: DialectName) -> &'static dyn Dialect {
    match name {
        DialectName::Openai | DialectName::Simulated => &openai::OpenAi,
        DialectName::Anthropic => &anthropic::Anthropic,
    }
}

/// What a caller wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The next turn of a conversation.
    Completion,
    /// Vectors for texts.
    Embeddings,
}

/// What a caller asked: the request at its top level, its outline, and the conversation for who needs it.
///
/// The body is parsed once. Its members are kept apart, as text, so that each attempt edits and joins them
/// without parsing again.
pub struct Ask {
    /// The dialect the caller speaks.
    pub dialect: &'static dyn Dialect,
    /// What is to be done.
    pub work: Work,
    /// What must be known before anything is planned.
    pub outline: Outline,
    request: Object<'static>,
    conversation: OnceLock<Result<Request, Malformed>>,
}

/// The longest name of a model, in bytes: a few times what the longest of Bedrock and Hugging Face have. Names are
/// remembered, in records and as targets, long after the request.
pub const LONGEST_MODEL: usize = 512;

impl Ask {
    /// Reads a caller's body.
    pub fn read(dialect: &'static dyn Dialect, work: Work, body: &[u8]) -> Result<Self, Malformed> {
        let request = dialect.parse(body)?;
        let outline = match work {
            Work::Completion => dialect.read_outline(&request)?,
            Work::Embeddings => openai::embeddings::outline(&request)?,
        };
        if outline.model.len() > LONGEST_MODEL {
            let message = format!("model: a name has at most {LONGEST_MODEL} bytes");
            return Err(Malformed::at("model", message));
        }
        Ok(Self {
            dialect,
            work,
            outline,
            request: request.into_owned(),
            conversation: OnceLock::new(),
        })
    }

    /// The request at its top level, to be edited.
    pub fn request(&self) -> Object<'_> {
        self.request.borrowed()
    }

    /// A digest of how the conversation begins, which its later requests share; 0 where there is none. Made at
    /// each call.
    pub fn prefix(&self) -> u64 {
        prefix::digest(&self.request)
    }

    /// The whole conversation, parsed at the first call.
    pub fn conversation(&self) -> Result<&Request, Malformed> {
        let read = || self.dialect.read_request(&self.request);
        let conversation = self.conversation.get_or_init(read);
        conversation.as_ref().map_err(Clone::clone)
    }
}
