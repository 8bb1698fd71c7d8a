//! Streams that fail behind their first delta (F14, F15, F17, F18, F21, F24): told in-band, and never as a success.

use std::time::Duration;

use super::{
    Expect::{Breaks, FallsOver},
    Fault, Scene,
    waits::PING,
};
use crate::support::faulty::{
    Script, Step,
    script::{END, chunk, say, stream_head},
};

/// A stream up to its first text, and once the caller has it, these steps.
fn midway(scene: &Scene, rest: Script) -> Script {
    let mut script = vec![
        say(stream_head()),
        say(chunk(scene.voice.opening(super::FAULTY))),
        Step::Await(scene.committed.clone()),
    ];
    script.extend(rest);
    script
}

fn breaks(name: &str, class: &'static str, rest: fn(&Scene) -> Script) -> Fault {
    Fault::new(name, Breaks(class), move |scene| midway(scene, rest(scene))).streamed()
}

pub(super) fn faults() -> Vec<Fault> {
    let mut faults = ends();
    faults.extend(events());
    faults.extend(waits());
    faults
}

fn ends() -> Vec<Fault> {
    let cut = |name: &str, rest| breaks(name, "server_error", rest);
    vec![
        cut("reset midway", |_| vec![Step::Reset]),
        cut("closed midway", |_| vec![Step::Close]),
        cut("ended midway", |_| vec![say(END)]),
        cut("half an event midway, then reset", |scene| {
            vec![say(chunk(&scene.voice.more("x")[..30])), Step::Reset]
        }),
        cut("half an event midway, then the end", |scene| {
            vec![say(chunk(&scene.voice.more("x")[..30])), say(END)]
        }),
        cut("half a chunk midway", |_| {
            vec![say("ff\r\ndata: "), Step::Close]
        }),
        cut("a chunk size that overflows, midway", |_| {
            vec![say("fffffffffffffffff\r\ndata: ")]
        }),
        cut("a finish without usage or terminator", |scene| {
            vec![say(chunk(scene.voice.finish_alone())), say(END)]
        }),
        cut("a terminator without a finish", |scene| {
            vec![say(chunk(&scene.voice.ending()[1])), say(END)]
        }),
    ]
}

fn events() -> Vec<Fault> {
    let garbled = |name: &str, rest| breaks(name, "server_error", rest);
    vec![
        breaks("an error midway", "overloaded", |scene| {
            vec![say(chunk(scene.voice.error_event())), say(END)]
        }),
        breaks("an error midway, and a terminator", "overloaded", |scene| {
            let events = scene.voice.error_event() + &scene.voice.ending().concat();
            vec![say(chunk(events)), say(END)]
        }),
        garbled("an event that is no JSON, midway", |_| {
            vec![say(chunk("data: {not json}\n\n")), Step::Hang]
        }),
        garbled("an event that is no text, midway", |_| {
            vec![say(chunk(b"data: {\"id\":\"\xff\"}\n\n")), Step::Hang]
        }),
        garbled("an event of 5 MiB, midway", |_| {
            vec![
                say(chunk("data: ")),
                say(chunk(vec![b'x'; 5 << 20])),
                Step::Hang,
            ]
        }),
    ]
}

fn waits() -> Vec<Fault> {
    let late = |name: &str, rest| breaks(name, "timeout", rest).brisk(None);
    vec![
        late("silent midway", |_| vec![Step::Hang]),
        late("comments for ever, midway", |_| {
            vec![Step::Forever(chunk(": ping\n\n"), PING)]
        }),
        late("an event byte by byte, midway", |scene| {
            let bytes = chunk(scene.voice.more("x"));
            vec![Step::Drip(bytes, Duration::from_millis(50)), Step::Hang]
        }),
        late("text without end", |scene| {
            vec![Step::Forever(chunk(scene.voice.more("x")), PING)]
        })
        .endless(),
        // Nothing has gone out, so this is a late first token.
        Fault::new(
            "half an event, then silence",
            FallsOver("timeout"),
            |scene| {
                let half = chunk(&scene.voice.opening("x")[..40]);
                vec![say(stream_head()), say(half), Step::Hang]
            },
        )
        .brisk(None),
    ]
}
