//! Health: who is dropped, who stands behind, who is spared.

use super::*;

const POOL: &str = "r: { targets: [a/1, b/2, c/3], fallback: [d/4] }";
const ALONE: &str = "r: { targets: [a/1, b/2, c/3] }";

fn seeded(seed: u64) -> Question<'static> {
    Question { seed, ..question() }
}

#[test]
fn who_is_put_aside_is_dropped_with_its_reason() {
    let spent = Facts {
        headroom: Some(0.0),
        ..Facts::default()
    };
    let table = [("a/1", cooling(3)), ("b/2", spent), ("c/3", open(5, 0.6))];
    let order = [
        "(a/1 cooling_down)",
        "(b/2 rate_limited)",
        "(c/3 circuit_open)",
        "d/4 fallback",
    ];
    check(POOL, &table, &order);
}

#[test]
fn the_busy_and_the_recovering_stand_behind() {
    let table = [
        ("a/1", load(4, Some(4))),
        ("b/2", circuit(Circuit::Warming { share: 0.0 })),
        ("c/3", circuit(Circuit::HalfOpen)),
    ];
    let order = ["c/3 probe", "b/2 slow_start", "a/1 busy", "d/4 fallback"];
    check(POOL, &table, &order);
}

#[test]
fn a_recovering_target_keeps_its_place_for_its_share() {
    let warming = [("a/1", circuit(Circuit::Warming { share: 0.3 }))];
    let share = first_of_100(POOL, &warming, "a/1");
    assert!((26.3..=33.7).contains(&share), "{share}");
}

#[test]
fn at_most_half_of_a_pool_is_ejected_and_the_least_bad_stay_behind_the_well() {
    let table = [("a/1", open(5, 0.8)), ("b/2", open(5, 0.6))];
    let order = ["c/3 list_order", "b/2 panic_mode", "(a/1 circuit_open)"];
    check(ALONE, &table, &order);
    let table = [
        ("a/1", open(5, 0.8)),
        ("b/2", open(5, 0.6)),
        ("c/3", open(5, 0.7)),
    ];
    let order = ["b/2 panic_mode", "c/3 panic_mode", "(a/1 circuit_open)"];
    check(ALONE, &table, &order);
    // Somebody well is there: nobody need be asked whose circuit is open before that.
    let found = shown(plan_for(POOL, &table, &question()).unwrap().verdicts());
    let kept: Vec<&String> = found.iter().filter(|line| !line.starts_with('(')).collect();
    assert_eq!(kept, ["d/4 fallback", "b/2 panic_mode", "c/3 panic_mode"]);
}

#[test]
fn a_total_outage_fails_fast_but_for_one_in_twenty() {
    let dead = [
        ("a/1", open(4, 1.0)),
        ("b/2", open(9, 0.97)),
        ("c/3", open(7, 1.0)),
    ];
    let seeds = 4_000;
    let router = router(ALONE).unwrap();
    let asked = (0..seeds).filter(|seed| plan_over(&router, &dead, &seeded(*seed)).is_ok());
    let share = asked.count() as f64 / seeds as f64;
    assert!((0.033..=0.067).contains(&share), "{share}");
    let refused = (0..seeds).find_map(|seed| plan_over(&router, &dead, &seeded(seed)).err());
    let refused = refused.unwrap();
    assert_eq!(
        refused.to_string(),
        "none of this model's targets is ready: a/1 (circuit_open), b/2 (circuit_open), \
         c/3 (circuit_open); try again in 4s"
    );
    assert_eq!(refused.class(), Some(ErrorClass::Overloaded));
}

#[test]
fn a_pool_of_one_goes_straight_to_its_fallback_and_stays_where_there_is_none() {
    let table = [("a/1", open(5, 0.6)), ("b/2", cooling(8))];
    let yaml = "r: { targets: [a/1], fallback: [d/4] }";
    check(yaml, &table, &["(a/1 circuit_open)", "d/4 fallback"]);
    check("r: { targets: [a/1] }", &table, &["a/1 panic_mode"]);
    // A fallback that is put aside is none.
    let yaml = "r: { targets: [a/1], fallback: [b/2] }";
    let plan = plan_for(yaml, &table, &question()).unwrap();
    assert_eq!(shown(plan.verdicts())[0], "a/1 panic_mode");
    assert!(plan.order().all(Verdict::is_panic));
}

#[test]
fn when_everybody_is_throttled_the_caller_hears_so_and_when_to_come_back() {
    let table = [
        ("a/1", cooling(30)),
        ("b/2", cooling(4)),
        ("c/3", cooling(60)),
    ];
    match plan_for(ALONE, &table, &question()).unwrap_err() {
        NoPlan::NobodyReady {
            retry_after,
            throttled,
            ..
        } => {
            assert_eq!(retry_after, Some(Duration::from_secs(4)));
            assert!(throttled);
        }
        other => panic!("{other}"),
    }
    // Keys that are refused are no reason to send less.
    let mut table = table;
    table[1].1.because = Some(ErrorClass::Auth);
    table[0].1.because = Some(ErrorClass::RateLimit);
    let refused = plan_for(ALONE, &table, &question()).unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::Overloaded), "{refused}");
    let probing = [("a/1", open(0, 1.0))];
    let refused =
        (0..99).find_map(|seed| plan_for("r: { targets: [a/1] }", &probing, &seeded(seed)).err());
    let Some(NoPlan::NobodyReady {
        retry_after,
        throttled,
        ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!((retry_after, throttled), (None, false));
}
