//! Streamable HTTP on the guarded client: one replica's address, as rmcp's transport wants it.
//!
//! Nothing of a caller's own request comes here. A request carries the headers of the configuration, bound to the
//! replica's origin, and the token of the call where it has one of its own, which rides in the message's extensions;
//! else one of those the connection is for, the gateway's or one person's.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, GetExtensions, GetMeta, JsonRpcMessage, RequestId},
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::Sse;
use tokio::time::Instant;
use url::Url;

use super::{
    asking::Asking,
    events,
    purse::Purse,
    replies::{Failure, refusal, said, unfit},
    signs::Signs,
};
use crate::{
    secret::Secret,
    upstream::guarded::{Allow, Bound, Guarded, Opened, Request, Unopened},
};

/// How long an answer to what no caller waits for may take to begin: handshakes and lists have deadlines of their own,
/// which are shorter mostly.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is read of an answer that only says that there is none, in bytes.
const COMPLAINT: usize = 16 * 1024;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The way to one replica.
#[derive(Clone)]
pub(super) struct Web {
    pub(super) guarded: Arc<Guarded>,
    pub(super) server: Arc<str>,
    pub(super) url: Url,
    pub(super) headers: Arc<Vec<Bound>>,
    pub(super) allow: Arc<Allow>,
    /// Where the token comes from of requests that bring none.
    pub(super) purse: Purse,
    /// The largest message, in bytes.
    pub(super) max_message: usize,
    pub(super) signs: Arc<Signs>,
}

impl Web {
    async fn open(
        &self,
        (method, mut headers): (Method, HeaderMap),
        body: Option<Vec<u8>>,
        own: HashMap<HeaderName, HeaderValue>,
        session: Option<&str>,
        asking: Option<&Asking>,
    ) -> Result<Opened, Failure> {
        headers.extend(own);
        if let Some(session) = session {
            let session = HeaderValue::from_str(session)
                .map_err(|_| unfit("its session's id cannot stand in a header"))?;
            headers.insert(SESSION, session);
        }
        let token = match asking.and_then(|asking| asking.token.clone()) {
            Some(token) => Some(token),
            None => self.own_token().await,
        };
        let secrets = self.secrets(token.as_ref())?;
        let patience = Instant::now() + PATIENCE;
        let request = Request {
            method,
            url: self.url.clone(),
            headers,
            secrets: &secrets,
            body: body.map(Into::into),
            max_bytes: self.max_message,
            deadline: asking.map_or(patience, |asking| asking.deadline),
            allow: &self.allow,
        };
        let opened = self.guarded.open(request).await;
        opened.map_err(StreamableHttpError::Client)
    }

    /// The token of a request that brings none. Where none is to be had the server is asked without, and says whether it
    /// minds.
    async fn own_token(&self) -> Option<Secret> {
        let token = self.purse.token(&self.server).await;
        self.signs.lacked_token(token.as_ref().err().cloned());
        token.ok().flatten()
    }

    /// What a request proves itself with. A token of its own takes the place of the configured one.
    fn secrets(&self, token: Option<&Secret>) -> Result<Vec<Bound>, Failure> {
        let Some(token) = token else {
            return Ok(self.headers.to_vec());
        };
        let bound = Bound::new(&self.url, header::AUTHORIZATION, "Bearer ", token);
        let bound = bound.ok_or_else(|| unfit("the token for it cannot stand in a header"))?;
        let others = self.headers.iter();
        let others = others.filter(|other| *other.name() != header::AUTHORIZATION);
        Ok(others.cloned().chain([bound]).collect())
    }

    /// The events of an answer. Those in the middle of a request go to it at once.
    fn events(
        &self,
        opened: Opened,
        asked: Option<(RequestId, Arc<Asking>)>,
    ) -> BoxStream<'static, Result<Sse, SseError>> {
        events::of(opened.body, self.max_message, asked)
    }
}

impl StreamableHttpClient for Web {
    type Error = Unopened;

    async fn post_message(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _auth: Option<String>,
        own: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let asked = asked_by(&message);
        let body = serde_json::to_vec(&message)?;
        let headers = [(header::ACCEPT, BOTH), (header::CONTENT_TYPE, JSON)];
        let headers = (Method::POST, headers.into_iter().collect());
        let session = session.as_deref();
        let asking = asked.as_ref().map(|(_, asking)| &**asking);
        let opened = self.open(headers, Some(body), own, session, asking);
        let opened = opened.await?;
        let status = opened.status;
        if let Some(refusal) = refusal(&opened) {
            return Err(refusal);
        }
        if status == StatusCode::NOT_FOUND && session.is_some() {
            return Err(StreamableHttpError::SessionExpired);
        }
        let named = opened.headers.get(SESSION);
        let named = named.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let kind = opened.media_type();
        if status.is_success() && kind == "text/event-stream" {
            let mut events = self.events(opened, asked);
            if stands_alone(&message) {
                // Without its events' ids the stream is not taken up again, with a token that is not the caller's.
                events = events.map_ok(|event| Sse { id: None, ..event }).boxed();
            }
            return Ok(StreamableHttpPostResponse::Sse(events, named));
        }
        let most = if kind == "application/json" {
            self.max_message
        } else {
            COMPLAINT
        };
        let answer = opened.whole(most).await;
        let answer = answer.map_err(|refused| StreamableHttpError::Client(refused.into()))?;
        said(&message, session.is_some(), &kind, &answer, named)
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session: Arc<str>,
        _auth: Option<String>,
        own: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let headers = (Method::DELETE, HeaderMap::new());
        // Whatever it answers: the session is not used any more.
        self.open(headers, None, own, Some(&session), None).await?;
        Ok(())
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _auth: Option<String>,
        own: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let mut headers: HeaderMap = [(header::ACCEPT, BOTH)].into_iter().collect();
        if let Some(last) = last_event {
            let last = HeaderValue::from_str(&last);
            let last = last.map_err(|_| unfit("its event's id cannot stand in a header"))?;
            headers.insert(LAST_EVENT, last);
        }
        let session = session.as_deref();
        let opened = self.open((Method::GET, headers), None, own, session, None);
        let opened = opened.await?;
        if let Some(refusal) = refusal(&opened) {
            return Err(refusal);
        }
        match opened.status {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            StatusCode::NOT_FOUND if session.is_some() => {
                // Nobody asked anything; who asks next finds another session.
                self.signs.expired();
                Err(StreamableHttpError::SessionExpired)
            }
            status if status.is_success() && opened.media_type() == "text/event-stream" => {
                Ok(self.events(opened, None))
            }
            status => Err(unfit(&format!("it answered with status {status}"))),
        }
    }
}

/// The request a message is, with its number, where it is known who waits for it.
fn asked_by(message: &ClientJsonRpcMessage) -> Option<(RequestId, Arc<Asking>)> {
    match message {
        JsonRpcMessage::Request(request) => {
            let asking = request.request.extensions().get::<Arc<Asking>>().cloned();
            asking.map(|asking| (request.id.clone(), asking))
        }
        _ => None,
    }
}

/// Whether a message is a request of a revision without sessions: such requests name it.
fn stands_alone(message: &ClientJsonRpcMessage) -> bool {
    match message {
        JsonRpcMessage::Request(request) => request.request.get_meta().protocol_version().is_some(),
        _ => false,
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Web");
        shown
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}
