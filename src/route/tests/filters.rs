//! Who may not or cannot answer.

use super::*;

const POOL: &str = "r: { targets: [a/1, b/2, c/3, d/4] }";

#[test]
fn only_a_known_cannot_drops() {
    let question = Question {
        needs: &[Ability::Vision],
        ..question()
    };
    let order = [
        "a/1 list_order",
        "b/2 list_order",
        "d/4 list_order",
        "(c/3 lacks_ability)",
    ];
    check_for(POOL, &[], &question, &order);
}

#[test]
fn who_lacks_what_can_be_left_out_stands_behind_all_who_have_it() {
    let question = Question {
        needs: &[Ability::Reasoning],
        ..question()
    };
    let check = |yaml: &str, table: Table<'_>, expected: &[&str]| {
        check_for(yaml, table, &question, expected);
    };
    let yaml = "r: { targets: [c/3, a/1], fallback: [b/2] }";
    check(
        yaml,
        &[],
        &["a/1 list_order", "b/2 fallback", "c/3 adapted"],
    );
    // When they are not well, its turn comes.
    let down = open(9, 1.0);
    let order = ["c/3 adapted", "(a/1 circuit_open)", "(b/2 circuit_open)"];
    check(yaml, &[("a/1", down), ("b/2", down)], &order);
    // One that is asked in spite of its circuit is no better.
    let failing = open(9, 0.5);
    let yaml = "r: { targets: [c/3, a/1, b/2] }";
    let order = ["c/3 adapted", "b/2 panic_mode", "(a/1 circuit_open)"];
    check(yaml, &[("a/1", down), ("b/2", failing)], &order);
    check("r: { targets: [c/3] }", &[], &["c/3 adapted"]);
    // The first that is asked alone is the first who has it.
    let alone = Hints {
        allow_fallbacks: false,
        ..Hints::default()
    };
    let question = Question {
        hints: &alone,
        ..question
    };
    let order = ["a/1 list_order", "(c/3 caller_excludes)"];
    check_for("r: { targets: [c/3, a/1] }", &[], &question, &order);
}

#[test]
fn who_lacks_what_cannot_be_left_out_is_not_adapted() {
    let question = Question {
        needs: &[Ability::Reasoning, Ability::Vision],
        ..question()
    };
    let refused = plan_for("r: { targets: [c/3] }", &[], &question).unwrap_err();
    assert_eq!(refused.class(), Some(ErrorClass::Unsupported));
}

#[test]
fn a_prompt_that_surely_does_not_fit_is_not_sent() {
    let long = |input_tokens| Question {
        input_tokens,
        ..question()
    };
    let all = ["a/1 list_order", "b/2 list_order"];
    let yaml = "r: { targets: [a/1, b/2] }";
    // 8,000 fit; an estimate may be 15 % too high, so 9,400 may fit, too.
    check_for(yaml, &[], &long(9_400), &all);
    let order = ["b/2 list_order", "(a/1 context_too_small)"];
    check_for(yaml, &[], &long(9_500), &order);
    let refused = plan_for(yaml, &[], &long(90_000)).unwrap_err();
    assert!(matches!(refused, NoPlan::NobodyCan(..)));
    assert_eq!(refused.class(), Some(ErrorClass::ContextLength));
    assert_eq!(
        refused.to_string(),
        "none of this model's targets can answer this request: a/1 (context_too_small), \
         b/2 (context_too_small)"
    );
}

#[test]
fn what_nobody_can_do_is_named() {
    let needs = [Ability::Tools, Ability::Vision];
    let sees = Question {
        needs: &needs,
        ..question()
    };
    let refused = plan_for("r: { targets: [c/3] }", &[], &sees).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "none of this model's targets can answer this request, which needs vision: c/3 (lacks_ability)"
    );
}

#[test]
fn tags_hold_for_fallbacks_too() {
    let yaml = "r: { targets: [a/1, c/3], tags: [eu], fallback: [s, d/4] }\ns: { targets: [b/2, a/9], tags: [own] }";
    let order = [
        "a/1 list_order",
        "(c/3 tag_missing)",
        "b/2 fallback",
        "(a/9 tag_missing)",
        "(d/4 tag_missing)",
    ];
    check(yaml, &[], &order);
}

#[test]
fn weight_zero_takes_a_target_out_under_every_strategy() {
    let yaml = "r: { targets: [{target: a/1, weight: 0}, b/2] }";
    check(yaml, &[], &["b/2 list_order", "(a/1 weight_zero)"]);
}

#[test]
fn a_targets_own_cap_drops_it_at_the_worst_price() {
    let yaml = "r: { targets: [{target: a/1, max_price: 0.004}, {target: b/2, max_price: 0.007}, {target: d/4, max_price: 9}, c/3] }";
    let question = Question {
        max_output: Some(600),
        ..question()
    };
    // a: 1,000 in and at most 600 out are $0.0034; b twice that.
    let order = [
        "a/1 list_order",
        "b/2 list_order",
        "c/3 list_order",
        "(d/4 price_unknown)",
    ];
    check_for(yaml, &[], &question, &order);
    // Without a limit of the caller's, 4,096 tokens may come.
    let order = [
        "c/3 list_order",
        "(a/1 too_dear)",
        "(b/2 too_dear)",
        "(d/4 price_unknown)",
    ];
    check(yaml, &[], &order);
}

#[test]
fn facts_are_gathered_once_for_each_who_may_answer_and_times_only_where_they_count() {
    let asked = |yaml: &str| {
        let asked = std::cell::RefCell::new(Vec::new());
        let gather = |candidate: &Candidate, detail| {
            let times = detail == Detail::Times;
            asked
                .borrow_mut()
                .push(format!("{} {times}", candidate.name));
            Facts::default()
        };
        router(yaml)
            .unwrap()
            .plan("r", &question(), &gather)
            .unwrap();
        asked.into_inner()
    };
    let targets = "targets: [a/1, {target: b/2, weight: 0}, a/1]";
    let gate = ["a/1 false", "c/3 false"];
    assert_eq!(asked(&format!("r: {{ {targets}, fallback: [c/3] }}")), gate);
    let yaml = format!("r: {{ {targets}, strategy: fastest, fallback: [c/3] }}");
    assert_eq!(asked(&yaml), ["a/1 true", "c/3 false"]);
    let yaml = format!("r: {{ {targets}, within: {{ total: 9s }}, fallback: [c/3] }}");
    assert_eq!(asked(&yaml), ["a/1 true", "c/3 true"]);
}
