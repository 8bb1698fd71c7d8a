//! Answers that are looked at before the caller gets them: both callers, both providers, whole and streamed.

use std::sync::Arc;

use serde_json::{Value, json};

use bytes::{Bytes, BytesMut};

use super::*;
use crate::{
    catalog::{CardSettings, DialectName, resolve},
    chat::{Finish, Fix, Place},
    dialect::{anthropic::Anthropic, openai::OpenAi},
    secret::Secret,
};

const NAMES: [DialectName; 2] = [DialectName::Openai, DialectName::Anthropic];

fn target(dialect: DialectName) -> Target {
    let settings = CardSettings {
        dialect: Some(dialect),
        base_url: Some("https://example.com/v1".to_owned()),
        ..CardSettings::default()
    };
    Target {
        card: Arc::new(resolve("other", &settings, Some(Secret::new("k"))).unwrap()),
        model: "m".into(),
        facts: None,
    }
}

fn ask(dialect: DialectName) -> Ask {
    let body = json!({"model": "m", "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "x"}]})
    .to_string();
    let dialect: &'static dyn Dialect = match dialect {
        DialectName::Anthropic => &Anthropic,
        _ => &OpenAi,
    };
    Ask::read(dialect, Work::Completion, body.as_bytes()).unwrap()
}

/// Chunks of an OpenAI stream with these deltas and this finish.
fn openai_stream(deltas: &[Value], finish: &str) -> String {
    let chunk = |delta: &Value, finish: Value| {
        let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "system_fingerprint": "fp", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    };
    let begin = chunk(&json!({"role": "assistant", "content": ""}), Value::Null);
    let middle: String = deltas
        .iter()
        .map(|delta| chunk(delta, Value::Null))
        .collect();
    begin + &middle + &chunk(&json!({}), finish.into()) + "data: [DONE]\n\n"
}

/// Events of an Anthropic stream with these blocks, each with the pieces of its text or input.
fn anthropic_stream(blocks: &[(Value, &[&str])], stop: &str) -> String {
    let event = |data: Value| {
        let name = data["type"].as_str().unwrap().to_owned();
        format!("event: {name}\ndata: {data}\n\n")
    };
    let mut events = event(
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}),
    );
    for (index, (block, pieces)) in blocks.iter().enumerate() {
        events +=
            &event(json!({"type": "content_block_start", "index": index, "content_block": block}));
        for piece in *pieces {
            let delta = match block["type"].as_str() {
                Some("text") => json!({"type": "text_delta", "text": piece}),
                _ => json!({"type": "input_json_delta", "partial_json": piece}),
            };
            events +=
                &event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events += &event(json!({"type": "content_block_stop", "index": index}));
    }
    events += &event(
        json!({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 4}}),
    );
    events + &event(json!({"type": "message_stop"}))
}

/// "Let me look.", then a call of `now` and one of `weather` with these arguments.
fn calling(provider: DialectName, arguments: &[&str]) -> String {
    if provider == DialectName::Anthropic {
        let tool = |id, name| json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        let text = json!({"type": "text", "text": ""});
        let blocks = [
            (text, &["Let me ", "look."] as &[&str]),
            (tool("a", "now"), &["{}"]),
            (tool("b", "weather"), arguments),
        ];
        return anthropic_stream(&blocks, "tool_use");
    }
    let call = |index, id, name| {
        let function = json!({"name": name, "arguments": ""});
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
    };
    let more = |index, piece: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
    let mut deltas = vec![json!({"content": "Let me "}), json!({"content": "look."})];
    deltas.extend([call(0, "a", "now"), more(0, "{}"), call(1, "b", "weather")]);
    deltas.extend(arguments.iter().map(|piece| more(1, piece)));
    openai_stream(&deltas, "tool_calls")
}

/// A text in these pieces.
fn telling(provider: DialectName, pieces: &[&str]) -> String {
    if provider == DialectName::Anthropic {
        return anthropic_stream(&[(json!({"type": "text", "text": ""}), pieces)], "end_turn");
    }
    let deltas: Vec<Value> = pieces
        .iter()
        .map(|piece| json!({ "content": piece }))
        .collect();
    openai_stream(&deltas, "stop")
}

