use proptest::prelude::*;

use super::*;

/// The first of the usable seats.
fn choose(seats: &Seats, now: Instant) -> Result<usize, Duration> {
    let mut usable = seats.usable(now)?;
    usable.next().ok_or(Duration::ZERO)
}

fn seats(keys: usize) -> Seats {
    let seat = |place: usize| Seat::new(Some((place + 1).to_string().into()), Arc::default());
    Seats::new((0..keys).map(seat).collect())
}

/// A call that was let through just before it ended.
fn at(now: Instant) -> Ended {
    Ended {
        began: now,
        chance: 7,
        now,
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn keys_take_turns() {
    let (seats, now) = (seats(3), Instant::now());
    let turns: Vec<usize> = (0..6).map(|_| choose(&seats, now).unwrap()).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn what_a_provider_says_puts_a_key_aside_for_so_long() {
    let check = |class, retry_after: Option<u64>, expected: u64, stretched: bool| {
        let (seats, now) = (seats(1), Instant::now());
        seats.failed(0, class, retry_after.map(secs), at(now));
        let found = seats.cooldown(now).unwrap_or_default();
        let most = if stretched {
            secs(expected).mul_f64(1.1).min(LONGEST)
        } else {
            secs(expected)
        };
        assert!(
            (secs(expected)..=most).contains(&found),
            "{class:?} {retry_after:?}: {found:?}"
        );
    };
    check(ErrorClass::Auth, None, 300, false);
    check(ErrorClass::Quota, None, 600, false);
    check(ErrorClass::Quota, Some(5), 600, false);
    check(ErrorClass::Permission, None, 300, false);
    check(ErrorClass::NotFound, None, 300, false);
    check(ErrorClass::RateLimit, None, 1, false);
    check(ErrorClass::RateLimit, Some(20), 20, true);
    check(ErrorClass::RateLimit, Some(0), 1, false);
    check(ErrorClass::RateLimit, Some(u64::MAX), 600, true);
    check(ErrorClass::Overloaded, Some(20), 20, true);
    check(ErrorClass::Overloaded, None, 0, false);
    check(ErrorClass::ServerError, Some(20), 0, false);
    check(ErrorClass::Timeout, None, 0, false);
}

#[test]
fn after_a_429_the_very_next_choice_is_another_key_or_none() {
    let (seats, now) = (seats(2), Instant::now());
    seats.failed(0, ErrorClass::RateLimit, Some(secs(10)), at(now));
    assert!(seats.cooldown(now).is_none());
    for _ in 0..4 {
        assert_eq!(choose(&seats, now), Ok(1));
    }
    seats.failed(1, ErrorClass::RateLimit, Some(secs(5)), at(now));
    let remaining = choose(&seats, now).unwrap_err();
    assert!(
        remaining >= secs(5) && remaining <= secs(6),
        "the soonest: {remaining:?}"
    );
    assert!(seats.cooldown(now).is_some());
    assert_eq!(choose(&seats, now + remaining), Ok(1));
}

#[test]
fn an_overload_puts_every_key_aside() {
    let (seats, now) = (seats(2), Instant::now());
    let change = seats.failed(0, ErrorClass::Overloaded, Some(secs(3)), at(now));
    assert!(matches!(
        change,
        Some(Change::PutAside { wholly: false, .. })
    ));
    assert!(choose(&seats, now + secs(2)).is_err());
    assert!(choose(&seats, now + secs(4)).is_ok());
}

#[test]
fn waits_double_with_each_429_that_says_no_time_and_a_success_ends_that() {
    let (seats, mut now) = (seats(1), Instant::now());
    let refused = |now: &mut Instant| {
        seats.failed(0, ErrorClass::RateLimit, None, at(*now));
        let wait = seats.cooldown(*now).unwrap();
        *now += wait;
        wait.as_secs()
    };
    let waits: Vec<u64> = (0..8).map(|_| refused(&mut now)).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    let back = seats.worked(0, at(now));
    assert_eq!(
        back,
        Some(Change::Back {
            credential: Some("1".into())
        })
    );
    assert_eq!(seats.worked(0, at(now)), None, "told once");
    assert_eq!(refused(&mut now), 1);
}

#[test]
fn a_burst_of_429s_is_one_event_and_is_told_once() {
    let (seats, began) = (seats(1), Instant::now());
    let ended = Ended {
        began,
        chance: 0,
        now: began + secs(1),
    };
    let changes: Vec<_> = (0..20)
        .filter_map(|_| seats.failed(0, ErrorClass::RateLimit, None, ended))
        .collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(seats.cooldown(ended.now), Some(secs(1)));
}

#[test]
fn a_success_from_before_brings_nothing_back() {
    let (seats, began) = (seats(1), Instant::now());
    let now = began + secs(1);
    seats.failed(0, ErrorClass::RateLimit, Some(secs(30)), at(now));
    let late = Ended {
        began,
        chance: 0,
        now: now + secs(1),
    };
    assert_eq!(seats.worked(0, late), None);
    assert!(choose(&seats, late.now).is_err());
    // Nor does it after the wait: it was let through before there was one.
    let later = Ended {
        now: now + secs(60),
        ..late
    };
    assert_eq!(seats.worked(0, later), None);
}

#[test]
fn a_shorter_wait_does_not_shorten_a_longer_one() {
    let (seats, now) = (seats(1), Instant::now());
    seats.failed(0, ErrorClass::NotFound, None, at(now));
    seats.failed(0, ErrorClass::RateLimit, Some(secs(1)), at(now));
    assert_eq!(seats.cooldown(now), Some(secs(300)));
}

#[test]
fn nothing_left_puts_aside_until_the_reset() {
    let (seats, now) = (seats(2), Instant::now());
    let note = |place, share, reset| {
        let reset = Some(secs(reset));
        seats.note(place, Allowance { share, reset }, now)
    };
    note(0, 0.25, 60);
    note(1, 0.75, 60);
    assert_eq!(seats.headroom(now), Some(0.75));
    assert!(note(1, 0.0, 20).is_some());
    assert_eq!((choose(&seats, now), choose(&seats, now)), (Ok(0), Ok(0)));
    assert_eq!(seats.headroom(now), Some(0.25));
    assert_eq!(seats.headroom(now + secs(60)), None, "whole again");
    note(0, 0.0, u64::MAX);
    assert_eq!(seats.cooldown(now), Some(secs(20)));
    assert_eq!(seats.cooldown(now + secs(20)), None);
}

#[test]
fn a_lane_is_shared_by_the_targets_of_a_provider_and_a_seat_is_not() {
    let (lane, now) = (Arc::<Lane>::default(), Instant::now());
    let of = |lane: &Arc<Lane>| Seats::new(vec![Seat::new(None, lane.clone())]);
    let (one, other) = (of(&lane), of(&lane));
    one.failed(0, ErrorClass::NotFound, None, at(now));
    assert!(choose(&one, now).is_err() && choose(&other, now).is_ok());
    let change = one.failed(0, ErrorClass::Auth, None, at(now));
    assert!(matches!(
        change,
        Some(Change::PutAside {
            wholly: true,
            credential: None,
            ..
        })
    ));
    assert!(choose(&other, now).is_err());
    assert_eq!(
        other.snapshot(|_| Default::default(), now)[0].because,
        Some(ErrorClass::Auth)
    );
    let later = now + REFUSED;
    assert_eq!(choose(&other, later), Ok(0));
    assert_eq!(
        other.worked(0, at(later)),
        Some(Change::Back { credential: None })
    );
    assert_eq!(one.credential(0), None);
}

proptest! {
    /// Whatever a provider asks for, the wait is at most ten minutes, and it begins at once.
    #[test]
    fn no_wait_is_longer_than_ten_minutes(nanos in any::<u64>(), secs in any::<u64>(), chance in any::<u64>()) {
        let wait = Duration::from_secs(secs).saturating_add(Duration::from_nanos(nanos));
        let now = Instant::now();
        for class in [ErrorClass::RateLimit, ErrorClass::Overloaded, ErrorClass::Quota] {
            let seats = seats(1);
            seats.failed(0, class, Some(wait), Ended { began: now, chance, now });
            let cooldown = seats.cooldown(now).unwrap_or_default();
            prop_assert!(cooldown <= LONGEST);
            prop_assert_eq!(choose(&seats, now).is_err(), !cooldown.is_zero());
            prop_assert!(wait.is_zero() || !cooldown.is_zero());
        }
    }
}
