//! Streams: the vectors' events, and any events in any order.

use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::vector;
use crate::{
    chat::{Delta, Finish, ReasoningDetail, Usage},
    dialect::{Cleanliness, Dialect, StreamReader, StreamStyle, anthropic::Anthropic, sse},
    outcome::{ErrorClass, Failure},
};

fn style() -> StreamStyle {
    StreamStyle {
        include_usage: true,
        now: 1,
        model: "m".to_owned(),
        id: "r".to_owned(),
    }
}

fn read_into(
    reader: &mut dyn StreamReader,
    stream: &str,
    deltas: &mut Vec<Delta>,
) -> Result<Vec<Cleanliness>, Failure> {
    let mut framer = sse::Framer::new();
    framer.push(stream.as_bytes());
    let mut clean = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        clean.push(reader.read(&event, deltas)?);
    }
    Ok(clean)
}

fn read(stream: &str) -> Result<Vec<Delta>, Failure> {
    let mut reader = Anthropic.stream_reader();
    let mut deltas = Vec::new();
    read_into(reader.as_mut(), stream, &mut deltas)?;
    reader.end(&mut deltas)?;
    Ok(deltas)
}

fn stream_of(name: &str) -> String {
    let vector = vector(name);
    let frames = vector["upstream_sse"].as_array().unwrap();
    frames.iter().map(|frame| frame.as_str().unwrap()).collect()
}

/// Deltas in a short spelling.
fn short(deltas: &[Delta]) -> Vec<String> {
    let short = |delta: &Delta| match delta {
        Delta::Start { id, model, .. } => format!("start {id} {model}"),
        Delta::Text { text, .. } => format!("text {text}"),
        Delta::Reasoning { text, .. } => format!("reasoning {text}"),
        Delta::ReasoningDetail { detail, .. } => {
            format!("detail {}", serde_json::to_string(detail).unwrap())
        }
        Delta::Refusal { text, .. } => format!("refusal {text}"),
        Delta::ToolCall { call, id, name, .. } => format!("call {call} {id} {name}"),
        Delta::Arguments { call, fragment, .. } => format!("arguments {call} {fragment}"),
        Delta::Annotation { annotation, .. } => format!("annotation {annotation}"),
        Delta::Finish { finish, .. } => format!("finish {}", finish.name()),
        Delta::Usage(usage) => format!("usage {} {}", usage.input, usage.output),
        Delta::Other { .. } => "other".to_owned(),
    };
    deltas.iter().map(short).collect()
}

/// Frames of events given as their data.
fn frames(events: &[Value]) -> String {
    let frame = |event: &Value| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    };
    events.iter().map(frame).collect()
}

fn message_start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 11, "output_tokens": 1}}})
}

#[test]
fn streams_are_read_delta_by_delta() {
    let check = |name: &str, expected: &[&str]| {
        assert_eq!(short(&read(&stream_of(name)).unwrap()), expected, "{name}");
    };
    check(
        "anthropic/stream_text_cached_usage",
        &[
            "start msg_01S claude-haiku-4-5",
            "text Hel",
            "text lo",
            "finish stop",
            "usage 503 7",
        ],
    );
    check(
        "anthropic/stream_parallel_tools",
        &[
            "start msg_01S claude-haiku-4-5",
            "text Both.",
            "call 0 toolu_a get_weather",
            "arguments 0 {\"ci",
            "arguments 0 ty\":\"Oslo\"}",
            "call 1 toolu_b get_weather",
            "arguments 1 {\"city\":\"Rome\"}",
            "finish tool_calls",
            "usage 11 40",
        ],
    );
    check(
        "anthropic/stream_tool_no_args",
        &[
            "start msg_01S claude-haiku-4-5",
            "call 0 toolu_n now",
            "arguments 0 {}",
            "finish tool_calls",
            "usage 11 9",
        ],
    );
}

