//! What is wrong with a tool as written is told at load, with its place.

use waypost::{
    app::wire,
    config::{File, parse},
};

/// The first problem of a configuration with this tool.
fn problem(tool: &str) -> String {
    let yaml = format!(
        "providers: {{s: {{dialect: simulated, unknown_models: reject, models: {{m: {{}}}}}}}}\nroutes: {{chat: {{targets: [s/m]}}}}\ntools: {{t: {{description: d, {tool}}}}}\n"
    );
    let file: File = match parse("it.yaml", &yaml) {
        Ok(loaded) => loaded.value,
        Err(problems) => panic!("{problems:#?}"),
    };
    let problems = wire(&file, &|_| None).err().unwrap_or_default();
    problems
        .first()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[test]
fn a_completion_needs_somebody_to_ask_and_something_to_say() {
    let check = |tool: &str, expected: &str| {
        let told = problem(&format!("kind: completion, {tool}"));
        assert!(told.starts_with(expected), "{tool}: {told}");
    };
    check("prompt: a", "tools.t.route: nobody is named who answers");
    check(
        "prompt: a, route: chatt",
        "tools.t.route: there is no route `chatt`; did you mean `chat`",
    );
    check(
        "prompt: a, route: chat, target: s/m",
        "tools.t.target: both",
    );
    check(
        "prompt: a, target: s/x",
        "tools.t.target: the provider `s` has no model `x`",
    );
    check("route: chat", "tools.t.prompt: the model is asked nothing");
    check(
        "route: chat, prompt: a, messages: [{role: user, content: a}]",
        "tools.t.messages: there are",
    );
    check(
        "route: chat, prompt: a, max_tokens: 0",
        "tools.t.max_tokens: ",
    );
    check(
        "route: chat, prompt: a, temperature: 3",
        "tools.t.temperature: 3 is out of range",
    );
    check(
        "route: chat, prompt: '${input.a'",
        "tools.t.prompt: a `${` has no end",
    );
    check(
        "route: chat, prompt: '${env.HOME}'",
        "tools.t.prompt: there is no `env.HOME`",
    );
    check(
        "route: chat, system: '${input.txt}', prompt: a, input_schema: {properties: {text: {}}}",
        "tools.t.system: the tool has no argument `txt`",
    );
    check(
        "route: chat, messages: [{role: user, content: a}, {role: user, content: '${input.b}'}], input_schema: {}",
        "tools.t.messages.1.content: the tool has no argument `b`",
    );
    // Who puts a schema together of others may name arguments anywhere.
    let open =
        "route: chat, prompt: '${input.b}', input_schema: {$ref: '#/$defs/x', $defs: {x: {}}}";
    assert_eq!(problem(&format!("kind: completion, {open}")), "");
}

#[test]
fn an_embedding_needs_an_argument_it_has() {
    let told =
        problem("kind: embed, route: chat, input: text, input_schema: {properties: {texts: {}}}");
    assert!(
        told.contains("tools.t.input: the tool has no argument `text`"),
        "{told}"
    );
    assert!(problem("kind: embed, route: chat, max_texts: 0").contains("tools.t.max_texts"));
}

#[test]
fn a_search_needs_pages() {
    assert!(problem("kind: search").contains("there is nothing to search"));
    assert!(
        problem("kind: search, folder: /nowhere/at/all").contains("tools.t.folder: the folder")
    );
}
