//! What is to be planned: one request as far as routing cares, and who asks.

use super::{Candidate, Hints};
use crate::{catalog::Ability, facts::Facts};

/// One request to be planned. Everything a plan depends on besides the routes and the targets' facts, so that a
/// recorded question can be asked again.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// The most output tokens the caller allows, over all answers wanted.
    pub max_output: Option<u64>,
    /// Output tokens to be expected, over all answers wanted.
    pub expected_output: u64,
    /// What the target must be able to do.
    pub needs: &'a [Ability],
    /// Whether the answer is wanted as a stream: its first token counts then, else its end.
    pub stream: bool,
    /// A digest of the conversation's beginning, which its later requests share; 0 when there is none.
    pub prefix: u64,
    /// The request's chance: every draw follows from it.
    pub seed: u64,
    /// What the caller, and the rules, ask for.
    pub hints: &'a Hints,
    /// What the caller may use.
    pub rights: &'a dyn Rights,
}

impl<'a> Question<'a> {
    /// A small plain question without hints.
    pub fn of(rights: &'a dyn Rights) -> Self {
        Self {
            input_tokens: 1,
            max_output: None,
            expected_output: 1,
            needs: &[],
            stream: false,
            prefix: 0,
            seed: 0,
            hints: Hints::none(),
            rights,
        }
    }
}

/// What a caller may use. Asked by name, so that this room need not know callers.
pub trait Rights {
    /// Whether this route may be named.
    fn allows_route(&self, route: &str) -> bool;
    /// Whether this target may be named directly.
    fn allows_direct(&self, target: &str) -> bool;
    /// Whether this target may answer on a route.
    fn allows_target(&self, target: &str) -> bool;
}

/// The rights of who may use everything.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Rights for Everything {
    fn allows_route(&self, _: &str) -> bool {
        true
    }

    fn allows_direct(&self, _: &str) -> bool {
        true
    }

    fn allows_target(&self, _: &str) -> bool {
        true
    }
}

/// Tells the facts of a candidate. Asked once for each candidate that may and can answer.
pub type Gather<'a> = &'a dyn Fn(&Candidate, Detail) -> Facts;

/// Which facts a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Whether a target may be asked, and its shares; the time estimates may be left out.
    Gate,
    /// The time estimates, too.
    Times,
}
