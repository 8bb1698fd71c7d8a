//! `POST /oauth/token`: a tool server elsewhere exchanges the ticket of a call for a key (RFC 8693).
//!
//! The server proves itself with its `model.client_key`, as a bearer token or as the password of `Basic` (RFC 6749
//! §2.3.1, its name here being the user). A ticket is good once, for the server it was sent to, while the call runs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use super::{Face, Hall, door};
use crate::{
    intake::{self, Untaken},
    telemetry::request_id,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What a ticket is called among kinds of tokens.
const TICKET: &str = "urn:waypost:token-type:ticket";

/// The largest form: a few short members.
const LARGEST: usize = 8 * 1024;

/// How long a form may take before its speed counts.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no key, in the words of RFC 6749 §5.2.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refused {
    const CLIENT: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        error: "invalid_client",
        description: "The server's `model.client_key` is needed, as a bearer token or as the password of Basic.",
    };

    const fn request(description: &'static str) -> Self {
        Self::of("invalid_request", description)
    }

    const fn of(error: &'static str, description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description,
        }
    }
}

/// Exchanges one ticket.
pub(super) async fn exchange(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let face = hall.face();
    let Some(server) = client(&face, &head.headers) else {
        let id = request_id(&head.headers);
        door::refused(&hall, "wrong_key", &id, "unknown");
        return respond(Err(Refused::CLIENT));
    };
    let body = match intake::read(body, LARGEST, GRACE).await {
        Ok(body) => body,
        Err(untaken) => return respond(Err(unread(untaken))),
    };
    respond(key(&face, &server, &body))
}

/// The server that proves itself in this head.
fn client(face: &Face, headers: &HeaderMap) -> Option<Arc<str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, proof) = value.to_str().ok()?.split_once(' ')?;
    let proof = proof.trim();
    let clients = face.access.clients();
    if scheme.eq_ignore_ascii_case("bearer") {
        return clients.identify(proof).cloned();
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(proof).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let named = |user: &str, password: &str| {
        let server = clients.identify(password)?;
        (**server == *user).then(|| server.clone())
    };
    // The halves are to be encoded as a form's values, which many clients leave out: then a `+` is no space.
    named(user, password).or_else(|| named(&unescape(user)?, &unescape(password)?))
}

/// One half of `Basic`, decoded as a form's value.
fn unescape(text: &str) -> Option<String> {
    let pair = format!("v={}", text.replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(value.into_owned())
}

/// The answer to a form of a known server.
fn key(face: &Face, server: &str, body: &[u8]) -> Result<Value, Refused> {
    let mut form: HashMap<String, String> = HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Refused::request("A member stands in the form twice."));
        }
    }
    let given = |name: &str| form.get(name).map(String::as_str);
    match given("grant_type") {
        Some(GRANT) => {}
        Some(_) => {
            let description = "Tickets are exchanged here (RFC 8693), and nothing else is granted.";
            return Err(Refused::of("unsupported_grant_type", description));
        }
        None => return Err(Refused::request("`grant_type` is missing.")),
    }
    if given("subject_token_type") != Some(TICKET) {
        let description = "`subject_token_type` must be urn:waypost:token-type:ticket.";
        return Err(Refused::request(description));
    }
    if given("requested_token_type").is_some_and(|kind| kind != ACCESS_TOKEN) {
        return Err(Refused::request("Only access tokens are given here."));
    }
    let ticket = given("subject_token").ok_or(Refused::request("`subject_token` is missing."))?;
    let mint = face.access.mint();
    let exchanged = mint.exchange(ticket, server, Instant::now());
    let exchanged = exchanged.ok_or(Refused::of(
        "invalid_grant",
        "The ticket is none of this server's, was exchanged before, or its call is over.",
    ))?;
    Ok(json!({
        "access_token": exchanged.key.reveal(),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": exchanged.lasts.as_secs(),
    }))
}

fn unread(untaken: Untaken) -> Refused {
    match untaken {
        Untaken::TooLarge => Refused::request("The form is larger than 8 KiB."),
        Untaken::TooSlow => Refused::request("The form came too slowly."),
        Untaken::Broken => Refused::request("The form is broken."),
    }
}

fn respond(answer: Result<Value, Refused>) -> Response {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(refused) => {
            let body = json!({"error": refused.error, "error_description": refused.description});
            (refused.status, body)
        }
    };
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_TYPE, "application/json");
    put(header::CACHE_CONTROL, "no-store");
    if status == StatusCode::UNAUTHORIZED {
        put(header::WWW_AUTHENTICATE, "Basic realm=\"waypost\"");
    }
    response
}
