//! The tool that gives the next page of a result that was too large for one answer. It is there by itself, wherever
//! a caller may use a tool whose results have pages.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{Annotations, Common, Kind, Output, Run, Stop, Tool, pages::NEXT_TOOL};

/// Its name in records.
const ID: &str = "result.next";

#[derive(Debug)]
struct Next;

/// The tool. None only if its schema did not compile, which a test rules out.
pub(super) fn tool() -> Option<Tool> {
    let common = Common {
        title: Some("More of a result".to_owned()),
        description: "Gives the next part of a result that was cut. Take the handle from the end of the part you have."
            .to_owned(),
        annotations: Annotations {
            read_only: Some(true),
            open_world: Some(false),
            ..Annotations::default()
        },
        // A page has what its own tool allows, and a note.
        max_result: Some(usize::MAX),
        ..Common::default()
    };
    Tool::built_in(ID, NEXT_TOOL, common, Box::new(Next))
}

impl Kind for Next {
    fn is_silent(&self) -> bool {
        true
    }

    fn input_schema(&self) -> Option<Map<String, Value>> {
        let handle = json!({
            "type": "string",
            "description": "The handle from the end of the part before.",
            // 32 digits, a point and a number of bytes.
            "maxLength": 64,
        });
        let schema = json!({
            "type": "object",
            "properties": { "handle": handle },
            "required": ["handle"],
        });
        schema.as_object().cloned()
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        let handle = run.arguments.get("handle").and_then(Value::as_str);
        let pages = &run.toolbox.memory.pages;
        let page = pages.next(run.call, handle.unwrap_or_default());
        Box::pin(std::future::ready(page.map_err(Stop::Fault)))
    }
}
