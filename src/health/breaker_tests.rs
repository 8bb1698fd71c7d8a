use proptest::prelude::*;

use super::*;
use crate::span::Span;

const NO_TIME: Duration = Duration::ZERO;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn fresh() -> (Breaker, Instant) {
    (Breaker::new(Settings::default()), Instant::now())
}

fn pass(breaker: &Breaker, now: Instant) -> Ticket {
    breaker.admit(Leave::Normal, now).unwrap()
}

fn fail(breaker: &Breaker, now: Instant) -> Option<Change> {
    breaker.failed(pass(breaker, now), 0, now)
}

fn succeed(breaker: &Breaker, now: Instant) -> Option<Change> {
    breaker.succeeded(pass(breaker, now), false, 0, now)
}

/// Opens the circuit by failures in a row, and says for how long.
fn open(breaker: &Breaker, now: Instant) -> Duration {
    (0..5)
        .find_map(|_| fail(breaker, now))
        .map(wait_of)
        .unwrap()
}

fn wait_of(change: Change) -> Duration {
    match change {
        Change::Opened { wait, .. } => wait,
        other => panic!("{other:?} is no opening"),
    }
}

fn because(change: Option<Change>) -> Option<Trip> {
    match change? {
        Change::Opened { because, .. } => Some(because),
        _ => None,
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_four_do_not() {
    let (breaker, now) = fresh();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(fail(&breaker, now), None);
        }
        assert_eq!(succeed(&breaker, now), None);
        // Enough good ones to keep the share of failures low.
        (0..8).for_each(|_| drop(succeed(&breaker, now)));
    }
    (0..4).for_each(|_| assert_eq!(fail(&breaker, now), None));
    assert_eq!(because(fail(&breaker, now)), Some(Trip::Consecutive));
    assert!(breaker.admit(Leave::Normal, now).is_err());
}

#[test]
fn half_of_twenty_opens_it_at_the_twentieth_call_even_if_that_one_was_good() {
    let (breaker, now) = fresh();
    for _ in 0..9 {
        assert_eq!(fail(&breaker, now), None);
        assert_eq!(succeed(&breaker, now), None);
    }
    assert_eq!(fail(&breaker, now), None);
    let change = succeed(&breaker, now);
    assert!(
        matches!(change, Some(Change::Opened { because: Trip::FailureRate, failure_rate, .. }) if failure_rate == 0.5),
        "{change:?}"
    );
}

#[test]
fn many_failures_in_one_millisecond_open_it() {
    let (breaker, now) = fresh();
    succeed(&breaker, now);
    let opened = (0..1_000).find_map(|_| fail(&breaker, now));
    assert!(opened.is_some());
}

#[test]
fn slow_streams_open_it_without_a_single_failure() {
    let (breaker, now) = fresh();
    let began = |slow| breaker.began(&pass(&breaker, now), slow, 0, now);
    (0..4).for_each(|_| assert_eq!(began(false), None));
    (0..15).for_each(|_| assert_eq!(began(true), None));
    assert_eq!(because(began(true)), Some(Trip::SlowRate));
}

#[test]
fn half_open_admits_one_only() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    assert_eq!(breaker.state(later).0, Circuit::HalfOpen);
    let probe = pass(&breaker, later);
    assert!(probe.is_probe() && probe.half_opened());
    for _ in 0..1_000 {
        assert_eq!(breaker.admit(Leave::Normal, later).unwrap_err(), NO_TIME);
    }
    assert!(matches!(
        breaker.state(later).0,
        Circuit::Open {
            remaining: NO_TIME,
            ..
        }
    ));
}

#[test]
fn three_good_probes_close_it_and_one_failure_opens_it_again() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    assert_eq!(succeed(&breaker, later), None);
    assert_eq!(succeed(&breaker, later), None);
    assert_eq!(because(fail(&breaker, later)), Some(Trip::Probe));
    let later = later + secs(300);
    assert_eq!(succeed(&breaker, later), None);
    assert_eq!(succeed(&breaker, later), None);
    assert_eq!(succeed(&breaker, later), Some(Change::Closed));
    // And what was counted before is forgotten.
    assert_eq!(breaker.state(later + secs(10)), (Circuit::Closed, 0.0));
    (0..4).for_each(|_| assert_eq!(fail(&breaker, later), None));
}

#[test]
fn a_slow_probe_has_proven_nothing() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    let slow = breaker.succeeded(pass(&breaker, later), true, 0, later);
    assert_eq!(because(slow), Some(Trip::Probe));
}

