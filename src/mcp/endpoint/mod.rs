//! `/mcp` over HTTP: who may come in, what is read, and which era answers.
//!
//! Each request passes in this order: the [guard], the key, the method, the [message](Message), the
//! [session](super::sessions); only then rmcp sees it. Whatever is refused on the way is a JSON-RPC error.
//!
//! Most calls need no more than their result, and are [answered](plain) without rmcp.
//!
//! Two services of rmcp stand behind one path. With one, an event store for the sessions of 2025-11-25 would make
//! streams of 2026-07-28 resumable, and then a disconnect would no longer cancel, which that revision demands.

mod body;
mod challenge;
mod guard;
mod plain;
mod post;
mod refused;
mod services;
mod stream;

pub use guard::guard;
pub(in crate::mcp) use guard::{is_host_name, is_page_origin};
pub use refused::Refused;

use std::{convert::Infallible, sync::Arc};

use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts,
    response::Parts as Head,
};
use http_body_util::{BodyExt, Full, Limited, combinators::BoxBody};
use rmcp::model::RequestId;

use self::{
    services::{Era, Services},
    stream::{Pass, Stream},
};
use super::{
    Gate, Guest,
    guest::Unwelcome,
    sessions::{EventIds, Sessions, Sweeper, Visit},
    websocket,
};
use crate::{
    access::{self, Access},
    secret::Secret,
    store::Store,
    telemetry::request_id,
};

static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
static LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The id with which rmcp opens streams that nothing came on yet. Who lost such a stream missed nothing of it, and sends
/// this back.
const PRIMING: &str = "0";

/// Names under which keys are put into URLs, from where they get into logs, histories and referrers.
const KEYS_IN_QUERY: &[&str] = &["access_token", "api_key", "apikey", "key", "token"];

/// The most of a refusal of rmcp's that is read, in bytes. They are single sentences.
const REFUSAL: usize = 4096;

type RmcpBody = BoxBody<Bytes, Infallible>;

/// `/mcp`.
pub struct Endpoint {
    gate: Arc<Gate>,
    sessions: Arc<Sessions>,
    services: Arc<Services>,
    _sweeper: Sweeper,
}

/// A request whose sender was let in.
struct Entered {
    head: Parts,
    guest: Guest,
    pass: Pass,
    era: Era,
}

