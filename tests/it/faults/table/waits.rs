//! Providers that let one wait (F07 to F10): the next one is tried when a stream's first token is late, or when half
//! of the time for a plain answer has gone.

use std::time::Duration;

use super::{Expect::FallsOver, Fault, Voice};
use crate::support::{
    faulty::{
        Stance, Step,
        script::{chunk, head, say, stream_head},
    },
    role,
};

/// A byte every so often: slow enough that no limit is kept by it.
const DRIP: Duration = Duration::from_millis(50);

/// Comments every so often: often enough that the wire is never silent.
pub(super) const PING: Duration = Duration::from_millis(20);

pub(super) fn faults() -> Vec<Fault> {
    let late = || FallsOver("timeout");
    let unreachable = FallsOver("unreachable");
    let typed = |kind| [("content-type", kind), ("transfer-encoding", "chunked")];
    vec![
        Fault::stance("never connected", unreachable, |_| Stance::Full).brisk(Some(unreachable)),
        Fault::stance("never accepted", late(), |_| Stance::Deaf).brisk(Some(late())),
        Fault::new("never answered", late(), |_| vec![Step::Hang]).brisk(Some(late())),
        Fault::new("a head byte by byte", late(), |_| {
            let head = head(
                200,
                &[(
                    "x-slow",
                    "very slow, and slower than that, and slower still",
                )],
            );
            vec![Step::Drip(head.into(), DRIP), Step::Hang]
        })
        .brisk(Some(late())),
        Fault::new("a head and nothing more", late(), move |scene| {
            let kind = if scene.stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            vec![say(head(200, &typed(kind))), Step::Hang]
        })
        .brisk(Some(late())),
        Fault::new("a body byte by byte", late(), |scene| {
            let kind = if scene.stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            let all = head(200, &[("content-type", kind)]);
            vec![
                say(all),
                Step::Drip(scene.healthy().into(), DRIP),
                Step::Close,
            ]
        })
        .brisk(Some(late())),
        Fault::new("comments for ever", late(), |_| {
            vec![say(stream_head()), Step::Forever(chunk(": ping\n\n"), PING)]
        })
        .brisk(None),
        Fault::new("starts for ever", late(), |_| {
            vec![say(stream_head()), Step::Forever(chunk(role()), PING)]
        })
        .only(Voice::OpenAi)
        .brisk(None),
    ]
}
