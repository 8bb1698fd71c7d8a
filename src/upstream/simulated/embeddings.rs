//! Embeddings: a unit vector for each text, from its words alone.
//!
//! Equal texts have equal vectors in every provider and at every time, and texts that share words lie close
//! to each other, so that a search over them finds something.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Run, Script,
    dice::Dice,
    pace, refusal,
    refusal::Refusal,
    tokens_of_bytes,
    wire::{broken, headers},
};
use crate::{
    catalog::Fault,
    dialect::Malformed,
    json::{self, Object},
};

/// Length of a vector, where the request does not say.
const DIMENSIONS: u64 = 256;

/// Longest vector and most texts of one request: those of OpenAI's large model.
const MOST_DIMENSIONS: u64 = 3072;
const MOST_TEXTS: usize = 2048;

/// How many places of the vector a word adds to.
const PLACES: u32 = 8;

/// Share of a text's own noise beside its words, so that different texts of the same words differ.
const NOISE: f64 = 0.1;

/// The script of an embeddings request.
pub(super) fn answer(run: &Run<'_>, body: &[u8]) -> Script {
    let fault = run.fault(None);
    if let Some(script) = refusal::of(run, fault, false) {
        return script;
    }
    match reply(body, fault) {
        Ok(bytes) => Script {
            delay: pace::first_token(run),
            status: 200,
            headers: headers(run, "application/json"),
            body: broken(bytes, fault, false),
        },
        Err(malformed) => Refusal::from(malformed).script(run),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

#[derive(Serialize)]
struct Reply {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

fn reply(body: &[u8], fault: Fault) -> Result<Bytes, Malformed> {
    let object = Object::parse(body)
        .map_err(|error| Malformed::new(format!("This is no JSON object: {error}.")))?;
    let missing = |key: &str| Malformed::at(key, format!("Missing required parameter: '{key}'."));
    let (texts, tokens) = texts(object.read("input")?.ok_or_else(|| missing("input"))?);
    if texts.is_empty() || texts.len() > MOST_TEXTS {
        let message = format!("`input` must have 1 to {MOST_TEXTS} texts.");
        return Err(Malformed::at("input", message));
    }
    let dimensions = object.read("dimensions")?.unwrap_or(DIMENSIONS);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        let message = format!("`dimensions` must be from 1 to {MOST_DIMENSIONS}.");
        return Err(Malformed::at("dimensions", message));
    }
    let base64 = match object.read::<String>("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            let message = "`encoding_format` must be float or base64.";
            return Err(Malformed::at("encoding_format", message));
        }
    };
    let embedding = |(index, text): (usize, &String)| Embedding {
        object: "embedding",
        index,
        embedding: encoded(vector(text, dimensions), base64),
    };
    let usage = Usage {
        prompt_tokens: tokens,
        total_tokens: tokens,
    };
    let reply = Reply {
        object: "list",
        data: texts.iter().enumerate().map(embedding).collect(),
        model: object.read("model")?.ok_or_else(|| missing("model"))?,
        usage: (fault != Fault::NoUsage).then_some(usage),
    };
    Ok(Bytes::from(json::raw(&reply).get().to_owned()))
}

/// The texts, and the tokens of all. A list of tokens counts as the text of its numbers.
fn texts(input: Input) -> (Vec<String>, u64) {
    let of_texts = |texts: Vec<String>| {
        let tokens = texts.iter().map(|text| tokens_of_bytes(text.len())).sum();
        (texts, tokens)
    };
    let of_tokens = |lists: Vec<Vec<u32>>| {
        let tokens = lists.iter().map(|list| list.len() as u64).sum();
        let words = |list: &Vec<u32>| list.iter().map(|token| format!("{token} ")).collect();
        (lists.iter().map(words).collect(), tokens)
    };
    match input {
        Input::Text(text) => of_texts(vec![text]),
        Input::Texts(texts) => of_texts(texts),
        Input::Tokens(list) => of_tokens(vec![list]),
        Input::TokenLists(lists) => of_tokens(lists),
    }
}

/// The unit vector of a text: some noise of its own, and a few places up or down for each of its words.
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut noise = Dice::seeded(digest(text));
    let mut vector: Vec<f64> = (0..dimensions).map(|_| NOISE * noise.normal()).collect();
    let text = text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        // Short words are mostly glue and say little about the subject.
        let weight = if word.len() > 3 { 1.0 } else { 0.2 };
        let mut dice = Dice::seeded(digest(word));
        for _ in 0..PLACES {
            let place = dice.below(dimensions);
            let sign = if dice.chance(0.5) { weight } else { -weight };
            let place = usize::try_from(place).ok();
            if let Some(value) = place.and_then(|place| vector.get_mut(place)) {
                *value += sign;
            }
        }
    }
    let squares: f64 = vector.iter().map(|value| value * value).sum();
    // A vector of nothing but zeros is next to impossible, and then stays one.
    let length = squares.sqrt().max(f64::MIN_POSITIVE);
    vector.iter().map(|value| (value / length) as f32).collect()
}

fn digest(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let bytes = hash.as_bytes().iter().take(8);
    bytes.fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

fn encoded(vector: Vec<f32>, base64: bool) -> Vector {
    if !base64 {
        return Vector::Floats(vector);
    }
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Vector::Base64(STANDARD.encode(bytes))
}
