//! What callers ask for, within what they may.

use super::*;
use crate::route::{MaxPrice, Sort};

const POOL: &str = "r: { targets: [a/1, b/2, c/3], fallback: [d/4] }";

fn hinted(yaml: &str, hints: &Hints, rights: &dyn Rights, expected: &[&str]) {
    let question = Question {
        hints,
        rights,
        ..question()
    };
    check_for(yaml, &[], &question, expected);
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn callers_order_include_and_exclude() {
    let hints = Hints {
        order: names(&["c", "b/2"]),
        ignore: names(&["d"]),
        ..Hints::default()
    };
    let order = [
        "c/3 caller_order",
        "b/2 caller_order",
        "a/1 list_order",
        "(d/4 caller_excludes)",
    ];
    hinted(POOL, &hints, &Everything, &order);
    let hints = Hints {
        only: names(&["b"]),
        ..Hints::default()
    };
    let order = [
        "b/2 list_order",
        "(a/1 caller_excludes)",
        "(c/3 caller_excludes)",
        "(d/4 caller_excludes)",
    ];
    hinted(POOL, &hints, &Everything, &order);
}

#[test]
fn without_fallbacks_only_those_in_order_or_the_first_are_asked() {
    let mut hints = Hints {
        allow_fallbacks: false,
        ..Hints::default()
    };
    let order = [
        "a/1 list_order",
        "(b/2 caller_excludes)",
        "(c/3 caller_excludes)",
    ];
    hinted(POOL, &hints, &Everything, &order);
    hints.order = names(&["c", "a"]);
    let order = [
        "c/3 caller_order",
        "a/1 caller_order",
        "(b/2 caller_excludes)",
    ];
    hinted(POOL, &hints, &Everything, &order);
}

#[test]
fn a_strategy_or_a_sort_replaces_the_routes() {
    let yaml = "r: { targets: [c/3, a/1] }";
    let order = ["a/1 cheapest", "c/3 dearer"];
    let by_price = Hints {
        sort: Some(Sort::Price),
        ..Hints::default()
    };
    hinted(yaml, &by_price, &Everything, &order);
    let cheapest = Hints {
        strategy: Some(Strategy::Cheapest),
        ..Hints::default()
    };
    hinted(yaml, &cheapest, &Everything, &order);
}

#[test]
fn further_models_stand_before_the_routes_fallbacks_and_within_the_rights() {
    let models = |list: &[&str]| Hints {
        models: names(list),
        ..Hints::default()
    };
    let yaml = "r: { targets: [a/1], fallback: [d/4] }\ns: { targets: [b/2] }";
    let order = [
        "a/1 list_order",
        "c/3 caller_order",
        "b/2 caller_order",
        "d/4 fallback",
    ];
    hinted(yaml, &models(&["c/3", "s"]), &Everything, &order);
    let question = |hints, rights| Question {
        hints,
        rights,
        ..question()
    };
    let hints = models(&["c/3"]);
    let refused = plan_for(yaml, &[], &question(&hints, &Only("a/1"))).unwrap_err();
    assert!(matches!(&refused, NoPlan::Forbidden(name) if name == "c/3"));
    let hints = models(&["nobody"]);
    let refused = plan_for(yaml, &[], &question(&hints, &Everything)).unwrap_err();
    assert!(matches!(&refused, NoPlan::UnknownModel(name) if name == "nobody"));
    // What the key forbids stays forbidden, however it is asked for.
    let hints = Hints {
        order: names(&["b"]),
        only: names(&["b", "a"]),
        ..Hints::default()
    };
    let order = [
        "a/1 list_order",
        "(b/2 key_forbids)",
        "(c/3 key_forbids)",
        "(d/4 key_forbids)",
    ];
    hinted(POOL, &hints, &Only("a/1"), &order);
}

#[test]
fn prices_tags_and_limits_are_narrowed() {
    let hints = |yaml: &str| -> Hints { serde_saphyr::from_str(yaml).unwrap() };
    let yaml = "r: { targets: [a/1, b/2, c/3, d/4] }";
    let order = [
        "a/1 list_order",
        "(b/2 too_dear)",
        "(c/3 too_dear)",
        "(d/4 price_unknown)",
    ];
    hinted(
        yaml,
        &hints("max_price: {prompt: 1.5}"),
        &Everything,
        &order,
    );
    hinted(
        yaml,
        &hints("max_price: {completion: 4}"),
        &Everything,
        &order,
    );
    hinted(
        yaml,
        &hints("max_price: {request: 0.02}"),
        &Everything,
        &order,
    );
    let order = [
        "a/1 list_order",
        "b/2 list_order",
        "(c/3 tag_missing)",
        "(d/4 tag_missing)",
    ];
    hinted(yaml, &hints("tags: [eu]"), &Everything, &order);
    assert_eq!(hints("{}"), *Hints::none());
    assert_eq!(hints("{}").max_price, MaxPrice::default());
}

#[test]
fn hints_name_providers_and_targets_wherever_these_stand() {
    let yaml = "r: { targets: [a/1, a/9, b/2], fallback: [s] }\ns: { targets: [c/3, d/4] }";
    let hints = |yaml: &str| -> Hints { serde_saphyr::from_str(yaml).unwrap() };
    let check = |written: &str, expected: &[&str]| {
        let hints = hints(written);
        hinted(yaml, &hints, &Everything, expected);
    };
    // A target of a provider, and the whole of another; fallbacks are off, so only the pool is there.
    check(
        "{ order: [b, a/9], allow_fallbacks: false }",
        &[
            "b/2 caller_order",
            "a/9 caller_order",
            "(a/1 caller_excludes)",
        ],
    );
    // Of the last of a provider's names the first counts.
    check(
        "{ order: [a/9, a] }",
        &[
            "a/9 caller_order",
            "a/1 caller_order",
            "b/2 list_order",
            "c/3 fallback",
            "d/4 fallback",
        ],
    );
    // In a fallback's pool, too.
    check(
        "{ only: [d, a/1], order: [d/4] }",
        &[
            "a/1 list_order",
            "(a/9 caller_excludes)",
            "(b/2 caller_excludes)",
            "d/4 fallback",
            "(c/3 caller_excludes)",
        ],
    );
    // Who is both wanted and unwanted is not asked.
    check(
        "{ only: [a], ignore: [a/1], order: [a/1, b] }",
        &[
            "a/9 list_order",
            "(a/1 caller_excludes)",
            "(b/2 caller_excludes)",
            "(c/3 caller_excludes)",
            "(d/4 caller_excludes)",
        ],
    );
}

#[test]
fn order_brings_nobody_in() {
    let yaml = "r: { targets: [a/1], tags: [eu], fallback: [s] }\ns: { targets: [c/3] }";
    let hints: Hints = serde_saphyr::from_str("{ order: [c/3, b, a], only: [a, b, c/3] }").unwrap();
    let order = ["a/1 caller_order", "(c/3 tag_missing)"];
    hinted(yaml, &hints, &Everything, &order);
    // Where `order` names nobody of the route, nobody is left.
    let hints: Hints = serde_saphyr::from_str("{ order: [b], allow_fallbacks: false }").unwrap();
    let question = Question {
        hints: &hints,
        ..question()
    };
    let refused = plan_for(yaml, &[], &question).unwrap_err();
    assert!(matches!(refused, NoPlan::NothingLeft(_)), "{refused}");
}
