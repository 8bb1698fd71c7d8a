//! What a tool server may ask of models while it serves one call, and what it has asked.
//!
//! A completion is paid for before it is asked: its price at worst is reserved, and replaced by the true one at its
//! end. So completions that run at once cannot spend together what none of them could alone.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Caller;
use crate::{
    catalog::NanoDollars,
    telemetry::{Cost, Notes, Serves},
};

/// What an operator lets a server ask for during one call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The route of all its completions, whatever model they name; the models its caller may use where there is none.
    pub route: Option<Arc<str>>,
    /// The tools it may call, by patterns of their names.
    pub tools: Vec<String>,
    /// The most completions.
    pub completions: u32,
    /// The most they may cost together.
    pub cost: NanoDollars,
    /// How many calls may stand within each other.
    pub depth: u32,
}

/// One call of a server's tool while it runs: what made keys are good for.
#[derive(Debug)]
pub struct Serving {
    /// Which call it is.
    pub serves: Serves,
    /// What is allowed.
    pub terms: Terms,
    /// How many calls stand here, this one included.
    depth: u32,
    left: Mutex<Left>,
    /// The call that this one was made for.
    around: Option<Arc<Serving>>,
    over: CancellationToken,
}

/// What is left of a call's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    completions: u32,
    cost: NanoDollars,
}

impl Left {
    fn of(terms: &Terms, notes: &Notes) -> Self {
        let made = notes.completions();
        let number = u32::try_from(made.len()).unwrap_or(u32::MAX);
        let cost = made.iter().fold(terms.cost, |left, made| match made.cost {
            Cost::Known(cost) => NanoDollars(left.0.saturating_sub(cost.0)),
            Cost::Nothing | Cost::Unknown => left,
        });
        Self {
            completions: terms.completions.saturating_sub(number),
            cost,
        }
    }
}

/// Why a completion is not asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// There were enough.
    #[error("One call of the tool {tool} may ask for {most} completions, and has.")]
    Completions {
        /// The tool.
        tool: Arc<str>,
        /// The most.
        most: u32,
    },
    /// What is left does not pay for it at worst.
    #[error(
        "One call of the tool {tool} may spend ${most} on completions, and this one may cost more than is left of that: ask for fewer tokens."
    )]
    Cost {
        /// The tool.
        tool: Arc<str>,
        /// The most, in dollars.
        most: String,
    },
    /// Too many calls stand within each other.
    #[error(
        "The tool {tool} was called {depth} calls deep, and may ask for completions in {most}."
    )]
    Depth {
        /// The tool.
        tool: Arc<str>,
        /// How deep.
        depth: u32,
        /// The deepest.
        most: u32,
    },
}

impl Serving {
    /// A call by this caller, which may itself come from a call. What was noted of it before, when it was tried, is
    /// spent.
    pub fn open(caller: &Caller, serves: Serves, terms: Terms) -> Arc<Self> {
        let around = caller.serves.clone();
        let over = around.as_ref().map(|around| around.over.child_token());
        Arc::new(Self {
            depth: around
                .as_ref()
                .map_or(1, |around| around.depth.saturating_add(1)),
            left: Mutex::new(Left::of(&terms, &serves.notes)),
            around,
            serves,
            terms,
            // A call within a call does not outlive it.
            over: over.unwrap_or_default(),
        })
    }

    /// Whether another call may be made for this one.
    pub(super) fn may_call(&self) -> bool {
        self.depth < self.terms.depth && !self.terms.tools.is_empty()
    }

    /// The call is over: what was made for it is worth nothing from here on, and what still runs is called off.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// Whether the call is over.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Comes back when the call is over.
    pub fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    /// Leave for one completion that costs so much at worst, from this call and from those around it. One whose price
    /// nobody knows counts as a completion alone.
    ///
    /// # Errors
    /// A budget is spent.
    pub fn reserve(self: &Arc<Self>, worst: Option<NanoDollars>) -> Result<Reserved, Spent> {
        let worst = worst.unwrap_or_default();
        self.take(worst)?;
        let around = self
            .around
            .as_ref()
            .map(|around| around.reserve(Some(worst)));
        match around.transpose() {
            Ok(around) => Ok(Reserved {
                serving: self.clone(),
                worst,
                around: around.map(Box::new),
            }),
            Err(spent) => {
                self.give_back(1, worst);
                Err(spent)
            }
        }
    }

    fn take(&self, worst: NanoDollars) -> Result<(), Spent> {
        let tool = || self.serves.tool.clone();
        if self.depth > self.terms.depth {
            return Err(Spent::Depth {
                tool: tool(),
                depth: self.depth,
                most: self.terms.depth,
            });
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.completions == 0 {
            return Err(Spent::Completions {
                tool: tool(),
                most: self.terms.completions,
            });
        }
        let Some(cost) = left.cost.0.checked_sub(worst.0) else {
            return Err(Spent::Cost {
                tool: tool(),
                most: self.terms.cost.dollars(),
            });
        };
        left.completions -= 1;
        left.cost = NanoDollars(cost);
        Ok(())
    }

    fn give_back(&self, completions: u32, cost: NanoDollars) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.completions = left.completions.saturating_add(completions);
        left.cost = left.cost.plus(cost);
    }

