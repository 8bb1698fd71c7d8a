//! Other MCP servers on the admin listener: how they stand, what of them waits, approving it and taking it back.
//!
//! Approving is the one thing on this listener that changes what callers get. So it wants the key even on loopback,
//! where servers' own programs run and web pages may knock.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::HeaderMap,
    response::Response,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Hall, Reply, answer, body, refuse};
use crate::federation::{By, Fleet, NotApproved, NotKept, ReplicaStanding, Seen};

/// A server in the list of all.
#[derive(Serialize)]
struct Summary {
    name: String,
    replicas: Vec<ReplicaStanding>,
    /// How many things are offered.
    offered: usize,
    /// How many wait.
    held: usize,
}

/// `GET /admin/servers`: every server, with how much of it is offered and how much waits.
pub(in crate::http) async fn list(State(hall): State<Arc<Hall>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    let fleet = hall.face().fleet.clone();
    let summaries = apart(move || {
        let servers = fleet.servers().into_iter();
        let summaries = servers.map(|server| {
            let standing = server.standing();
            Summary {
                held: fleet.pins().held(&standing.name).len(),
                offered: standing.offered.len(),
                replicas: standing.replicas,
                name: standing.name,
            }
        });
        summaries.collect::<Vec<_>>()
    });
    summaries
        .await
        .map_or_else(|failed| failed, |all| answer(&all))
}

/// `GET /admin/servers/{name}`: one server, with everything that waits and what is different in it.
pub(in crate::http) async fn show(
    State(hall): State<Arc<Hall>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse(&hall, &headers) {
        return refusal;
    }
    let fleet = hall.face().fleet.clone();
    let Some(server) = fleet.server(&name) else {
        return unknown(&name);
    };
    let standing = apart(move || {
        let mut standing = server.standing();
        // By the approvals as they are now: somebody may have approved what was listed since.
        standing.held = fleet.pins().held(&name);
        standing
    });
    standing
        .await
        .map_or_else(|failed| failed, |one| answer(&one))
}

/// What is approved: either each tool with the digest that was shown, or all that waits, with all digests that were.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approving {
    #[serde(default)]
    tools: Vec<Seen>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    digests: Vec<String>,
    #[serde(default)]
    by: Way,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    #[default]
    Admin,
    Cli,
}

/// `POST /admin/servers/{name}/approve`.
pub(in crate::http) async fn approve(
    State(hall): State<Arc<Hall>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let change = |fleet: &Fleet, name: &str, approving: Approving| {
        let by = match approving.by {
            Way::Admin => By::Admin,
            Way::Cli => By::Cli,
        };
        match (approving.all, approving.tools.is_empty()) {
            (true, true) => fleet
                .pins()
                .approve_all(name, &approving.digests, by)
                .map(Some),
            (false, false) => fleet.pins().approve(name, &approving.tools, by).map(Some),
            _ => Ok(None),
        }
    };
    match changed(&hall, &name, request, change).await {
        Ok(Some(approved)) => answer(&serde_json::json!({"approved": approved})),
        Ok(None) => malformed("name `tools`, or say `all` with the `digests` that were shown"),
        Err(refusal) => refusal,
    }
}

/// Whose approval is taken back: that of each of these tools, or of all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoking {
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    all: bool,
}

/// `POST /admin/servers/{name}/revoke`.
pub(in crate::http) async fn revoke(
    State(hall): State<Arc<Hall>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let change = |fleet: &Fleet, name: &str, revoking: Revoking| {
        if revoking.all != revoking.tools.is_empty() {
            return Ok(None);
        }
        fleet.pins().revoke(name, &revoking.tools).map(Some)
    };
    match changed(&hall, &name, request, change).await {
        Ok(Some(revoked)) => answer(&serde_json::json!({"revoked": revoked})),
        Ok(None) => malformed("name `tools`, or say `all`"),
        Err(refusal) => refusal,
    }
}

/// Changes approvals of a server as a request says, and lets the fleet know.
async fn changed<B, T>(
    hall: &Hall,
    name: &str,
    request: Request,
    change: impl FnOnce(&Fleet, &str, B) -> Result<T, NotApproved> + Send + 'static,
) -> Result<T, Response>
where
    B: DeserializeOwned + Send + 'static,
    T: Send + 'static,
{
    if let Some(refusal) = refuse_change(hall, request.headers()) {
        return Err(refusal);
    }
    let face = hall.face();
    let fleet = face.fleet.clone();
    if fleet.server(name).is_none() {
        return Err(unknown(name));
    }
    let body = body::read(request.into_body(), &face.settings).await;
    let body = body.map_err(|failure| malformed(&failure.message))?;
    let wished: B = serde_json::from_slice(&body).map_err(|error| malformed(&error.to_string()))?;
    let name = name.to_owned();
    // Both in one piece: who hangs up in between has changed what is offered all the same.
    let changing = move || {
        let changed = change(&fleet, &name, wished)?;
        fleet.recheck(&name);
        Ok(changed)
    };
    apart(changing).await?.map_err(|why| not_approved(&why))
}

/// The refusal of whoever may not change anything.
fn refuse_change(hall: &Hall, headers: &HeaderMap) -> Option<Response> {
    if hall.face().admin_key.is_none() {
        let message = "Approvals need `server.admin_key`: without one every program on this machine could approve, servers' own among them.";
        return Some(Reply::openai(403, "permission_error", "no_admin_key", message).respond(""));
    }
    refuse(hall, headers)
}

/// Where reading files and compiling schemas keep nobody waiting.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| {
        Reply::openai(
            500,
            "api_error",
            "internal_error",
            "Nothing came of it; the log says why.",
        )
        .respond("")
    })
}

fn unknown(name: &str) -> Response {
    let message = format!("There is no server `{name}` in the configuration");
    Reply::openai(404, "not_found", "server_not_found", &message).respond("")
}

fn malformed(message: &str) -> Response {
    Reply::openai(400, "invalid_request_error", "invalid_request", message).respond("")
}

fn not_approved(why: &NotApproved) -> Response {
    let (status, kind, code) = match why {
        NotApproved::Unknown { .. } => (404, "not_found", "tool_not_found"),
        NotApproved::NotPinned { .. } => (404, "not_found", "not_approved"),
        NotApproved::Changed { .. } => (409, "invalid_request_error", "tool_changed"),
        NotApproved::Unfit { .. } => (400, "invalid_request_error", "tool_unfit"),
        NotApproved::NotKept(NotKept::Busy(_)) => (503, "api_error", "approvals_busy"),
        NotApproved::NotKept(_) => (500, "api_error", "approvals_not_kept"),
    };
    Reply::openai(status, kind, code, &why.to_string()).respond("")
}
