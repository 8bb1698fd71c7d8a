//! Who is calling, once let in.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use crate::{
    access::{self, Caller, Denied},
    telemetry::request_id,
    tools::Conversation,
};

use super::Offer;

/// A key that makes a call run once, as a header. Made once: a name made from text is checked each time.
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who is calling, once let in: over HTTP for each request anew, on other transports for the connection.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The key's holder.
    pub caller: Arc<Caller>,
    /// The id of this request.
    pub request: String,
    /// The key that makes a call run once, where the head has it.
    pub idempotency_key: Option<String>,
    /// What the call belongs to.
    pub conversation: Arc<Conversation>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// Which key counts cannot be told.
    #[error("{0}")]
    Ambiguous(&'static str),
    /// There is no key, or no such key.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Guest {
    /// Lets in whoever sends this head.
    pub fn of(offer: &Offer, headers: &HeaderMap) -> Result<Self, Unwelcome> {
        let presented = access::presented(headers).map_err(Unwelcome::Ambiguous)?;
        let caller = offer.access.identify(presented)?;
        let key = headers.get(&IDEMPOTENCY_KEY);
        let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
        Ok(Self {
            caller,
            request: request_id(headers),
            idempotency_key: key,
            conversation: Arc::default(),
        })
    }

    /// Lets in whoever has this key, on a transport without heads.
    pub fn with_key(offer: &Offer, key: Option<&str>) -> Result<Self, Unwelcome> {
        Ok(Self {
            caller: offer.access.identify(key)?,
            request: request_id(&HeaderMap::new()),
            idempotency_key: None,
            conversation: Arc::default(),
        })
    }

    /// The same guest with another request: its caller as the present configuration knows it.
    pub(super) fn again(&self, caller: Arc<Caller>) -> Self {
        Self {
            caller,
            request: request_id(&HeaderMap::new()),
            idempotency_key: None,
            conversation: self.conversation.clone(),
        }
    }
}