    fn charge(&self, reserved: NanoDollars, cost: NanoDollars) {
        self.give_back(0, reserved);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer may cost more than its price at worst, by a provider's count: then nothing is left.
        left.cost = NanoDollars(left.cost.0.saturating_sub(cost.0));
    }
}

/// What was set aside for one completion. Dropped, it counts as spent.
#[derive(Debug)]
#[must_use]
pub struct Reserved {
    serving: Arc<Serving>,
    worst: NanoDollars,
    around: Option<Box<Reserved>>,
}

impl Reserved {
    /// Replaces the price at worst by what it was. Where nobody knows that, the worst stands.
    pub fn settle(self, cost: Cost) {
        let cost = match cost {
            Cost::Nothing => NanoDollars(0),
            Cost::Known(cost) => cost,
            Cost::Unknown => self.worst,
        };
        for reserved in self.all() {
            reserved.serving.charge(reserved.worst, cost);
        }
    }

    /// Gives it back: nobody was asked.
    pub fn release(self) {
        for reserved in self.all() {
            reserved.serving.give_back(1, reserved.worst);
        }
    }

    /// This call's and those of the calls around it.
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |inner| inner.around.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::Access, telemetry::Completion};

    fn serving(caller: &Caller, completions: u32, cost: u64, depth: u32) -> Arc<Serving> {
        let serves = Serves {
            server: "crm".into(),
            tool: "crm.search".into(),
            request: "req_1".to_owned(),
            notes: Arc::default(),
        };
        let terms = Terms {
            completions,
            cost: NanoDollars(cost),
            depth,
            ..Terms::default()
        };
        Serving::open(caller, serves, terms)
    }

    fn nano(amount: u64) -> Option<NanoDollars> {
        Some(NanoDollars(amount))
    }

    #[test]
    fn what_runs_at_once_cannot_spend_more_than_there_is() {
        let caller = Access::open().identify(None).unwrap();
        let serving = serving(&caller, 9, 100, 1);
        let first = serving.reserve(nano(60)).unwrap();
        let spent = serving.reserve(nano(60)).unwrap_err();
        assert!(matches!(spent, Spent::Cost { .. }), "{spent}");
        first.settle(Cost::Known(NanoDollars(10)));
        let second = serving.reserve(nano(60)).unwrap();
        second.settle(Cost::Unknown);
        let third = serving.reserve(nano(30)).unwrap();
        // A provider that counts more than was thought possible.
        third.settle(Cost::Known(NanoDollars(10_000)));
        assert!(serving.reserve(nano(1)).is_err());
        serving.reserve(None).unwrap().settle(Cost::Unknown);
    }

    #[test]
    fn completions_are_counted_but_for_those_nobody_was_asked_for() {
        let caller = Access::open().identify(None).unwrap();
        let serving = serving(&caller, 2, 100, 1);
        serving.reserve(nano(100)).unwrap().release();
        serving.reserve(nano(100)).unwrap().settle(Cost::Nothing);
        drop(serving.reserve(nano(100)).unwrap());
        let spent = serving.reserve(nano(0)).unwrap_err();
        assert_eq!(
            spent.to_string(),
            "One call of the tool crm.search may ask for 2 completions, and has."
        );
    }

    #[test]
    fn a_call_that_is_tried_again_has_what_was_left() {
        let caller = Access::open().identify(None).unwrap();
        let first = serving(&caller, 2, 100, 1);
        first.serves.notes.completion(Completion {
            id: first.serves.next_id(),
            route: None,
            target: None,
            usage: None,
            cost: Cost::Known(NanoDollars(70)),
        });
        let again = Serving::open(&caller, first.serves.clone(), first.terms.clone());
        assert!(again.reserve(nano(31)).is_err());
        again.reserve(nano(30)).unwrap().settle(Cost::Nothing);
        assert!(again.reserve(nano(0)).is_err());
    }

    #[test]
    fn a_call_within_a_call_spends_what_both_have() {
        let caller = Access::open().identify(None).unwrap();
        let outer = serving(&caller, 3, 100, 2);
        let mut within = (*caller).clone();
        within.serves = Some(outer.clone());
        let inner = serving(&within, 9, 1_000, 2);
        inner
            .reserve(nano(90))
            .unwrap()
            .settle(Cost::Known(NanoDollars(80)));
        assert!(inner.reserve(nano(30)).is_err());
        // What the outer call refused is not taken from the inner one.
        inner.reserve(nano(20)).unwrap().release();
        inner.reserve(nano(20)).unwrap().settle(Cost::Nothing);
        outer.reserve(nano(20)).unwrap().settle(Cost::Nothing);
        let spent = inner.reserve(nano(0)).unwrap_err();
        assert!(
            matches!(spent, Spent::Completions { most: 3, .. }),
            "{spent}"
        );

        within.serves = Some(inner);
        let deepest = serving(&within, 9, 1_000, 2);
        let spent = deepest.reserve(nano(0)).unwrap_err();
        assert!(
            matches!(
                spent,
                Spent::Depth {
                    depth: 3,
                    most: 2,
                    ..
                }
            ),
            "{spent}"
        );
    }
}
