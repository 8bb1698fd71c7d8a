//! Streams: which chunks are forwarded as they stand, and what becomes of the others.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::{
    chat::Delta,
    dialect::{
        Cleanliness, StreamReader, StreamStyle, StreamWriter,
        openai::{stream_reader::Reader, stream_writer::Writer},
        sse,
    },
    outcome::{ErrorClass, Failure},
};

fn chunk(choices: &str, more: &str) -> String {
    format!(
        r#"{{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choices}]{more}}}"#
    )
}

fn piece(delta: &str, finish: &str) -> String {
    chunk(
        &format!(r#"{{"index":0,"delta":{{{delta}}},"finish_reason":{finish}}}"#),
        "",
    )
}

fn first() -> String {
    piece(r#""role":"assistant","content":"""#, "null")
}

fn read(reader: &mut Reader, data: &str) -> Result<(bool, String), Failure> {
    let event = sse::Event {
        name: "",
        data: data.into(),
        raw: data.as_bytes(),
    };
    let mut deltas = Vec::new();
    let cleanliness = reader.read(&event, &mut deltas)?;
    Ok((cleanliness == Cleanliness::Clean, told(&deltas)))
}

/// What deltas say, in short.
fn told(deltas: &[Delta]) -> String {
    let one = |delta: &Delta| match delta {
        Delta::Start { .. } => "start".to_owned(),
        Delta::Text { text, .. } => format!("text {text}"),
        Delta::Reasoning { text, .. } => format!("reasoning {text}"),
        Delta::ToolCall { call, id, name, .. } if id.len() > 12 => {
            format!("call {call} made {name}")
        }
        Delta::ToolCall { call, id, name, .. } => format!("call {call} {id} {name}"),
        Delta::Arguments { call, fragment, .. } => format!("arguments {call} {fragment}"),
        Delta::Finish { finish, choice } => format!("finish {choice} {}", finish.name()),
        Delta::Usage(usage) => format!("usage {}", usage.total()),
        other => format!("{other:?}"),
    };
    deltas.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Reads the chunks behind a first one; what each says, with `!` where it is written anew.
fn check(chunks: &[String], expected: &[&str]) {
    let mut reader = Reader::default();
    assert_eq!(
        read(&mut reader, &first()).unwrap(),
        (true, "start".to_owned())
    );
    let said: Vec<String> = chunks
        .iter()
        .map(|chunk| {
            let (clean, told) = read(&mut reader, chunk).unwrap();
            format!("{told}{}", if clean { "" } else { "!" })
        })
        .collect();
    assert_eq!(said, expected, "{chunks:#?}");
}

const USAGE: &str = r#","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#;

#[test]
fn chunks_as_openai_writes_them_are_clean() {
    let call = r#""tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]"#;
    let more = r#""tool_calls":[{"index":0,"function":{"arguments":"{}"}}]"#;
    check(
        &[
            piece(r#""content":"a\n""#, "null"),
            piece(r#""reasoning_content":"r""#, "null"),
            piece(call, "null"),
            piece(more, "null"),
            piece("", "\"tool_calls\""),
            chunk("", USAGE),
            "[DONE]".to_owned(),
        ],
        &[
            "text a\n",
            "reasoning r",
            "call 0 c f",
            "arguments 0 {}",
            "finish 0 tool_calls",
            "usage 3",
            "!",
        ],
    );
}

#[test]
fn what_servers_do_otherwise_is_written_anew() {
    check(&[piece(r#""reasoning":"r""#, "null")], &["reasoning r!"]);
    check(
        &[piece(r#""role":"assistant","content":"a""#, "null")],
        &["text a!"],
    );
    check(&[chunk("", "")], &["!"]);
    check(&[String::new()], &["!"]);
    check(
        &[chunk(
            r#"{"index":0,"delta":{},"message":{"content":"all"},"finish_reason":null}"#,
            "",
        )],
        &["!"],
    );
    let stop = piece("", "\"stop\"");
    check(
        &[
            stop.clone(),
            stop.clone(),
            piece(r#""content":"late""#, "null"),
        ],
        &["finish 0 stop", "!", "!"],
    );
    check(&[piece("", "\"eos_token\"")], &["finish 0 stop!"]);
    check(
        &[
            chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, USAGE),
            chunk("", USAGE),
            chunk("", USAGE),
            "[DONE]".to_owned(),
        ],
        &["finish 0 stop!", "usage 3", "!", "!"],
    );
    check(
        &[chunk("", USAGE), stop, "[DONE]".to_owned()],
        &["!", "finish 0 stop", "usage 3!"],
    );
}

#[test]
fn tool_calls_are_told_apart_however_they_are_written() {
    let calls = |calls: &str| piece(&format!(r#""tool_calls":[{calls}]"#), "null");
    let stop = piece("", "\"stop\"");
    // All calls under index 0, and the last without arguments.
    check(
        &[
            calls(
                r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}"#,
            ),
            calls(
                r#"{"index":0,"id":"b","type":"function","function":{"name":"f","arguments":"{"}}"#,
            ),
            calls(r#"{"index":0,"function":{"arguments":"}"}}"#),
            calls(r#"{"index":7,"id":"a","type":"function","function":{"name":"g"}}"#),
            stop.clone(),
        ],
        &[
            "call 0 a f, arguments 0 {}",
            "call 1 b f, arguments 1 {!",
            "arguments 1 }!",
            "call 2 made g!",
            "arguments 2 {}, finish 0 tool_calls!",
        ],
    );
    // Neither index nor id; arguments as objects.
    check(
        &[
            calls(
                r#"{"function":{"name":"f","arguments":{"a": 1}}},{"function":{"name":"f","arguments":{"b":2}}}"#,
            ),
            piece("", "\"\""),
            "[DONE]".to_owned(),
        ],
        &[
            r#"call 0 made f, arguments 0 {"a":1}, call 1 made f, arguments 1 {"b":2}!"#,
            "!",
            "finish 0 tool_calls!",
        ],
    );
    check(
        &[
            calls(r#"{"index":3,"function":{"arguments":"x"}}"#),
            calls("{}"),
        ],
        &["!", "!"],
    );
}

#[test]
fn only_a_whole_answer_ends_well() {
    let end = |chunks: &[String]| {
        let mut reader = Reader::default();
        for chunk in chunks {
            read(&mut reader, chunk)?;
        }
        let mut deltas = Vec::new();
        reader.end(&mut deltas)?;
        Ok::<_, Failure>(told(&deltas))
    };
    let (stop, done) = (piece("", "\"stop\""), "[DONE]".to_owned());
    let failed = |chunks: &[String]| {
        let failure = end(chunks).unwrap_err();
        assert_eq!(failure.class, ErrorClass::ServerError);
        assert!(
            failure.message.contains("ended before"),
            "{chunks:?} {failure:?}"
        );
    };
    failed(&[]);
    failed(std::slice::from_ref(&done));
    failed(&[first()]);
    failed(&[first(), done.clone()]);
    failed(&[first(), stop.clone()]);
    failed(&[first(), chunk("", USAGE)]);
    assert_eq!(end(&[first(), stop.clone(), done]).unwrap(), "");
    assert_eq!(end(&[first(), stop, chunk("", USAGE)]).unwrap(), "");
    let both = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, USAGE);
    assert_eq!(end(&[first(), both]).unwrap(), "usage 3");
}

#[test]
fn errors_in_a_stream_are_failures() {
    let class = |data: &str| read(&mut Reader::default(), data).unwrap_err().class;
    assert_eq!(class("<html>"), ErrorClass::ServerError);
    assert_eq!(class("[]"), ErrorClass::ServerError);
    assert_eq!(
        class(r#"{"error":{"code":429,"message":"slow"}}"#),
        ErrorClass::RateLimit
    );
    assert_eq!(
        class(r#"{"base_resp":{"status_code":1002}}"#),
        ErrorClass::RateLimit
    );
    assert_eq!(
        class(&piece("", "\"insufficient_system_resource\"")),
        ErrorClass::Overloaded
    );
    assert!(read(&mut Reader::default(), r#"{"error":null,"choices":[]}"#).is_ok());
}

#[test]
fn each_choice_gets_its_role_once() {
    let mut writer = Writer::new(StreamStyle::default());
    let mut out = BytesMut::new();
    let start = Delta::Start {
        id: "x".to_owned(),
        model: "m".to_owned(),
        created: Some(1),
    };
    assert!(writer.forward(&[start]));
    for choice in [0, 1, 1] {
        let text = "a\"".to_owned();
        writer.write(&Delta::Text { choice, text }, &mut out);
    }
    let text = |choice: u64, delta: &str| {
        format!(
            r#"data: {{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":{choice},"delta":{{{delta}}},"logprobs":null,"finish_reason":null}}]}}"#
        ) + "\n\n"
    };
    let said = r#""content":"a\"""#;
    let role = r#""role":"assistant","content":"""#;
    let expected = [text(0, said), text(1, role), text(1, said), text(1, said)].concat();
    assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
}

proptest! {
    #[test]
    fn nothing_a_provider_sends_is_a_panic(
        pieces in proptest::collection::vec(
            "(\\{\"choices\":\\[\\{\"index\":[0-9]{1,20},\"delta\":\\{(\"content\":(1|null|\"a\"|\\[\\]|\\[\\{\\}\\])|\"tool_calls\":\\[\\{(\"index\":[0-9]{1,20})?\\}\\])\\},\"finish_reason\":(\"stop\"|null|7)\\}\\],\"usage\":(null|1|\\{\"prompt_tokens\":-?[0-9]{1,22}\\})\\})|\\[DONE\\]|.{0,20}",
            0..8,
        ),
    ) {
        let mut reader = Reader::default();
        let mut writer = Writer::new(StreamStyle { include_usage: true, ..StreamStyle::default() });
        let mut out = BytesMut::new();
        for data in pieces {
            let event = sse::Event { name: "", data: data.as_str().into(), raw: b"" };
            let mut deltas = Vec::new();
            if reader.read(&event, &mut deltas).is_err() {
                break;
            }
            deltas.iter().for_each(|delta| writer.write(delta, &mut out));
        }
        let _ = reader.end(&mut Vec::new());
    }
}
