//! What is learned of times, and what is slow.

use super::*;

const SLOW_AFTER: Duration = Duration::from_secs(5);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn near(found: Duration, expected_ms: f64) -> bool {
    let ratio = found.as_secs_f64() * 1e3 / expected_ms;
    (0.8..1.25).contains(&ratio)
}

fn shape(stream: bool, input_tokens: u64, output_tokens: u64) -> Shape {
    Shape {
        stream,
        input_tokens,
        output_tokens,
    }
}

#[test]
fn an_unknown_target_has_no_times() {
    let latency = Latency::default();
    assert_eq!(
        latency.predict(shape(true, 10, 10), Instant::now()),
        Times::default()
    );
}

#[test]
fn streams_and_plain_answers_are_not_mixed() {
    let now = Instant::now();
    let mut latency = Latency::default();
    for _ in 0..20 {
        latency.began(500, ms(200), SLOW_AFTER, true, now);
        // 10 ms a token.
        latency.streamed(100, ms(1_000), now);
        latency.answered(500, 100, ms(9_000), now);
    }
    let stream = latency.predict(shape(true, 500, 100), now);
    assert!(near(stream.first_token.unwrap().p50, 200.0), "{stream:?}");
    assert!(near(stream.total.unwrap().p50, 1_200.0), "{stream:?}");
    let plain = latency.predict(shape(false, 500, 100), now);
    assert_eq!(plain.first_token, None);
    assert!(near(plain.total.unwrap().p50, 9_000.0), "{plain:?}");
}

#[test]
fn longer_answers_take_longer() {
    let now = Instant::now();
    let mut latency = Latency::default();
    for _ in 0..20 {
        latency.began(500, ms(200), SLOW_AFTER, true, now);
        latency.streamed(100, ms(1_000), now);
    }
    let total = |output| {
        latency
            .predict(shape(true, 500, output), now)
            .total
            .unwrap()
    };
    assert!(near(total(1_000).p50, 10_200.0));
    // A count no answer can have does not overflow.
    assert!(total(u64::MAX).p50 > total(1_000).p50);
    // Without plain answers, a stream's total speaks for them.
    let plain = latency.predict(shape(false, 500, 1_000), now);
    assert!(near(plain.total.unwrap().p50, 10_200.0));
}

#[test]
fn each_size_speaks_for_itself_once_it_has_samples() {
    let now = Instant::now();
    let mut latency = Latency::default();
    let first = |latency: &Latency, input| {
        latency
            .predict(shape(true, input, 1), now)
            .first_token
            .unwrap()
            .p50
    };
    for _ in 0..20 {
        latency.began(1_000, ms(100), SLOW_AFTER, true, now);
    }
    assert!(near(first(&latency, 100_000), 100.0), "all sizes speak");
    for _ in 0..5 {
        latency.began(100_000, ms(4_000), SLOW_AFTER, true, now);
    }
    assert!(near(first(&latency, 100_000), 4_000.0));
    assert!(near(first(&latency, 1_000), 100.0));
}

#[test]
fn nothing_is_slow_before_it_is_known_what_is_usual() {
    let now = Instant::now();
    let mut latency = Latency::default();
    for _ in 0..100 {
        assert!(!latency.began(500, ms(40_000), SLOW_AFTER, true, now));
    }
    assert!(!latency.began(500, ms(100_000), SLOW_AFTER, true, now));
    assert!(latency.began(500, ms(150_000), SLOW_AFTER, true, now));
    // Another size has its own measure: a caller's long prompts are no fault of the target.
    assert!(!latency.began(50_000, ms(150_000), SLOW_AFTER, true, now));
}

#[test]
fn an_outage_is_not_its_own_yardstick_and_a_lasting_change_becomes_usual() {
    let start = Instant::now();
    let mut latency = Latency::default();
    for _ in 0..200 {
        latency.began(500, ms(500), SLOW_AFTER, true, start);
    }
    let slow =
        |latency: &mut Latency, steady| latency.began(500, ms(6_000), SLOW_AFTER, steady, start);
    assert!((0..50).all(|_| slow(&mut latency, true)));
    assert!((0..200).any(|_| !slow(&mut latency, false)));
}
