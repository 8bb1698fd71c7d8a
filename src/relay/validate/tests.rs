//! Verdicts over the shapes that models really produce.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    chat::{Answer, Content, Finish, Fix, Place, Request, Role, ToolCall},
    dialect::{Ask, Work, anthropic::Anthropic, bridge::Watch, openai::OpenAi},
    json::Object,
    policy::Answers,
    schema::Schemas,
};

const WEATHER: &str = r#"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},
    "required":["city"],"additionalProperties":false}"#;

fn request(extra: Value) -> Request {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "SECRET"}]});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let ask = Ask::read(&OpenAi, Work::Completion, body.to_string().as_bytes()).unwrap();
    ask.conversation().unwrap().clone()
}

fn tools() -> Value {
    let weather: Value = serde_json::from_str(WEATHER).unwrap();
    json!({"tools": [
        {"type": "function", "function": {"name": "weather", "parameters": weather}},
        {"type": "function", "function": {"name": "now"}},
        {"type": "function", "function": {"name": "odd", "parameters": {"properties": {"x": {"pattern": "(?=a)"}}}}},
    ]})
}

fn format() -> Value {
    let schema: Value = serde_json::from_str(WEATHER).unwrap();
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}})
}

fn expected(extra: Value) -> Expected {
    Expected::of(
        &request(extra),
        &Arc::new(Schemas::new()),
        Answers::default(),
    )
    .unwrap()
}

fn said(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        spoke: !text.is_empty(),
        finish: Some(Finish::Stop),
        ..Answer::default()
    }
}

fn called(calls: &[(&str, &str)]) -> Answer {
    let call = |(at, (name, arguments)): (usize, &(&str, &str))| ToolCall {
        id: format!("call_{at}"),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
        extra: Object::new(),
    };
    Answer {
        calls: calls.iter().enumerate().map(call).collect(),
        finish: Some(Finish::ToolCalls),
        ..Answer::default()
    }
}

/// A verdict in one line: `pass`, the fixes, or label and sentence.
fn line(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Repaired(fixes) => {
            let texts: Vec<&str> = fixes.iter().map(|fix| fix.text.as_str()).collect();
            format!("fixed: {}", texts.join(" | "))
        }
        Verdict::Invalid(fault) => format!("{}: {}", fault.kind.label(), fault.message),
    }
}

