//! `tasks/get`, `tasks/update` and `tasks/cancel`: how a task stands and who has read it, answers to it, its end.

use rmcp::{
    ErrorData,
    model::{DetailedTask, RequestMetaObject, UpdateTaskParams},
};

use crate::{
    mcp::{Gate, Guest, handle},
    tools::Reader,
};

/// A task of the guest's.
///
/// Any connection of its owner may read it, not only the one whose call began it. So whoever looks is held by what it
/// says, as by a call of their own: its message, its questions and its failure are the tool's words as much as its
/// result is.
///
/// # Errors
/// The task is another's or there is none, or the conversation that the request names is not known.
pub(in crate::mcp) fn get(
    gate: &Gate,
    guest: &Guest,
    meta: &RequestMetaObject,
    id: &str,
) -> Result<DetailedTask, ErrorData> {
    let conversation = handle::conversation(gate, guest, meta)?;
    let look = gate.tasks.look(&guest.caller.name, id);
    let look = look.ok_or_else(unknown)?;
    if let Some(source) = &look.untrusted {
        let reader = Reader {
            caller: &guest.caller.name,
            conversation: &conversation,
            surface: guest.surface,
        };
        gate.offer().toolbox.memory.taints.note(reader, source);
    }
    Ok(look.task)
}

/// Gives a task of the guest's the answers to what it asks.
///
/// # Errors
/// The task is another's or there is none.
pub(in crate::mcp) fn update(
    gate: &Gate,
    guest: &Guest,
    params: UpdateTaskParams,
) -> Result<(), ErrorData> {
    let tasks = &gate.tasks;
    let told = tasks.answer(&guest.caller.name, &params.task_id, params.input_responses);
    told.ok_or_else(unknown)
}

/// Ends a task of the guest's.
///
/// # Errors
/// The task is another's or there is none.
pub(in crate::mcp) fn cancel(gate: &Gate, guest: &Guest, id: &str) -> Result<(), ErrorData> {
    let told = gate.tasks.cancel(&guest.caller.name, id);
    told.ok_or_else(unknown)
}

/// Another's task and none at all are told alike.
fn unknown() -> ErrorData {
    ErrorData::invalid_params("Unknown task", None)
}