#[test]
fn a_late_success_does_not_close_and_a_late_failure_does_not_open() {
    let (breaker, now) = fresh();
    let mut late: Vec<Ticket> = (0..18).map(|_| pass(&breaker, now)).collect();
    let later_still = late.split_off(8);
    let later = now + open(&breaker, now);
    let probe = pass(&breaker, later);
    for (place, ticket) in late.into_iter().enumerate() {
        let change = match place % 2 {
            0 => breaker.succeeded(ticket, false, 0, later),
            _ => breaker.failed(ticket, 0, later),
        };
        assert_eq!(change, None);
    }
    assert!(
        breaker.admit(Leave::Normal, later).is_err(),
        "the probe is still out"
    );
    assert_eq!(breaker.succeeded(probe, false, 0, later), None);
    assert_eq!(succeed(&breaker, later), None);
    assert_eq!(succeed(&breaker, later), Some(Change::Closed));
    for ticket in later_still {
        assert_eq!(breaker.failed(ticket, 0, later), None, "of another epoch");
    }
    assert_eq!(breaker.state(later).1, 0.0);
}

#[test]
fn neutral_gives_the_probe_back() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    for _ in 0..10 {
        breaker.neutral(pass(&breaker, later));
    }
    assert!(pass(&breaker, later).is_probe());
}

#[test]
fn reading_the_state_changes_nothing() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    for _ in 0..3 {
        assert_eq!(breaker.state(later).0, Circuit::HalfOpen);
    }
    assert!(pass(&breaker, later).half_opened());
}

#[test]
fn in_panic_it_lets_through_and_believes_what_comes_when_a_probe_is_due() {
    let (breaker, now) = fresh();
    let wait = open(&breaker, now);
    let panicking = |at| breaker.admit(Leave::Panic, at).unwrap();
    let early = panicking(now);
    assert!(!early.is_probe());
    assert_eq!(breaker.failed(panicking(now), 0, now), None, "no news");
    assert_eq!(breaker.succeeded(panicking(now), false, 0, now), None);
    let later = now + wait;
    assert_eq!(
        breaker.succeeded(early, false, 0, later),
        None,
        "the first of three"
    );
    assert_eq!(breaker.succeeded(panicking(later), false, 0, later), None);
    let probe = panicking(later);
    assert!(probe.is_probe());
    let bystander = panicking(later);
    assert!(!bystander.is_probe());
    assert_eq!(breaker.failed(bystander, 0, later), None);
    assert_eq!(
        breaker.succeeded(probe, false, 0, later),
        Some(Change::Closed)
    );
}

#[test]
fn each_opening_lasts_twice_as_long_up_to_the_longest_give_or_take_half() {
    let (breaker, mut now) = fresh();
    let mut wait = open(&breaker, now);
    let mut expected = 5;
    for opening in 0..40 {
        let half = secs(expected) / 2;
        assert!(wait >= half && wait < 3 * half, "{wait:?} at {opening}");
        now += wait;
        let probe = pass(&breaker, now);
        wait = breaker.failed(probe, opening, now).map(wait_of).unwrap();
        expected = (expected * 2).min(300);
    }
}

#[test]
fn open_times_are_spread() {
    let waits: Vec<Duration> = (0..100)
        .map(|seed| {
            let (breaker, now) = fresh();
            let fail = || breaker.failed(pass(&breaker, now), seed, now);
            (0..5).find_map(|_| fail()).map(wait_of).unwrap()
        })
        .collect();
    assert!(waits.iter().filter(|wait| **wait < secs(4)).count() > 15);
    assert!(waits.iter().filter(|wait| **wait > secs(6)).count() > 15);
}

#[test]
fn thirty_healthy_seconds_make_one_opening_forgotten() {
    let reopened_after = |healthy: Duration| {
        let (breaker, now) = fresh();
        let now = now + open(&breaker, now);
        // The second opening: ten seconds.
        let now = now + fail(&breaker, now).map(wait_of).unwrap();
        (0..3).for_each(|_| drop(succeed(&breaker, now)));
        open(&breaker, now + healthy)
    };
    let ratio = |sooner: u64, later: u64| {
        let ratio =
            reopened_after(secs(sooner)).as_secs_f64() / reopened_after(secs(later)).as_secs_f64();
        (ratio * 1e3).round() / 1e3
    };
    assert_eq!(ratio(29, 60), 4.0);
    assert_eq!(ratio(31, 600), 2.0);
}

#[test]
fn less_than_a_second_is_an_open_time_too() {
    let breaker = Breaker::new(Settings {
        open_for: Span::millis(100),
        ..Settings::default()
    });
    let now = Instant::now();
    let wait = open(&breaker, now);
    assert!(wait < Duration::from_millis(150), "{wait:?}");
    assert!(pass(&breaker, now + wait).is_probe());
}

