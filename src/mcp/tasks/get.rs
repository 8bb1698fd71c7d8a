//! `tasks/get`: how a task stands, and who has read it.

use rmcp::{
    ErrorData,
    model::{DetailedTask, RequestMetaObject},
};

use crate::{
    mcp::{Gate, Guest, handle},
    tools::Reader,
};

/// A task of the guest's; none if it is another's or there is none.
///
/// Any connection of its owner may read it, not only the one whose call began it. So whoever looks is held by what it
/// says, as by a call of their own: its message, its questions and its failure are the tool's words as much as its
/// result is.
///
/// # Errors
/// The conversation that the request names is not known.
pub(in crate::mcp) fn get(
    gate: &Gate,
    guest: &Guest,
    meta: &RequestMetaObject,
    id: &str,
) -> Result<Option<DetailedTask>, ErrorData> {
    let conversation = handle::conversation(gate, guest, meta)?;
    let Some(look) = gate.tasks.look(&guest.caller.name, id) else {
        return Ok(None);
    };
    if let Some(source) = &look.untrusted {
        let reader = Reader {
            caller: &guest.caller.name,
            conversation: &conversation,
            surface: guest.surface,
        };
        gate.offer().toolbox.memory.taints.note(reader, source);
    }
    Ok(Some(look.task))
}
