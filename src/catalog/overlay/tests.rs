use super::*;
use crate::catalog::{Mode, Paths, Quirks, Rate, StreamUsage, UnknownModels};

fn settings(yaml: &str) -> CardSettings {
    serde_saphyr::from_str(yaml).unwrap()
}

fn card(name: &str, yaml: &str) -> Card {
    resolve(name, &settings(yaml), None).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}"))
}

/// The problems of an entry as the operator reads them.
fn problems(name: &str, yaml: &str) -> Vec<String> {
    let problems = resolve(name, &settings(yaml), None).expect_err(yaml);
    problems.iter().map(ToString::to_string).collect()
}

/// The one problem of an entry.
fn check(name: &str, yaml: &str, expected: &str) {
    assert_eq!(problems(name, yaml), [expected], "{yaml}");
}

/// An entry that lacks nothing, and `rest`.
fn local(rest: &str) -> String {
    format!("{{base_url: http://localhost, {rest}}}")
}

#[test]
fn an_address_that_leads_nowhere_is_a_problem() {
    check(
        "eu",
        "{card: mistrall}",
        "card: there is no shipped card `mistrall`; did you mean `mistral`?",
    );
    check(
        "antropic",
        "{}",
        "base_url: this provider has no default address: write base_url; did you mean `anthropic`?",
    );
    check(
        "azure",
        "{}",
        "base_url: this provider has no default address: write base_url",
    );
    for (base_url, wrong) in [
        ("api.example.com", "is neither http:// nor https://"),
        ("ftp://example.com", "is neither http:// nor https://"),
        ("http://exa mple.com", "is no URL"),
        ("''", "is no URL"),
        (
            "http://me:pw@example.com/v1",
            "has a user name in it; the key belongs into api_key",
        ),
        (
            "http://example.com/v1?a=b",
            "has a query or fragment, which cannot stand before a path",
        ),
        (
            "http://example.com/v1#x",
            "has a query or fragment, which cannot stand before a path",
        ),
    ] {
        check(
            "home",
            &format!("base_url: {base_url}"),
            &format!(
                "base_url: base_url {wrong}; expected an address like https://api.example.com/v1"
            ),
        );
    }
}

#[test]
fn a_surface_that_cannot_be_used_is_a_problem() {
    check(
        "azure",
        "{base_url: https://r.openai.azure.com, api: deployment}",
        "api: this provider has no api `deployment`; expected deployments or v1; did you mean `deployments`?",
    );
    check("openai", "{api: v1}", "api: this provider has no api `v1`");
    check(
        "azure",
        "{base_url: https://r.openai.azure.com, api: deployments, deployment: d}",
        "api_version: this api needs an api_version; expected one like 2024-10-21",
    );
    check(
        "azure",
        "{base_url: https://r.openai.azure.com, deployment: 'a/../b'}",
        "deployment: `a/../b` cannot stand in a path; expected letters, digits, `-`, `_` and `.`",
    );
    check(
        "home",
        &local("apis: {one: {chat: '/x/{region}'}}"),
        "apis.one.chat: the path `/x/{region}` has an unknown placeholder; expected {deployment}, {api_version} or {model}",
    );
    check(
        "home",
        &local("apis: {one: {embeddings: x}}"),
        "apis.one.embeddings: the path `x` does not start with a slash",
    );
    check(
        "home",
        &local("apis: {one: {model: 'my-{model}'}}"),
        "apis.one.model: this is no model name; expected a name, `{deployment}` or `{model}`",
    );
}

#[test]
fn what_no_header_can_carry_is_a_problem() {
    check(
        "home",
        &local("headers: {'a b': c}"),
        "headers.a b: `a b` is no header name",
    );
    check(
        "home",
        &local("headers: {X-A: \"b\\r\\nc: d\"}"),
        "headers.x-a: the value of `x-a` has a character that no header can carry",
    );
    check(
        "home",
        &local("headers: {Content-Length: '1'}"),
        "headers.content-length: `content-length` is set by the gateway itself",
    );
    check(
        "home",
        &local("auth: {header: 'x y'}"),
        "auth.header: `x y` is no header name",
    );
    check(
        "home",
        &local("key_env: $KEY"),
        "key_env: `$KEY` is no name of a variable",
    );
}