#[test]
fn a_recovered_target_warms_up_in_ten_seconds() {
    let (breaker, now) = fresh();
    let now = now + open(&breaker, now);
    (0..3).for_each(|_| drop(succeed(&breaker, now)));
    let share = |after| match breaker.state(now + after).0 {
        Circuit::Warming { share } => share,
        Circuit::Closed => 1.0,
        other => panic!("{other:?}"),
    };
    assert_eq!(share(secs(0)), 0.1);
    assert!((share(secs(5)) - 0.55).abs() < 1e-9);
    assert!(share(Duration::from_millis(9_999)) < 1.0);
    assert_eq!(breaker.state(now + secs(10)).0, Circuit::Closed);
}

#[test]
fn threads_racing_for_the_probe_get_one() {
    let (breaker, now) = fresh();
    let later = now + open(&breaker, now);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    if let Ok(probe) = breaker.admit(Leave::Normal, later) {
                        assert!(breaker.admit(Leave::Normal, later).is_err());
                        breaker.neutral(probe);
                    }
                }
            });
        }
    });
    assert!(pass(&breaker, later).is_probe(), "none was lost");
}

/// The breaker as one would explain it: no ring, no failsafe, all calls in a list.
struct Model {
    settings: Settings,
    now: Instant,
    /// Calls since the circuit last closed: in which tenth of a window since the first of them, whether it is a
    /// beginning, whether it was good.
    calls: Vec<(u128, bool, bool)>,
    first: Option<Instant>,
    until: Option<Instant>,
    epoch: u64,
    openings: u32,
    proven: u32,
    probe_out: bool,
    recovered: Option<Instant>,
}

impl Model {
    fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            now,
            calls: Vec::new(),
            first: None,
            until: None,
            epoch: 0,
            openings: 0,
            proven: 0,
            probe_out: false,
            recovered: None,
        }
    }

    fn due(&self) -> bool {
        self.until.is_some_and(|until| until <= self.now)
    }

    fn admit(&mut self, leave: Leave) -> Option<Role> {
        if self.until.is_none() {
            Some(Role::Ordinary)
        } else if self.due() && !self.probe_out {
            self.probe_out = true;
            Some(Role::Probe)
        } else {
            (leave == Leave::Panic).then_some(Role::Bystander)
        }
    }

    /// The trip of a call, if it makes one.
    fn count(&mut self, beginning: bool, good: bool) -> Option<Trip> {
        let age = self.now - *self.first.get_or_insert(self.now);
        let tick = age.as_nanos() * 10 / self.settings.window.get().as_nanos();
        self.calls.push((tick, beginning, good));
        let recent = |call: &&(u128, bool, bool)| call.0 + 10 > tick;
        let count = |beginning, bad_only: bool| {
            let calls = self.calls.iter().filter(recent);
            let calls = calls.filter(|call| call.1 == beginning && !(bad_only && call.2));
            calls.count() as f64
        };
        let in_a_row = self
            .calls
            .iter()
            .rev()
            .filter(|call| !call.1)
            .take_while(|call| !call.2);
        let least = f64::from(self.settings.min_calls);
        if in_a_row.count() as u32 >= self.settings.consecutive {
            Some(Trip::Consecutive)
        } else if count(false, false) >= least
            && count(false, true) >= self.settings.failure_rate * count(false, false)
        {
            Some(Trip::FailureRate)
        } else {
            let slow = count(true, true) >= self.settings.slow_rate * count(true, false);
            (count(true, false) >= least && slow).then_some(Trip::SlowRate)
        }
    }

    fn open(&mut self, because: Trip, seed: u64) -> Trip {
        if let (None, Some(recovered)) = (self.until, self.recovered) {
            let healthy = (self.now - recovered).as_secs() / 30;
            self.openings = u64::from(self.openings).saturating_sub(healthy) as u32;
        }
        let base = self.settings.open_for.get().as_secs_f64() * 2_f64.powi(self.openings as i32);
        let base = base.min(self.settings.open_max.get().as_secs_f64());
        let wait = base * (0.5 + chance::unit(seed, SPREAD));
        self.until = Some(self.now + Duration::from_secs_f64(wait));
        self.openings += 1;
        self.epoch += 1;
        self.probe_out = false;
        self.proven = 0;
        because
    }

    fn began(&mut self, epoch: u64, slow: bool, seed: u64) -> Option<Trip> {
        if epoch != self.epoch || self.until.is_some() {
            return None;
        }
        self.count(true, !slow)
            .map(|because| self.open(because, seed))
    }

    fn end(&mut self, epoch: u64, role: Role, end: End, seed: u64) -> Option<Option<Trip>> {
        if epoch != self.epoch {
            return None;
        }
        self.probe_out &= role != Role::Probe;
        let good = match end {
            End::Neutral => return None,
            End::Good { .. } => true,
            End::Bad => false,
        };
        let slow = matches!(end, End::Good { slow: true });
        if self.until.is_none() {
            return self
                .count(false, good)
                .map(|because| Some(self.open(because, seed)));
        }
        match (role, good && !slow) {
            (Role::Probe, false) => Some(Some(self.open(Trip::Probe, seed))),
            (Role::Probe | Role::Bystander, true) if self.due() => {
                self.proven += 1;
                (self.proven == PROBES).then(|| {
                    self.until = None;
                    self.proven = 0;
                    self.recovered = Some(self.now);
                    self.calls.clear();
                    self.first = None;
                    None
                })
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Good { slow: bool },
    Bad,
    Neutral,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call that ends before anything else happens.
    Call(End),
    Admit(Leave),
    Begin(usize, bool),
    End(usize, End),
    Wait(u64),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Good { slow: false }),
        1 => Just(End::Good { slow: true }),
        6 => Just(End::Bad),
        1 => Just(End::Neutral),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => end().prop_map(Step::Call),
        5 => Just(Step::Admit(Leave::Normal)),
        1 => Just(Step::Admit(Leave::Panic)),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, slow)| Step::Begin(which, slow)),
        5 => (any::<usize>(), end()).prop_map(|(which, end)| Step::End(which, end)),
        2 => (0_u64..400).prop_map(Step::Wait),
        1 => (0_u64..40_000).prop_map(Step::Wait),
    ]
}

