//! Who asks for prompts and resources, and where.

use crate::{
    access::Caller,
    limit::PerCaller,
    telemetry::Ledger,
    tools::{self, Line, Reader},
};

/// Who asks, and where.
#[derive(Clone, Copy)]
pub(in crate::mcp) struct Visit<'a> {
    /// Who asks.
    pub(in crate::mcp) caller: &'a Caller,
    /// The id of the request.
    pub(in crate::mcp) request: &'a str,
    /// As part of what.
    pub(in crate::mcp) reader: Reader<'a>,
    /// Tokens, and who has read what.
    pub(in crate::mcp) memory: &'a tools::Memory,
    /// How much each caller may use.
    pub(in crate::mcp) limits: &'a PerCaller,
    /// Where records go.
    pub(in crate::mcp) ledger: &'a Ledger,
    /// The caller's end.
    pub(in crate::mcp) line: &'a dyn Line,
}
