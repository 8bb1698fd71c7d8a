//! What looks like a fault and is none (F16, F17, F27, F28): the answer is whole and must arrive.

use std::time::Duration;

use super::{Expect::Survives, FAULTY, Fault, Scene};
use crate::support::faulty::{
    Script, Step,
    script::{END, chunk, head, json, say, stream_head},
};

/// By the count of every healthy answer.
const COUNTED: Option<u64> = Some(14);

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = spellings();
    faults.extend(terminators());
    faults.extend(usages());
    faults
}

fn stream(bytes: impl AsRef<[u8]>) -> Script {
    vec![say(stream_head()), say(chunk(bytes)), say(END)]
}

fn odd(name: &str, script: fn(&Scene) -> Script) -> Fault {
    Fault::new(name, Survives(COUNTED), script).streamed()
}

fn spellings() -> Vec<Fault> {
    vec![
        odd("every byte by itself", |scene| {
            let mut script = vec![say(stream_head())];
            script.extend(scene.healthy().bytes().map(|byte| say(chunk([byte]))));
            script.push(say(END));
            script
        }),
        odd("every byte by itself, slowly", |scene| {
            let typed = [("content-type", "text/event-stream")];
            let all = head(200, &typed) + &scene.healthy();
            vec![
                Step::Drip(all.into(), Duration::from_micros(100)),
                Step::Close,
            ]
        }),
        odd("CRLF", |scene| {
            stream(scene.healthy().replace('\n', "\r\n"))
        }),
        odd("CR", |scene| stream(scene.healthy().replace('\n', "\r"))),
        odd("line ends of every kind", |scene| {
            let mut ends = ["\r\n\r\n", "\r\r", "\n\n", "\n\r\n", "\r\n\n"]
                .iter()
                .cycle();
            let healthy = scene.healthy();
            let events = healthy.trim_end().split("\n\n");
            stream(
                events
                    .map(|event| format!("{event}{}", ends.next().unwrap()))
                    .collect::<String>(),
            )
        }),
        odd("a BOM", |scene| {
            stream(format!("\u{feff}{}", scene.healthy()))
        }),
        odd("comments between events", |scene| {
            stream(scene.healthy().replace("\n\n", "\n\n: ping\n\n"))
        }),
        odd("fields nobody knows", |scene| {
            stream(
                scene
                    .healthy()
                    .replace("data: ", "id: 7\nretry: 1\nx\ndata: "),
            )
        }),
        odd("no blanks behind colons", |scene| {
            stream(scene.healthy().replace("data: ", "data:"))
        }),
    ]
}

fn terminators() -> Vec<Fault> {
    let unended = |scene: &Scene| {
        let [ending, _] = scene.voice.ending();
        stream(scene.voice.opening(FAULTY) + &ending)
    };
    vec![
        odd("no terminator behind finish and usage", unended),
        odd(
            "a connection that closes in place of a terminator",
            |scene| {
                let [ending, _] = scene.voice.ending();
                let typed = [("content-type", "text/event-stream")];
                vec![
                    say(head(200, &typed) + &scene.voice.opening(FAULTY) + &ending),
                    Step::Close,
                ]
            },
        ),
        odd("more behind the terminator", |scene| {
            stream(scene.healthy() + &scene.voice.more("x") + &scene.voice.ending()[1])
        }),
        odd("garbage behind the terminator", |scene| {
            stream(scene.healthy() + "data: {not json}\n\ndata: half")
        }),
        odd("reset behind the terminator", |scene| {
            vec![
                say(stream_head()),
                say(chunk(scene.healthy())),
                Step::Await(scene.committed.clone()),
                Step::Reset,
            ]
        }),
        odd("no end behind the terminator", |scene| {
            vec![say(stream_head()), say(chunk(scene.healthy())), Step::Hang]
        }),
    ]
}

/// Usage that counts nothing: the answer is whole all the same, and its tokens are estimated.
fn usages() -> Vec<Fault> {
    let strange = [
        "-4",
        "\"4\"",
        "9223372036854775808",
        "18446744073709551616",
        "7.5",
        "null",
        "[]",
    ];
    let fault = |count: &'static str| {
        let name = format!("a usage of {count} tokens");
        Fault::new(name, Survives(None), move |scene| {
            let mut body = scene.healthy();
            for name in [
                "prompt_tokens",
                "completion_tokens",
                "total_tokens",
                "output_tokens",
            ] {
                for counted in [8, 10, 4, 14] {
                    let (from, to) = (
                        format!("\"{name}\":{counted}"),
                        format!("\"{name}\":{count}"),
                    );
                    body = body.replace(&from, &to);
                }
            }
            if scene.stream {
                stream(body)
            } else {
                vec![say(json(200, &body))]
            }
        })
    };
    strange.map(fault).into()
}
