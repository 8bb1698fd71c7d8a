//! Between the tools' words and the protocol's.

use rmcp::{
    ErrorData,
    model::{
        CallToolResult, ContentBlock, ErrorCode, MetaObject, Resource, ResourceContents,
        TaskPayload, Tool as WireTool, ToolAnnotations,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::tools::{Content, Fault, FaultClass, Output, ProtocolError, Refusal, Tool};

/// A tool as clients see it.
pub(super) fn tool(tool: &Tool) -> WireTool {
    let mut wire = WireTool::new(
        tool.wire.clone(),
        tool.common.description.clone(),
        tool.input_schema.clone(),
    );
    if let Some(schema) = &tool.output_schema {
        wire = wire.with_raw_output_schema(schema.clone());
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

/// A refused call. Most are results, because the model should read what it did wrong; what is wrong with the request
/// itself, and a bug of ours, are the protocol's errors.
pub(super) fn refusal(refusal: Refusal) -> Result<CallToolResult, ErrorData> {
    match refusal {
        Refusal::UnknownTool => Err(unknown_tool()),
        Refusal::KeyReused => Err(ErrorData::invalid_params(
            "The idempotency key was used with other arguments",
            None,
        )),
        Refusal::Fault(broken) if broken.class == FaultClass::Internal => {
            Err(ErrorData::internal_error(broken.message, None))
        }
        Refusal::Fault(broken) => match &broken.protocol {
            Some(error) if error.is_for_the_client => Err(protocol(&broken.message, error)),
            _ => Ok(fault(broken)),
        },
    }
}

/// A call that was refused as a task: one that ended with an error of the protocol has no result.
pub(super) fn refusal_of_task(refused: Refusal) -> Result<CallToolResult, ErrorData> {
    match &refused {
        Refusal::Fault(fault) => match &fault.protocol {
            Some(error) => Err(protocol(&fault.message, error)),
            None => refusal(refused),
        },
        _ => refusal(refused),
    }
}

/// An error of the protocol's own.
pub(super) fn protocol(message: &str, error: &ProtocolError) -> ErrorData {
    ErrorData::new(
        ErrorCode(error.code),
        message.to_owned(),
        error.data.clone(),
    )
}

/// There is no such tool, or none this caller may know of.
pub(super) fn unknown_tool() -> ErrorData {
    ErrorData::invalid_params("Unknown tool", None)
}

/// How a task ends with this.
pub(super) fn payload(ended: Result<CallToolResult, ErrorData>) -> TaskPayload {
    match ended {
        Ok(result) => TaskPayload::Completed {
            result: object(&result),
        },
        Err(error) => TaskPayload::Failed {
            error: object(&error),
        },
    }
}

/// How a task ends that has no result.
pub(super) fn broken(message: &'static str) -> TaskPayload {
    payload(Err(ErrorData::internal_error(message, None)))
}

/// A message as data; all of them are objects.
fn object(message: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(message) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

pub(super) fn block(content: Content) -> ContentBlock {
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
        Content::Blob { uri, mime, data } => {
            let mut contents = ResourceContents::blob(data, uri);
            if let Some(mime) = mime {
                contents = contents.with_mime_type(mime);
            }
            ContentBlock::resource(contents)
        }
        Content::Link {
            uri,
            name,
            title,
            description,
            mime,
            size,
        } => {
            let mut link = Resource::new(uri, name);
            link.title = title;
            link.description = description;
            link.mime_type = mime;
            link.size = size;
            ContentBlock::resource_link(link)
        }
    }
}