#[test]
fn an_error_event_is_a_failure_of_its_class() {
    let failure = read(&stream_of("anthropic/stream_error_before_first_token")).unwrap_err();
    assert_eq!(
        (failure.class, failure.message.as_str(), failure.status),
        (ErrorClass::Overloaded, "Overloaded", None)
    );
    let broken = read("event: ping\ndata: {oops\n\n").unwrap_err();
    assert_eq!(broken.class, ErrorClass::ServerError);
}

#[test]
fn a_stream_without_its_end_is_a_failure_unless_all_was_said() {
    let cut = frames(&[
        message_start(),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
    ]);
    let failure = read(&cut).unwrap_err();
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (
            ErrorClass::ServerError,
            "The provider's stream ended before the answer was complete"
        )
    );
    assert_eq!(read("").unwrap_err().class, ErrorClass::ServerError);
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 3}});
    let whole = read(&frames(&[message_start(), delta])).unwrap();
    assert_eq!(
        short(&whole),
        ["start msg_1 m", "finish length", "usage 11 3"]
    );
}

#[test]
fn thoughts_citations_and_refusals_are_told() {
    let block = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let citation =
        json!({"type": "web_search_result_location", "url": "https://e.com", "title": "E"});
    let stream = frames(&[
        message_start(),
        block(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "S"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "R"})),
        stop(1),
        block(2, json!({"type": "text", "text": "é"})),
        stop(2),
        block(3, json!({"type": "text", "text": ""})),
        delta(3, json!({"type": "citations_delta", "citation": citation})),
        delta(3, json!({"type": "text_delta", "text": "rain"})),
        stop(3),
        block(
            4,
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ),
        delta(4, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(4),
        block(
            5,
            json!({"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}),
        ),
        json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "No."}}, "usage": {}}),
        json!({"type": "message_stop"}),
    ]);
    assert_eq!(
        short(&read(&stream).unwrap()),
        [
            "start msg_1 m",
            "reasoning Hm",
            r#"detail {"type":"reasoning.text","text":"Hm","format":"anthropic-claude-v1","index":0}"#,
            r#"detail {"type":"reasoning.text","signature":"S","format":"anthropic-claude-v1","index":0}"#,
            r#"detail {"type":"reasoning.encrypted","data":"R","format":"anthropic-claude-v1","index":1}"#,
            "text é",
            "text rain",
            r#"annotation {"type":"url_citation","url_citation":{"start_index":1,"end_index":5,"title":"E","url":"https://e.com"}}"#,
            "other",
            "call 0 t n",
            r#"arguments 0 {"a":1}"#,
            "refusal No.",
            "finish content_filter",
            "usage 11 1",
        ]
    );
}

#[test]
fn a_terminator_without_a_stop_reason_makes_no_answer_whole() {
    let text = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Par"}});
    let terminator = json!({"type": "message_stop"});
    for events in [vec![terminator.clone()], vec![text, terminator]] {
        let failure = read(&frames(&events)).unwrap_err();
        assert_eq!(failure.class, ErrorClass::ServerError, "{events:?}");
    }
}

#[test]
fn everything_but_the_terminator_is_forwarded_as_it_came() {
    let stream = stream_of("anthropic/stream_parallel_tools");
    let mut reader = Anthropic.stream_reader();
    let mut writer = Anthropic.stream_writer(style());
    let mut framer = sse::Framer::new();
    framer.push(stream.as_bytes());
    let mut out = BytesMut::new();
    let mut deltas = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        deltas.clear();
        let clean = reader.read(&event, &mut deltas).unwrap();
        if clean == Cleanliness::Clean && writer.forward(&deltas) {
            out.extend_from_slice(event.raw);
        } else {
            deltas
                .iter()
                .for_each(|delta| writer.write(delta, &mut out));
        }
    }
    assert!(reader.is_done());
    writer.finish(&mut out);
    assert_eq!(std::str::from_utf8(&out).unwrap(), stream);
}

