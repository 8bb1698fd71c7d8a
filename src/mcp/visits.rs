//! `resources/read` and `completion/complete`: of the configuration, or of another server that is asked for it.

use rmcp::{
    ErrorData,
    model::{CompleteRequestParams, CompleteResult, ReadResourceResult},
};

use super::{Gate, asked::Asked, handle, library::Visit};
use crate::tools::{Conversation, Memory, Nobody, Reader};

/// Reads a resource.
pub(super) async fn read(
    gate: &Gate,
    asked: &Asked,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let conversation = handle::conversation(gate, &asked.guest, &asked.meta)?;
    let offer = gate.offer();
    let visit = visit(asked, &conversation, &offer.toolbox.memory);
    tokio::select! {
        read = offer.library.read(uri, visit) => read,
        () = asked.called_off.cancelled() => Err(called_off()),
    }
}

/// Completes what is typed.
pub(super) async fn complete(
    gate: &Gate,
    asked: &Asked,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let conversation = handle::conversation(gate, &asked.guest, &asked.meta)?;
    let offer = gate.offer();
    let visit = visit(asked, &conversation, &offer.toolbox.memory);
    tokio::select! {
        complete = offer.library.complete(request, visit) => complete,
        () = asked.called_off.cancelled() => Err(called_off()),
    }
}

/// Nobody is asked anything for it.
fn visit<'a>(asked: &'a Asked, conversation: &'a Conversation, memory: &'a Memory) -> Visit<'a> {
    Visit {
        caller: &asked.guest.caller,
        reader: Reader {
            caller: &asked.guest.caller.name,
            conversation,
            surface: asked.guest.surface,
        },
        memory,
        line: &Nobody,
    }
}

/// Nobody reads it: rmcp drops the answer to a request that was called off.
fn called_off() -> ErrorData {
    ErrorData::internal_error("The request was cancelled", None)
}