/// Ends a call in both, and compares what that changed.
fn both_end(
    breaker: &Breaker,
    model: &mut Model,
    ticket: Ticket,
    end: End,
    seed: u64,
) -> Result<(), TestCaseError> {
    let now = model.now;
    let expected = model.end(ticket.epoch, ticket.role, end, seed);
    let change = match end {
        End::Good { slow } => breaker.succeeded(ticket, slow, seed, now),
        End::Bad => breaker.failed(ticket, seed, now),
        End::Neutral => {
            breaker.neutral(ticket);
            None
        }
    };
    prop_assert_eq!(change.is_some(), expected.is_some());
    prop_assert_eq!(because(change), expected.flatten());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// On any trace it does what the model does, call by call; never is more than one probe out, and none is
    /// lost: once everything has been given back, the next one is let through.
    #[test]
    fn it_does_what_the_model_does(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..100),
    ) {
        let settings = Settings {
            window: Span::secs(1),
            min_calls: 6,
            consecutive: 4,
            open_for: Span::secs(1),
            open_max: Span::secs(10),
            ..Settings::default()
        };
        let start = Instant::now();
        let (breaker, mut model) = (Breaker::new(settings), Model::new(settings, start));
        let mut out: Vec<Ticket> = Vec::new();
        for (seed, step) in (seed..=u64::MAX).zip(steps) {
            let now = model.now;
            match step {
                Step::Wait(millis) => model.now += Duration::from_millis(millis),
                Step::Admit(leave) => {
                    let admitted = breaker.admit(leave, now).ok();
                    prop_assert_eq!(admitted.as_ref().map(|ticket| ticket.role), model.admit(leave));
                    out.extend(admitted);
                }
                Step::Begin(which, slow) if !out.is_empty() => {
                    let ticket = &out[which % out.len()];
                    let expected = model.began(ticket.epoch, slow, seed);
                    prop_assert_eq!(because(breaker.began(ticket, slow, seed, now)), expected);
                }
                Step::End(which, end) if !out.is_empty() => {
                    let ticket = out.swap_remove(which % out.len());
                    both_end(&breaker, &mut model, ticket, end, seed)?;
                }
                Step::Call(end) => {
                    let admitted = breaker.admit(Leave::Normal, now).ok();
                    let role = admitted.as_ref().map(|ticket| ticket.role);
                    prop_assert_eq!(role, model.admit(Leave::Normal));
                    if let Some(ticket) = admitted {
                        both_end(&breaker, &mut model, ticket, end, seed)?;
                    }
                }
                Step::Begin(..) | Step::End(..) => {}
            }
            let probes = out.iter().filter(|ticket| ticket.is_probe() && ticket.epoch == model.epoch);
            prop_assert!(probes.count() <= 1);
        }
        out.into_iter().for_each(|ticket| breaker.neutral(ticket));
        prop_assert!(breaker.admit(Leave::Normal, model.now + secs(100)).is_ok());
    }
}
