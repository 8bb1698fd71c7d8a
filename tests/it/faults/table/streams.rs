//! Streams that fail before their first delta (F15, F17 to F20, F22, F25): unseen, because the head is held back.

use std::time::Duration;

use super::{Expect::FallsOver, Fault, HEALTHY, Scene, Voice};
use crate::support::{
    faulty::{
        Script, Step,
        script::{END, chunk, head, json, say, stream_head, whole},
    },
    role,
};

/// Long enough for the gateway to take what it has, though nothing is wrong where it does not.
const BREATH: Duration = Duration::from_millis(100);

/// A stream of these bytes, in one chunk and ended properly.
fn stream(bytes: impl AsRef<[u8]>) -> Script {
    vec![say(stream_head()), say(chunk(bytes)), say(END)]
}

fn held(name: &str, script: impl Fn(Voice) -> Script + Send + Sync + 'static) -> Fault {
    let script = move |scene: &Scene| script(scene.voice);
    Fault::new(name, FallsOver("server_error"), script).streamed()
}

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = broken();
    faults.extend(errors());
    faults.extend(no_streams());
    faults
}

fn broken() -> Vec<Fault> {
    vec![
        held("a stream of nothing", |_| {
            vec![say(stream_head()), say(END)]
        }),
        held("a stream of a terminator", |voice| {
            stream(voice.ending()[1].as_str())
        }),
        held("a stream of comments", |_| stream(": ping\n\n: pong\n\n")),
        held("a field without a colon", |_| stream("data\n\ndata\n\n")),
        held("an event that is no JSON", |_| {
            stream("data: {not json}\n\n")
        }),
        held("an event that is a number", |_| stream("data: 7\n\n")),
        held("an event that is no text", |_| {
            stream(b"data: {\"id\":\"\xff\xfe\"}\n\n")
        }),
        held("an event of 5 MiB", |_| {
            let long = vec![b'x'; 5 << 20];
            vec![
                say(stream_head()),
                say(chunk("data: ")),
                say(chunk(long)),
                Step::Hang,
            ]
        }),
        held("half an event, then the end", |voice| {
            stream(&voice.opening("x")[..40])
        }),
        held("half an event, then closed", |voice| {
            let half = chunk(&voice.opening("x")[..40]);
            vec![say(stream_head()), say(half), Step::Close]
        }),
        held("half an event, then reset", |voice| {
            let half = chunk(&voice.opening("x")[..40]);
            vec![say(stream_head()), say(half), Step::Reset]
        }),
        held("a chunk size that overflows, before any event", |voice| {
            let body = voice.stream(HEALTHY);
            vec![say(stream_head() + "fffffffffffffffff\r\n" + &body)]
        }),
    ]
}

fn errors() -> Vec<Fault> {
    let overloaded = |name: &str, script: fn(Voice) -> Script| {
        Fault::new(name, FallsOver("overloaded"), move |scene: &Scene| {
            script(scene.voice)
        })
        .streamed()
    };
    vec![
        overloaded("an error as first event", |voice| {
            stream(voice.error_event())
        }),
        // Apart, so that who forwards what comes has forwarded the role.
        overloaded("an error behind the role", |voice| {
            let error = chunk(voice.error_event());
            let role = chunk(role());
            vec![
                say(stream_head()),
                say(role),
                Step::Pause(BREATH),
                say(error),
                say(END),
            ]
        })
        .only(Voice::OpenAi),
        overloaded("an error behind comments", |voice| {
            stream(": ping\n\n: ping\n\n".to_owned() + &voice.error_event())
        }),
        overloaded("an error instead of a stream", |voice| {
            let openai = r#"{"error":{"message":"Overloaded","code":503}}"#.to_owned();
            let anthropic = voice == Voice::Anthropic;
            let body = if anthropic { voice.error(529) } else { openai };
            vec![say(json(200, &body))]
        }),
    ]
}

fn no_streams() -> Vec<Fault> {
    vec![
        held("a page instead of a stream", |_| {
            vec![say(whole(
                200,
                &[("content-type", "text/html")],
                "<html>Log in</html>",
            ))]
        }),
        held("a plain answer instead of a stream", |voice| {
            vec![say(json(200, &voice.plain(HEALTHY)))]
        }),
        held("a stream without a type", |voice| {
            vec![say(whole(200, &[], &voice.stream(HEALTHY)))]
        }),
        held("a packed stream nobody asked for", |voice| {
            let packed = [
                ("content-type", "text/event-stream"),
                ("content-encoding", "gzip"),
            ];
            vec![say(whole(200, &packed, &voice.stream(HEALTHY)))]
        }),
        held(
            "a stream with a length that is too long, and no event",
            |_| {
                let long = [
                    ("content-type", "text/event-stream"),
                    ("content-length", "100000"),
                ];
                vec![say(head(200, &long) + ": ping\n\n"), Step::Close]
            },
        ),
    ]
}
