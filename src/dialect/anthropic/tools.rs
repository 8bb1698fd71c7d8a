//! Tools on offer and how they may be chosen.

use super::{
    arguments::input_schema,
    notes::Notes,
    wire::{Choice, Tool},
};
use crate::{
    catalog::{Ability, Model},
    chat::{Request, ToolChoice},
};

/// Writes the tools.
pub(super) fn tools<'a>(request: &'a Request, notes: &mut Notes<'a>) -> Vec<Tool<'a>> {
    let tool = |(at, tool): (usize, &'a crate::chat::Tool)| Tool {
        name: &tool.name,
        description: tool.description.as_deref(),
        input_schema: input_schema(tool.parameters.as_ref()),
        strict: tool.strict == Some(true),
        cache_control: notes.mark(tool.cache.as_ref(), &format!("tools[{at}].")),
    };
    request.tools.iter().enumerate().map(tool).collect()
}

/// Writes how they may be chosen. A choice the model cannot be held to becomes `auto` and is reported.
pub(super) fn choice<'a>(
    request: &'a Request,
    facts: Option<&Model>,
    notes: &mut Notes<'a>,
) -> Option<Choice<'a>> {
    let alone = request.parallel_tool_calls == Some(false);
    let cannot = |ability| facts.and_then(|model| model.can(ability)) == Some(false);
    let (kind, name) = match request.tool_choice.as_ref() {
        None if alone => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
    };
    let forced = matches!(kind, "any" | "tool");
    if request.tools.is_empty() {
        // The API refuses a choice of nothing.
        if forced {
            notes.drop("tool_choice");
        }
        return None;
    }
    let unable = cannot(Ability::ForcedToolChoice) || cannot(Ability::ToolChoice);
    let (kind, name) = if forced && unable {
        notes.drop("tool_choice");
        ("auto", None)
    } else {
        (kind, name)
    };
    Some(Choice {
        kind,
        name,
        disable_parallel_tool_use: alone && kind != "none",
    })
}

impl Choice<'_> {
    /// Whether the model must call a tool.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.kind, "any" | "tool")
    }
}
