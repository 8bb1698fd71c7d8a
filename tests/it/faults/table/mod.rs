//! The faults, and what the caller must get for each.

mod heads;
mod midway;
mod odd;
mod plain;
mod streams;
mod waits;

use std::sync::Arc;

use tokio::sync::Notify;

use super::voice::{Surface, Voice};
use crate::support::faulty::{Script, Stance};

/// Of what a fault is made for one case.
pub(super) struct Scene {
    pub(super) voice: Voice,
    pub(super) stream: bool,
    /// Opened when the caller has the first text.
    pub(super) committed: Arc<Notify>,
}

impl Scene {
    /// What a provider without fault would say.
    pub(super) fn healthy(&self) -> String {
        if self.stream {
            self.voice.stream(FAULTY)
        } else {
            self.voice.plain(FAULTY)
        }
    }
}

/// The text of the target with the fault, and that of its healthy fallback.
pub(super) const FAULTY: &str = "Par";
pub(super) const HEALTHY: &str = "Whole";

/// What the caller must get.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// The fallback's answer, whole, because the first target failed by this class, or one of several (`a|b`).
    FallsOver(&'static str),
    /// An error of this class and status; nobody else is asked.
    Stops(&'static str, u16),
    /// What came before the fault and an in-band error of this class; nobody else is asked.
    Breaks(&'static str),
    /// The first target's own answer, whole, with this many tokens of usage by its count, or none of it.
    Survives(Option<u64>),
}

/// What a route must be short of, so that a fault ends by that limit and by no other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    None,
    /// The waits for a connection, the first token and the next one.
    Silence,
    /// The time for the whole request, and for a connection.
    Total,
}

/// One fault.
pub(super) struct Fault {
    pub(super) name: String,
    stance: Box<dyn Fn(&Scene) -> Stance + Send + Sync>,
    plain: Option<Expect>,
    streamed: Option<Expect>,
    /// What its route must be short of.
    limit: Limit,
    only: Option<Voice>,
}

impl Fault {
    /// A fault of an answer, whatever was asked.
    fn new(
        name: impl Into<String>,
        expect: Expect,
        script: impl Fn(&Scene) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self::stance(name, expect, move |scene| {
            Stance::Serves(vec![script(scene)])
        })
    }

    /// A fault of the provider as a whole.
    fn stance(
        name: impl Into<String>,
        expect: Expect,
        stance: impl Fn(&Scene) -> Stance + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            stance: Box::new(stance),
            plain: Some(expect),
            streamed: Some(expect),
            limit: Limit::None,
            only: None,
        }
    }

    /// Of plain answers only.
    fn plain(self) -> Self {
        Self {
            streamed: None,
            ..self
        }
    }

    /// Of streams only.
    fn streamed(self) -> Self {
        Self {
            plain: None,
            ..self
        }
    }

    /// Of this provider's dialect only.
    fn only(self, voice: Voice) -> Self {
        Self {
            only: Some(voice),
            ..self
        }
    }

    /// A matter of waiting, which ends otherwise for plain answers.
    fn brisk(self, plain: Option<Expect>) -> Self {
        Self {
            limit: Limit::Silence,
            plain,
            ..self
        }
    }

    /// A matter of the whole time, though the provider is never silent.
    fn endless(self) -> Self {
        Self {
            limit: Limit::Total,
            ..self
        }
    }

    /// What its route must be short of.
    pub(super) fn limit(&self, stream: bool) -> Limit {
        match self.limit {
            Limit::Silence if !stream => Limit::Total,
            limit => limit,
        }
    }

    /// What the caller must get; `None` where the fault cannot be.
    pub(super) fn expect(&self, surface: Surface, voice: Voice, stream: bool) -> Option<Expect> {
        let apart = self.only.is_some_and(|only| only != voice);
        if apart || stream && surface == Surface::Embeddings {
            return None;
        }
        if stream { self.streamed } else { self.plain }
    }

    pub(super) fn made_for(&self, scene: &Scene) -> Stance {
        (self.stance)(scene)
    }
}

/// Every fault there is.
pub(super) fn faults() -> Vec<Fault> {
    [
        heads::faults(),
        waits::faults(),
        plain::faults(),
        streams::faults(),
        midway::faults(),
        odd::faults(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
