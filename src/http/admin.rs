//! The admin listener: metrics, why requests went where they went, and other servers.

pub(super) mod servers;

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::{Hall, body, error::Reply, hints};
use crate::{
    access::Access,
    relay,
    telemetry::{Record, ToolRecord},
    tools::{self, Called},
};

/// `GET /metrics`, in Prometheus' text format.
pub(super) async fn metrics(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    let metrics = hall.ledger.metrics();
    let face = hall.face();
    relay::gauges(&face.desk, metrics);
    tools::gauges(&face.toolbox, metrics);
    face.fleet.gauges();
    let text = metrics.render();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

#[derive(Deserialize)]
pub(super) struct Page {
    /// How many.
    #[serde(default = "fifty")]
    last: usize,
}

fn fifty() -> usize {
    50
}

/// `GET /admin/requests`: the most recent records, newest first.
pub(super) async fn requests(
    State(hall): State<Arc<Hall>>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    let (mut records, _) = hall.ledger.recent(page.last.min(1_000));
    records.reverse();
    answer(&records)
}

/// A call of a tool, with the completions made for it as far as they are still known.
#[derive(Serialize)]
struct ToolCall<'a> {
    tool_call: &'a ToolRecord,
    completions: Vec<Arc<Record>>,
}

/// `GET /admin/requests/{id}`: the explain record of one request. That of a tool has its completions' in it.
pub(super) async fn request(
    State(hall): State<Arc<Hall>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    if let Some(called) = hall.ledger.find_tool_call(&id) {
        let completions = called.completions.iter();
        return answer(&ToolCall {
            tool_call: &called,
            completions: completions.filter_map(|id| hall.ledger.find(id)).collect(),
        });
    }
    match hall.ledger.find(&id) {
        Some(record) => answer(&record),
        None => {
            let message = format!(
                "There is no record of the request `{id}`: it still runs, or it is no longer among the recent ones"
            );
            Reply::openai(404, "not_found", "request_not_found", &message).respond("")
        }
    }
}

/// `GET /admin/targets`: how every target is that anybody has asked.
pub(super) async fn targets(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    answer(&relay::targets(&hall.face().desk))
}

/// `GET /admin/tools`: every tool, its limits and how it is.
pub(super) async fn tools(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    answer(&tools::states(&hall.face().toolbox))
}

/// `POST /admin/explain`: the plan for a chat body, or for the completion of an MCP `tools/call`, by the running
/// configuration. Calls nobody.
pub(super) async fn explain(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    if let Some(refusal) = refuse(&hall, request.headers()) {
        return refusal;
    }
    let face = hall.face();
    let bad = |message: &str| {
        Reply::openai(400, "invalid_request_error", "invalid_request", message).respond("")
    };
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let body = match body::read(body, &face.settings).await {
        Ok(body) => body,
        Err(failure) => return bad(&failure.message),
    };
    // The operator asks, who may use everything.
    let Ok(operator) = Access::open().identify(None) else {
        return bad("nobody may ask");
    };
    if let Some(called) = Called::read(&body) {
        let tools = face.toolbox.all();
        return match called.explain(tools, &face.desk, &operator, rand::random()) {
            Ok(explained) => answer(&explained),
            Err(unexplained) => bad(&unexplained.to_string()),
        };
    }
    let explained = hints::wishes(&headers, &body).and_then(|(hints, tool)| {
        let wishes = (&hints, tool.as_deref());
        relay::explain(&face.desk, &body, &operator, wishes, rand::random())
    });
    match explained {
        Ok(explained) => answer(&explained),
        Err(malformed) => bad(&malformed.message),
    }
}

/// Anything else.
pub(super) async fn unknown(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    if let Some(refusal) = refuse(&hall, request.headers()) {
        return refusal;
    }
    let message = format!(
        "Unknown request URL: {} {}",
        request.method(),
        request.uri().path()
    );
    Reply::openai(404, "not_found", "unknown_url", &message).respond("")
}

/// The refusal of a caller without the admin key, where one is set.
fn refuse(hall: &Hall, headers: &HeaderMap) -> Option<Response> {
    let face = hall.face();
    let key = face.admin_key.as_ref()?;
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or("");
    if key.matches(presented.trim()) {
        return None;
    }
    hall.ledger
        .metrics()
        .refused
        .with_label_values(&["admin_key"])
        .inc();
    let message = "The admin listener wants its key: `Authorization: Bearer KEY`.";
    Some(Reply::openai(401, "authentication_error", "invalid_api_key", message).respond(""))
}

fn answer(value: &impl Serialize) -> Response {
    let mut response = (
        StatusCode::OK,
        serde_json::to_vec(value).unwrap_or_default(),
    )
        .into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