#[test]
fn a_value_that_makes_no_sense_is_a_problem() {
    check(
        "home",
        &local("checked: yesterday"),
        "checked: `yesterday` is no day; expected YYYY-MM-DD",
    );
    check(
        "home",
        &local("models: {m: {retires: 2026-02-30}}"),
        "models.m.retires: `2026-02-30` is no day; expected YYYY-MM-DD",
    );
    check(
        "home",
        &local("models: {m: {can: [vision], cannot: [vision]}}"),
        "models.m.cannot: \"vision\" stands under `can` as well",
    );
    check(
        "home",
        &local(
            "models: {m: {price: {input: 1, tiers: [{above: 9, input: 2}, {above: 9, input: 3}]}}}",
        ),
        "models.m.price.tiers.1.above: tiers must ascend; expected more than 9",
    );
    check(
        "home",
        &local("default_max_tokens: 0"),
        "default_max_tokens: no answer fits into 0 tokens; expected at least 1",
    );
    check(
        "home",
        &local("quirks: {max_temperature: .nan}"),
        "quirks.max_temperature: this is no temperature; expected a number from 0 to 10",
    );
    check(
        "anthropic",
        "{anthropic_version: newest}",
        "anthropic_version: `newest` is no day; expected YYYY-MM-DD",
    );
}

#[test]
fn a_simulation_that_cannot_run_is_a_problem() {
    check(
        "slow",
        "{dialect: simulated, error_rate: 1.5}",
        "error_rate: 1.5 is no share of requests; expected a number from 0 to 1",
    );
    for speed in ["0", "-1", ".inf", ".nan"] {
        let problems = problems(
            "slow",
            &format!("{{dialect: simulated, tokens_per_second: {speed}}}"),
        );
        assert!(
            problems[0].starts_with("tokens_per_second: "),
            "{problems:?}"
        );
    }
    check(
        "openai",
        "{error_rate: 0.5}",
        "error_rate: `error_rate` has a meaning for simulated providers only; expected `dialect: simulated` beside it",
    );
}

#[test]
fn all_problems_come_at_once() {
    let found = problems(
        "eu",
        "{card: nobody, auth: {header: ''}, error_rate: 2, models: {m: {retires: soon}}}",
    );
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn a_key_that_no_header_can_carry_is_a_problem_and_is_not_shown() {
    let key = Secret::new("sk-canary\nx");
    let problems = resolve("openai", &CardSettings::default(), Some(key)).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().starts_with("api_key: "));
    assert!(!problems[0].to_string().contains("canary"));
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let found = problems("home", "base_url: http://me:canary@example.com");
    assert!(!found[0].contains("canary"), "{found:?}");
}

#[test]
fn what_nobody_said_takes_its_default() {
    let card = card("home", "base_url: http://127.0.0.1:11434/v1/");
    assert_eq!(&*card.name, "home");
    assert_eq!(card.dialect, DialectName::Openai);
    assert_eq!(card.base_url, "http://127.0.0.1:11434/v1");
    assert_eq!(card.auth, Auth::Bearer);
    assert_eq!(card.paths, paths("/chat/completions", "/embeddings"));
    assert_eq!(card.quirks, Quirks::default());
    assert_eq!(card.quirks.stream_usage, StreamUsage::Ask);
    assert_eq!(card.unknown_models, UnknownModels::Pass);
    assert_eq!(card.default_max_tokens, 4096);
    assert_eq!(card.model_override, None);
    assert!(card.models.is_empty() && card.headers.is_empty());
}

#[test]
fn a_simulated_provider_needs_nothing() {
    let card = card(
        "slow",
        "{dialect: simulated, first_token: 900ms, tokens_per_second: 40}",
    );
    assert_eq!(card.auth, Auth::None);
    assert_eq!(card.simulation.first_token.as_millis(), 900);
    assert_eq!(card.simulation.tokens_per_second, 40.0);
    assert_eq!(card.simulation.error_rate, 0.0);
}

