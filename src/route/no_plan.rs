//! Why there is no plan, for the caller and for `explain`.

use std::{fmt::Write, time::Duration};

use super::Verdict;
use crate::{
    catalog::Ability,
    facts::Circuit,
    outcome::{ErrorClass, Reason},
};

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoPlan {
    /// The name is neither a route nor a target.
    #[error("the model `{0}` does not exist")]
    UnknownModel(String),
    /// The caller's key does not allow this name.
    #[error("you may not use the model `{0}`")]
    Forbidden(String),
    /// The key, the caller's hints or the route's tags leave nobody.
    #[error("{}", nothing_left(.0))]
    NothingLeft(Vec<Verdict>),
    /// Nobody can do what the request needs, or take a prompt of its length.
    #[error("none of this model's targets can answer this request{}: {}", lacking(.1), listed(.0))]
    NobodyCan(Vec<Verdict>, Vec<Ability>),
    /// Nobody keeps the limits of the route or the caller.
    #[error(
        "none of this model's targets keeps the limits: {}; loosen `within` or `max_price`, or let a limit `relax`",
        listed(.0)
    )]
    NoneQualifies(Vec<Verdict>),
    /// Whoever could answer is put aside for now.
    #[error("none of this model's targets is ready: {}; try again{}", listed(verdicts), when(*retry_after))]
    NobodyReady {
        /// Everybody, with the reason.
        verdicts: Vec<Verdict>,
        /// When the first may be ready, if that is known.
        retry_after: Option<Duration>,
        /// Whether it is only that the providers want fewer requests.
        throttled: bool,
    },
}

impl NoPlan {
    /// Why these verdicts of a request with these needs, none of them kept, leave nobody. What may pass by itself
    /// counts before what does not.
    pub(super) fn of(verdicts: Vec<Verdict>, needs: &[Ability]) -> Self {
        let any = |wanted: fn(Reason) -> bool| verdicts.iter().any(|one| wanted(one.reason));
        if any(is_unready) {
            let waits = verdicts.iter().filter_map(wait);
            return Self::NobodyReady {
                retry_after: waits.min(),
                throttled: !verdicts.iter().any(is_ill),
                verdicts,
            };
        }
        if any(is_limit) {
            return Self::NoneQualifies(verdicts);
        }
        if any(is_inability) {
            let missed = |need: &Ability| {
                let lacks = |verdict: &Verdict| verdict.candidate.cannot(*need);
                verdicts.iter().any(lacks)
            };
            let missed = needs.iter().copied().filter(missed).collect();
            return Self::NobodyCan(verdicts, missed);
        }
        Self::NothingLeft(verdicts)
    }

    /// Everybody who was considered, with the reason.
    pub fn verdicts(&self) -> &[Verdict] {
        match self {
            Self::UnknownModel(_) | Self::Forbidden(_) => &[],
            Self::NothingLeft(verdicts)
            | Self::NobodyCan(verdicts, _)
            | Self::NoneQualifies(verdicts)
            | Self::NobodyReady { verdicts, .. } => verdicts,
        }
    }

    /// The failure it amounts to, where asking somebody would have ended the same way.
    pub fn class(&self) -> Option<ErrorClass> {
        match self {
            Self::UnknownModel(_) | Self::Forbidden(_) | Self::NothingLeft(_) => None,
            // What is measured may pass; a price does not.
            Self::NoneQualifies(verdicts) => {
                let measured = |verdict: &Verdict| {
                    matches!(verdict.reason, Reason::TooSlow | Reason::TooOftenInvalid)
                };
                let passes = verdicts.iter().any(measured);
                Some(if passes {
                    ErrorClass::Overloaded
                } else {
                    ErrorClass::Unsupported
                })
            }
            Self::NobodyReady { throttled, .. } if *throttled => Some(ErrorClass::RateLimit),
            Self::NobodyReady { .. } => Some(ErrorClass::Overloaded),
            Self::NobodyCan(verdicts, _) => {
                let lacks = |verdict: &Verdict| verdict.reason == Reason::LacksAbility;
                let lacking = verdicts.iter().any(lacks);
                Some(if lacking {
                    ErrorClass::Unsupported
                } else {
                    ErrorClass::ContextLength
                })
            }
        }
    }
}

fn is_unready(reason: Reason) -> bool {
    use Reason::*;
    matches!(reason, CircuitOpen | CoolingDown | RateLimited)
}

/// Whether it is out of order, as opposed to asking for fewer requests only.
fn is_ill(verdict: &Verdict) -> bool {
    let because = verdict.candidate.facts.because;
    match verdict.reason {
        Reason::CircuitOpen => true,
        Reason::CoolingDown => because.is_some_and(|class| class != ErrorClass::RateLimit),
        _ => false,
    }
}

/// Whether it was dropped for a limit on time, money or validity.
pub(super) fn is_limit(reason: Reason) -> bool {
    use Reason::*;
    matches!(reason, TooSlow | TooDear | PriceUnknown | TooOftenInvalid)
}

fn is_inability(reason: Reason) -> bool {
    matches!(reason, Reason::LacksAbility | Reason::ContextTooSmall)
}

/// How long until a dropped target may be ready; unknown while a probe is under way.
fn wait(verdict: &Verdict) -> Option<Duration> {
    let facts = &verdict.candidate.facts;
    let wait = match (verdict.reason, facts.circuit) {
        (Reason::CircuitOpen, Circuit::Open { remaining, .. }) => remaining,
        (Reason::CoolingDown, _) => facts.cooldown?,
        _ => return None,
    };
    (!wait.is_zero()).then_some(wait)
}

fn nothing_left(verdicts: &[Verdict]) -> String {
    let forbidden = |verdict: &Verdict| verdict.reason == Reason::KeyForbids;
    if verdicts.iter().all(forbidden) {
        return "you may use none of the targets of this model".to_owned();
    }
    format!(
        "none of this model's targets is left: {}; ask for less in `provider`, or use another model",
        listed(verdicts)
    )
}

/// What the request needs and not everybody can.
fn lacking(abilities: &[Ability]) -> String {
    let names: Vec<&str> = abilities.iter().map(|ability| ability.label()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(", which needs {}", names.join(" and ")),
    }
}

fn when(wait: Option<Duration>) -> String {
    match wait {
        Some(wait) => format!(" in {}s", wait.as_millis().div_ceil(1_000)),
        None => " later".to_owned(),
    }
}

/// Who was dropped and why, in one line.
fn listed(verdicts: &[Verdict]) -> String {
    let mut line = String::new();
    for verdict in verdicts {
        let comma = if line.is_empty() { "" } else { ", " };
        let (name, label) = (&verdict.candidate.name, verdict.reason.label());
        // Writing to a string does not fail.
        let _ = write!(line, "{comma}{name} ({label})");
    }
    line
}
