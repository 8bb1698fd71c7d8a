//! A stream cut behind any of its bytes is never a success, unless everything had been said (F14, F15).

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use waypost::telemetry::End;

use super::voice::{Surface, Voice};
use crate::support::{
    Act, Answer, Gateway, Provider,
    faulty::{
        Faulty, Script, Stance, Step,
        script::{END, chunk, head, say, stream_head},
    },
};

/// How many streams run at once.
const AT_ONCE: usize = 8;

/// How a provider breaks off.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The body ends as if it were whole.
    Ended,
    /// The connection closes inside a body in chunks.
    Closed,
    /// The connection closes, and that is the end of the body.
    ClosedAtEnd,
}

impl Cut {
    fn script(self, bytes: &str) -> Script {
        let typed = [("content-type", "text/event-stream")];
        match self {
            Self::Ended => vec![say(stream_head()), say(chunk(bytes)), say(END)],
            Self::Closed => vec![say(stream_head()), say(chunk(bytes)), Step::Close],
            Self::ClosedAtEnd => vec![say(head(200, &typed)), say(bytes.to_owned()), Step::Close],
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_behind_any_byte_is_never_a_success() {
    for (surface, voice) in [
        (Surface::Chat, Voice::OpenAi),
        (Surface::Messages, Voice::Anthropic),
        (Surface::Chat, Voice::Anthropic),
    ] {
        for cut in [Cut::Ended, Cut::Closed, Cut::ClosedAtEnd] {
            every_byte(surface, voice, cut).await;
        }
    }
}

/// Cuts one stream behind each of its bytes.
async fn every_byte(surface: Surface, voice: Voice, cut: Cut) {
    let whole = voice.stream("Par");
    // A chunk of no bytes would be the end of a body, so the first cut is behind the first byte. A prime step
    // meets every place inside events and between them, in a seventh of the time.
    let step = if matches!(cut, Cut::Ended) { 1 } else { 7 };
    let lengths: Vec<usize> = (1..whole.len()).step_by(step).collect();
    let scripts = lengths
        .iter()
        .map(|&length| cut.script(&whole[..length]))
        .collect();
    let faulty = Faulty::start(Stance::Serves(scripts)).await;
    let healthy = Provider::start([Act::Stream(vec![voice.stream("Whole")])]).await;
    let (dialect, path) = match voice {
        Voice::Anthropic => ("anthropic", ""),
        Voice::OpenAi | Voice::Vectors => ("openai", "/v1"),
    };
    let gateway = Gateway::start(&format!(
        "
providers:
  a: {{ dialect: {dialect}, base_url: \"{}{path}\" }}
  b: {{ dialect: {dialect}, base_url: \"{}{path}\" }}
routes: {{ r: {{ targets: [a/m, b/m], breaker: {{ consecutive: 1000000, min_calls: 1000000 }} }} }}
",
        faulty.url,
        healthy.url.trim_end_matches("/v1")
    ))
    .await;
    let gateway = Arc::new(gateway);
    let count = lengths.len();
    let ends: Vec<Told> = stream::iter(lengths)
        .map(|length| {
            let gateway = gateway.clone();
            async move {
                let request = gateway.post(surface.path(), surface.request("r", true));
                let id = format!("cut-{length}");
                let answer = gateway.send(request.header("x-request-id", &id)).await;
                let end = gateway.record(&id).await.end;
                told(surface, &answer, end)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let of = |told: Told| ends.iter().filter(|end| **end == told).count();
    let name = format!("{surface:?} over {voice:?}, {cut:?}");
    assert_eq!(faulty.seen().len(), count, "{name}");
    assert_eq!(healthy.asked().len(), of(Told::Elsewhere), "{name}");
    assert!(of(Told::Elsewhere) > 0 && of(Told::Broken) > 0, "{name}");
    // What comes behind the finish and the usage is a terminator: that much may be missing.
    let [_, terminator] = voice.ending();
    let spared = match cut {
        // Inside a chunked body a closed connection is a broken one.
        Cut::Closed => 0,
        Cut::Ended | Cut::ClosedAtEnd => terminator.len(),
    };
    assert!(
        of(Told::Whole) <= spared,
        "{name}: {} passed as whole",
        of(Told::Whole)
    );
}

/// What the caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// All of the first provider's answer.
    Whole,
    /// All of the fallback's answer.
    Elsewhere,
    /// A part and an error.
    Broken,
}

/// Reads what a caller was told, and holds it against the books.
fn told(surface: Surface, answer: &Answer, end: End) -> Told {
    let said = surface.streamed_text(answer);
    let ends = surface.ends(answer);
    let broken = answer.body.contains("\"error\"");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(ends, usize::from(!broken), "{}", answer.body);
    assert_eq!(end == End::Delivered, !broken, "{end:?}: {}", answer.body);
    match said.as_str() {
        "Whole" => Told::Elsewhere,
        _ if broken => Told::Broken,
        "Par" => Told::Whole,
        said => panic!("{said:?} passed as whole: {}", answer.body),
    }
}