#[test]
fn the_operators_word_goes_over_the_shipped_one() {
    let shipped = shipped("mistral").unwrap();
    let plain = card("mistral", "{}");
    assert_eq!(Some(&plain.base_url), shipped.base_url.as_ref());
    assert_eq!(plain.models.len(), shipped.models.len());

    let eu = card(
        "eu",
        "{card: mistral, base_url: 'https://eu.example/v1', unknown_models: reject,
          models: {mistral-small-latest: {price: {input: 7}}, mine: {mode: embedding}}}",
    );
    assert_eq!(&*eu.name, "eu");
    assert_eq!(eu.base_url, "https://eu.example/v1");
    assert_eq!(eu.unknown_models, UnknownModels::Reject);
    assert_eq!(eu.quirks, plain.quirks);
    assert_eq!(eu.models.len(), plain.models.len() + 1);
    assert_eq!(eu.models["mine"].mode, Mode::Embedding);
    let price = eu.models["mistral-small-latest"].price.as_ref().unwrap();
    assert_eq!(price.input, Rate::try_from(7.0).unwrap());
    assert_eq!(eu.models["mistral-small-latest"].context, None);
}

#[test]
fn quirks_are_replaced_as_a_whole_and_headers_one_by_one() {
    let card = card(
        "mistral",
        "{quirks: {stop_as_list: true}, headers: {X-Title: a, x-b: c}}",
    );
    let quirks = Quirks {
        stop_as_list: true,
        ..Quirks::default()
    };
    assert_eq!(card.quirks, quirks);
    let base = lower_case(settings("{headers: {X-Title: shipped, X-C: d}}").headers);
    let headers = merged(base, card.headers);
    let names: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(names, ["x-b=c", "x-c=d", "x-title=a"]);
}

#[test]
fn anthropic_cards_take_the_dialects_paths_and_header() {
    let card = card(
        "mine",
        "{dialect: anthropic, base_url: 'https://x.example/anthropic'}",
    );
    assert_eq!(card.auth, Auth::Header("x-api-key".to_owned()));
    assert_eq!(card.paths.chat, "/v1/messages");
}

#[test]
fn azure_has_two_surfaces() {
    let check = |rest: &str, chat: &str, model: Option<&str>, usage: StreamUsage| {
        let card = card(
            "azure",
            &format!("{{base_url: 'https://r.openai.azure.com', {rest}}}"),
        );
        assert_eq!(card.base_url, "https://r.openai.azure.com");
        assert_eq!(card.paths.chat, chat, "{rest}");
        assert_eq!(card.model_override.as_deref(), model, "{rest}");
        assert_eq!(card.quirks.stream_usage, usage, "{rest}");
        assert_eq!(card.auth, Auth::Header("api-key".to_owned()));
    };
    let v1 = "/openai/v1/chat/completions";
    check("", v1, None, StreamUsage::Ask);
    check("deployment: my-sol", v1, Some("my-sol"), StreamUsage::Ask);
    check(
        "api: deployments, deployment: my-dep, api_version: 2024-10-21",
        "/openai/deployments/my-dep/chat/completions?api-version=2024-10-21",
        None,
        StreamUsage::AsSent,
    );
    check(
        "api: deployments, api_version: 2024-10-21",
        "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        None,
        StreamUsage::AsSent,
    );
}

#[test]
fn a_base_url_may_hold_the_start_of_the_path_already() {
    let check = |name, base_url: &str, expected: &str| {
        let card = card(name, &format!("base_url: {base_url}"));
        let chat = format!("{}{}", card.base_url, card.paths.chat);
        assert_eq!(chat, expected, "{base_url}");
    };
    let azure = "https://r.openai.azure.com/openai/v1/chat/completions";
    check("azure", "https://r.openai.azure.com", azure);
    check("azure", "https://r.openai.azure.com/", azure);
    check("azure", "https://r.openai.azure.com/openai", azure);
    check("azure", "https://r.openai.azure.com/openai/v1/", azure);
    check(
        "anthropic",
        "https://x.example/v1",
        "https://x.example/v1/messages",
    );
    check(
        "openai",
        "https://x.example/chat",
        "https://x.example/chat/chat/completions",
    );
}

fn paths(chat: &str, embeddings: &str) -> Paths {
    Paths {
        chat: chat.to_owned(),
        embeddings: embeddings.to_owned(),
    }
}
