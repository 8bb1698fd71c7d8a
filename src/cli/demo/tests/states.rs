//! How targets are shown, and what is told of them between two looks.

use std::time::Duration;

use super::{OPEN, board, flaky, view};
use crate::{
    cli::demo::table::{draw, event_line},
    facts::Circuit,
    health::TargetState,
    outcome::ErrorClass,
};

#[test]
fn shows_how_a_target_is() {
    let check = |state: Option<TargetState>, cell: &str| {
        let mut board = board([]);
        board
            .watch
            .look(state.into_iter().collect(), jiff::Timestamp::UNIX_EPOCH);
        let drawn = draw(&board, &view(120, 20));
        let line = drawn.lines().find(|line| line.starts_with("flaky/chat"));
        assert!(line.unwrap().ends_with(cell), "{drawn} has no {cell}");
    };
    let being_probed = Circuit::Open {
        remaining: Duration::ZERO,
        failure_rate: 1.0,
    };
    let aside = || {
        let mut state = flaky(Circuit::Closed, 0);
        state.facts.cooldown = Some(Duration::from_millis(900));
        state.facts.because = Some(ErrorClass::RateLimit);
        state
    };
    let full = || {
        let mut state = flaky(Circuit::Closed, 0);
        (state.facts.in_flight, state.facts.capacity) = (2, Some(2));
        state
    };
    check(None, "  -");
    check(Some(flaky(Circuit::Closed, 0)), "  closed");
    check(Some(flaky(OPEN, 1)), "open for 3 s: 3 failures in a row");
    check(Some(flaky(being_probed, 1)), "open, being probed");
    check(Some(flaky(Circuit::HalfOpen, 1)), "half open");
    check(
        Some(flaky(Circuit::Warming { share: 0.46 }, 1)),
        "warming, 46 %",
    );
    check(Some(aside()), "aside for 1 s: rate_limit");
    check(Some(full()), "closed, 2 of 2 at once");
}

#[test]
fn tells_what_happened_between_two_looks() {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let check = |before: (Circuit, u64), now: (Circuit, u64), expected: &[&str]| {
        let mut board = board([]);
        board.watch.look(vec![flaky(before.0, before.1)], at);
        let known = board.watch.events.len();
        let new = board.watch.look(vec![flaky(now.0, now.1)], at);
        let events = board.watch.events.iter().skip(known);
        let told: Vec<_> = events
            .map(|event| event_line(event, &view(80, 24)))
            .collect();
        assert_eq!(told, expected, "{before:?} {now:?}");
        assert_eq!(new, expected.len());
    };
    let warming = Circuit::Warming { share: 0.1 };
    let ejected = "00:00:00 flaky/chat ejected: 3 failures in a row, probed in 3 s";
    let recovered = "00:00:00 flaky/chat recovered";
    check((Circuit::Closed, 0), (Circuit::Closed, 0), &[]);
    check((Circuit::Closed, 0), (OPEN, 1), &[ejected]);
    check((OPEN, 1), (OPEN, 1), &[]);
    check((OPEN, 1), (Circuit::HalfOpen, 1), &[]);
    check((Circuit::HalfOpen, 1), (OPEN, 2), &[ejected]);
    check((Circuit::HalfOpen, 2), (warming, 2), &[recovered]);
    check((warming, 2), (Circuit::Closed, 2), &[]);
    let in_between = "00:00:00 flaky/chat ejected: 3 failures in a row";
    check((Circuit::Closed, 0), (warming, 1), &[in_between, recovered]);
}

#[test]
fn where_routes_differ_the_strictest_is_shown() {
    let mut board = board([]);
    let states = vec![flaky(Circuit::Closed, 0), flaky(OPEN, 1)];
    assert_eq!(
        board
            .watch
            .look(states.clone(), jiff::Timestamp::UNIX_EPOCH),
        1
    );
    assert_eq!(board.watch.look(states, jiff::Timestamp::UNIX_EPOCH), 0);
    assert_eq!(board.watch.state("flaky/chat").unwrap().facts.circuit, OPEN);
}
