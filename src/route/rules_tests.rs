use super::*;
use crate::dialect::{Ask, Dialect, Work, anthropic::Anthropic, openai::OpenAi};

fn rules(yaml: &str) -> Result<Rules, Vec<String>> {
    let settings: Vec<RuleSettings> = serde_saphyr::from_str(yaml).unwrap();
    let rules = Rules::new(&settings, ["extract", "code", "cheap"].into_iter());
    rules.map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

fn ask(dialect: &'static dyn Dialect, body: &str) -> Ask {
    Ask::read(dialect, Work::Completion, body.as_bytes()).unwrap()
}

fn chat(rest: &str) -> Ask {
    let body = format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"Hi"}}]{rest}}}"#);
    ask(&OpenAi, &body)
}

fn subject(ask: &Ask) -> Subject<'_> {
    Subject {
        ask,
        surface: "chat",
        caller: "ci",
        tool: None,
    }
}

/// The route chosen, and how many rules erred.
fn chosen(yaml: &str, subject: &Subject<'_>) -> (Option<String>, usize) {
    let rules = rules(yaml).unwrap();
    let (choice, erring) = rules.choose(subject);
    let route = choice.and_then(|choice| choice.route.as_deref());
    (route.map(str::to_owned), erring.len())
}

fn holds(when: &str, subject: &Subject<'_>) {
    let written = RuleSettings {
        when: when.to_owned(),
        route: Some("code".to_owned()),
        ..RuleSettings::default()
    };
    let rules = Rules::new(&[written], ["code"].into_iter())
        .unwrap_or_else(|wrong| panic!("{when}: {wrong:?}"));
    let (choice, erring) = rules.choose(subject);
    assert!(choice.is_some() && erring.is_empty(), "{when}: {erring:?}");
}

#[test]
fn the_first_rule_that_is_true_decides() {
    let yaml = r#"
        - { when: 'request.model == "auto" && request.tool == "extract_invoice"', route: extract }
        - { when: 'request.tools.exists(name, name.startsWith("edit_"))', route: code }
        - { when: 'request.model == "auto"', route: cheap, name: rest }
        - { when: 'true', route: code }"#;
    let edit = r#","tools":[{"type":"function","function":{"name":"edit_file"}}]"#;
    let invoice = r#","metadata":{"x-waypost-tool":"extract_invoice"}"#;
    let check = |body: &str, route: &str| {
        let ask = chat(body);
        assert_eq!(chosen(yaml, &subject(&ask)), (Some(route.to_owned()), 0));
    };
    check("", "cheap");
    check(edit, "code");
    check(invoice, "extract");
    check(&format!("{edit}{invoice}"), "extract");
    assert_eq!(chosen("[]", &subject(&chat(""))), (None, 0));
    let rules = rules(yaml).unwrap();
    let names: Vec<_> = rules.rules.iter().map(|rule| &*rule.choice.name).collect();
    assert_eq!(names, ["rule 1", "rule 2", "rest", "rule 4"]);
}

#[test]
fn a_rule_that_cannot_be_tested_is_not_true_and_is_told() {
    let yaml = r#"
        - { when: 'request.metadata.team == "a"', route: code }
        - { when: 'has(request.metadata.team) && request.metadata.team == "a"', route: code }
        - { when: 'request.tools[0] == "f"', route: extract }
        - { when: 'true', route: cheap }"#;
    let ask = chat("");
    let rules = rules(yaml).unwrap();
    let (choice, erring) = rules.choose(&subject(&ask));
    assert_eq!(choice.unwrap().route.as_deref(), Some("cheap"));
    let missing = |rule: &str| Erring {
        rule: rule.into(),
        error: EvalError::Missing,
    };
    assert_eq!(erring, [missing("rule 1"), missing("rule 3")]);
}

#[test]
fn a_request_is_seen_from_all_sides() {
    let ask = ask(
        &OpenAi,
        r#"{"model":"auto","stream":true,"n":2,"max_tokens":99,"reasoning_effort":"high","metadata":{"tier":"gold"},
            "tools":[{"type":"function","function":{"name":"f"}}],
            "tool_choice":{"type":"function","function":{"name":"f"}},
            "response_format":{"type":"json_schema","json_schema":{"name":"invoice","schema":{}}},
            "messages":[{"role":"system","content":"Be brief"},{"role":"user","content":[
                {"type":"image_url","image_url":{"url":"https://example.test/a.png"}}]}]}"#,
    );
    let subject = subject(&ask);
    for when in [
        r#"request.model == "auto" && request.stream && request.n == 2 && request.max_tokens == 99"#,
        r#"request.surface == "chat" && caller.name == "ci""#,
        "request.input_tokens > 10 && request.input_tokens < 100",
        r#"request.has_tools && "f" in request.tools && tool.offered == ["f"]"#,
        r#"request.tool_choice == "named" && request.forced_tool == "f""#,
        r#"request.response_format == "json_schema" && request.schema_name == "invoice""#,
        r#"request.reasoning_effort == "high" && request.metadata.tier == "gold""#,
        "request.has_images && !request.has_audio && !request.has_files",
        r#"request.messages == 2 && request.last_role == "user" && request.system_bytes == 8"#,
        r#"!has(request.tool) && !has(tool.name) && tool.digesting == """#,
    ] {
        holds(when, &subject);
    }
}