#[test]
fn calls_are_judged_by_the_tools_on_offer() {
    let expected = expected(tools());
    let check = |calls: &[(&str, &str)], wanted: &str| {
        assert_eq!(
            line(check(&expected, &[called(calls)])),
            wanted,
            "{calls:?}"
        );
    };
    check(&[("weather", r#"{"city":"Oslo"}"#), ("now", "{}")], "pass");
    check(&[("now", "")], "pass");
    check(&[("now", r#"{"zone":"UTC"}"#)], "pass");
    // A schema that cannot be used is not checked.
    check(&[("odd", r#"{"x":1}"#)], "pass");
    check(
        &[("get_weather", "{}")],
        "unknown_tool: The model called the tool \"get_weather\", which is not on offer; on offer: now, odd, weather",
    );
    check(
        &[("weather", r#"{"town":"Oslo"}"#)],
        "arguments_off_schema: The arguments of the tool \"weather\" do not fit its schema: there may be no member \"town\"",
    );
    check(
        &[
            ("weather", r#"{"city":"Oslo"}"#),
            ("weather", r#"{"city":7}"#),
        ],
        "arguments_off_schema: The arguments of the tool \"weather\" do not fit its schema: 7 is not of type string (at /city)",
    );
    check(
        &[("weather", r#"{"city":"Os"#)],
        "bad_arguments: The arguments of the tool \"weather\" are not valid JSON: EOF while parsing a string at line 1 column 11",
    );
    check(
        &[("weather", "")],
        "arguments_off_schema: The arguments of the tool \"weather\" do not fit its schema: the member \"city\" is missing",
    );
    check(
        &[("now", "[1]")],
        "arguments_off_schema: The arguments of the tool \"now\" do not fit its schema: [1] is not of type object",
    );
    // What can be put right.
    check(&[("now", "null")], "fixed: {}");
    check(
        &[("weather", r#""{\"city\":\"Oslo\"}""#)],
        r#"fixed: {"city":"Oslo"}"#,
    );
    check(
        &[("now", "{}"), ("weather", "{\"city\":\"Oslo\",}")],
        r#"fixed: {"city":"Oslo"}"#,
    );
    // What could be, and still would not fit.
    check(
        &[("weather", "null")],
        "arguments_off_schema: The arguments of the tool \"weather\" do not fit its schema: null is not of type object",
    );
}

#[test]
fn json_is_judged_by_its_schema() {
    let any = expected(json!({"response_format": {"type": "json_object"}}));
    let fixed = expected(format());
    let check = |expected: &Expected, text: &str, wanted: &str| {
        assert_eq!(line(check(expected, &[said(text)])), wanted, "{text:?}");
    };
    check(&any, "{}", "pass");
    check(
        &any,
        "[]",
        "off_schema: The answer is not the JSON that was asked for: [] is not of type object",
    );
    check(
        &any,
        "Sorry, I cannot.",
        "not_json: The answer is not valid JSON, which was asked for: expected value at line 1 column 1",
    );
    check(&any, "", "empty: The model's answer is empty");
    check(&fixed, " {\"city\":\"Oslo\"}\n", "pass");
    check(
        &fixed,
        "```json\n{\"city\": \"Oslo\"}\n```",
        "fixed: {\"city\": \"Oslo\"}",
    );
    check(
        &fixed,
        "Here you are: {\"city\":\"Oslo\",} Enjoy!",
        "fixed: {\"city\":\"Oslo\"}",
    );
    check(
        &fixed,
        "\u{feff}{\"city\":\"Oslo\"}",
        "fixed: {\"city\":\"Oslo\"}",
    );
    check(
        &fixed,
        "```json\n{\"town\": \"Oslo\"}\n```",
        "not_json: The answer is not valid JSON, which was asked for: expected value at line 1 column 1",
    );
}

#[test]
fn what_need_not_be_whole_passes() {
    let both = {
        let mut both = tools();
        both["response_format"] = json!({"type": "json_object"});
        expected(both)
    };
    let check = |answer: Answer, wanted: &str| {
        let verdict = line(check(&both, std::slice::from_ref(&answer)));
        assert!(verdict.starts_with(wanted), "{answer:?}: {verdict}");
    };
    let ended = |answer: Answer, finish| Answer {
        finish: Some(finish),
        ..answer
    };
    check(ended(said("{\"a"), Finish::Length), "pass");
    check(ended(said(""), Finish::Length), "pass");
    check(
        ended(called(&[("weather", "{\"ci")]), Finish::Length),
        "pass",
    );
    check(ended(said(""), Finish::ContentFilter), "pass");
    check(
        Answer {
            refused: true,
            ..said("")
        },
        "pass",
    );
    // Calls come before the JSON.
    let talking = Answer {
        text: "Let me look.".to_owned(),
        spoke: true,
        ..called(&[("now", "{}")])
    };
    check(talking, "pass");
    check(said(""), "empty");
    check(ended(said(""), Finish::ToolCalls), "empty");
    let sound = Answer {
        spoke: true,
        ..said("")
    };
    assert_eq!(line(super::check(&expected(tools()), &[sound])), "pass");
}

#[test]
fn one_bad_answer_of_several_is_enough() {
    let expected = expected(json!({"response_format": {"type": "json_object"}}));
    let answers = [
        said("{}"),
        Answer {
            choice: 1,
            ..said("{} {}")
        },
        Answer {
            choice: 2,
            ..said("```{\"a\":1}```")
        },
    ];
    let Verdict::Invalid(fault) = check(&expected, &answers) else {
        panic!("the second is no JSON");
    };
    assert_eq!((fault.choice, fault.kind), (1, FaultKind::NotJson));
    let fix = |choice, text: &str| Fix {
        choice,
        place: Place::Text,
        text: text.to_owned(),
    };
    let fixed = [answers[0].clone(), answers[2].clone()];
    assert_eq!(
        check(&expected, &fixed),
        Verdict::Repaired(vec![fix(2, "{\"a\":1}")])
    );
}

#[test]
fn nothing_is_put_right_where_the_route_says_so() {
    let policy = Answers {
        repair: false,
        ..Answers::default()
    };
    let expected = Expected::of(&request(format()), &Arc::new(Schemas::new()), policy).unwrap();
    let verdict = line(check(&expected, &[said("```{\"city\":\"Oslo\"}```")]));
    assert!(verdict.starts_with("not_json"), "{verdict}");
}

#[test]
fn a_stream_is_held_back_as_little_as_can_be() {
    let schemas = Arc::new(Schemas::new());
    let check = |extra: Value, wanted: Watch| {
        let expected = Expected::of(&request(extra.clone()), &schemas, Answers::default());
        let watch = expected.map_or(Watch::Silence, |expected| expected.watch());
        assert_eq!(watch, wanted, "{extra}");
    };
    check(json!({}), Watch::Silence);
    check(json!({"response_format": {"type": "text"}}), Watch::Silence);
    check(tools(), Watch::Calls);
    check(format(), Watch::Everything);
}

#[test]
fn other_tools_leave_names_open() {
    let mut extra = tools();
    extra["tools"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "custom", "custom": {"name": "shell"}}));
    assert_eq!(
        line(check(&expected(extra), &[called(&[("shell", "ls")])])),
        "pass"
    );
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [
        {"name": "now", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}]});
    let ask = Ask::read(&Anthropic, Work::Completion, body.to_string().as_bytes()).unwrap();
    let expected = Expected::of(
        ask.conversation().unwrap(),
        &Arc::new(Schemas::new()),
        Answers::default(),
    )
    .unwrap();
    assert_eq!(
        line(check(
            &expected,
            &[called(&[("bash", "{}"), ("now", "{}")])]
        )),
        "pass"
    );
    assert!(line(check(&expected, &[called(&[("now", "{")])])).starts_with("bad_arguments"));
}

#[test]
fn sentences_hold_no_prompt_and_little_of_the_answer() {
    let expected = expected(tools());
    let name = "n\u{1b}[31m\n".repeat(100);
    let long = json!({"city": vec!["x"; 1_000]}).to_string();
    for calls in [[(name.as_str(), "{}")], [("weather", long.as_str())]] {
        let verdict = line(check(&expected, &[called(&calls)]));
        assert!(verdict.chars().count() < 600, "{verdict}");
        assert!(
            !verdict.chars().any(char::is_control) && !verdict.contains("SECRET"),
            "{verdict}"
        );
    }
}

#[test]
fn the_model_is_asked_again_in_turns_every_provider_takes() {
    let request = request(tools());
    let expected = expected(tools());
    let fault = |answer: &Answer| match check(&expected, std::slice::from_ref(answer)) {
        Verdict::Invalid(fault) => fault,
        other => panic!("{other:?}"),
    };
    let bad = called(&[("now", "{}"), ("weather", "{\"ci")]);
    let again = reask(&request, std::slice::from_ref(&bad), &fault(&bad));
    let new = &again.messages[request.messages.len()..];
    assert_eq!(
        new.iter().map(|turn| turn.role).collect::<Vec<_>>(),
        [Role::Assistant, Role::Tool, Role::Tool]
    );
    assert_eq!(new[0].tool_calls[1].arguments, "{}");
    assert_eq!(new[1].tool_call_id.as_deref(), Some("call_0"));
    assert_eq!(new[2].tool_call_id.as_deref(), Some("call_1"));
    assert!(new[1].content.text().starts_with("Not run"));
    assert!(new[2].content.text().contains("not valid JSON"));

    let empty = said("");
    let again = reask(&request, std::slice::from_ref(&empty), &fault(&empty));
    let new = &again.messages[request.messages.len()..];
    assert_eq!(new.len(), 1);
    assert_eq!(
        (new[0].role, new[0].content.text().as_str()),
        (
            Role::User,
            "The model's answer is empty. Answer again, in full."
        )
    );

    let json = self::expected(format());
    let prose = said("Oslo.");
    let Verdict::Invalid(fault) = check(&json, std::slice::from_ref(&prose)) else {
        panic!("prose is no JSON");
    };
    let again = reask(&request, std::slice::from_ref(&prose), &fault);
    let new = &again.messages[request.messages.len()..];
    assert!(matches!(&new[0].content, Content::Text(text) if text == "Oslo."));
    assert_eq!((new[0].role, new[1].role), (Role::Assistant, Role::User));
}

#[test]
fn repairs_leave_out_and_never_invent() {
    let check = |text: &str, wanted: Option<&str>| {
        assert_eq!(repair::json(text).as_deref(), wanted, "{text:?}");
    };
    check(r#"{"a":1}"#, Some(r#"{"a":1}"#));
    check("```json\n[1,2,]\n```", Some("[1,2]"));
    check("```\n\"x\"\n```", Some("\"x\""));
    check(
        "Use {braces}: ```json\n{\"a\":1}\n``` so.",
        Some(r#"{"a":1}"#),
    );
    check("Answer: {\"a\":\"}, {\"} ok", Some(r#"{"a":"}, {"}"#));
    check(
        "{\"a\":\",}\",\"b\":[1 , ] , }",
        Some("{\"a\":\",}\",\"b\":[1  ]  }"),
    );
    check("{\"a\":\"\\\",}\",}", Some("{\"a\":\"\\\",}\"}"));
    // Cut short: a part of it is not the whole.
    check("{\"user\": {\"name\": \"x\"}", None);
    check("{\"items\": [{\"a\":1},{\"a\":2}]", None);
    // Two values, or something else in brackets: which is meant is a guess.
    check("{\"a\":1}\n{\"a\":2}", None);
    check("As [1] says: {\"a\":1}", None);
    check("```{\"a\":1}``` or ```{\"a\":2}```", None);
    for text in [
        "", "   ", "Hello.", "{'a': 1}", "{a: 1}", "[1,,2]", "[,]", "{", "}", "}{", "``````",
    ] {
        let repaired = repair::json(text);
        assert!(
            repaired.is_none() || text == "[,]",
            "{text:?}: {repaired:?}"
        );
    }
    let check = |text: &str, wanted: Option<&str>| {
        assert_eq!(repair::arguments(text).as_deref(), wanted, "{text:?}");
    };
    check(r#""{\"a\":1}""#, Some(r#"{"a":1}"#));
    check(r#""```json\n{\"a\":1,}\n```""#, Some(r#"{"a":1}"#));
    check(r#""just words""#, None);
    check(r#""\"{}\"""#, None);
    check(" null ", Some("{}"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        r#"[a-z,{}\[\]"`\\ ]{0,12}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(r#"[a-z,}"]{0,4}"#, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn valid_json_stays_as_it_is(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(repair::json(&text), Some(text));
    }

    #[test]
    fn what_was_wrapped_comes_out_the_same(value in any_json().prop_filter("a container", |v| v.is_object() || v.is_array())) {
        let text = value.to_string();
        // Marks of a fence inside the value make the fence ambiguous, and then it is left alone or found by brackets.
        prop_assert_eq!(repair::json(&format!("Sure, here it is: {text} Bye.")), Some(text.clone()));
        prop_assert_eq!(repair::json(&format!("\u{feff}\n{text}")), Some(text.clone()));
        prop_assert_eq!(repair::json(&format!("```json\n{text}\n```")), Some(text));
    }

    #[test]
    fn what_comes_out_always_parses(text in r#"[a1,:{}\[\]"`\\ \n]{0,40}"#) {
        for repaired in [repair::json(&text), repair::arguments(&text)].into_iter().flatten() {
            prop_assert!(serde_json::from_str::<Value>(&repaired).is_ok(), "{}", repaired);
        }
    }
}
