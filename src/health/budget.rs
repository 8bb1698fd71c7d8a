//! The retry budget of a route: in an outage, retries stay a small share of what was asked.
//!
//! Each first attempt earns a part of a retry, which is good for ten seconds; besides, a floor of retries per
//! second is always there, so that a quiet route may retry too. So in any time `t` since the start
//! retries ≤ share · first attempts + floor · (t + 1 s). As in Finagle and tower, with the balance beginning at
//! one second's floor instead of ten.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::BudgetSettings;
use crate::outcome::ErrorClass;

/// How long what a request earned is good for, in buckets of a second.
const BUCKETS: usize = 10;

/// What a retry costs: thousandths, so that sums stay whole.
const RETRY: u64 = 1_000;

/// What one more try costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// As much as five requests earn by default.
    Single,
    /// Twice that: after a sign of overload another try does more harm than after an error.
    Double,
}

impl Cost {
    /// The cost of trying again after a failure of this class.
    pub fn after(class: ErrorClass) -> Self {
        match class {
            ErrorClass::RateLimit | ErrorClass::Overloaded | ErrorClass::Timeout => Self::Double,
            _ => Self::Single,
        }
    }

    fn units(self) -> u64 {
        match self {
            Self::Single => RETRY,
            Self::Double => 2 * RETRY,
        }
    }
}

/// A route's retry budget.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the first bucket began; the first call sets it.
    origin: Option<Instant>,
    /// Seconds since `origin`.
    tick: u64,
    earned: [u64; BUCKETS],
    /// What is there of the floor, in units; at most one second's.
    floor: f64,
    /// When `floor` was true.
    at: Option<Instant>,
}

