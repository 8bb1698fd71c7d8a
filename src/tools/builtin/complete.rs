//! `llm.complete`: a completion for callers that have MCP and no other way to the models.
//!
//! Here the caller names the route, so its own rights count: it reaches what its key reaches at `/v1`.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    dialect::{LONGEST_MODEL, Work},
    json::Object,
    problem::Problem,
    relay::Rights,
    route::Hints,
    schema::Schema,
    span::Span,
    tools::{
        About, Annotations, Common, Content, Fault, FaultClass, Kind, Output, Run, Stop, Tool,
        Wanted,
        model::{self, Finished},
    },
};

/// The name.
const ID: &str = "llm.complete";

/// The longest a call may take. Most routes allow more, but few clients wait for longer: the TypeScript SDK gives up
/// after a minute unless it hears of progress.
const TIMEOUT: Span = Span::secs(120);

/// The tool.
pub(super) fn tool() -> Result<Tool, Vec<Problem>> {
    let common = Common {
        title: Some("Complete".to_owned()),
        description: "Asks a language model. Give a `prompt`, or `messages` for a conversation; \
            `json_schema` makes the answer JSON that fits it. `route` says which models may answer; without it \
            the gateway's usual ones do."
            .to_owned(),
        annotations: Annotations {
            read_only: Some(true),
            open_world: Some(true),
            ..Annotations::default()
        },
        timeout: TIMEOUT,
        ..Common::default()
    };
    Tool::of_kind(ID, &common, Tool::BUILT_IN, Ok(Box::new(Complete)))
}

#[derive(Debug)]
struct Complete;

impl Complete {
    fn ask(&self, about: &About<'_>) -> Result<Wanted, Fault> {
        let arguments = about.arguments;
        let given = |key: &str| arguments.get(key).filter(|value| !value.is_null());
        let mut body = Object::new();
        match given("route").and_then(Value::as_str) {
            Some(route) => body.set("model", route),
            None => body.set("model", &usual_route(about)?),
        }
        match (given("prompt"), given("messages")) {
            (Some(prompt), None) => {
                body.set("messages", &[json!({"role": "user", "content": prompt})]);
            }
            (None, Some(messages)) => body.set("messages", messages),
            _ => return Err(wrong("Give either `prompt` or `messages`")),
        }
        for key in ["max_tokens", "temperature"] {
            if let Some(value) = given(key) {
                body.set(key, value);
            }
        }
        if let Some(schema) = given("json_schema").and_then(Value::as_object) {
            check(schema)?;
            body.set("response_format", &model::json_schema("answer", schema));
        }
        Ok(Wanted {
            body,
            work: Work::Completion,
            hints: Hints::default(),
            rights: Rights::Caller,
        })
    }

    async fn complete(&self, run: Run<'_>) -> Result<Output, Fault> {
        let mut wanted = self.ask(&run.about())?;
        let is_json = wanted.body.has("response_format");
        if !is_json && run.line.wants_progress() {
            wanted.stream();
        }
        output(model::complete(&run, &wanted).await?, is_json)
    }
}

/// The route of a call that names none.
fn usual_route(about: &About<'_>) -> Result<String, Fault> {
    model::usual_route(about.desk, about.caller).ok_or_else(|| {
        wrong("There is no route that you may use: name a target as `provider/model`, if you may use one")
    })
}

fn check(schema: &Map<String, Value>) -> Result<(), Fault> {
    let text = serde_json::to_string(schema).and_then(RawValue::from_string);
    let compiled = text.map(|text| Schema::compile(&text).map(drop));
    match compiled {
        Ok(Ok(())) => Ok(()),
        Ok(Err(unusable)) => Err(wrong(&format!("`json_schema`: {unusable}"))),
        Err(error) => Err(wrong(&format!("`json_schema`: {error}"))),
    }
}

fn wrong(message: &str) -> Fault {
    Fault::new(FaultClass::InvalidArguments, message)
}

fn output(finished: Finished, is_json: bool) -> Result<Output, Fault> {
    let completion = &finished.completion;
    let meta = finished.meta();
    let usage = completion.usage.unwrap_or_default();
    let mut structured = json!({
        "route": completion.route,
        "target": completion.target,
        "usage": {"input": usage.input, "output": usage.output},
        "cost": completion.cost.dollars(),
    });
    if is_json {
        structured["json"] = finished.json()?;
    } else {
        structured["text"] = finished.text.clone().into();
    }
    // The text is the answer alone: how it came about is no matter for a model that reads it.
    Ok(Output {
        content: vec![Content::Text(finished.text)],
        structured: Some(structured),
        meta,
        ..Output::default()
    })
}

impl Kind for Complete {
    fn is_silent(&self) -> bool {
        true
    }

    fn input_schema(&self) -> Option<Map<String, Value>> {
        let schema = json!({
            "type": "object",
            "properties": {
                "prompt": {"description": "What to ask.", "type": "string", "minLength": 1},
                "messages": {
                    "description": "A conversation, instead of `prompt`.",
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["role", "content"],
                        "additionalProperties": false,
                        "properties": {
                            "role": {"enum": ["system", "user", "assistant"]},
                            "content": {"type": "string"},
                        },
                    },
                },
                "route": {
                    "description": "The route that answers, or one target as `provider/model`.",
                    "type": "string", "minLength": 1, "maxLength": LONGEST_MODEL,
                },
                "max_tokens": {"description": "The most tokens of the answer.", "type": "integer", "minimum": 1},
                "temperature": {"type": "number", "minimum": 0, "maximum": 2},
                "json_schema": {"description": "JSON Schema the answer must fit.", "type": "object"},
            },
        });
        schema.as_object().cloned()
    }

    fn output_schema(&self) -> Option<Map<String, Value>> {
        let tokens = json!({"type": "integer", "minimum": 0});
        let schema = json!({
            "type": "object",
            "required": ["route", "target", "usage", "cost"],
            "properties": {
                "text": {"description": "The answer.", "type": "string"},
                "json": {"description": "The answer, where `json_schema` was given."},
                "route": {"description": "The route that answered; null where a target was named.", "type": ["string", "null"]},
                "target": {"description": "Who answered, as `provider/model`.", "type": ["string", "null"]},
                "usage": {
                    "description": "Tokens.",
                    "type": "object",
                    "properties": {"input": tokens, "output": tokens},
                },
                "cost": {"description": "US dollars; null where the price is not known.", "type": ["string", "null"]},
            },
        });
        schema.as_object().cloned()
    }

    fn wanted(&self, about: &About<'_>) -> Option<Result<Wanted, Fault>> {
        Some(self.ask(about))
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move { Ok(self.complete(run).await?) })
    }
}
