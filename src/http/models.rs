//! `GET /v1/models` and `/v1/models/{id}`: what this key may use.
//!
//! Routes come first: they are the names meant to be sent as `model`. Targets that may be named directly
//! follow, as `provider/model`. A route none of whose targets the key may use is not listed.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use super::{
    Hall,
    door::{self, Entry},
    error::Reply,
};
use crate::{json::Object, relay};

/// Lists what the caller may name as `model`.
pub(super) async fn list(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    let entry = match door::enter(&hall, &headers).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal.openai(),
    };
    let names = names(&entry);
    let data: Vec<Object<'_>> = names.iter().map(|(id, owner)| model(id, owner)).collect();
    let mut list = Object::new();
    list.set("object", "list");
    list.set("data", &data);
    json(&list)
}

/// Shows one of them.
pub(super) async fn show(
    State(hall): State<Arc<Hall>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let entry = match door::enter(&hall, &headers).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal.openai(),
    };
    match names(&entry).into_iter().find(|(name, _)| *name == id) {
        Some((id, owner)) => json(&model(&id, &owner)),
        None => {
            let message = format!("The model `{id}` does not exist, or you may not use it");
            Reply::openai(404, "invalid_request_error", "model_not_found", &message)
                .respond(&entry.id)
        }
    }
}

/// Each name with who stands behind it.
fn names(entry: &Entry) -> Vec<(String, String)> {
    let desk = &entry.face.desk;
    let router = &desk.router;
    let routes = router
        .names()
        .filter(|name| relay::would_ask(desk, name, &entry.caller))
        .map(|name| (name.to_string(), "waypost".to_owned()));
    let targets = router.catalog().cards().flat_map(|card| {
        let target = |model: &String| (format!("{}/{model}", card.name), card.name.to_string());
        card.models.keys().map(target)
    });
    routes
        .chain(targets.filter(|(name, _)| entry.caller.may_name_target(name)))
        .collect()
}

fn model<'a>(id: &'a str, owner: &'a str) -> Object<'a> {
    let mut model = Object::new();
    model.set("id", id);
    model.set("object", "model");
    model.set("created", &0);
    model.set("owned_by", owner);
    model
}

fn json(object: &Object<'_>) -> Response {
    let mut response = object.to_bytes().into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
