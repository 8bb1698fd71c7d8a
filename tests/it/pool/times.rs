//! Strategies that look at times.

use super::*;

const FASTEST: &str = "{ strategy: fastest, targets: [a/m, b/m] }";

const WITHIN: &str = "{ strategy: cheapest-within, within: { total: 4s }, targets: [b/m, a/m] }";

/// Each run is made with these, and the worst of them counts.
const SEEDS: Range<u64> = 1..4;

/// `a` is preferred, but slow from second 300 on for a while.
struct Scene {
    route: &'static str,
    /// Requests a second.
    rate: f64,
    /// Seconds `a` takes, usually and when it is slow.
    a: (f64, f64),
    /// Seconds `b` takes.
    b: f64,
    /// For how many seconds `a` is slow.
    lasts: f64,
}

/// What becomes of `a`, at worst.
#[derive(Debug)]
struct Course {
    /// Its share before, in hundredths.
    before: f64,
    /// Seconds until less than a tenth is there.
    left: f64,
    /// Its share while it is slow, from a minute on.
    during: f64,
    /// Seconds after its recovery until more than nine tenths are there.
    back: f64,
    /// Its share from five minutes after its recovery on.
    after: f64,
}

impl Scene {
    fn play(&self, seed: u64) -> Course {
        let (usual, slowed) = self.a;
        let slow = 300.0..300.0 + self.lasts;
        let is_slow = slow.clone();
        let seconds = move |now: f64, _| {
            if is_slow.contains(&now) {
                slowed
            } else {
                usual
            }
        };
        let b = self.b;
        let mut pool = Pool::new(self.route, seed);
        pool.serve("a/m", seconds, 0.2);
        pool.serve("b/m", move |_, _| b, 0.2);
        let end = slow.end + 900.0;
        let log = pool.run(self.rate, end);
        Course {
            before: share(&log, "a/m", 100.0..300.0),
            left: seconds_until(&log, "a/m", slow.clone(), |share| share < 10.0),
            during: share(&log, "a/m", slow.start + 60.0..slow.end),
            back: seconds_until(&log, "a/m", slow.end..end, |share| share > 90.0),
            after: share(&log, "a/m", slow.end + 300.0..end),
        }
    }

    fn worst(&self, name: &str) -> Course {
        let worse = |one: Course, other: Course| Course {
            before: one.before.min(other.before),
            left: one.left.max(other.left),
            during: one.during.max(other.during),
            back: one.back.max(other.back),
            after: one.after.min(other.after),
        };
        let courses = SEEDS.map(|seed| self.play(seed));
        let course = courses.reduce(worse).unwrap();
        println!("{name}: {course:.1?}");
        course
    }
}

#[test]
fn fastest_leaves_a_target_that_turns_slow_and_comes_back() {
    let scene = Scene {
        route: FASTEST,
        rate: 5.0,
        a: (1.0, 10.0),
        b: 2.0,
        lasts: 300.0,
    };
    let course = scene.worst("step");
    assert!(course.before > 95.0 && course.during < 3.0 && course.after > 95.0);
    assert!(course.left <= 30.0 && course.back <= 60.0);
    // As often as its requests are, but not much slower.
    let course = Scene {
        rate: 10.0,
        ..scene
    }
    .worst("step, 10 requests/s");
    assert!(course.left <= 30.0 && course.back <= 60.0);
    let milder = Scene {
        a: (1.0, 3.0),
        ..scene
    };
    let course = milder.worst("step, 3 s");
    assert!(course.left <= 30.0 && course.back <= 60.0);
}

#[test]
fn a_short_slowness_is_soon_forgotten() {
    let scene = Scene {
        route: FASTEST,
        rate: 5.0,
        a: (1.0, 10.0),
        b: 2.0,
        lasts: 90.0,
    };
    let course = scene.worst("short");
    assert!(course.left <= 30.0 && course.back <= 60.0);
    assert!(course.after > 95.0);
}

#[test]
fn with_few_requests_a_change_is_found_out_in_minutes() {
    let scene = Scene {
        route: FASTEST,
        rate: 0.5,
        a: (1.0, 10.0),
        b: 2.0,
        lasts: 300.0,
    };
    let course = scene.worst("rare");
    assert!(course.before > 90.0 && course.during < 8.0 && course.after > 90.0);
    assert!(course.left <= 60.0 && course.back <= 180.0);
}

#[test]
fn the_cheapest_that_keeps_the_time_changes_with_the_times() {
    let scene = Scene {
        route: WITHIN,
        rate: 5.0,
        a: (2.0, 8.0),
        b: 1.0,
        lasts: 300.0,
    };
    let course = scene.worst("within");
    assert!(course.before > 95.0 && course.during < 3.0 && course.after > 95.0);
    assert!(course.left <= 30.0 && course.back <= 60.0);
}

#[test]
fn fastest_prefers_a_steady_target_to_one_with_a_heavy_tail() {
    for seed in SEEDS {
        let mut pool = Pool::new(FASTEST, seed);
        // Usually quicker, but one answer in eight takes twelve seconds: 2.2 s on average.
        pool.serve_with(
            "a/m",
            |_, _, chance| if chance < 0.125 { 12.0 } else { 0.8 },
        );
        pool.serve("b/m", |_, _| 1.5, 0.1);
        let log = pool.run(5.0, 1_200.0);
        let steady = share(&log, "b/m", 100.0..1_200.0);
        let mean = mean(&log, 100.0..1_200.0);
        println!("heavy tail: steady {steady:.1} %, mean {mean:.2} s");
        assert!(steady > 95.0, "{steady}");
        assert!(mean < 1.6, "{mean}");
    }
}

#[test]
fn fastest_shares_out_a_load_that_would_slow_one_target_down() {
    for seed in SEEDS {
        // `a` is quick for ten at once and slower by as much as there are more.
        let crowded = |_: f64, in_flight: u32| 1.0 * (f64::from(in_flight) / 10.0).max(1.0);
        let mut pool = Pool::new(FASTEST, seed);
        pool.serve("a/m", crowded, 0.1);
        pool.serve("b/m", |_, _| 1.6, 0.1);
        let log = pool.run(20.0, 600.0);
        let quick = share(&log, "a/m", 200.0..600.0);
        let shared = mean(&log, 200.0..600.0);
        println!("crowd: a {quick:.1} %, mean {shared:.2} s");
        // All at `a` would queue without end; all at `b` take 1.6 s.
        assert!(quick < 60.0, "{quick}");
        assert!(shared < 1.7, "{shared}");
    }
}
