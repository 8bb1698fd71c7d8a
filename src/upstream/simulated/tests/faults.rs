//! What goes wrong on purpose.

use std::collections::BTreeSet;

use super::*;
use crate::{catalog::Outage, span::Span};

#[test]
fn faults_at_the_door_are_errors_in_openai_words() {
    let check = |fault: Fault, status: u16, code: Value| {
        let script = with_faults(&[fault]).answer(CHAT, ask("hi").to_string().as_bytes(), 0);
        assert_eq!(script.status, status, "{fault:?}");
        assert_eq!(header(&script, "content-type"), Some("application/json"));
        assert_eq!(
            header(&script, "retry-after"),
            (status == 429).then_some("1")
        );
        let error = &whole(&script)["error"];
        assert_eq!(error["code"], code, "{fault:?}");
        assert!(
            error["message"].is_string() && error["type"].is_string(),
            "{error}"
        );
    };
    check(Fault::RateLimit, 429, json!("rate_limit_exceeded"));
    check(Fault::Overloaded, 503, Value::Null);
    check(Fault::ServerError, 500, Value::Null);
    check(Fault::ErrorFirst, 500, Value::Null);
    check(Fault::Auth, 401, json!("invalid_api_key"));
    check(Fault::InvalidRequest, 400, Value::Null);
    check(Fault::ContextLength, 400, json!("context_length_exceeded"));
}

#[test]
fn faults_of_a_stream_strike_where_they_say() {
    let check = |fault: &str, last: Option<Step>, open_events: bool| {
        let body = ask(&format!("hello [[sim {fault}]]"));
        let script = first(&and(body, json!({"stream": true})));
        assert_eq!(script.status, 200, "{fault}");
        let ends = matches!(script.body.last(), Some(Step::Cut | Step::Hang));
        assert_eq!(
            ends.then(|| script.body.last().cloned().unwrap()),
            last,
            "{fault}"
        );
        let told = events(&script);
        let open = told
            .iter()
            .all(|event| event != "[DONE]" && !event.contains(r#""finish_reason":"stop""#));
        assert_eq!(open, open_events, "{fault}");
        told
    };
    assert_eq!(check("fault=hang", Some(Step::Hang), true).len(), 0);
    assert!((3..=5).contains(&check("fault=cut", Some(Step::Cut), true).len()));
    assert!((3..=5).contains(&check("stall", Some(Step::Hang), true).len()));
    assert!(check("fault=no_terminator", None, true).len() > 3);
    let error_first = check("fault=error_first", None, true);
    assert_eq!(error_first.len(), 1);
    assert!(error_first[0].starts_with(r#"{"error":{"message""#));
    check("fault=none", None, false);
}

#[test]
fn faults_of_a_whole_answer_cut_it_or_take_its_usage() {
    let body = ask("hello");
    let cut = with_faults(&[Fault::Cut]).answer(CHAT, body.to_string().as_bytes(), 0);
    assert_eq!(cut.body.last(), Some(&Step::Cut));
    assert!(serde_json::from_slice::<Value>(&bytes(&cut)).is_err());
    let hang = with_faults(&[Fault::Hang]).answer(CHAT, body.to_string().as_bytes(), 0);
    assert_eq!((hang.delay, hang.body), (Duration::MAX, vec![Step::Hang]));
    let bare = with_faults(&[Fault::NoUsage]).answer(CHAT, body.to_string().as_bytes(), 0);
    assert!(whole(&bare).get("usage").is_none());
    let stream = and(
        ask("hello [[sim fault=no_usage]]"),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    );
    assert!(
        events(&first(&stream))
            .iter()
            .all(|event| !event.contains("usage"))
    );
}

#[test]
fn faults_happen_to_the_first_requests_in_order() {
    let simulator = with_faults(&[Fault::None, Fault::RateLimit, Fault::Auth]);
    let body = ask("hi").to_string();
    let status = |_| simulator.answer(CHAT, body.as_bytes(), 0).status;
    assert_eq!(
        (0..5).map(status).collect::<Vec<_>>(),
        [200, 429, 401, 200, 200]
    );
}

#[test]
fn the_error_rate_is_the_share_of_failures_of_every_kind() {
    let simulator = Simulator::new(Simulation {
        error_rate: 0.3,
        ..settings()
    });
    let body = ask("hi").to_string();
    let scripts: Vec<Script> = (0..1000)
        .map(|_| simulator.answer(CHAT, body.as_bytes(), 0))
        .collect();
    let failed = |script: &&Script| script.status != 200 || script.body.last() == Some(&Step::Cut);
    let failed: Vec<&Script> = scripts.iter().filter(failed).collect();
    assert!((250..350).contains(&failed.len()), "{}", failed.len());
    let kinds: BTreeSet<u16> = failed.iter().map(|script| script.status).collect();
    assert_eq!(kinds, BTreeSet::from([200, 429, 500, 503]));
}

#[test]
fn an_outage_comes_back_by_the_clock() {
    let outage = Outage {
        every: Span::secs(60),
        lasts: Span::secs(15),
        fault: Fault::Overloaded,
    };
    let simulator = Simulator::new(Simulation {
        outage: Some(outage),
        seed: 0,
        ..settings()
    });
    let body = ask("hi").to_string();
    let status = |second| simulator.answer(CHAT, body.as_bytes(), second).status;
    let seen = [0, 14, 15, 59, 60, 74, 75].map(status);
    assert_eq!(seen, [503, 503, 200, 200, 503, 503, 200]);
}

#[test]
fn a_slow_answer_begins_ten_times_as_late() {
    let begins = |fault| with_faults(&[fault]).answer(CHAT, ask("hi").to_string().as_bytes(), 0);
    let stream = and(ask("hi"), json!({"stream": true})).to_string();
    let streams = |fault| {
        with_faults(&[fault])
            .answer(CHAT, stream.as_bytes(), 0)
            .delay
    };
    assert_eq!(streams(Fault::Slow), streams(Fault::None) * 10);
    assert!(begins(Fault::Slow).delay > begins(Fault::None).delay);
}

#[test]
fn spoilt_answers_are_not_what_was_asked_for() {
    let one = |fault, body: &Value| {
        let script = with_faults(&[fault]).answer(CHAT, body.to_string().as_bytes(), 0);
        whole(&script)["choices"][0]["message"].clone()
    };
    let call = |fault| {
        let body = and(ask("x"), tools(&["get_weather"]));
        let body = and(body, json!({"tool_choice": "required"}));
        one(fault, &body)["tool_calls"][0]["function"].clone()
    };
    assert_eq!(call(Fault::UnknownTool)["name"], "get_weather_v2");
    assert_eq!(
        call(Fault::OffSchema)["arguments"],
        r#"{"note":"this fits no schema"}"#
    );
    assert_eq!(one(Fault::Empty, &ask("x"))["content"], "");
}
