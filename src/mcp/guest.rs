//! Who is calling, once let in.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use crate::{
    access::{self, Caller, Denied},
    telemetry::request_id,
    tools::{Conversation, Surface},
};

use super::{Offer, sessions};

/// A key that makes a call run once, as a header. Made once: a name made from text is checked each time.
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who is calling, once let in: over HTTP for each request anew, on other transports for the connection.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The holder of the key or token.
    pub caller: Arc<Caller>,
    /// The id of this request.
    pub request: String,
    /// The key that makes a call run once, where the head has it.
    pub idempotency_key: Option<String>,
    /// What the call belongs to.
    pub conversation: Arc<Conversation>,
    /// How it came.
    pub surface: Surface,
    /// The session it came in; only the 2025-11-25 revision has them.
    pub session: Option<Arc<sessions::State>>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// Which key counts cannot be told.
    #[error("{0}")]
    Ambiguous(&'static str),
    /// Whether the request should run once cannot be told.
    #[error("Idempotency-Key must be sent once, as printable ASCII")]
    Unclear,
    /// There is no key and no token, or none that is good.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// The idempotency key of a head. One that cannot be read is refused: to run twice is what it was sent against.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Unwelcome> {
    let mut keys = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let key = keys.next().map(|key| key.to_str().map(str::to_owned));
    match (key.transpose(), keys.next()) {
        (Ok(key), None) => Ok(key),
        _ => Err(Unwelcome::Unclear),
    }
}

impl Guest {
    /// Lets in whoever sends this head, with a request of this id.
    pub async fn of(
        offer: &Offer,
        headers: &HeaderMap,
        request: String,
    ) -> Result<Self, Unwelcome> {
        let presented = access::presented(headers).map_err(Unwelcome::Ambiguous)?;
        let caller = offer.access.admit(presented).await?;
        caller.may_call_tools()?;
        Ok(Self {
            caller,
            request,
            idempotency_key: idempotency_key(headers)?,
            conversation: Arc::default(),
            surface: Surface::Http,
            session: None,
        })
    }

    /// Lets in whoever has this key, on standard input and output, which has no heads.
    pub fn with_key(offer: &Offer, key: Option<&str>) -> Result<Self, Unwelcome> {
        let caller = offer.access.identify(key)?;
        caller.may_call_tools()?;
        Ok(Self {
            caller,
            request: request_id(&HeaderMap::new()),
            idempotency_key: None,
            conversation: Arc::default(),
            surface: Surface::Stdio,
            session: None,
        })
    }

    /// The same guest, in a session of theirs.
    pub(super) fn in_session(self, session: Arc<sessions::State>) -> Self {
        Self {
            conversation: session.conversation.clone(),
            surface: Surface::Session,
            session: Some(session),
            ..self
        }
    }

    /// The same guest, who stays for a connection over WebSocket.
    pub(super) fn on_websocket(self) -> Self {
        Self {
            surface: Surface::WebSocket,
            ..self
        }
    }

    /// The same guest with another request: its caller as the present configuration knows it.
    pub(super) fn again(&self, caller: Arc<Caller>) -> Self {
        Self {
            caller,
            request: request_id(&HeaderMap::new()),
            idempotency_key: None,
            conversation: self.conversation.clone(),
            surface: self.surface,
            session: None,
        }
    }
}
