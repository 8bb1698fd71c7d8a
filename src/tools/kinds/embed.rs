//! Embeddings through the router: texts in, vectors out.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    dialect::Work,
    json::Object,
    problem::Problem,
    relay::Rights,
    route::Hints,
    tools::{
        About, Fault, FaultClass, Kind, Materials, Output, Run, Stop, Wanted,
        model::{self, Whom},
    },
};

/// The most texts of one call, unless the operator says another number. What providers take lies between 96 (Cohere)
/// and 2048 (OpenAI), by their references (2026-11-26).
const MOST_TEXTS: u32 = 96;

/// The settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// The route that answers. Whoever may call the tool may use it so, whatever routes their key lists.
    pub route: Option<String>,
    /// One target that answers, as `provider/model`, instead of a route.
    pub target: Option<String>,
    /// The argument with the texts: one text, or a list of them.
    pub input: String,
    /// The length of the vectors, for models that can choose; their own when absent.
    pub dimensions: Option<u32>,
    /// The most texts of one call.
    pub max_texts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            route: None,
            target: None,
            input: "texts".to_owned(),
            dimensions: None,
            max_texts: MOST_TEXTS,
        }
    }
}

#[derive(Debug)]
struct Embed {
    whom: Whom,
    input: String,
    dimensions: Option<u32>,
    max_texts: u32,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let mut problems = Vec::new();
    let (route, target) = (settings.route.as_deref(), settings.target.as_deref());
    let whom = Whom::named(route, target, materials).map_err(|problem| problems.push(problem));
    let own = materials.common.input_schema.as_ref();
    let properties = own.map(|schema| schema.get("properties").and_then(Value::as_object));
    if let Some(properties) = properties
        && properties.is_none_or(|known| !known.contains_key(&settings.input))
    {
        let message = format!("the tool has no argument `{}`", settings.input);
        let names = properties.into_iter().flat_map(|known| known.keys());
        let problem = Problem::new(["input"], message);
        problems.push(problem.suggest(&settings.input, names.map(String::as_str)));
    }
    for (key, value) in [
        ("dimensions", settings.dimensions),
        ("max_texts", Some(settings.max_texts)),
    ] {
        if value == Some(0) {
            let problem = Problem::new([key], "0 leaves nothing");
            problems.push(problem.expected("a whole number above 0"));
        }
    }
    match whom {
        Ok(whom) if problems.is_empty() => Ok(Box::new(Embed {
            whom,
            input: settings.input.clone(),
            dimensions: settings.dimensions,
            max_texts: settings.max_texts,
        })),
        _ => Err(problems),
    }
}

impl Embed {
    fn ask(&self, about: &About<'_>) -> Result<Wanted, Fault> {
        let texts = match about.arguments.get(&self.input) {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(list)) => list
                .iter()
                .map(|text| text.as_str().unwrap_or_default())
                .collect(),
            _ => Vec::new(),
        };
        let wrong = |what: String| {
            let message = format!("`{}`: {what}", self.input);
            Err(Fault::new(FaultClass::InvalidArguments, message))
        };
        // What is no text counts as empty: left out, it would put the vectors out of step.
        if texts.is_empty() || texts.iter().any(|text| text.is_empty()) {
            return wrong("expected a text, or a list of texts, none of them empty".to_owned());
        }
        if texts.len() > self.max_texts as usize {
            let (most, sent) = (self.max_texts, texts.len());
            return wrong(format!("at most {most} texts at once, not {sent}"));
        }
        let mut body = Object::new();
        body.set("model", self.whom.model());
        body.set("input", &texts);
        if let Some(dimensions) = self.dimensions {
            body.set("dimensions", &dimensions);
        }
        Ok(Wanted {
            body,
            work: Work::Embeddings,
            hints: Hints::default(),
            rights: Rights::Operator,
        })
    }

    async fn embed(&self, run: Run<'_>) -> Result<Output, Fault> {
        let wanted = self.ask(&run.about())?;
        let (body, completion) = model::embed(&run, &wanted).await?;
        let vectors = read(&body).ok_or_else(|| {
            let message = format!(
                "The model gave something that is no list of vectors (request {})",
                completion.id
            );
            Fault::new(FaultClass::InvalidOutput, message)
        })?;
        let output = Output::structured(json!({
            "embeddings": vectors,
            "dimensions": vectors.first().map_or(0, Vec::len),
            "model": completion.target,
        }));
        Ok(Output {
            meta: model::meta(&completion),
            ..output
        })
    }
}

/// The vectors of a provider's answer, in the order of the texts.
fn read(body: &[u8]) -> Option<Vec<Vec<f64>>> {
    #[derive(Deserialize)]
    struct Reply {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        index: u64,
        embedding: Vector,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Vector {
        Floats(Vec<f64>),
        /// Little-endian floats in base64, which some providers send unasked.
        Packed(String),
    }
    let mut data = serde_json::from_slice::<Reply>(body).ok()?.data;
    data.sort_by_key(|entry| entry.index);
    let floats = |entry: Entry| match entry.embedding {
        Vector::Floats(floats) => Some(floats),
        Vector::Packed(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            let numbers = numbers
                .iter()
                .map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
            rest.is_empty().then(|| numbers.collect())
        }
    };
    data.into_iter().map(floats).collect()
}

impl Kind for Embed {
    fn is_silent(&self) -> bool {
        true
    }

    fn input_schema(&self) -> Option<Map<String, Value>> {
        let schema = json!({
            "type": "object",
            "required": [self.input],
            "properties": {self.input.as_str(): {
                "description": "The texts to embed.",
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "maxItems": self.max_texts,
            }},
        });
        schema.as_object().cloned()
    }

    fn output_schema(&self) -> Option<Map<String, Value>> {
        let schema = json!({
            "type": "object",
            "required": ["embeddings", "dimensions", "model"],
            "properties": {
                "embeddings": {
                    "description": "One vector for each text, in their order.",
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}},
                },
                "dimensions": {"description": "The length of the vectors.", "type": "integer"},
                "model": {"description": "Who made them. Compare only vectors of one model.", "type": ["string", "null"]},
            },
        });
        schema.as_object().cloned()
    }

    fn wanted(&self, about: &About<'_>) -> Option<Result<Wanted, Fault>> {
        Some(self.ask(about))
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move { Ok(self.embed(run).await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_their_texts_however_they_are_written() {
        let floats = br#"{"data":[{"index":1,"embedding":[1,0.5]},{"index":0,"embedding":[2]}]}"#;
        assert_eq!(read(floats).unwrap(), [vec![2.0], vec![1.0, 0.5]]);
        let packed = br#"{"data":[{"index":0,"embedding":"AACAPwAAAD8="}]}"#;
        assert_eq!(read(packed).unwrap(), [[1.0, 0.5]]);
        let torn = br#"{"data":[{"index":0,"embedding":"AACAPwA="}]}"#;
        assert_eq!(read(torn), None);
        assert_eq!(read(br#"{"data":[{"embedding":null}]}"#), None);
    }
}
