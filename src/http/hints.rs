//! What a caller asks for beyond naming a model: two headers of ours, and the `models` and `provider` of OpenRouter's
//! requests. What cannot be understood is refused, for a wish that is ignored in silence looks like one that is kept.

use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use crate::{
    catalog::Rate,
    dialect::{LONGEST_MODEL, Malformed},
    json::Object,
    problem::nearest,
    route::{Dollars, Hints, LONGEST_TOOL, MaxPrice, Sort, Strategy},
};

const STRATEGY: &str = "x-waypost-strategy";
const TOOL: &str = "x-waypost-tool";

/// The most names in one list. More targets than that are no wish.
const MOST_NAMES: usize = 64;

/// What the head and the body of a chat completion ask for beyond a model, and the tool it is for: for whoever
/// explains a request without serving it.
pub fn wishes(headers: &HeaderMap, body: &[u8]) -> Result<(Hints, Option<String>), Malformed> {
    let request = Object::parse(body).unwrap_or_default();
    let tool = tool(headers)?.map(str::to_owned);
    Ok((read(headers, &request)?, tool))
}

/// Reads the hints of a request.
pub(super) fn read(headers: &HeaderMap, request: &Object<'_>) -> Result<Hints, Malformed> {
    let mut hints = Hints {
        strategy: strategy(headers)?,
        models: names(request.get("models"), "models")?,
        ..Hints::default()
    };
    if let Some(raw) = request.get("provider").filter(|raw| !is_null(raw)) {
        let provider = Object::of(raw).map_err(|_| wrong("provider", "an object"))?;
        preferences(&provider, &mut hints)?;
    }
    Ok(hints)
}

/// The tool on whose behalf a completion is asked.
pub(super) fn tool(headers: &HeaderMap) -> Result<Option<&str>, Malformed> {
    let Some(value) = headers.get(TOOL) else {
        return Ok(None);
    };
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':');
    let sane = |name: &&str| (1..=LONGEST_TOOL).contains(&name.len()) && name.bytes().all(plain);
    match value.to_str().ok().filter(sane) {
        Some(name) => Ok(Some(name)),
        None => Err(wrong(
            TOOL,
            "a tool's name: up to 128 letters, digits and `-_./:`",
        )),
    }
}

fn strategy(headers: &HeaderMap) -> Result<Option<Strategy>, Malformed> {
    let Some(value) = headers.get(STRATEGY) else {
        return Ok(None);
    };
    let word = value.to_str().unwrap_or_default().trim();
    match Strategy::ALL
        .into_iter()
        .find(|strategy| strategy.label() == word)
    {
        Some(strategy) => Ok(Some(strategy)),
        None => Err(unknown(STRATEGY, word, &Strategy::ALL.map(Strategy::label))),
    }
}

/// OpenRouter's `provider`. Its other members are about OpenRouter's own providers, and go there only.
fn preferences(provider: &Object<'_>, hints: &mut Hints) -> Result<(), Malformed> {
    hints.order = names(provider.get("order"), "provider.order")?;
    hints.only = names(provider.get("only"), "provider.only")?;
    hints.ignore = names(provider.get("ignore"), "provider.ignore")?;
    hints.sort = sort(provider.get("sort"))?;
    hints.max_price = max_price(provider.get("max_price"))?;
    let others = typed(
        provider.get("allow_fallbacks"),
        "provider.allow_fallbacks",
        "true or false",
    )?;
    hints.allow_fallbacks = others.unwrap_or(true);
    Ok(())
}

/// A word, or an object with it under `by`.
fn sort(raw: Option<&RawValue>) -> Result<Option<Sort>, Malformed> {
    const PARAM: &str = "provider.sort";
    const WORDS: [(&str, Sort); 3] = [
        ("price", Sort::Price),
        ("throughput", Sort::Throughput),
        ("latency", Sort::Latency),
    ];
    let word = match typed::<Value>(raw, PARAM, "a word")? {
        None => return Ok(None),
        Some(Value::Object(members)) => members.get("by").cloned(),
        Some(value) => Some(value),
    };
    let Some(Value::String(word)) = word else {
        return Err(wrong(PARAM, "a word"));
    };
    match WORDS.into_iter().find(|(known, _)| *known == word) {
        Some((_, sort)) => Ok(Some(sort)),
        None => Err(unknown(PARAM, &word, &WORDS.map(|(known, _)| known))),
    }
}

fn max_price(raw: Option<&RawValue>) -> Result<MaxPrice, Malformed> {
    let Some(raw) = raw.filter(|raw| !is_null(raw)) else {
        return Ok(MaxPrice::default());
    };
    let prices = Object::of(raw).map_err(|_| wrong("provider.max_price", "an object"))?;
    Ok(MaxPrice {
        prompt: price(&prices, "prompt", |dollars| Rate::try_from(dollars).ok())?,
        completion: price(&prices, "completion", |dollars| {
            Rate::try_from(dollars).ok()
        })?,
        request: price(&prices, "request", |dollars| {
            Dollars::try_from(dollars).ok()
        })?,
    })
}

/// A price in dollars, as a number or, as OpenRouter also takes it, as a text.
fn price<T>(
    prices: &Object<'_>,
    key: &str,
    read: impl Fn(f64) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    let dollars = match prices.peek::<Value>(key) {
        None => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_f64(),
    };
    let param = format!("provider.max_price.{key}");
    let price = dollars.and_then(read);
    price
        .map(Some)
        .ok_or_else(|| wrong(&param, "dollars, 0 to 1,000,000"))
}

