//! Limits: kept, given up in order, never broken in silence.

use super::*;

const RELAXED: &str = "r: { strategy: cheapest-within, explore: 0, targets: [a/1, b/2, c/3], within: { total: 2s, validity: 0.9, relax: [validity, total] } }";
const STRICT: &str = "r: { strategy: cheapest-within, explore: 0, targets: [a/1, b/2, c/3], within: { total: 2s, validity: 0.9 } }";

fn valid(validity: f64, facts: Facts) -> Facts {
    Facts { validity, ..facts }
}

#[test]
fn the_cheapest_of_those_that_keep_the_limits() {
    let table = [
        ("a/1", takes(1_000, 2_500)),
        ("b/2", takes(1_500, 1_900)),
        ("c/3", takes(500, 600)),
    ];
    let order = ["b/2 cheapest", "c/3 dearer", "(a/1 too_slow)"];
    check(STRICT, &table, &order);
}

#[test]
fn limits_are_given_up_one_after_the_other_as_the_route_says() {
    let slow = takes(3_000, 4_000);
    let table = [
        ("a/1", slow),
        ("b/2", valid(0.5, takes(500, 900))),
        ("c/3", valid(0.5, takes(400, 500))),
    ];
    // Validity goes first; the limit on time still holds for a.
    check(
        RELAXED,
        &table,
        &["b/2 relaxed", "c/3 relaxed", "(a/1 too_slow)"],
    );
    let table = [("a/1", valid(0.4, slow)), ("b/2", slow), ("c/3", slow)];
    check(
        RELAXED,
        &table,
        &["b/2 relaxed", "a/1 relaxed", "c/3 relaxed"],
    );
    let refused = plan_for(STRICT, &table, &question()).unwrap_err();
    assert!(matches!(refused, NoPlan::NoneQualifies(_)));
    assert_eq!(
        refused.to_string(),
        "none of this model's targets keeps the limits: a/1 (too_slow), b/2 (too_slow), c/3 (too_slow); \
         loosen `within` or `max_price`, or let a limit `relax`"
    );
}

#[test]
fn a_cap_of_the_caller_is_never_given_up() {
    let yaml = "r: { targets: [a/1, {target: b/2, max_price: 0.001}], within: { total: 1s, relax: [total, max_price] } }";
    let slow = takes(3_000, 4_000);
    check(
        yaml,
        &[("a/1", slow), ("b/2", slow)],
        &["a/1 relaxed", "(b/2 too_dear)"],
    );
}

#[test]
fn the_unmeasured_break_no_limit_but_stand_behind_the_proven() {
    let few = Facts {
        total: Some(Estimate {
            samples: 2.0,
            ..takes(9_000, 9_000).total.unwrap()
        }),
        ..Facts::default()
    };
    let table = [("a/1", few), ("b/2", takes(1_000, 1_900))];
    let order = ["b/2 cheapest", "a/1 cheapest", "c/3 dearer"];
    let plan = plan_for(STRICT, &table, &question()).unwrap();
    let found: Vec<String> = plan
        .order()
        .map(|verdict| verdict.candidate.name.to_string())
        .collect();
    assert_eq!(found, order.map(|line| &line[..3]));
    let yaml = STRICT.replace("explore: 0", "explore: 0.1");
    let explored = first_of_100(&yaml, &table, "a/1") + first_of_100(&yaml, &table, "c/3");
    assert!((7.6..=12.4).contains(&explored), "{explored}");
}

#[test]
fn worst_prices_count_and_unknown_ones_keep_no_limit() {
    let yaml = "r: { strategy: cheapest-within, targets: [d/4, c/3, b/2, a/1], within: { max_price: 0.04 } }";
    let order = [
        "a/1 cheapest",
        "b/2 dearer",
        "(d/4 price_unknown)",
        "(c/3 too_dear)",
    ];
    check(yaml, &[], &order);
}

#[test]
fn limits_hold_for_fallbacks_and_those_of_a_fallback_route_too() {
    let yaml = "r: { targets: [a/1], within: { validity: 0.9 }, fallback: [d/4, s] }
s: { targets: [b/2, c/3], within: { total: 1s } }";
    let bad = valid(0.5, Facts::default());
    let table = [
        ("a/1", bad),
        ("d/4", bad),
        ("b/2", takes(2_000, 3_000)),
        ("c/3", takes(300, 400)),
    ];
    let order = [
        "(a/1 too_often_invalid)",
        "(d/4 too_often_invalid)",
        "c/3 fallback",
        "(b/2 too_slow)",
    ];
    check(yaml, &table, &order);
}

#[test]
fn a_fallbacks_own_limit_is_not_given_up_by_another_route() {
    let slow = takes(3_000, 4_000);
    let table = [("a/1", slow), ("b/2", slow), ("c/3", slow)];
    let routes = |relax: &str| {
        format!(
            "r: {{ targets: [a/1], within: {{ total: 1s, relax: [total] }}, fallback: [s] }}
s: {{ targets: [b/2], within: {{ total: 2s, relax: [{relax}] }} }}"
        )
    };
    let order = ["a/1 relaxed", "(b/2 too_slow)"];
    check(&routes(""), &table, &order);
    check(&routes("total"), &table, &["a/1 relaxed", "b/2 relaxed"]);
}

#[test]
fn the_stricter_limit_counts_and_goes_only_where_all_who_set_it_say_so() {
    let limits = |yaml: &str| -> Within { serde_saphyr::from_str(yaml).unwrap() };
    let route = limits("{total: 2s, validity: 0.9, relax: [total, validity]}");
    let both = |hint: &str| route.and(&limits(hint)).into_owned();
    assert_eq!(both("{}"), route);
    // A looser limit changes nothing, whatever it says of giving up.
    let strict = limits("{total: 2s}");
    assert_eq!(*strict.and(&limits("{total: 9s, relax: [total]}")), strict);
    assert_eq!(
        both("{total: 1s, max_price: 0.1, relax: [max_price]}"),
        limits("{total: 1s, validity: 0.9, max_price: 0.1, relax: [validity, max_price]}")
    );
    // Who is stricter and yields does not make the other one yield.
    let yields = limits("{total: 1s, relax: [total]}");
    assert_eq!(*strict.and(&yields), limits("{total: 1s}"));
    assert_eq!(both("{total: 1s, relax: [total]}").relax, route.relax);
}
