//! What must hold of the values on a card, whoever wrote them.

use http::{HeaderName, HeaderValue};

use super::{Auth, CardSettings, DialectName, Model};
use crate::{problem::Problem, secret::Secret};

/// Headers that frame a message: the HTTP client sets them, and a second word on them would break requests.
const FRAMING: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// Adds every problem of the card's values.
pub(super) fn card(card: &CardSettings, keys: &[Secret], problems: &mut Vec<Problem>) {
    credentials(card, keys, problems);
    headers(card, problems);
    path_parts(card, problems);
    simulation(card, problems);
    if let Some(checked) = &card.checked {
        date(["checked"], checked, problems);
    }
    if let Some(version) = &card.anthropic_version {
        date(["anthropic_version"], version, problems);
    }
    if card.default_max_tokens == Some(0) {
        let problem = Problem::new(["default_max_tokens"], "no answer fits into 0 tokens");
        problems.push(problem.expected("at least 1"));
    }
    let highest = card
        .quirks
        .as_ref()
        .and_then(|quirks| quirks.max_temperature);
    if highest.is_some_and(|highest| !(0.0..=10.0).contains(&highest)) {
        let problem = Problem::new(["quirks", "max_temperature"], "this is no temperature");
        problems.push(problem.expected("a number from 0 to 10"));
    }
    if card.concurrency.is_some_and(|cap| cap.limit == 0) {
        let problem = Problem::new(["concurrency", "limit"], "nobody could be asked");
        problems.push(problem.expected("at least 1"));
    }
    for (id, facts) in &card.models {
        model(id, facts, problems);
    }
}

fn credentials(card: &CardSettings, keys: &[Secret], problems: &mut Vec<Problem>) {
    if let Some(name) = &card.key_env
        && !is_word(name, "_")
    {
        problems.push(Problem::new(
            ["key_env"],
            format!("`{name}` is no name of a variable"),
        ));
    }
    for (at, key) in keys.iter().enumerate() {
        if HeaderValue::from_str(key.reveal()).is_err() {
            let message = "the key has a line break or another character that no header can carry";
            let path = if card.api_keys.is_empty() {
                vec!["api_key".to_owned()]
            } else {
                vec!["api_keys".to_owned(), at.to_string()]
            };
            problems.push(Problem::new(path, message));
        }
    }
    if card.api_key.is_some() && !card.api_keys.is_empty() {
        let problem = Problem::new(["api_keys"], "there are `api_key` and `api_keys`");
        problems.push(problem.expected("one of the two"));
    }
    if let Some(Auth::Header(name)) = &card.auth
        && HeaderName::from_bytes(name.as_bytes()).is_err()
    {
        problems.push(Problem::new(
            ["auth", "header"],
            format!("`{name}` is no header name"),
        ));
    }
}

fn headers(card: &CardSettings, problems: &mut Vec<Problem>) {
    for (name, value) in &card.headers {
        let wrong = if HeaderName::from_bytes(name.as_bytes()).is_err() {
            format!("`{name}` is no header name")
        } else if FRAMING.contains(&name.as_str()) {
            format!("`{name}` is set by the gateway itself")
        } else if HeaderValue::from_str(value).is_err() {
            // The value is not repeated: it may be a key.
            format!("the value of `{name}` has a character that no header can carry")
        } else {
            continue;
        };
        problems.push(Problem::new(["headers", name], wrong));
    }
}

/// These two become parts of a path.
fn path_parts(card: &CardSettings, problems: &mut Vec<Problem>) {
    for (key, value) in [
        ("deployment", &card.deployment),
        ("api_version", &card.api_version),
    ] {
        if let Some(value) = value
            && !is_word(value, "-_.")
        {
            let problem = Problem::new([key], format!("`{value}` cannot stand in a path"));
            problems.push(problem.expected("letters, digits, `-`, `_` and `.`"));
        }
    }
}

fn simulation(card: &CardSettings, problems: &mut Vec<Problem>) {
    if let Some(rate) = card.error_rate
        && !(0.0..=1.0).contains(&rate)
    {
        let problem = Problem::new(["error_rate"], format!("{rate} is no share of requests"));
        problems.push(problem.expected("a number from 0 to 1"));
    }
    if let Some(speed) = card.tokens_per_second
        && !(speed > 0.0 && speed.is_finite())
    {
        let problem = Problem::new(["tokens_per_second"], format!("{speed} is no speed"));
        problems.push(problem.expected("a number above 0"));
    }
    if let Some(outage) = &card.outage
        && outage.every.get().as_secs() == 0
    {
        let problem = Problem::new(["outage", "every"], "outages cannot come that often");
        problems.push(problem.expected("at least 1s"));
    }
    if card.dialect == Some(DialectName::Simulated) {
        return;
    }
    let given = [
        ("first_token", card.first_token.is_some()),
        ("tokens_per_second", card.tokens_per_second.is_some()),
        ("error_rate", card.error_rate.is_some()),
        ("seed", card.seed.is_some()),
        ("faults", !card.faults.is_empty()),
        ("outage", card.outage.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("`{key}` has a meaning for simulated providers only");
        problems.push(Problem::new([key], message).expected("`dialect: simulated` beside it"));
    }
}

fn model(id: &str, model: &Model, problems: &mut Vec<Problem>) {
    if id.is_empty() {
        problems.push(Problem::new(["models", id], "a model needs a name"));
    }
    if let Some(retires) = &model.retires {
        date(["models", id, "retires"], retires, problems);
    }
    for ability in model.can.intersection(&model.cannot) {
        let name = serde_json::to_string(ability).unwrap_or_default();
        let message = format!("{name} stands under `can` as well");
        problems.push(Problem::new(["models", id, "cannot"], message));
    }
    let tiers = model.price.iter().flat_map(|price| &price.tiers);
    let mut below = None;
    for (index, tier) in tiers.enumerate() {
        if below.is_some_and(|below| tier.above <= below) {
            let index = index.to_string();
            let path = ["models", id, "price", "tiers", &index, "above"];
            let problem = Problem::new(path, "tiers must ascend");
            problems.push(problem.expected(format!("more than {}", below.unwrap_or_default())));
        }
        below = Some(tier.above);
    }
}

/// Checks that `text` is a day, YYYY-MM-DD.
fn date<'a>(path: impl IntoIterator<Item = &'a str>, text: &str, problems: &mut Vec<Problem>) {
    // The parser takes other spellings of a day too.
    if text.len() != 10 || text.parse::<jiff::civil::Date>().is_err() {
        let problem = Problem::new(path, format!("`{text}` is no day"));
        problems.push(problem.expected("YYYY-MM-DD"));
    }
}

/// Whether `text` is made of ASCII letters, digits and `others`, and not empty.
fn is_word(text: &str, others: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    !text.is_empty() && text.chars().all(fits)
}
