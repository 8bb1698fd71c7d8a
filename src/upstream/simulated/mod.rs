//! A provider inside the process: it answers in OpenAI's wire bytes, at its own pace and with its own faults.
//!
//! It exists so that a demo and the tests show real routing without a key or a network. Pure: no clock, no
//! I/O. The same settings, request number and request give the same [`Script`]; playing it in time is the
//! caller's part. Requests are a stranger's bytes: whatever they hold, the answer is a script.
//!
//! # Directives
//! The last message of the user may steer the answer: `[[sim WORD …]]`, where a word is one of
//! - `tokens=200`: a text of exactly so many tokens (JSON answers and calls keep their own length),
//! - `echo`: the user's own text as the answer, without the directives,
//! - `tool=NAME` or `tools=A,B`: exactly these calls, offered or not, if any tool is offered and may be called,
//! - `fault=NAME`: one of [`Fault`]'s names; wins over the settings, `none` included,
//! - `stall`: a few tokens, then silence on an open connection.
//!
//! A word that is not known is a bad request.

mod ask;
mod dice;
mod directive;
mod embeddings;
mod pace;
mod prose;
mod refusal;
mod schema_value;
mod stream;
mod turn;
mod wire;

#[cfg(test)]
mod tests;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;

use self::{
    ask::Ask,
    dice::{Dice, Use},
    refusal::Refusal,
};
use crate::catalog::{Fault, Simulation};

/// A simulated provider. Lives as long as the process remembers the provider, because it counts.
#[derive(Debug)]
pub struct Simulator {
    settings: Simulation,
    counter: AtomicU64,
}

/// How one request goes, from its arrival on.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The time until the head of the answer; [`Duration::MAX`] if none ever comes.
    pub delay: Duration,
    /// The HTTP status.
    pub status: u16,
    /// The headers, with `content-type`, without lengths and encodings.
    pub headers: Vec<(&'static str, String)>,
    /// What follows the head. Where it does not end in [`Step::Cut`] or [`Step::Hang`], the body ends properly.
    pub body: Vec<Step>,
}

/// One step of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing happens for this long.
    Wait(Duration),
    /// These bytes come.
    Bytes(Bytes),
    /// The connection breaks here.
    Cut,
    /// Nothing more, ever.
    Hang,
}

impl Simulator {
    /// A provider that has seen no request yet.
    pub fn new(settings: Simulation) -> Self {
        Self {
            settings,
            counter: AtomicU64::new(0),
        }
    }

    /// Answers the next request: `path` below the base URL, `body` as sent. `epoch_seconds` is the time now,
    /// in seconds since the Unix epoch; answers carry it, and outages go by it.
    pub fn answer(&self, path: &str, body: &[u8], epoch_seconds: u64) -> Script {
        let run = Run {
            settings: &self.settings,
            n: self.counter.fetch_add(1, Ordering::Relaxed),
            now: epoch_seconds,
        };
        let path = path.split('?').next().unwrap_or(path);
        if path.ends_with("/chat/completions") {
            chat(&run, body)
        } else if path.ends_with("/embeddings") {
            embeddings::answer(&run, body)
        } else {
            Refusal::unknown_path().script(&run)
        }
    }
}

/// One request's circumstances.
struct Run<'a> {
    settings: &'a Simulation,
    /// Its number, from 0.
    n: u64,
    /// Seconds since the Unix epoch.
    now: u64,
}

impl Run<'_> {
    fn dice(&self, what: Use) -> Dice {
        Dice::new(self.settings.seed, self.n, what)
    }

    /// An id that no other request of this provider has.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}-sim-{:x}-{}", self.settings.seed, self.n)
    }

    /// What goes wrong: the directive's word, else the script of the first requests, else an outage, else chance.
    fn fault(&self, directive: Option<Fault>) -> Fault {
        const BY_CHANCE: &[Fault] = &[
            Fault::ServerError,
            Fault::Overloaded,
            Fault::RateLimit,
            Fault::Cut,
        ];
        let number = usize::try_from(self.n).unwrap_or(usize::MAX);
        let scripted = self.settings.faults.get(number).copied();
        let mut dice = self.dice(Use::Fault);
        let chance = dice.chance(self.settings.error_rate);
        let drawn = dice.pick(BY_CHANCE).copied().filter(|_| chance);
        directive
            .or(scripted)
            .or_else(|| self.outage())
            .or(drawn)
            .unwrap_or(Fault::None)
    }
}

impl Run<'_> {
    /// What an outage that is on at this second does to every request.
    fn outage(&self) -> Option<Fault> {
        let outage = self.settings.outage?;
        let every = outage.every.get().as_secs().max(1);
        let into = self.now.wrapping_add(self.settings.seed) % every;
        (into < outage.lasts.get().as_secs()).then_some(outage.fault)
    }
}

fn chat(run: &Run<'_>, body: &[u8]) -> Script {
    let ask = Ask::read(body);
    let directive = ask.as_ref().ok().and_then(|ask| ask.directives.fault);
    let fault = run.fault(directive);
    // As at a real door: who is not let in does not hear what is wrong with the request.
    if let Some(script) = refusal::of(run, fault, ask.as_ref().is_ok_and(|ask| ask.stream)) {
        return script;
    }
    match ask {
        Ok(ask) => {
            let answers = turn::answers(run, &ask, fault);
            let script = if ask.stream {
                stream::script
            } else {
                wire::script
            };
            script(run, &ask, &answers, fault)
        }
        Err(malformed) => Refusal::from(malformed).script(run),
    }
}

/// The rule of thumb for the size of a prompt: four bytes are a token.
fn tokens_of_bytes(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4).max(1)
}
