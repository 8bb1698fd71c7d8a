//! What chat completions and messages have in common: from the body to the response.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::time::{Instant, sleep};

use super::{
    Hall, body,
    door::{self, Entry},
    error::Reply,
    hints, name, sse,
};
use crate::{
    access::Caller,
    dialect::{Ask, Dialect, Malformed, Work},
    outcome::{ErrorClass, Failure},
    relay::{self, Answered, Errand, Refused, Rights, Summary},
    route::Hints,
    telemetry::{Opening, Receipt, Surface},
};

/// Serves one completion in the caller's dialect.
pub(super) async fn serve(
    hall: Arc<Hall>,
    request: Request,
    dialect: &'static dyn Dialect,
    surface: Surface,
    work: Work,
) -> Response {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = match door::enter(&hall, &head.headers).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal.respond(dialect),
    };
    // A completion for a call of a tool is found under that call, as those are that we ask for it ourselves.
    if let Some(serving) = &entry.caller.serves {
        entry.id = serving.serves.next_id();
    }
    let read = body::read(body, &entry.face.settings).await;
    let read = read.and_then(|body| Ask::read(dialect, work, &body).map_err(invalid));
    let read = read.and_then(|ask| {
        let hints = hints::read(&head.headers, &ask.request()).map_err(invalid)?;
        let tool = hints::tool(&head.headers).map_err(invalid)?;
        Ok((ask, hints, tool.map(str::to_owned)))
    });
    let asked = match read {
        Ok(asked) => asked,
        Err(failure) => {
            let reason = unread(&failure);
            door::refused(&hall, reason, &entry.id, &entry.caller.name);
            return Reply::failure(dialect, &failure, &entry.id).respond(&entry.id);
        }
    };
    let errand = errand(&hall, &entry, asked, &head.headers, surface, arrived);
    answer(hall, entry, errand, dialect).await
}

fn invalid(malformed: Malformed) -> Failure {
    Failure {
        param: malformed.param,
        ..Failure::new(ErrorClass::InvalidRequest, malformed.message)
    }
}

/// Why a request could not be read, as a label.
fn unread(failure: &Failure) -> &'static str {
    match (failure.class, failure.status) {
        (ErrorClass::TooLarge, _) => "too_large",
        (_, Some(408)) => "too_slow",
        _ => "malformed",
    }
}

fn errand(
    hall: &Hall,
    entry: &Entry,
    (mut ask, hints, mut tool): (Ask, Hints, Option<String>),
    headers: &HeaderMap,
    surface: Surface,
    arrived: Instant,
) -> Errand {
    let mut limits = entry.face.limits.of(&entry.caller.name);
    let named = ask.outline.model.clone();
    let serving = entry.caller.serves.as_ref();
    if let Some(serving) = serving {
        // The call was counted as a request when it came.
        limits = Arc::new(limits.within_a_request());
        tool = Some(serving.serves.tool.to_string());
        if let Some(route) = &serving.terms.route {
            ask.outline.model = route.to_string();
        }
    }
    let opening = Opening {
        id: entry.id.clone(),
        surface,
        caller: entry.caller.name.clone(),
        identity: entry.caller.told(),
        model: named,
        stream: ask.outline.stream,
        serves: serving.map(|serving| serving.serves.clone()),
        at: jiff::Timestamp::now(),
        arrived,
    };
    let (patience, total) = door::patience(headers);
    Errand {
        ask,
        caller: entry.caller.clone(),
        hints,
        tool,
        rights: Rights::Caller,
        affinity: 0,
        limits,
        patience,
        total,
        seed: rand::random(),
        receipt: Receipt::open(hall.ledger.clone(), opening),
    }
}

/// Waits for the answer; for a stream's first delta only so long, then the head goes out and comments keep
/// the connection alive. If the gateway must close first, the attempt is dropped and the caller told.
async fn answer(
    hall: Arc<Hall>,
    entry: Entry,
    errand: Errand,
    dialect: &'static dyn Dialect,
) -> Response {
    let stream = errand.ask.outline.stream;
    let style = sse::Style::of(&errand.ask);
    let mut completion = Box::pin(relay::complete(entry.face.desk.clone(), errand));
    let keepalive = entry.face.settings.keepalive_after.get();
    tokio::select! {
        biased;
        result = &mut completion => respond(hall, &entry, dialect, result),
        () = hall.closing.cancelled() => {
            Reply::failure(dialect, &relay::shutting_down(), &entry.id).respond(&entry.id)
        }
        () = over(&entry.caller) => door::over(dialect, &entry.id),
        () = sleep(keepalive), if stream => {
            let waiting = sse::waiting(completion, keepalive, dialect, style, hall.closing.clone());
            event_stream(waiting, &entry, None)
        }
    }
}

fn respond(
    hall: Arc<Hall>,
    entry: &Entry,
    dialect: &'static dyn Dialect,
    result: Result<Answered, Refused>,
) -> Response {
    match result {
        Ok(Answered::Whole(body, summary)) => {
            let mut response = Body::from(body).into_response();
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            identify(&entry.id, headers);
            summarise(&summary, headers);
            response
        }
        Ok(Answered::Stream(flow, summary)) => event_stream(
            sse::flowing(flow, hall.closing.clone()),
            entry,
            Some(&summary),
        ),
        Err(refused) => {
            if let Refused::Limited(limited) = &refused {
                hall.ledger
                    .metrics()
                    .limited
                    .with_label_values(&[limited.limit])
                    .inc();
            }
            Reply::refused(dialect, &refused, &entry.id).respond(&entry.id)
        }
    }
}

/// Comes back when the call is over that the caller's key was made for.
async fn over(caller: &Caller) {
    match &caller.serves {
        Some(serving) => serving.over().await,
        None => std::future::pending().await,
    }
}

fn event_stream(body: Body, entry: &Entry, summary: Option<&Summary>) -> Response {
    // Cut off, without a last word: who would read it has given its answer.
    let body = match &entry.caller.serves {
        Some(serving) => Body::from_stream(body.into_data_stream().take_until(serving.over())),
        None => body,
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    identify(&entry.id, headers);
    if let Some(summary) = summary {
        summarise(summary, headers);
    }
    response
}

fn identify(id: &str, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(&name::REQUEST_ID, id);
    }
}

/// Tells in headers how an answer came about.
pub(super) fn summarise(summary: &Summary, headers: &mut HeaderMap) {
    let mut put = |name: &'static HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(&name::ROUTE, summary.route.as_deref().unwrap_or("direct"));
    if let Some(target) = &summary.target {
        put(&name::TARGET, target);
    }
    if let Some(dollars) = summary.dollars() {
        put(&name::COST, &dollars);
    }
    if !summary.dropped.is_empty() {
        put(&name::DROPPED, &summary.dropped.join(","));
    }
    headers.insert(&name::ATTEMPTS, HeaderValue::from(summary.attempts));
}