fn write(deltas: &[Delta]) -> String {
    let mut writer = Anthropic.stream_writer(style());
    let mut out = BytesMut::new();
    deltas
        .iter()
        .for_each(|delta| writer.write(delta, &mut out));
    writer.finish(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn text(text: &str) -> Delta {
    Delta::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

fn call(call: u64) -> Delta {
    Delta::ToolCall {
        choice: 0,
        call,
        id: format!("c{call}"),
        name: "n".to_owned(),
    }
}

fn arguments(call: u64, fragment: &str) -> Delta {
    Delta::Arguments {
        choice: 0,
        call,
        fragment: fragment.to_owned(),
    }
}

fn finish(finish: Finish) -> Delta {
    Delta::Finish { choice: 0, finish }
}

fn start() -> Delta {
    Delta::Start {
        id: "chatcmpl-1".to_owned(),
        model: "gpt".to_owned(),
        created: None,
    }
}

#[test]
fn a_stream_of_another_dialect_becomes_events() {
    let reasoning = Delta::Reasoning {
        choice: 0,
        text: "Hm".to_owned(),
    };
    let usage = Delta::Usage(Usage {
        input: 9,
        output: 4,
        cached: Some(2),
        ..Usage::default()
    });
    let stream = write(&[
        start(),
        reasoning,
        text("Hi"),
        text("!"),
        finish(Finish::Length),
        usage,
    ]);
    let expected = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_chatcmpl-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"gpt\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hm\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"!\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":2,\"output_tokens\":4}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    assert_eq!(stream, expected);
}

/// The calls of a stream: name and arguments of each `tool_use` block, in order.
fn calls_of(stream: &str) -> Vec<(String, String)> {
    let mut framer = sse::Framer::new();
    framer.push(stream.as_bytes());
    let mut calls: Vec<(String, String)> = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        let event: Value = serde_json::from_str(&event.data).unwrap();
        if event["content_block"]["type"] == "tool_use" {
            calls.push((
                event["content_block"]["id"].as_str().unwrap().to_owned(),
                String::new(),
            ));
        }
        if let Some(fragment) = event["delta"]["partial_json"].as_str() {
            calls.last_mut().unwrap().1.push_str(fragment);
        }
    }
    calls
}

#[test]
fn calls_streamed_side_by_side_come_out_one_after_the_other() {
    let check = |deltas: &[Delta], expected: &[(&str, &str)]| {
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, arguments)| ((*id).to_owned(), (*arguments).to_owned()))
            .collect();
        assert_eq!(calls_of(&write(deltas)), expected);
    };
    check(
        &[
            call(0),
            arguments(0, "{}"),
            call(1),
            arguments(1, "{\"a\""),
            arguments(1, ":1}"),
        ],
        &[("c0", "{}"), ("c1", "{\"a\":1}")],
    );
    check(
        &[
            call(0),
            call(1),
            arguments(0, "{\"a"),
            arguments(1, "{}"),
            arguments(0, "\":1}"),
            call(2),
        ],
        &[("c0", "{\"a\":1}"), ("c1", "{}"), ("c2", "")],
    );
    check(
        &[
            call(0),
            call(1),
            arguments(1, "{}"),
            finish(Finish::ToolCalls),
        ],
        &[("c0", ""), ("c1", "{}")],
    );
}

#[test]
fn a_failure_is_the_last_event() {
    let mut out = BytesMut::new();
    let failure = Failure::new(ErrorClass::Timeout, "slow");
    Anthropic.stream_writer(style()).fail(&failure, &mut out);
    assert_eq!(
        out,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"slow\"}}\n\n"
    );
}

/// Whether blocks start and stop in turn with dense numbers, inside exactly one message.
fn is_balanced(stream: &str) -> Result<(), String> {
    let mut framer = sse::Framer::new();
    framer.push(stream.as_bytes());
    let mut names = Vec::new();
    let (mut open, mut next) = (None, 0);
    while let Some(event) = framer.next_event().unwrap() {
        let data: Value = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        let index = data["index"].as_u64();
        match event.name {
            "content_block_start" if open.is_none() && index == Some(next) => open = index,
            "content_block_delta" if open == index => {}
            "content_block_stop" if open == index => {
                open = None;
                next += 1;
            }
            "message_start" | "message_delta" | "message_stop" if open.is_none() => {
                names.push(event.name.to_owned());
            }
            name => return Err(format!("{name} {index:?} while {open:?} is open")),
        }
    }
    match names == ["message_start", "message_delta", "message_stop"] {
        true => Ok(()),
        false => Err(format!("{names:?}")),
    }
}