/// A stream that has been pushed in pieces of `size` bytes and has ended, and what went out until then.
fn pushed(
    caller: DialectName,
    provider: DialectName,
    watch: Watch,
    bytes: &str,
    size: usize,
) -> (Stream, BytesMut) {
    let mut stream = Stream::new(&ask(caller), &target(provider), "own", 1).with_check(watch);
    let mut out = BytesMut::new();
    for piece in bytes.as_bytes().chunks(size) {
        stream.push(piece, &mut out).unwrap();
    }
    stream.end(&mut out).unwrap();
    (stream, out)
}

/// What goes out when nobody watches.
fn unwatched(caller: DialectName, provider: DialectName, bytes: &str) -> BytesMut {
    let mut stream = Stream::new(&ask(caller), &target(provider), "own", 1);
    let mut out = BytesMut::new();
    stream.push(bytes.as_bytes(), &mut out).unwrap();
    stream.end(&mut out).unwrap();
    out
}

/// What a caller understands of a stream: its text, and its calls as name and arguments.
fn understood(caller: DialectName, bytes: &[u8]) -> (String, Vec<(String, String)>) {
    let text = std::str::from_utf8(bytes).unwrap();
    let (stream, _) = pushed(caller, caller, Watch::Everything, text, text.len());
    let answer = &stream.collected()[0];
    let calls = answer.calls.iter();
    let calls = calls.map(|call| (call.name.clone(), call.arguments.clone()));
    (answer.text.clone(), calls.collect())
}

fn fix(place: Place, text: &str) -> Fix {
    Fix {
        choice: 0,
        place,
        text: text.to_owned(),
    }
}

#[test]
fn what_was_held_goes_out_just_as_if_it_had_not_been() {
    for (caller, provider) in NAMES.into_iter().flat_map(|a| NAMES.map(|b| (a, b))) {
        for bytes in [
            calling(provider, &["{\"ci", "ty\":\"Oslo\"}"]),
            telling(provider, &["{\"a\"", ":1}"]),
        ] {
            for watch in [Watch::Silence, Watch::Calls, Watch::Everything] {
                let (mut stream, mut out) = pushed(caller, provider, watch, &bytes, bytes.len());
                stream.release(&mut out);
                assert_eq!(
                    out,
                    unwatched(caller, provider, &bytes),
                    "{caller:?} {provider:?} {watch:?}"
                );
                assert!(stream.notes().meaningful && !stream.holding());
            }
        }
    }
}

#[test]
fn text_flows_until_the_first_call_and_json_not_at_all() {
    for (caller, provider) in NAMES.into_iter().flat_map(|a| NAMES.map(|b| (a, b))) {
        let bytes = calling(provider, &["{}"]);
        let (stream, out) = pushed(caller, provider, Watch::Calls, &bytes, 7);
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert!(
            text.contains("look.") && !text.contains("weather"),
            "{text}"
        );
        assert!(stream.holding() && stream.notes().meaningful);

        let bytes = telling(provider, &["{", "}"]);
        let (stream, out) = pushed(caller, provider, Watch::Everything, &bytes, 7);
        assert!(out.is_empty() && stream.holding());
        let notes = stream.notes();
        assert!(notes.begun && !notes.meaningful && notes.answer_bytes == 2);
        assert_eq!(notes.usage.is_some(), provider == DialectName::Anthropic);
    }
}

#[test]
fn the_same_is_collected_wherever_the_bytes_are_split() {
    for provider in NAMES {
        let bytes = calling(provider, &["{\"ci", "ty\":\"Ås\"}"]);
        let whole = pushed(provider, provider, Watch::Everything, &bytes, bytes.len()).0;
        let answer = &whole.collected()[0];
        assert_eq!(
            (answer.text.as_str(), answer.calls.len()),
            ("Let me look.", 2)
        );
        assert_eq!(answer.calls[1].arguments, "{\"city\":\"Ås\"}");
        assert_eq!(answer.finish, Some(Finish::ToolCalls));
        for at in 1..bytes.len() {
            let (first, second) = bytes.as_bytes().split_at(at);
            let mut stream = Stream::new(&ask(provider), &target(provider), "own", 1)
                .with_check(Watch::Everything);
            let mut out = BytesMut::new();
            stream.push(first, &mut out).unwrap();
            stream.push(second, &mut out).unwrap();
            stream.end(&mut out).unwrap();
            let same = format!("{:?}", stream.collected());
            assert_eq!(same, format!("{:?}", whole.collected()), "split at {at}");
        }
    }
}

