//! Answers to `sampling/createMessage`: a server of 2025-11-25 asks for a completion in the middle of a call, and the
//! router gives it where the operator allows it.
//! <https://modelcontextprotocol.io/specification/2025-11-25/client/sampling>
//!
//! Its preferences are wishes: where the operator named a route, that route answers whoever is hinted at. What other
//! servers were told (`includeContext`) is nothing a server is told here.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    dialect::Work,
    json::Object,
    relay::{self, Rights},
    route::{Hints, Strategy},
    tools::{
        Run, Wanted,
        model::{self, Finished},
    },
};

/// The hottest temperature OpenAI's API takes.
const HOTTEST: f64 = 2.0;

/// What is asked. Members that are not here are wishes nobody has to grant.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    messages: Vec<Message>,
    system_prompt: Option<String>,
    max_tokens: u64,
    temperature: Option<f64>,
    #[serde(default)]
    stop_sequences: Vec<String>,
    #[serde(default)]
    model_preferences: Preferences,
    /// Tools the model may call, which only clients that say so are asked for.
    #[serde(default)]
    tools: Vec<Value>,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: OneOrMany,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

/// One block, or since 2025-11-25 a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Block>),
    One(Block),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    #[serde(rename_all = "camelCase")]
    Image {
        data: String,
        mime_type: String,
    },
    #[serde(rename_all = "camelCase")]
    Audio {
        data: String,
        mime_type: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preferences {
    hints: Vec<Hint>,
    cost_priority: Option<f64>,
    speed_priority: Option<f64>,
    intelligence_priority: Option<f64>,
}

#[derive(Deserialize)]
struct Hint {
    name: Option<String>,
}

/// Answers one request by its parameters, from `route` where the operator named one, or says why not in words the
/// server may read.
pub(super) async fn answer(
    run: &Run<'_>,
    route: Option<&str>,
    params: &Value,
) -> Result<Value, String> {
    let params = Params::deserialize(params)
        .map_err(|error| format!("This is no request for a message: {error}"))?;
    let model = match route {
        Some(route) => route.to_owned(),
        None => params.model_preferences.model(run)?,
    };
    let wanted = params.wanted(&model)?;
    match model::complete(run, &wanted).await {
        Ok(finished) => Ok(message(&finished)),
        Err(fault) => Err(fault.message),
    }
}

impl Params {
    /// The completion that is asked for.
    fn wanted(&self, model: &str) -> Result<Wanted, String> {
        if !self.tools.is_empty() {
            return Err("Completions that call tools are not offered here".to_owned());
        }
        let system = self.system_prompt.iter();
        let mut messages: Vec<Value> = system
            .map(|text| json!({"role": "system", "content": text}))
            .collect();
        for message in &self.messages {
            messages.push(message.openai()?);
        }
        let mut body = Object::new();
        body.set("model", model);
        body.set("messages", &messages);
        body.set("max_tokens", &self.max_tokens.max(1));
        if let Some(temperature) = self.temperature.filter(|wish| wish.is_finite()) {
            body.set("temperature", &temperature.clamp(0.0, HOTTEST));
        }
        if !self.stop_sequences.is_empty() {
            body.set("stop", &self.stop_sequences);
        }
        Ok(Wanted {
            body,
            work: Work::Completion,
            hints: Hints {
                strategy: self.model_preferences.strategy(),
                ..Hints::default()
            },
            rights: Rights::Caller,
        })
    }
}

impl Message {
    fn openai(&self) -> Result<Value, String> {
        let blocks = match &self.content {
            OneOrMany::Many(blocks) => blocks.as_slice(),
            OneOrMany::One(block) => std::slice::from_ref(block),
        };
        let role = match self.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let text_only = blocks
            .iter()
            .all(|block| matches!(block, Block::Text { .. }));
        if self.role == Role::Assistant && !text_only {
            return Err("A message of the assistant can only be text".to_owned());
        }
        let parts: Result<Vec<Value>, String> = blocks.iter().map(Block::openai).collect();
        Ok(json!({"role": role, "content": parts?}))
    }
}

impl Block {
    fn openai(&self) -> Result<Value, String> {
        Ok(match self {
            Self::Text { text } => json!({"type": "text", "text": text}),
            Self::Image { data, mime_type } => {
                let url = format!("data:{mime_type};base64,{data}");
                json!({"type": "image_url", "image_url": {"url": url}})
            }
            Self::Audio { data, mime_type } => {
                // The two that OpenAI's API takes.
                let format = match mime_type.as_str() {
                    "audio/wav" | "audio/x-wav" => "wav",
                    "audio/mpeg" | "audio/mp3" => "mp3",
                    _ => return Err("Sound is taken as audio/wav or audio/mpeg".to_owned()),
                };
                json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
            }
        })
    }
}

impl Preferences {
    /// The first model hinted at that the caller may name, else its usual route.
    fn model(&self, run: &Run<'_>) -> Result<String, String> {
        let (desk, caller) = (&run.toolbox.desk, &run.call.caller);
        let hinted = self.hints.iter().filter_map(|hint| hint.name.as_deref());
        let known = |name: &&str| relay::would_ask(desk, name, caller);
        let named = hinted.filter(|name| !name.is_empty()).find(known);
        let model = named.map(str::to_owned);
        model
            .or_else(|| model::usual_route(desk, caller))
            .ok_or_else(|| "There is no model that this caller may use".to_owned())
    }

    /// How to choose among models: by what matters most. Where that is what a model can do, or nothing matters more
    /// than the rest, the operator's own order says it best.
    fn strategy(&self) -> Option<Strategy> {
        let weight = |priority: Option<f64>| priority.filter(|it| it.is_finite()).unwrap_or(0.0);
        let (cost, speed) = (weight(self.cost_priority), weight(self.speed_priority));
        let intelligence = weight(self.intelligence_priority);
        if cost > speed.max(intelligence) {
            Some(Strategy::Cheapest)
        } else if speed > cost.max(intelligence) {
            Some(Strategy::Fastest)
        } else {
            None
        }
    }
}

/// A completion as the result of `sampling/createMessage`.
fn message(finished: &Finished) -> Value {
    json!({
        "role": "assistant",
        "content": {"type": "text", "text": finished.text},
        "model": finished.completion.target.as_deref().unwrap_or("unknown"),
        "stopReason": if finished.cut { "maxTokens" } else { "endTurn" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(params: Value) -> Result<(Value, Option<Strategy>), String> {
        let params = Params::deserialize(params).map_err(|error| error.to_string())?;
        let wanted = params.wanted("r")?;
        let body = serde_json::from_slice(&wanted.body.to_bytes()).unwrap();
        Ok((body, wanted.hints.strategy))
    }

    fn said(content: Value) -> Value {
        json!({"messages": [{"role": "user", "content": content}], "maxTokens": 5})
    }

    #[test]
    fn everything_a_server_may_ask_for_is_asked_in_openais_words() {
        let (body, strategy) = asked(json!({
            "systemPrompt": "Be brief.",
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "Hi"}},
                {"role": "assistant", "content": {"type": "text", "text": "Yes?"}},
                {"role": "user", "content": [
                    {"type": "image", "data": "AA==", "mimeType": "image/png"},
                    {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
                ]},
            ],
            "maxTokens": 0,
            "temperature": 7,
            "stopSequences": ["END"],
            "includeContext": "allServers",
            "metadata": {"anything": 1},
            "modelPreferences": {"speedPriority": 0.9, "costPriority": 0.2},
        }))
        .unwrap();
        let expected = json!({
            "model": "r",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Yes?"}]},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                    {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                ]},
            ],
            "max_tokens": 1,
            "temperature": 2.0,
            "stop": ["END"],
        });
        assert_eq!((body, strategy), (expected, Some(Strategy::Fastest)));
    }

    #[test]
    fn what_matters_most_chooses_and_ties_are_the_operators() {
        for (preferences, expected) in [
            (json!({}), None),
            (json!({"costPriority": 1}), Some(Strategy::Cheapest)),
            (json!({"costPriority": 0.5, "speedPriority": 0.5}), None),
            (
                json!({"costPriority": 0.5, "intelligencePriority": 0.8}),
                None,
            ),
            (json!({"costPriority": -1}), None),
        ] {
            let mut params = said(json!({"type": "text", "text": "Hi"}));
            params["modelPreferences"] = preferences.clone();
            assert_eq!(asked(params).unwrap().1, expected, "{preferences}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused_in_words() {
        let picture = json!({"type": "image", "data": "AA==", "mimeType": "image/png"});
        let mut drawn = said(picture);
        drawn["messages"][0]["role"] = "assistant".into();
        let mut tools = said(json!({"type": "text", "text": "Hi"}));
        tools["tools"] = json!([{"name": "t"}]);
        for (params, told) in [
            (drawn, "can only be text"),
            (tools, "call tools"),
            (
                said(json!({"type": "audio", "data": "AA==", "mimeType": "audio/ogg"})),
                "audio/wav",
            ),
            (
                said(json!({"type": "tool_use", "id": "1"})),
                "did not match",
            ),
            (json!({"messages": "Hi", "maxTokens": 1}), "invalid type"),
        ] {
            let refused = asked(params).unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
    }
}
