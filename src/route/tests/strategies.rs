//! Each strategy by itself.

use super::*;

const POOL: &str = "targets: [c/3, d/4, b/2, a/1]";

fn with(strategy: &str) -> String {
    format!("r: {{ strategy: {strategy}, explore: 0, {POOL} }}")
}

#[test]
fn weighted_draws_in_proportion_and_is_replayed_by_its_seed() {
    let yaml = "r: { strategy: weighted, targets: [{target: a/1, weight: 9}, {target: b/2}, {target: c/3, weight: 0}] }";
    // 90 %, give or take five standard deviations.
    let heavy = first_of_100(yaml, &[], "a/1");
    assert!((87.6..=92.4).contains(&heavy), "{heavy}");
    assert_eq!(first_of_100(yaml, &[], "c/3"), 0.0);
    let once = || shown(plan_for(yaml, &[], &question()).unwrap().verdicts());
    assert_eq!(once(), once());
}

#[test]
fn weighted_gives_a_target_that_has_just_recovered_a_part_of_its_share() {
    let yaml = "r: { strategy: weighted, targets: [a/1, b/2] }";
    let warming = [("a/1", circuit(Circuit::Warming { share: 0.25 }))];
    let part = first_of_100(yaml, &warming, "a/1");
    assert!((16.8..=23.2).contains(&part), "{part}");
}

#[test]
fn cheapest_goes_by_the_cost_of_this_request() {
    let order = ["a/1 cheapest", "b/2 dearer", "c/3 dearer", "d/4 dearer"];
    check(&with("cheapest"), &[], &order);
}

#[test]
fn cheapest_pays_for_bad_answers_and_less_for_cached_input() {
    let often_wrong = Facts {
        validity: 0.3,
        ..Facts::default()
    };
    let cached = Facts {
        cached_share: 1.0,
        ..Facts::default()
    };
    let order = ["b/2 cheapest", "a/1 dearer", "c/3 dearer", "d/4 dearer"];
    check(&with("cheapest"), &[("a/1", often_wrong)], &order);
    let score = |table: Table<'_>| {
        let plan = plan_for(&with("cheapest"), table, &question()).unwrap();
        plan.order().next().unwrap().score.unwrap()
    };
    assert_eq!(score(&[]), 0.003);
    assert_eq!(score(&[("a/1", cached)]), 0.002);
}

#[test]
fn fastest_goes_by_the_expected_time_with_the_tail_in_it() {
    let table = [
        ("a/1", takes(2_000, 2_400)),
        ("b/2", takes(800, 20_000)),
        ("c/3", takes(3_000, 3_300)),
    ];
    let order = ["a/1 fastest", "c/3 slower", "b/2 slower", "d/4 slower"];
    check(&with("fastest"), &table, &order);
}

#[test]
fn fastest_is_not_taken_in_by_quick_failures() {
    let failing = Facts {
        failure_rate: 0.8,
        ..takes(500, 600)
    };
    let table = [("a/1", failing), ("b/2", takes(2_000, 2_400))];
    let order = ["b/2 fastest", "a/1 slower", "c/3 slower", "d/4 slower"];
    check(&with("fastest"), &table, &order);
}

#[test]
fn fastest_takes_the_less_busy_of_two_equals() {
    let table = [
        (
            "a/1",
            Facts {
                in_flight: 9,
                ..takes(1_000, 1_200)
            },
        ),
        (
            "b/2",
            Facts {
                in_flight: 2,
                ..takes(1_100, 1_300)
            },
        ),
        ("c/3", takes(2_000, 2_200)),
    ];
    let order = [
        "b/2 drawn_among_equals",
        "a/1 slower",
        "c/3 slower",
        "d/4 slower",
    ];
    check(&with("fastest"), &table, &order);
}

#[test]
fn the_unmeasured_and_the_long_idle_are_explored_now_and_then() {
    let yaml = format!("r: {{ strategy: fastest, explore: 0.1, {POOL} }}");
    let idle = Facts {
        idle: Some(Duration::from_secs(11)),
        ..takes(5_000, 6_000)
    };
    let asked = Facts {
        in_flight: 1,
        ..Facts::default()
    };
    let table = [
        ("a/1", takes(1_000, 1_200)),
        ("b/2", takes(4_000, 4_200)),
        ("c/3", idle),
        ("d/4", asked),
    ];
    // Only the idle one: the others were measured of late, or are being.
    let explored = first_of_100(&yaml, &table, "c/3");
    assert!((7.6..=12.4).contains(&explored), "{explored}");
    assert!((99.9..=100.1).contains(&(explored + first_of_100(&yaml, &table, "a/1"))));
}

#[test]
fn balanced_weighs_what_the_route_says() {
    let table = [
        ("a/1", takes(4_000, 4_000)),
        ("b/2", takes(1_000, 1_000)),
        ("c/3", takes(900, 900)),
    ];
    let route = |weights: &str| {
        format!(
            "r: {{ strategy: balanced, weights: {weights}, explore: 0, targets: [a/1, b/2, c/3] }}"
        )
    };
    // b: half as dear as c, and hardly slower.
    let order = ["b/2 best_score", "c/3 lower_score", "a/1 lower_score"];
    check(&route("{}"), &table, &order);
    let order = ["a/1 best_score", "b/2 lower_score", "c/3 lower_score"];
    check(&route("{ latency: 0.1 }"), &table, &order);
    let order = ["c/3 best_score", "b/2 lower_score", "a/1 lower_score"];
    check(&route("{ cost: 0.01 }"), &table, &order);
}

#[test]
fn least_busy_counts_requests_for_the_room_there_is() {
    let table = [
        ("a/1", load(8, Some(10))),
        ("b/2", load(20, Some(100))),
        ("c/3", load(9, Some(10))),
    ];
    let yaml = "r: { strategy: least-busy, targets: [a/1, b/2, c/3] }";
    // Two of three are drawn: b wins wherever it is one of them, a else.
    let best = first_of_100(yaml, &table, "b/2");
    assert!((62.9..=70.4).contains(&best), "{best}");
    assert_eq!(first_of_100(yaml, &table, "c/3"), 0.0);
}

#[test]
fn a_conversation_sticks_and_moves_only_when_its_target_goes() {
    let yaml = "r: { strategy: sticky, targets: [a/1, b/2, {target: c/3, weight: 2}] }";
    let router = router(yaml).unwrap();
    let first = |prefix, table: Table<'_>| {
        let question = Question {
            prefix,
            seed: prefix * 7,
            ..question()
        };
        let plan = plan_over(&router, table, &question).unwrap();
        plan.order().next().unwrap().candidate.name.to_string()
    };
    let gone = [("b/2", cooling(5))];
    let mut at_c = 0;
    for prefix in 1..2_000 {
        let home = first(prefix, &[]);
        at_c += usize::from(home == "c/3");
        let away = first(prefix, &gone);
        assert!(
            home == "b/2" || away == home,
            "{prefix}: {home}, then {away}"
        );
    }
    // Half of the conversations, for half of the weights.
    assert!((880..=1_120).contains(&at_c), "{at_c}");
    check(
        yaml,
        &[],
        &["a/1 list_order", "b/2 list_order", "c/3 list_order"],
    );
}
