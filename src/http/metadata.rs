//! Whose tokens are good here (RFC 9728): how a client that was sent away finds out where to sign in. Everybody may
//! read it.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Uri, header};

use super::{Hall, error::Reply};
use crate::{
    access::{OAuth, WELL_KNOWN},
    json::Object,
    telemetry::request_id,
};

/// For how long it may be kept. A configuration that changes is soon known.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Tells it at the host's own path, where the one resource there is is meant, and at the path of the resource.
pub(super) async fn show(State(hall): State<Arc<Hall>>, uri: Uri, headers: HeaderMap) -> Response {
    let face = hall.face();
    let path = uri.path().strip_prefix(WELL_KNOWN).unwrap_or_default();
    let oauth = face.access.oauth();
    match oauth.filter(|oauth| path.is_empty() || path == oauth.path()) {
        Some(oauth) => told(oauth),
        None => none(&headers),
    }
}

fn told(oauth: &OAuth) -> Response {
    let issuers: Vec<&str> = oauth.issuers.iter().map(|it| it.issuer.as_str()).collect();
    let scopes: Vec<&str> = oauth.offered().collect();
    let mut metadata = Object::new();
    metadata.set("resource", &oauth.resource);
    metadata.set("authorization_servers", &issuers);
    metadata.set("scopes_supported", &scopes);
    metadata.set("bearer_methods_supported", &["header"]);
    let mut response = metadata.to_bytes().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON.clone());
    headers.insert(header::CACHE_CONTROL, CACHED);
    response
}

fn none(headers: &HeaderMap) -> Response {
    let message = "No protected resource is described here";
    Reply::openai(404, "invalid_request_error", "unknown_url", message)
        .respond(&request_id(headers))
}
