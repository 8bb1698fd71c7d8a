//! Between the tools' words and the protocol's.

use std::sync::Arc;

use rmcp::model::{
    CallToolResult, ContentBlock, MetaObject, ResourceContents, Tool as WireTool, ToolAnnotations,
};

use crate::tools::{Content, Fault, Output, Tool};

/// A tool as clients see it.
pub(super) fn tool(tool: &Tool) -> WireTool {
    let mut wire = WireTool::new(
        tool.wire.clone(),
        tool.common.description.clone(),
        tool.input_schema.clone(),
    );
    if let Some(schema) = &tool.output_schema {
        wire = wire.with_raw_output_schema(Arc::new(schema.clone()));
    }
    let hints = tool.annotations();
    let mut annotations = ToolAnnotations::new();
    annotations.read_only_hint = hints.read_only;
    annotations.destructive_hint = hints.destructive;
    annotations.idempotent_hint = hints.idempotent;
    annotations.open_world_hint = hints.open_world;
    wire.title = tool.common.title.clone();
    wire.with_annotations(annotations)
}

/// What a tool gave.
pub(super) fn result(output: Output) -> CallToolResult {
    let content = output.content.into_iter().map(block).collect();
    let mut result = if output.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    result.structured_content = output.structured;
    if !output.meta.is_empty() {
        result.meta = Some(MetaObject(output.meta));
    }
    result
}

/// A failed call, for the model to read.
pub(super) fn fault(fault: Fault) -> CallToolResult {
    let mut output = fault.output.map(|output| *output).unwrap_or_default();
    output.is_error = true;
    output.content.insert(0, Content::Text(fault.message));
    result(output)
}

fn block(content: Content) -> ContentBlock {
    match content {
        Content::Text(text) => ContentBlock::text(text),
        Content::Image { data, mime } => ContentBlock::image(data, mime),
        Content::Audio { data, mime } => ContentBlock::audio(data, mime),
        Content::Resource { uri, mime, text } => {
            let mut contents = ResourceContents::text(text, uri);
            if let Some(mime) = mime {
                contents = contents.with_mime_type(mime);
            }
            ContentBlock::resource(contents)
        }
    }
}