impl Endpoint {
    /// The endpoint of a gate, with the sessions the store remembers. Needs a runtime: sessions are swept.
    pub fn new(gate: Arc<Gate>, store: Option<Arc<Store>>) -> Self {
        let sessions = Arc::new(Sessions::new(gate.clone(), store));
        Self {
            services: Arc::new(Services::new(&gate, &sessions)),
            _sweeper: Sweeper::start(sessions.clone()),
            sessions,
            gate,
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request) -> Response {
        let id = request_id(request.headers());
        match self.serve(request, &id).await {
            Ok(mut response) => {
                refused::name(&mut response, &id);
                response
            }
            Err(refused) => {
                if let Some(reason) = refused.reason {
                    let counter = &self.gate.ledger.metrics().refused;
                    counter.with_label_values(&[reason]).inc();
                    let caller = refused.caller.as_deref();
                    tracing::debug!(
                        request_id = id,
                        caller,
                        reason,
                        "an MCP request was refused unread"
                    );
                }
                refused.respond(&id)
            }
        }
    }

    async fn serve(&self, request: Request, id: &str) -> Result<Response, Refused> {
        let (head, body) = request.into_parts();
        let entered = self.enter(head, id).await?;
        let caller = entered.guest.caller.name.clone();
        let served = self.serve_guest(entered, body).await;
        served.map_err(|refused| refused.of_caller(caller))
    }

    async fn serve_guest(
        &self,
        entered: Entered,
        body: axum::body::Body,
    ) -> Result<Response, Refused> {
        if websocket::is_upgrade(&entered.head.headers) {
            let request = Request::from_parts(entered.head, body);
            return websocket::upgrade(self.gate.clone(), entered.guest, request).await;
        }
        match (&entered.head.method, entered.era) {
            (&Method::POST, _) => self.post(entered, body).await,
            (&Method::GET, Era::Sessions) => self.listen(entered).await,
            (&Method::DELETE, Era::Sessions) => self.end(&entered).await,
            (_, Era::Sessions) => Err(Refused::method("GET, POST, DELETE")),
            (_, Era::Stateless) => Err(Refused::method("POST")),
        }
    }

    /// Judges the head. Keys stay here: no tool needs them.
    async fn enter(&self, mut head: Parts, id: &str) -> Result<Entered, Refused> {
        let offer = self.gate.offer();
        guard(&offer, &head.headers, &head.uri)?;
        if has_key(&head.uri) {
            let message = "Keys and tokens in the URL are refused: send `Authorization: Bearer …`";
            return Err(Refused::ambiguous(message));
        }
        let guest = Guest::of(&offer, &head.headers, id.to_owned()).await;
        let guest = guest.map_err(|why| unwelcome(why, &offer.access))?;
        let key = access::presented(&head.headers).ok().flatten();
        let pass = Pass {
            key: key.map(Secret::new),
            caller: guest.caller.clone(),
        };
        let era = Era::of(&head.headers)?;
        head.headers.remove(header::AUTHORIZATION);
        head.headers.remove(&API_KEY);
        if era == Era::Stateless {
            head.headers.remove(&SESSION);
            head.headers.remove(&LAST_EVENT);
        }
        Ok(Entered {
            head,
            guest,
            pass,
            era,
        })
    }

    /// Lets rmcp answer in a session, to the end even if the client leaves: half a handshake, repeated to wake the
    /// session, would be in the way of the next request, and a message half handed over would be lost.
    async fn carry_out(
        &self,
        request: http::Request<Full<Bytes>>,
        mut visit: Visit,
        cancels: Option<RequestId>,
    ) -> Result<(http::Response<RmcpBody>, Visit), Refused> {
        let services = self.services.clone();
        let answering = tokio::spawn(async move {
            let response = services.sessions(request).await;
            visit.taken_up(response.status());
            if let Some(cancelled) = cancels {
                visit.state.cancelled(&cancelled);
            }
            (response, visit)
        });
        let answered = answering.await;
        answered.map_err(|_| Refused::of(StatusCode::INTERNAL_SERVER_ERROR, ""))
    }

    /// A stream of what belongs to no request, or the rest of one that was lost.
    async fn listen(&self, entered: Entered) -> Result<Response, Refused> {
        let Entered {
            mut head,
            guest,
            pass,
            ..
        } = entered;
        let session = session_id(&head.headers)?.ok_or_else(missing_session)?;
        let visit = self
            .sessions
            .enter(&session, &guest.caller.name, None)
            .await?;
        if head
            .headers
            .get(&LAST_EVENT)
            .is_some_and(|last| last == PRIMING)
        {
            head.headers.remove(&LAST_EVENT);
        }
        if let Some(last) = head.headers.get(&LAST_EVENT) {
            let last = last.to_str().unwrap_or_default();
            if EventIds::of(&session).read(last).is_none() {
                return Err(Refused::invalid(
                    "Last-Event-ID is of no event in this session",
                ));
            }
        }
        let request = with(head, guest.in_session(visit.state.clone()), Bytes::new());
        let (response, visit) = self.carry_out(request, visit, None).await?;
        self.passed_on(response, Some(visit), Some(pass)).await
    }

    async fn end(&self, entered: &Entered) -> Result<Response, Refused> {
        let session = session_id(&entered.head.headers)?.ok_or_else(missing_session)?;
        self.sessions
            .end(&session, &entered.guest.caller.name)
            .await?;
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// rmcp's answer: a stream is watched over, a refusal in plain text is put into JSON-RPC.
    async fn passed_on(
        &self,
        response: http::Response<RmcpBody>,
        visit: Option<Visit>,
        pass: Option<Pass>,
    ) -> Result<Response, Refused> {
        let (head, body) = response.into_parts();
        if is_refusal(&head) {
            let text = Limited::new(body, REFUSAL).collect().await;
            let text = text.map(|text| text.to_bytes()).unwrap_or_default();
            let refused = Refused::of(head.status, &String::from_utf8_lossy(&text));
            return Err(refused.allowing(head.headers.get(header::ALLOW)));
        }
        let streams = head.headers.get(header::CONTENT_TYPE);
        let streams = streams.is_some_and(|kind| kind.as_bytes() == b"text/event-stream");
        let body = if streams {
            Stream::watch(body, visit, pass, &self.gate)
        } else {
            axum::body::Body::new(body)
        };
        Ok(Response::from_parts(head, body))
    }
}

/// A request as rmcp takes it, with its guest.
fn with(mut head: Parts, guest: Guest, bytes: Bytes) -> http::Request<Full<Bytes>> {
    head.extensions.insert(guest);
    http::Request::from_parts(head, Full::new(bytes))
}

fn unwelcome(unwelcome: Unwelcome, access: &Access) -> Refused {
    match unwelcome {
        Unwelcome::Ambiguous(message) => Refused::ambiguous(message),
        unclear @ Unwelcome::Unclear => Refused::invalid(unclear.to_string()),
        Unwelcome::Denied(why) => challenge::denied(why, access),
    }
}

fn missing_session() -> Refused {
    Refused::invalid("The header Mcp-Session-Id is missing")
}

/// The session a request names, once.
fn session_id(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut ids = headers.get_all(&SESSION).iter();
    match (ids.next(), ids.next()) {
        (None, _) => Ok(None),
        // What no header may hold is the id of no session.
        (Some(id), None) => Ok(Some(id.to_str().unwrap_or_default().to_owned())),
        (Some(_), Some(_)) => Err(Refused::invalid("Mcp-Session-Id was sent twice")),
    }
}

/// Whether the URL has a key in its query.
fn has_key(uri: &Uri) -> bool {
    let members = uri.query().unwrap_or_default().split('&');
    let mut names = members.map(|member| member.split('=').next().unwrap_or_default());
    names.any(|name| {
        let name = name.replace('-', "_");
        KEYS_IN_QUERY
            .iter()
            .any(|key| key.eq_ignore_ascii_case(&name))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = kind.unwrap_or_default().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

/// Whether rmcp refused a request in words that are no JSON-RPC.
fn is_refusal(head: &Head) -> bool {
    let refused = head.status.is_client_error() || head.status.is_server_error();
    refused && !is_json(&head.headers)
}