fn any_delta() -> impl Strategy<Value = Delta> {
    let word = || prop_oneof![Just(""), Just("a"), Just("{}"), Just("{\"a\":"), Just("1}")];
    let detail = |(text, signed, ours): (&str, bool, bool)| {
        let format = if ours { "anthropic-claude-v1" } else { "x" };
        Delta::ReasoningDetail {
            choice: 0,
            detail: ReasoningDetail {
                kind: "reasoning.text".to_owned(),
                text: None,
                summary: None,
                signature: signed.then(|| text.to_owned()),
                data: (!signed).then(|| text.to_owned()),
                format: Some(format.to_owned()),
                index: None,
            },
        }
    };
    prop_oneof![
        Just(start()),
        word().prop_map(text),
        word().prop_map(|text| Delta::Reasoning {
            choice: 0,
            text: text.to_owned()
        }),
        word().prop_map(|text| Delta::Refusal {
            choice: 0,
            text: text.to_owned()
        }),
        word().prop_map(|text| Delta::Text {
            choice: 1,
            text: text.to_owned()
        }),
        (word(), any::<bool>(), any::<bool>()).prop_map(detail),
        (0u64..4).prop_map(call),
        (0u64..4, word()).prop_map(|(call, word)| arguments(call, word)),
        Just(finish(Finish::Stop)),
        Just(Delta::Usage(Usage::default())),
    ]
}

fn any_event() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "else",
    ]);
    let kind = prop::sample::select(vec![
        "text",
        "thinking",
        "tool_use",
        "redacted_thinking",
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
        "citations_delta",
        "x",
    ]);
    let odd = prop::sample::select(vec![
        json!(null),
        json!(-1),
        json!(1e300),
        json!("x"),
        json!([]),
        json!({"url": "https://a", "input_tokens": -7, "output_tokens": 1e300}),
    ]);
    (name, kind, 0i64..3, odd).prop_map(|(name, kind, index, odd)| {
        let inner = json!({"type": kind, "text": odd, "thinking": "t", "partial_json": odd, "input": odd,
            "citation": odd, "citations": odd, "id": odd, "stop_reason": odd, "signature": "s", "data": "d"});
        json!({"type": name, "index": index - 1, "content_block": inner, "delta": inner, "usage": odd,
            "message": {"id": odd, "usage": odd}})
    })
}

proptest! {
    #[test]
    fn any_deltas_give_balanced_blocks(deltas in prop::collection::vec(any_delta(), 0..24)) {
        let stream = write(&deltas);
        prop_assert_eq!(is_balanced(&stream), Ok(()), "{}", stream);
    }

    #[test]
    fn any_events_are_read_in_order(events in prop::collection::vec(any_event(), 0..24)) {
        let mut reader = Anthropic.stream_reader();
        let mut deltas = Vec::new();
        // Only a terminator before any stop reason is refused.
        let refused = read_into(reader.as_mut(), &frames(&events), &mut deltas).err();
        prop_assert!(refused.is_none_or(|failure| failure.message.contains("before the answer was complete")));
        let _ = reader.end(&mut deltas);
        let starts = deltas.iter().filter(|delta| matches!(delta, Delta::Start { .. })).count();
        prop_assert!(starts <= 1);
        let begins = deltas.first().is_none_or(|delta| matches!(delta, Delta::Start { .. }));
        prop_assert!(begins);
        let finishes = deltas.iter().filter(|delta| matches!(delta, Delta::Finish { .. })).count();
        prop_assert!(finishes <= 1);
    }

    #[test]
    fn any_data_is_no_panic(name in "[a-z_]{0,20}", data in ".{0,60}") {
        let mut reader = Anthropic.stream_reader();
        let mut deltas = Vec::new();
        let event = sse::Event { name: &name, data: data.into(), raw: b"" };
        let _ = reader.read(&event, &mut deltas);
    }
}