#[test]
fn the_tool_of_the_head_beats_that_of_the_body() {
    let ask = chat(r#","metadata":{"x-waypost-tool":"body"}"#);
    holds(
        r#"request.tool == "body" && tool.name == "body""#,
        &subject(&ask),
    );
    let named = Subject {
        tool: Some("head"),
        ..subject(&ask)
    };
    holds(r#"request.tool == "head" && tool.name == "head""#, &named);
}

#[test]
fn the_tool_whose_result_is_digested_is_known_in_both_dialects() {
    let openai = ask(
        &OpenAi,
        r#"{"model":"m","messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","tool_calls":[
                {"id":"1","type":"function","function":{"name":"search","arguments":"{}"}},
                {"id":"2","type":"function","function":{"name":"sql.query","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"a"},{"role":"tool","tool_call_id":"2","content":"b"}]}"#,
    );
    holds(r#"tool.digesting == "sql.query""#, &subject(&openai));
    let anthropic = ask(
        &Anthropic,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"search","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"a"},
                {"type":"text","text":"Well?"}]}]}"#,
    );
    holds(
        r#"tool.digesting == "search" && request.last_role == "user""#,
        &subject(&anthropic),
    );
    let digested = ask(
        &OpenAi,
        r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[
                {"id":"1","type":"function","function":{"name":"search","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"1","content":"a"},{"role":"assistant","content":"Found it"},
            {"role":"user","content":"Thanks"}]}"#,
    );
    holds(r#"tool.digesting == """#, &subject(&digested));
}

#[test]
fn every_name_is_known_and_has_the_type_of_its_sample() {
    let ask = chat("");
    let subject = subject(&ask);
    for (name, sample) in NAMES.iter() {
        let value = subject
            .value(name)
            .unwrap_or_else(|| panic!("{name} is unknown"));
        assert_eq!(
            std::mem::discriminant(&value),
            std::mem::discriminant(sample),
            "{name}"
        );
    }
    assert_eq!(subject.value("request.other"), None);
}

#[test]
fn the_conversation_is_parsed_only_for_a_rule_that_asks_for_it() {
    // A conversation nobody can read: whoever needs it errs.
    let odd = ask(&OpenAi, r#"{"model":"m","messages":[{"role":7}]}"#);
    let errs = |when: &str| {
        let yaml = format!("[{{ when: '{when}', route: code }}]");
        chosen(&yaml, &subject(&odd)).1 > 0
    };
    assert!(!errs(
        r#"request.model == "a" && request.tool == "b" && "k" in request.metadata"#
    ));
    assert!(errs(r#"request.model == "a" || tool.digesting == "b""#));
    assert!(rules("[]").unwrap().is_empty());
}

#[test]
fn a_conversation_that_cannot_be_read_and_long_lists_are_errors() {
    let yaml = r#"[{ when: 'tool.digesting == "x"', route: code }, { when: '"f" in request.tools', route: code }]"#;
    let odd = ask(&OpenAi, r#"{"model":"m","messages":[{"role":7}]}"#);
    assert_eq!(chosen(yaml, &subject(&odd)), (None, 2));
    let tools = r#"{"type":"function","function":{"name":"f"}},"#.repeat(257);
    let many = chat(&format!(r#","tools":[{}]"#, tools.trim_end_matches(',')));
    assert_eq!(chosen(yaml, &subject(&many)), (None, 1));
}

#[test]
fn a_choice_adds_to_what_the_caller_asks() {
    let yaml = "
        - when: 'true'
          strategy: cheapest
          within: { first_token: 2s, max_price: 0.5 }
          tags: [eu]";
    let rules = rules(yaml).unwrap();
    let ask = chat("");
    let choice = rules.choose(&subject(&ask)).0.unwrap();
    let mut hints = Hints::default();
    choice.adds_to(&mut hints);
    assert_eq!(hints.strategy, Some(Strategy::Cheapest));
    assert_eq!(hints.within, choice.within);
    assert!(hints.tags.contains("eu"));
    let mut theirs = Hints {
        strategy: Some(Strategy::Fastest),
        ..Hints::default()
    };
    choice.adds_to(&mut theirs);
    assert_eq!(theirs.strategy, Some(Strategy::Fastest));
}

#[test]
fn every_problem_is_told_at_once() {
    let yaml = r#"
        - { when: 'request.modle == "a"', route: extrac }
        - { when: 'request == "a" || foo(1)', route: code }
        - { when: 'reqest.model == "a"', route: code }
        - { when: 'request.model > 5', route: code }
        - { when: 'request.model', route: code }
        - { when: 'request.model == ', route: code }
        - { when: 'true', within: { validity: 2 } }
        - { when: 'true' }
        - { when: 'request == "a"', route: code }
        - { name: twice, when: 'true', route: code }
        - { name: twice, when: 'true', route: code }"#;
    let problems = rules(yaml).unwrap_err();
    let expected = [
        "0.route: there is no route `extrac`; did you mean `extract`?",
        "0.when: at column 1: there is no value `request.modle`; expected one of `request.`: model, stream",
        "1.when: at column 19: there is no function `foo`",
        "2.when: at column 1: there is no value `reqest.model`; expected `request`, `tool` or `caller`, and a field of it; did you mean `request.model`?",
        "3.when: found no matching overload for '_>_' applied to '(string, int)'",
        "4.when: the value is a string, neither true nor false",
        "5.when: at column 1",
        "6.within.validity: 2 is no share of valid answers; expected 0 to 1",
        "7: the rule changes nothing; expected `route`, `strategy`, `within` or `tags`",
        "8.when: at column 1: there is no value `request`; expected one of `request.`: ",
        "10.name: an earlier rule is named `twice`, too; expected a name of its own, for records and metrics",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(
            problem.starts_with(expected),
            "got  {problem}\nwant {expected}"
        );
    }
    assert!(
        problems[1].ends_with("did you mean `request.model`?"),
        "{}",
        problems[1]
    );
}
