//! Plain answers that are none (F19, F22, F23, F25, F26), while nothing has gone out yet.

use std::time::Duration;

use super::{
    Expect::{FallsOver, Survives},
    Fault, HEALTHY, Voice,
};
use crate::support::faulty::{
    Script, Step,
    script::{END, chunk, head, json, say, whole},
};

const JSON: (&str, &str) = ("content-type", "application/json");
const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = bodies();
    faults.extend(framings());
    faults
}

fn none(name: &str, script: impl Fn(Voice) -> Script + Send + Sync + 'static) -> Fault {
    let script = move |scene: &super::Scene| script(scene.voice);
    Fault::new(name, FallsOver("server_error"), script).plain()
}

fn bodies() -> Vec<Fault> {
    let mut faults: Vec<Fault> = [
        ("nothing", ""),
        ("half an answer", r#"{"id":"x","choices":[{"ind"#),
        ("a list", "[]"),
        ("an empty object", "{}"),
        (
            "no choices",
            r#"{"id":"x","choices":[],"content":null,"data":null}"#,
        ),
        ("a text", "\"Hello\""),
        ("no text", "{\"\u{0}"),
    ]
    .map(|(name, body)| {
        none(&format!("HTTP 200 with {name}"), move |_| {
            vec![say(json(200, body))]
        })
    })
    .into();
    faults.extend([
        none("HTTP 200 with bytes that are no text", |voice| {
            let body = voice.plain("\u{1}").replace("\\u0001", "\u{1}");
            let mut bytes = json(200, &body).into_bytes();
            let at = bytes.iter().position(|byte| *byte == 1).unwrap();
            bytes[at] = 0xff;
            vec![say(bytes)]
        })
        .only(Voice::OpenAi),
        none("HTTP 200 with a page", |_| {
            vec![say(whole(
                200,
                &[("content-type", "text/html")],
                "<html>Log in</html>",
            ))]
        }),
        Fault::new("HTTP 200 with an error", FallsOver("overloaded"), |scene| {
            let openai = r#"{"error":{"message":"Overloaded","code":503}}"#.to_owned();
            let anthropic = scene.voice == Voice::Anthropic;
            let body = if anthropic {
                scene.voice.error(529)
            } else {
                openai
            };
            vec![say(json(200, &body))]
        })
        .plain(),
        none("a packed answer nobody asked for", |voice| {
            let packed = [JSON, ("content-encoding", "gzip")];
            vec![say(whole(200, &packed, &voice.plain(HEALTHY)))]
        }),
        none("an answer without end", |_| {
            vec![
                say(head(200, &[JSON, CHUNKED])),
                say(chunk("{")),
                // Slow enough that a gateway which took it all would not fall with the machine.
                Step::Forever(chunk(" ".repeat(1 << 20)), Duration::from_millis(5)),
            ]
        }),
        Fault::new("an answer of another type", Survives(None), |scene| {
            vec![say(whole(
                200,
                &[("content-type", "text/plain")],
                &scene.healthy(),
            ))]
        })
        .plain(),
    ]);
    faults
}

fn framings() -> Vec<Fault> {
    vec![
        none("a length that is too long", |voice| {
            let long = [JSON, ("content-length", "100000")];
            vec![say(head(200, &long) + &voice.plain(HEALTHY)), Step::Close]
        }),
        none("a length that is too short", |voice| {
            let short = [JSON, ("content-length", "20")];
            vec![say(head(200, &short) + &voice.plain(HEALTHY))]
        }),
        none("a length that is none", |voice| {
            let odd = [JSON, ("content-length", "-1")];
            vec![say(head(200, &odd) + &voice.plain(HEALTHY))]
        }),
        none("two lengths", |voice| {
            let two = [JSON, ("content-length", "20"), ("content-length", "30")];
            vec![say(head(200, &two) + &voice.plain(HEALTHY))]
        }),
        none("a chunk size that overflows", |voice| {
            let size = "fffffffffffffffff\r\n".to_owned();
            vec![say(head(200, &[JSON, CHUNKED])
                + &size
                + &voice.plain(HEALTHY))]
        }),
        none("a chunk size that is no number", |voice| {
            let size = "size\r\n".to_owned();
            vec![say(head(200, &[JSON, CHUNKED])
                + &size
                + &voice.plain(HEALTHY))]
        }),
        none("reset within the body", |voice| {
            let body = voice.plain(HEALTHY);
            let half = chunk(&body[..body.len() / 2]);
            vec![say(head(200, &[JSON, CHUNKED])), say(half), Step::Reset]
        }),
        none("closed within the body", |voice| {
            let body = voice.plain(HEALTHY);
            let half = chunk(&body[..body.len() / 2]);
            vec![say(head(200, &[JSON, CHUNKED])), say(half), Step::Close]
        }),
        none("closed at the end of half a body", |voice| {
            let body = voice.plain(HEALTHY);
            vec![
                say(head(200, &[JSON])),
                say(body[..body.len() / 2].to_owned()),
                Step::Close,
            ]
        }),
        Fault::new("a length beside chunks", Survives(None), |scene| {
            let both = [JSON, CHUNKED, ("content-length", "20")];
            let body = chunk(scene.healthy());
            vec![say(head(200, &both)), say(body), say(END), Step::Close]
        })
        .plain(),
    ]
}
