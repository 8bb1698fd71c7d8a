//! `resources/read` and `completion/complete`: of the configuration, or of another server that is asked for it.

use std::sync::Arc;

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, ReadResourceRequestParams, ReadResourceResponse,
    },
};

use super::{
    Gate, handle,
    incoming::Incoming,
    inquiry::{Inquiry, visit},
    round::Subject,
};
use crate::tools::Nobody;

/// Reads a resource, or gives what its server wants its user to answer first.
pub(super) async fn read(
    gate: &Arc<Gate>,
    incoming: &Incoming,
    params: ReadResourceRequestParams,
) -> Result<ReadResourceResponse, ErrorData> {
    let caller = &incoming.guest.caller.name;
    let subject = || Subject::new(caller, "resources/read", &params.uri, None);
    let brought = (params.request_state.as_deref(), params.input_responses);
    let inquiry = Inquiry::of(gate, incoming, "resource", subject, brought)?;
    let library = &inquiry.offer.library;
    let read = library.read(&params.uri, inquiry.visit());
    Box::pin(inquiry.answer(read)).await
}

/// Completes what is typed.
pub(super) async fn complete(
    gate: &Gate,
    incoming: &Incoming,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let conversation = handle::conversation(gate, &incoming.guest, &incoming.meta)?;
    let offer = gate.offer();
    // Nobody is asked anything for it.
    let visit = visit(&incoming.guest, &conversation, &offer, &Nobody);
    tokio::select! {
        complete = offer.library.complete(request, visit) => complete,
        () = incoming.called_off.cancelled() => Err(called_off()),
    }
}

/// Nobody reads it: rmcp drops the answer to a request that was called off.
fn called_off() -> ErrorData {
    ErrorData::internal_error("The request was cancelled", None)
}