impl Budget {
    /// A budget with one second's floor in it.
    pub fn new(settings: BudgetSettings) -> Self {
        let state = State {
            floor: per_second(settings),
            ..State::default()
        };
        Self {
            settings,
            state: Mutex::new(state),
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> BudgetSettings {
        self.settings
    }

    /// Notes a request's first attempt.
    pub fn deposit(&self, now: Instant) {
        let mut state = self.state();
        state.advance(self.settings, now);
        let place = state.tick as usize % BUCKETS;
        state.earned[place] += (self.settings.share.clamp(0.0, 1.0) * RETRY as f64) as u64;
    }

    /// Takes what one more try costs, or says that it is not there.
    pub fn withdraw(&self, cost: Cost, now: Instant) -> bool {
        let mut state = self.state();
        state.advance(self.settings, now);
        state.take(cost.units())
    }

    /// The tries that are left, each at the single cost.
    pub fn left(&self, now: Instant) -> f64 {
        let mut state = self.state();
        state.advance(self.settings, now);
        state.sum() / RETRY as f64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets the floor refill and old earnings expire.
    fn advance(&mut self, settings: BudgetSettings, now: Instant) {
        let at = *self.at.get_or_insert(now);
        let passed = now.saturating_duration_since(at);
        let most = per_second(settings);
        self.floor = (self.floor + most * passed.as_secs_f64()).min(most);
        self.at = Some(at.max(now));
        let origin = *self.origin.get_or_insert(now);
        let tick = now
            .saturating_duration_since(origin)
            .as_secs()
            .max(self.tick);
        for expired in 0..(tick - self.tick).min(BUCKETS as u64) {
            self.earned[(tick - expired) as usize % BUCKETS] = 0;
        }
        self.tick = tick;
    }

    fn sum(&self) -> f64 {
        self.floor + self.earned.iter().sum::<u64>() as f64
    }

    /// From the floor first, which is lost when it overflows; then from what was earned, oldest first.
    fn take(&mut self, units: u64) -> bool {
        // Sums of fractions may lack a hair of what they should be.
        const HAIR: f64 = 1e-6;
        if self.sum() + HAIR < units as f64 {
            return false;
        }
        let from_floor = self.floor.min(units as f64);
        self.floor -= from_floor;
        let mut left = (units as f64 - from_floor - HAIR).max(0.0).ceil() as u64;
        for age in (0..BUCKETS as u64).rev().filter(|age| *age <= self.tick) {
            let bucket = &mut self.earned[(self.tick - age) as usize % BUCKETS];
            let taken = left.min(*bucket);
            *bucket -= taken;
            left -= taken;
        }
        true
    }
}

/// The floor in units per second.
fn per_second(settings: BudgetSettings) -> f64 {
    settings.floor.max(0.0) * RETRY as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(BUCKETS as u64);

    fn budget(share: f64, floor: f64) -> Budget {
        Budget::new(BudgetSettings { share, floor })
    }

    fn drain(budget: &Budget, now: Instant) -> usize {
        (0..10_000)
            .take_while(|_| budget.withdraw(Cost::Single, now))
            .count()
    }

    #[test]
    fn five_requests_earn_one_retry_for_ten_seconds() {
        let start = Instant::now();
        let budget = budget(0.2, 0.0);
        for _ in 0..4 {
            budget.deposit(start);
        }
        assert!(!budget.withdraw(Cost::Single, start));
        budget.deposit(start);
        assert_eq!(budget.left(start), 1.0);
        let just_in_time = start + TTL - Duration::from_millis(1);
        assert_eq!(budget.left(just_in_time), 1.0);
        assert!(!budget.withdraw(Cost::Double, just_in_time));
        assert!(budget.withdraw(Cost::Single, just_in_time));
        for _ in 0..5 {
            budget.deposit(just_in_time);
        }
        assert!(!budget.withdraw(Cost::Single, just_in_time + TTL));
    }

    #[test]
    fn a_quiet_route_has_its_floor() {
        let start = Instant::now();
        let budget = budget(0.2, 10.0);
        assert_eq!(drain(&budget, start), 10);
        assert_eq!(drain(&budget, start + Duration::from_millis(500)), 5);
        assert_eq!(drain(&budget, start + Duration::from_secs(100)), 10);
    }

    #[test]
    fn retries_after_signs_of_overload_cost_double() {
        let start = Instant::now();
        let budget = budget(0.2, 10.0);
        let double = Cost::after(ErrorClass::Overloaded);
        let made = (0..100)
            .take_while(|_| budget.withdraw(double, start))
            .count();
        assert_eq!(made, 5);
        assert_eq!(Cost::after(ErrorClass::ServerError), Cost::Single);
        assert_eq!(Cost::after(ErrorClass::Timeout), Cost::Double);
        assert_eq!(Cost::after(ErrorClass::RateLimit), Cost::Double);
    }

    #[test]
    fn a_total_outage_is_amplified_by_a_fifth_and_the_floor() {
        let start = Instant::now();
        let budget = budget(0.2, 10.0);
        let mut retries = 0;
        // 300 requests a second for a minute, each of which wants two retries.
        for request in 0..18_000_u64 {
            let now = start + Duration::from_micros(request * 3_333);
            budget.deposit(now);
            retries += (0..2)
                .filter(|_| budget.withdraw(Cost::Single, now))
                .count();
        }
        assert!(retries <= 3_600 + 610, "{retries}");
        assert!(retries >= 4_100, "{retries}: what is earned may be used");
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        First,
        Retry,
        Costly,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::First),
            4 => Just(Step::Retry),
            1 => Just(Step::Costly),
            1 => (0_u64..3_000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Whatever the schedule, retries stay within share · first attempts + floor · (time + 1 s).
        #[test]
        fn retries_never_exceed_the_budget(
            share in 0.0_f64..=1.0,
            floor in 0.0_f64..50.0,
            steps in proptest::collection::vec(step(), 1..400),
        ) {
            let start = Instant::now();
            let budget = budget(share, floor);
            let (mut now, mut first, mut spent) = (start, 0.0, 0.0);
            for step in steps {
                match step {
                    Step::First => { budget.deposit(now); first += 1.0; }
                    Step::Retry => spent += f64::from(u8::from(budget.withdraw(Cost::Single, now))),
                    Step::Costly => spent += 2.0 * f64::from(u8::from(budget.withdraw(Cost::Double, now))),
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                }
                let elapsed = now.duration_since(start).as_secs_f64();
                prop_assert!(spent <= share * first + floor * (elapsed + 1.0) + 1e-3, "{spent}");
            }
        }
    }
}