fn names(raw: Option<&RawValue>, param: &str) -> Result<Vec<String>, Malformed> {
    let expected = format!("a list of up to {MOST_NAMES} names");
    let names: Vec<String> = typed(raw, param, &expected)?.unwrap_or_default();
    let sane = |name: &String| (1..=LONGEST_MODEL).contains(&name.len());
    if names.len() > MOST_NAMES || !names.iter().all(sane) {
        return Err(wrong(param, &expected));
    }
    Ok(names)
}

fn typed<T: DeserializeOwned>(
    raw: Option<&RawValue>,
    param: &str,
    expected: &str,
) -> Result<Option<T>, Malformed> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    serde_json::from_str(raw.get()).map_err(|_| wrong(param, expected))
}

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn wrong(param: &str, expected: &str) -> Malformed {
    Malformed::at(param, format!("Invalid '{param}': expected {expected}."))
}

fn unknown(param: &str, word: &str, known: &[&'static str]) -> Malformed {
    let mut message = format!("Invalid '{param}': expected one of {}.", known.join(", "));
    if let Some(nearest) = nearest(word, known.iter().copied()) {
        message = format!("{message} Did you mean {nearest}?");
    }
    Malformed::at(param, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(header: Option<(&'static str, &str)>, body: &str) -> Result<Hints, Malformed> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        tool(&headers)?;
        read(&headers, &Object::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn openrouters_words_and_our_headers_are_read() {
        let hints = read_all(
            Some((STRATEGY, "least-busy")),
            r#"{"models":["a/b","c"],"provider":{"order":["x"],"only":["x","y"],"ignore":["z"],"sort":"price",
                "max_price":{"prompt":1,"completion":"2.5"},"allow_fallbacks":false,"data_collection":"deny"}}"#,
        );
        let expected = Hints {
            strategy: Some(Strategy::LeastBusy),
            models: vec!["a/b".to_owned(), "c".to_owned()],
            order: vec!["x".to_owned()],
            only: vec!["x".to_owned(), "y".to_owned()],
            ignore: vec!["z".to_owned()],
            sort: Some(Sort::Price),
            max_price: MaxPrice {
                prompt: Some(Rate::try_from(1.0).unwrap()),
                completion: Some(Rate::try_from(2.5).unwrap()),
                request: None,
            },
            allow_fallbacks: false,
            ..Hints::default()
        };
        assert_eq!(hints.unwrap(), expected);
        let by = read_all(None, r#"{"provider":{"sort":{"by":"latency"}}}"#).unwrap();
        assert_eq!(by.sort, Some(Sort::Latency));
        let nothing = read_all(None, r#"{"models":null,"provider":null}"#).unwrap();
        assert_eq!(nothing, Hints::default());
    }

    #[test]
    fn every_strategy_can_be_named() {
        for strategy in Strategy::ALL {
            let hints = read_all(Some((STRATEGY, strategy.label())), "{}").unwrap();
            assert_eq!(hints.strategy, Some(strategy));
            let written = serde_json::to_value(strategy).unwrap();
            assert_eq!(written, strategy.label());
        }
    }

    #[test]
    fn what_is_ill_formed_is_refused_by_name() {
        let check = |header: Option<(&'static str, &str)>, body: &str, param: &str, told: &str| {
            let malformed = read_all(header, body).unwrap_err();
            assert_eq!(malformed.param.as_deref(), Some(param), "{body}");
            assert!(malformed.message.contains(told), "{malformed}");
        };
        let cheap = Some((STRATEGY, "cheapst"));
        check(cheap, "{}", STRATEGY, "one of priority, weighted, cheapest");
        check(cheap, "{}", STRATEGY, "Did you mean cheapest?");
        check(Some((STRATEGY, "")), "{}", STRATEGY, "expected one of");
        check(Some((TOOL, "a b")), "{}", TOOL, "a tool's name");
        check(Some((TOOL, &"x".repeat(129))), "{}", TOOL, "a tool's name");
        let body = |body: &str, param: &str, told: &str| check(None, body, param, told);
        body(r#"{"models":"a"}"#, "models", "a list of up to 64 names");
        body(r#"{"models":[""]}"#, "models", "a list");
        let long = "x".repeat(513);
        body(&format!(r#"{{"models":["{long}"]}}"#), "models", "a list");
        body(
            &format!(r#"{{"models":[{}"a"]}}"#, r#""a","#.repeat(64)),
            "models",
            "a list",
        );
        body(r#"{"provider":"x"}"#, "provider", "an object");
        body(r#"{"provider":{"order":[1]}}"#, "provider.order", "a list");
        body(
            r#"{"provider":{"sort":"prise"}}"#,
            "provider.sort",
            "Did you mean price?",
        );
        body(
            r#"{"provider":{"sort":{"partition":"none"}}}"#,
            "provider.sort",
            "a word",
        );
        body(
            r#"{"provider":{"allow_fallbacks":"no"}}"#,
            "provider.allow_fallbacks",
            "true or false",
        );
        body(
            r#"{"provider":{"max_price":{"prompt":-1}}}"#,
            "provider.max_price.prompt",
            "dollars",
        );
        body(
            r#"{"provider":{"max_price":{"prompt":"NaN"}}}"#,
            "provider.max_price.prompt",
            "dollars",
        );
        body(
            r#"{"provider":{"max_price":7}}"#,
            "provider.max_price",
            "an object",
        );
    }
}