#[test]
fn fixes_are_written_anew_and_the_rest_stays() {
    for (caller, provider) in NAMES.into_iter().flat_map(|a| NAMES.map(|b| (a, b))) {
        let what = format!("{caller:?} {provider:?}");
        let bytes = calling(provider, &["{\"ci", "ty\":\"Oslo\",}"]);
        for watch in [Watch::Calls, Watch::Everything] {
            let (mut stream, mut out) = pushed(caller, provider, watch, &bytes, bytes.len());
            let fixed = "{\"city\":\"Oslo\"}";
            stream.rewrite(&[fix(Place::Arguments(1), fixed)], &mut out);
            let (text, calls) = understood(caller, &out);
            assert_eq!(text, "Let me look.", "{what}");
            let call = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
            assert_eq!(calls, [call("now", "{}"), call("weather", fixed)], "{what}");
            if caller == DialectName::Anthropic {
                // Each block is started and stopped once, and numbered without gaps.
                let out = String::from_utf8(out.to_vec()).unwrap();
                for (word, count) in [
                    ("event: content_block_start", 3),
                    ("event: content_block_stop", 3),
                    ("event: message_start", 1),
                    ("event: message_delta", 1),
                    ("event: message_stop", 1),
                ] {
                    assert_eq!(out.matches(word).count(), count, "{what} {word}: {out}");
                }
                for index in 0..3 {
                    assert!(out.contains(&format!("\"index\":{index}")), "{what}: {out}");
                }
            }
        }
        let bytes = telling(provider, &["```json\n{\"a\"", ":1}", "\n```"]);
        let (mut stream, mut out) = pushed(caller, provider, Watch::Everything, &bytes, 9);
        stream.rewrite(&[fix(Place::Text, "{\"a\":1}")], &mut out);
        assert_eq!(
            understood(caller, &out),
            ("{\"a\":1}".to_owned(), vec![]),
            "{what}"
        );
        assert!(stream.notes().meaningful && !stream.holding());
    }
}

#[test]
fn nothing_said_is_no_commit_point() {
    for provider in NAMES {
        let bytes = telling(provider, &[]);
        let (stream, _) = pushed(provider, provider, Watch::Silence, &bytes, bytes.len());
        assert!(!stream.notes().meaningful && stream.collected()[0].is_silent());
        assert_eq!(stream.collected()[0].finish, Some(Finish::Stop));
    }
    // A tool the provider runs itself says something.
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let bytes = anthropic_stream(&[(search, &[])], "pause_turn");
    let (stream, _) = pushed(NAMES[1], NAMES[1], Watch::Silence, &bytes, bytes.len());
    assert!(!stream.collected()[0].is_silent() && stream.notes().meaningful);
}

#[test]
fn what_is_held_is_bounded() {
    for provider in NAMES {
        let piece = "x".repeat(64 * 1024);
        let bytes = telling(provider, &vec![piece.as_str(); 70]);
        let mut stream =
            Stream::new(&ask(provider), &target(provider), "own", 1).with_check(Watch::Everything);
        let mut out = BytesMut::new();
        let failure = stream.push(bytes.as_bytes(), &mut out).unwrap_err();
        assert_eq!(failure.class, ErrorClass::InvalidAnswer);
        assert!(out.is_empty());
        // Text that flows is not held, however long it is.
        let (_, out) = pushed(provider, provider, Watch::Calls, &bytes, bytes.len());
        assert!(out.len() > MAX_HELD);
    }
}

fn openai_reply(message: Value, finish: &str) -> Bytes {
    let reply = json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "system_fingerprint": "fp", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        "choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    Bytes::from(reply.to_string())
}

fn anthropic_reply(content: Value, stop: &str) -> Bytes {
    let reply = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "container": "kept",
        "content": content, "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1}});
    Bytes::from(reply.to_string())
}

