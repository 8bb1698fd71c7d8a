//! `resources/read` and `completion/complete`: of the configuration, or of another server that is asked for it.

use std::sync::Arc;

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, ReadResourceRequestParams, ReadResourceResponse,
    },
};

use super::{
    Gate,
    asked::Asked,
    handle,
    inquiry::{Inquiry, visit},
    round::Subject,
};
use crate::tools::Nobody;

/// Reads a resource, or gives what its server wants its user to answer first.
pub(super) async fn read(
    gate: &Arc<Gate>,
    asked: &Asked,
    params: ReadResourceRequestParams,
) -> Result<ReadResourceResponse, ErrorData> {
    let caller = &asked.guest.caller.name;
    let subject = || Subject::new(caller, "resources/read", &params.uri, None);
    let brought = (params.request_state.as_deref(), params.input_responses);
    let inquiry = Inquiry::of(gate, asked, subject, brought)?;
    let library = &inquiry.offer.library;
    let read = library.read(&params.uri, inquiry.visit());
    Box::pin(inquiry.answer(read)).await
}

/// Completes what is typed.
pub(super) async fn complete(
    gate: &Gate,
    asked: &Asked,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let conversation = handle::conversation(gate, &asked.guest, &asked.meta)?;
    let offer = gate.offer();
    // Nobody is asked anything for it.
    let visit = visit(&asked.guest, &conversation, &offer, &Nobody);
    tokio::select! {
        complete = offer.library.complete(request, visit) => complete,
        () = asked.called_off.cancelled() => Err(called_off()),
    }
}

/// Nobody reads it: rmcp drops the answer to a request that was called off.
fn called_off() -> ErrorData {
    ErrorData::internal_error("The request was cancelled", None)
}
