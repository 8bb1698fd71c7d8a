//! What a tool server may ask of models while it serves one call, and what it has asked.
//!
//! A completion is paid for before it is asked: its price at worst is reserved, and replaced by the true one at its
//! end. So completions that run at once cannot spend together what none of them could alone.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    catalog::NanoDollars,
    telemetry::{Cost, Notes, Serves},
};

/// What an operator lets a server ask for during one call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The route of all its completions, whatever model they name; the models its caller may use where there is none.
    pub route: Option<Arc<str>>,
    /// The most completions.
    pub completions: u32,
    /// The most they may cost together.
    pub cost: NanoDollars,
}

/// One call of a server's tool while it runs: what made keys are good for.
#[derive(Debug)]
pub struct Serving {
    /// Which call it is.
    pub serves: Serves,
    /// What is allowed.
    pub terms: Terms,
    left: Mutex<Left>,
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
        let mut made = notes.completions();
        made.retain(|made| !made.refused);
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
}

impl Serving {
    /// A call that begins. What was noted of it before, when it was tried, is spent.
    pub fn open(serves: Serves, terms: Terms) -> Arc<Self> {
        Arc::new(Self {
            left: Mutex::new(Left::of(&terms, &serves.notes)),
            serves,
            terms,
            over: CancellationToken::new(),
        })
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

    /// Leave for one completion that costs so much at worst. One whose price nobody knows counts as a completion alone.
    ///
    /// # Errors
    /// The budget is spent.
    pub fn reserve(self: &Arc<Self>, worst: Option<NanoDollars>) -> Result<Reserved, Spent> {
        let worst = worst.unwrap_or_default();
        self.take(worst)?;
        Ok(Reserved {
            serving: self.clone(),
            worst,
        })
    }

    fn take(&self, worst: NanoDollars) -> Result<(), Spent> {
        let tool = || self.serves.tool.clone();
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

    /// Replaces what was reserved by what it cost. One step: between two, another could reserve what is spent.
    fn charge(&self, reserved: NanoDollars, cost: NanoDollars) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer may cost more than its price at worst, by a provider's count: then nothing is left.
        left.cost = NanoDollars(left.cost.plus(reserved).0.saturating_sub(cost.0));
    }
}

/// What was set aside for one completion. Dropped, it counts as spent.
#[derive(Debug)]
#[must_use]
pub struct Reserved {
    serving: Arc<Serving>,
    worst: NanoDollars,
}

impl Reserved {
    /// Replaces the price at worst by what it was. Where nobody knows that, the worst stands.
    pub fn settle(self, cost: Cost) {
        let cost = match cost {
            Cost::Nothing => NanoDollars(0),
            Cost::Known(cost) => cost,
            Cost::Unknown => self.worst,
        };
        self.serving.charge(self.worst, cost);
    }

    /// Gives it back: nobody was asked.
    pub fn release(self) {
        self.serving.give_back(1, self.worst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::telemetry::Completion;

    fn serving(completions: u32, cost: u64) -> Arc<Serving> {
        let serves = Serves {
            server: "crm".into(),
            tool: "crm.search".into(),
            request: "req_1".to_owned(),
            notes: Arc::default(),
        };
        let terms = Terms {
            completions,
            cost: NanoDollars(cost),
            ..Terms::default()
        };
        Serving::open(serves, terms)
    }

    fn nano(amount: u64) -> Option<NanoDollars> {
        Some(NanoDollars(amount))
    }

    #[test]
    fn what_runs_at_once_cannot_spend_more_than_there_is() {
        let serving = serving(9, 100);
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
    fn nothing_is_reserved_of_what_is_spent_while_it_is_settled() {
        let calls: Vec<_> = (0..300).map(|_| serving(9, 100)).collect();
        let reserved: Vec<_> = calls
            .iter()
            .map(|call| call.reserve(nano(100)).unwrap())
            .collect();
        let (tried, settled) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for (number, reserved) in reserved.into_iter().enumerate() {
                    // Only while somebody tries to reserve more of it.
                    while tried.load(Ordering::Acquire) <= number {
                        std::thread::yield_now();
                    }
                    reserved.settle(Cost::Known(NanoDollars(100)));
                    settled.fetch_add(1, Ordering::Release);
                }
            });
            let mut spent_twice = 0;
            for (number, call) in calls.iter().enumerate() {
                tried.fetch_add(1, Ordering::Release);
                loop {
                    let is_settled = settled.load(Ordering::Acquire) > number;
                    spent_twice += u32::from(call.reserve(nano(100)).is_ok());
                    if is_settled {
                        break;
                    }
                }
            }
            assert_eq!(spent_twice, 0);
        });
    }

    #[test]
    fn completions_are_counted_but_for_those_nobody_was_asked_for() {
        let serving = serving(2, 100);
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
        let first = serving(2, 100);
        first.serves.notes.completion(Completion {
            id: first.serves.next_id(),
            route: None,
            target: None,
            usage: None,
            cost: Cost::Known(NanoDollars(70)),
            refused: false,
        });
        first.serves.notes.completion(Completion {
            id: first.serves.next_id(),
            route: None,
            target: None,
            usage: None,
            cost: Cost::Nothing,
            refused: true,
        });
        let again = Serving::open(first.serves.clone(), first.terms.clone());
        assert!(again.reserve(nano(31)).is_err());
        again.reserve(nano(30)).unwrap().settle(Cost::Nothing);
        assert!(again.reserve(nano(0)).is_err());
    }
}