/// A whole reply with a text and a call with these arguments.
fn whole(provider: DialectName, text: &str, arguments: &str) -> Bytes {
    if provider == DialectName::Anthropic {
        let input: Value =
            serde_json::from_str(arguments).unwrap_or_else(|_| json!({ "_raw": arguments }));
        let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": input});
        let text = json!({"type": "text", "text": text});
        let search =
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
        return anthropic_reply(json!([search, text, call]), "tool_use");
    }
    let function = json!({"name": "f", "arguments": arguments});
    let call = json!({"id": "a", "type": "function", "function": function});
    let message = json!({"role": "assistant", "content": text, "tool_calls": [call]});
    openai_reply(message, "tool_calls")
}

#[test]
fn whole_replies_are_read_and_put_right() {
    for (caller, provider) in NAMES.into_iter().flat_map(|a| NAMES.map(|b| (a, b))) {
        let what = format!("{caller:?} {provider:?}");
        let (asked, target) = (ask(caller), target(provider));
        let body = whole(provider, "Look: ", "{\"a\":1,}");
        let plain = reply(&asked, &target, body.clone(), 1).unwrap();
        let mut read = Whole::read(&asked, &target, body.clone(), 1).unwrap();
        assert!(!read.is_silent(), "{what}");
        let answers = read.answers().unwrap();
        assert_eq!(answers[0].calls[0].arguments, "{\"a\":1,}", "{what}");
        assert_eq!(answers[0].text, "Look: ", "{what}");
        let untouched = Whole::read(&asked, &target, body.clone(), 1).unwrap();
        assert_eq!(untouched.into_tidy().body, plain.body, "{what}");
        if caller == provider {
            assert_eq!(plain.body, body, "{what}");
        }

        let fixes = [
            fix(Place::Text, "Seen."),
            fix(Place::Arguments(0), "{\"a\":1}"),
        ];
        read.fix(&fixes).unwrap();
        let mended = read.into_tidy();
        let again = Whole::read(&asked, &self::target(caller), mended.body.clone(), 1).unwrap();
        let answer = &again.answers().unwrap()[0];
        assert_eq!(answer.text, "Seen.", "{what}");
        assert_eq!(answer.calls[0].arguments, "{\"a\":1}", "{what}");
        let text = String::from_utf8(mended.body.to_vec()).unwrap();
        if caller == provider {
            let kept = ["\"fp\"", "server_tool_use"][usize::from(caller == NAMES[1])];
            assert!(text.contains(kept), "{what}: {text}");
        }
    }
}

#[test]
fn silence_is_seen_at_a_glance() {
    let check = |provider, body: Bytes, silent: bool| {
        for caller in NAMES {
            let asked = ask(caller);
            let read = Whole::read(&asked, &target(provider), body.clone(), 1).unwrap();
            assert_eq!(read.is_silent(), silent, "{caller:?} {body:?}");
        }
    };
    let openai = NAMES[0];
    let message = |content: Value| json!({"role": "assistant", "content": content});
    check(openai, openai_reply(message(Value::Null), "stop"), true);
    check(openai, openai_reply(message("".into()), "stop"), true);
    check(openai, openai_reply(message("x".into()), "stop"), false);
    let mut thinking = message(Value::Null);
    thinking["reasoning_content"] = "hm".into();
    check(openai, openai_reply(thinking, "stop"), true);
    let mut refusing = message(Value::Null);
    refusing["refusal"] = "No.".into();
    check(openai, openai_reply(refusing, "stop"), false);
    let anthropic = NAMES[1];
    check(anthropic, anthropic_reply(json!([]), "end_turn"), true);
    let text = |text| json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": text}]);
    check(anthropic, anthropic_reply(text(""), "end_turn"), true);
    check(anthropic, anthropic_reply(text("x"), "end_turn"), false);

    // Sound looks like silence at a glance, and is none.
    let mut sound = message(Value::Null);
    sound["audio"] = json!({"id": "a", "data": "AA=="});
    let (asked, target) = (ask(openai), target(openai));
    let read = Whole::read(&asked, &target, openai_reply(sound, "stop"), 1).unwrap();
    assert!(read.is_silent() && !read.answers().unwrap()[0].is_silent());
}
