//! Calls whose answer is all there is to say: most of them.
//!
//! rmcp answers a request through a transport, a service and two tasks of its own, because a request may have
//! notifications and questions before its answer. A call that wants no progress and no log messages, of a tool that
//! asks nothing, has none. Such a call is told here by its head and parameters, and made without all that; at 32 calls
//! at once that halves what a call of a trivial tool costs (docs/performance.md).
//!
//! Nothing is refused here. Whatever is not plain beyond doubt goes to rmcp, which says what is wrong with it.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, JsonRpcMessage, MetaObject,
        ProtocolVersion, RequestId, RequestMetaObject, ServerJsonRpcMessage, ServerResult,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{Guest, Offer, incoming::Incoming, message::Message};

static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
static METHOD: HeaderName = HeaderName::from_static("mcp-method");
static NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What the body's method is repeated as in the head.
const CALL: &str = "tools/call";

/// The members of `_meta` that want something before the answer.
const HEARD: [&str; 2] = ["progressToken", "io.modelcontextprotocol/logLevel"];

/// How a header begins whose value is encoded (MCP 2026-07-28, "Value Encoding").
const ENCODED: &str = "=?";

/// A call whose answer is all there is to say.
pub(super) struct Plain {
    pub(super) id: RequestId,
    pub(super) params: CallToolRequestParams,
    meta: RequestMetaObject,
    declared: ClientCapabilities,
    is_modern: bool,
}

/// The parameters of a call that brings no answers to earlier questions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    name: String,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

impl Plain {
    /// Reads a message of the revision without sessions.
    pub(super) fn modern(
        message: &Message<'_>,
        headers: &HeaderMap,
        guest: &Guest,
        offer: &Offer,
    ) -> Option<Self> {
        let (id, params) = Params::of(message)?;
        let version = ProtocolVersion::V_2026_07_28;
        let agrees = is_alone(headers, &PROTOCOL_VERSION, version.as_str())
            && is_alone(headers, &METHOD, CALL)
            && is_alone(headers, &NAME, &params.name)
            && !params.name.starts_with(ENCODED);
        if !agrees || !takes_both(headers) {
            return None;
        }
        let tool = offer.toolbox.find(&params.name, &guest.caller)?;
        if tool.repeats_arguments {
            return None;
        }
        let plain = params.into_plain(id, true)?;
        let declared = plain.meta.client_capabilities()?;
        let says_so = plain.meta.protocol_version()? == version;
        says_so.then_some(Self { declared, ..plain })
    }

    /// Reads a message of a session.
    pub(super) fn in_session(
        message: &Message<'_>,
        headers: &HeaderMap,
        guest: &Guest,
        offer: &Offer,
    ) -> Option<Self> {
        let (id, params) = Params::of(message)?;
        let known = |version: &HeaderValue| {
            let known = ProtocolVersion::KNOWN_VERSIONS.iter();
            let mut known = known.map(|known| known.as_str().as_bytes());
            known.any(|known| known == version.as_bytes())
        };
        if !headers.get(&PROTOCOL_VERSION).is_none_or(known) || !takes_both(headers) {
            return None;
        }
        // What it logs or asks goes over the session's service.
        let tool = offer.toolbox.find(&params.name, &guest.caller)?;
        let plain = params.into_plain(id, false)?;
        let is_plain = tool.is_silent() && plain.meta.protocol_version().is_none();
        is_plain.then_some(plain)
    }

    /// The call as it was made by this guest.
    pub(super) fn asked(
        self,
        guest: Guest,
        called_off: CancellationToken,
    ) -> (RequestId, CallToolRequestParams, Incoming) {
        let incoming = Incoming {
            guest,
            meta: self.meta,
            is_modern: self.is_modern,
            declared: self.declared,
            log_level: None,
            peer: None,
            called_off,
        };
        (self.id, self.params, incoming)
    }
}

impl Params {
    fn of(message: &Message<'_>) -> Option<(RequestId, Self)> {
        let Message::Request { id, method, params } = message else {
            return None;
        };
        if method != CALL {
            return None;
        }
        let params = serde_json::from_str(params.as_deref()?.get()).ok()?;
        Some((id.clone(), params))
    }

    /// Unless it wants to hear something before the answer.
    fn into_plain(self, id: RequestId, is_modern: bool) -> Option<Plain> {
        if HEARD.iter().any(|word| self.meta.contains_key(*word)) {
            return None;
        }
        let mut params = CallToolRequestParams::new(self.name);
        params.arguments = self.arguments;
        Some(Plain {
            id,
            params,
            meta: MetaObject(self.meta).into(),
            declared: ClientCapabilities::default(),
            is_modern,
        })
    }
}

/// Whether a header is there once, with this value.
fn is_alone(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.is_some_and(|value| value.as_bytes() == wanted.as_bytes()) && values.next().is_none()
}

/// Whether a client plainly takes both kinds of answers, as it must.
fn takes_both(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    let first = accepted.next().and_then(|accept| accept.to_str().ok());
    let Some(first) = first.filter(|_| accepted.next().is_none()) else {
        return false;
    };
    let has = |kind: &str| first.split(',').any(|accepted| accepted.trim() == kind);
    has("application/json") && has("text/event-stream")
}

/// What a call came to, as the message that says so in the revision of its request.
pub(super) fn message(
    id: RequestId,
    is_modern: bool,
    answered: Result<CallToolResponse, ErrorData>,
) -> ServerJsonRpcMessage {
    match answered {
        Ok(response) => {
            let mut result = ServerResult::from(response);
            if !is_modern {
                result.strip_result_type_for_legacy_peer();
                result.strip_non_object_output_for_legacy_peer();
            }
            JsonRpcMessage::response(result, id)
        }
        Err(error) => JsonRpcMessage::error(error, Some(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn only_what_is_plain_beyond_doubt_takes_both() {
        let both = "application/json, text/event-stream";
        assert!(takes_both(&headers(&[("accept", both)])));
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json, text/event-stream;q=0",
            "\"application/json, text/event-stream\"",
        ] {
            assert!(!takes_both(&headers(&[("accept", accept)])), "{accept}");
        }
        assert!(!takes_both(&headers(&[("accept", both), ("accept", both)])));
        assert!(!takes_both(&headers(&[])));
    }

    #[test]
    fn a_header_that_stands_twice_is_not_plain() {
        let once = headers(&[("mcp-method", CALL)]);
        assert!(is_alone(&once, &METHOD, CALL));
        let twice = headers(&[("mcp-method", CALL), ("mcp-method", CALL)]);
        assert!(!is_alone(&twice, &METHOD, CALL));
        assert!(!is_alone(&once, &NAME, CALL));
        let other = headers(&[("mcp-method", "tools/list")]);
        assert!(!is_alone(&other, &METHOD, CALL));
    }

    #[test]
    fn parameters_that_say_more_are_not_plain() {
        let read = |params: &str| serde_json::from_str::<Params>(params).is_ok();
        assert!(read(r#"{"name":"t"}"#));
        assert!(read(r#"{"name":"t","arguments":{"a":1},"_meta":{"x":1}}"#));
        for params in [
            r#"{"name":"t","task":{}}"#,
            r#"{"name":"t","requestState":"s"}"#,
            r#"{"name":"t","inputResponses":{}}"#,
            r#"{"name":"t","arguments":[]}"#,
            r#"{"name":1}"#,
            "{}",
        ] {
            assert!(!read(params), "{params}");
        }
    }
}
