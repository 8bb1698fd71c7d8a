//! Which calls share a run: those with the same idempotency key, those with the same arguments where a tool's
//! results are cached, and those who ask for the same at the same time.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Fault, FaultClass, Outcome, Refusal,
    digest::{self, Digest},
    job::Job,
    once::{Made, Same, Way},
};
use crate::{problem::Problem, span::Span};

/// When calls count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Idempotency {
    /// When they have the same idempotency key.
    #[default]
    Key,
    /// Also, without a key, when the same caller asks for the same while the first call still runs.
    Auto,
}

/// How results are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// For how long a result is given again for the same arguments.
    pub ttl: Span,
    /// Who shares results: calls of one key, or everyone who may call the tool.
    #[serde(default)]
    pub scope: Scope,
}

/// Who shares cached results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Calls of one key.
    #[default]
    Key,
    /// Everyone who may call the tool.
    Everyone,
}

impl Cache {
    /// What is wrong with it; paths start at its keys.
    pub(super) fn problems(self, repeatable: bool) -> Option<Problem> {
        if self.ttl.get().is_zero() {
            let problem = Problem::new(["ttl"], "results that are kept for no time are not kept");
            return Some(problem.expected("more than 0s"));
        }
        (!repeatable).then(|| {
            let message = "a call that is answered from the cache does not run the tool";
            let problem = Problem::new(Vec::<String>::new(), message);
            problem.expected(super::retry::REPEATABLE)
        })
    }
}

/// For how long the outcome of a call with a key is given again: as long as clients try again after a lost answer.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// The longest idempotency key, in characters: keys are names, not documents.
const LONGEST_KEY: usize = 256;

/// The outcome of a call that fits: its own run's, or another's.
pub(super) async fn outcome(job: &Arc<Job>) -> Result<Outcome, Refusal> {
    let Some(same) = same_call(job)? else {
        return Ok(cached(job).await?);
    };
    let own = job.clone();
    let once = &job.toolbox.memory.calls;
    let make = || async move { made(cached(&own).await, &own) }.boxed();
    let (ran, way) = once
        .outcome(same, make)
        .await
        .map_err(|_| Refusal::KeyReused)?;
    // Without a key nobody said that both calls are one: the answers one caller gave are not the other's.
    if ran.asked && way == Way::Joined && job.call.idempotency_key.is_none() {
        return Ok(cached(job).await?);
    }
    let shared = match way {
        Way::Ran => None,
        Way::Joined => Some("joined"),
        Way::Kept => Some("replayed"),
    };
    job.seen.shared(shared);
    Ok(ran.outcome.clone()?)
}

fn made(outcome: Result<Outcome, Fault>, job: &Job) -> Made {
    Made {
        outcome,
        asked: job.line.has_asked(),
    }
}

/// What the call is the same as, where it may be the same as another.
fn same_call(job: &Job) -> Result<Option<Same>, Fault> {
    let caller = &job.call.caller.name;
    let tool = &job.tool.id;
    let arguments = || digest::of_value(&job.arguments);
    let same = |key: Digest, arguments, keep| Same {
        key,
        arguments,
        owner: caller.clone(),
        keep,
        sticks: has_run,
    };
    match (&job.call.idempotency_key, job.tool.common.idempotency) {
        (Some(key), _) => {
            let printable = key.bytes().all(|byte| (0x20..0x7F).contains(&byte));
            if key.is_empty() || key.len() > LONGEST_KEY || !printable {
                let message = format!(
                    "The idempotency key must have 1 to {LONGEST_KEY} printable ASCII characters"
                );
                return Err(Fault::new(FaultClass::InvalidArguments, message));
            }
            let key = digest::of_texts(&["key", caller, tool, key]);
            Ok(Some(same(key, arguments(), Some(REMEMBERED))))
        }
        (None, Idempotency::Auto) => {
            let arguments = arguments();
            let key = digest::of_texts(&["auto", caller, tool]);
            let key = digest::joined(&key, &arguments);
            Ok(Some(same(key, arguments, None)))
        }
        (None, Idempotency::Key) => Ok(None),
    }
}

/// The outcome by the tool's cache, where it has one.
async fn cached(job: &Arc<Job>) -> Result<Outcome, Fault> {
    let Some(cache) = job.tool.common.cache else {
        return job.run().await;
    };
    let arguments = digest::of_value(&job.arguments);
    // The scope is part of the key: no caller's name may stand for everyone.
    let (scope, owner) = match cache.scope {
        Scope::Key => ("key", &*job.call.caller.name),
        Scope::Everyone => ("everyone", ""),
    };
    let key = digest::of_texts(&[scope, owner, &job.tool.id, &job.tool.revision]);
    let same = Same {
        key: digest::joined(&key, &arguments),
        arguments,
        owner: owner.into(),
        keep: Some(cache.ttl.get()),
        sticks: is_good,
    };
    let own = job.clone();
    let once = &job.toolbox.memory.results;
    let run = once.outcome(same, || async move { made(own.run().await, &own) }.boxed());
    match run.await {
        Ok((ran, way)) if way != Way::Ran && ran.asked => {
            job.seen.cache("miss");
            job.run().await
        }
        Ok((ran, way)) => {
            job.seen.cache(if way == Way::Ran { "miss" } else { "hit" });
            ran.outcome.clone()
        }
        // The arguments are part of the key.
        Err(_) => job.run().await,
    }
}

/// Whether the tool has run, so that the same call must not run it again. A timeout may have changed something.
fn has_run(ran: &Made) -> bool {
    match &ran.outcome {
        Ok(Outcome::Done(_)) => true,
        Ok(Outcome::Asks(_)) => false,
        Err(fault) if fault.unsent => false,
        Err(fault) => {
            let ran = matches!(fault.class, FaultClass::Declined | FaultClass::TooLarge);
            ran || fault.class.is_of_the_tool()
        }
    }
}

/// Whether it is a result others may have too. What was made of one caller's answers is not.
fn is_good(ran: &Made) -> bool {
    !ran.asked && matches!(&ran.outcome, Ok(Outcome::Done(output)) if !output.is_error)
}

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod tests;
