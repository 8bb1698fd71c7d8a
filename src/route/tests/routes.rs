//! Routes, names and rights.

use super::*;

fn order(yaml: &str, name: &str, rights: &dyn Rights) -> Vec<String> {
    let question = Question::of(rights);
    let plan = router(yaml).unwrap().plan(name, &question, &unknown);
    let plan = plan.unwrap();
    plan.order()
        .map(|verdict| verdict.candidate.name.to_string())
        .collect()
}

fn problems(yaml: &str) -> Vec<String> {
    router(yaml)
        .unwrap_err()
        .iter()
        .map(Problem::to_string)
        .collect()
}

#[test]
fn priority_keeps_the_list_and_appends_fallbacks_of_fallbacks_once() {
    let yaml = "
        r: { targets: [a/1, b/2], fallback: [s, a/9] }
        s: { targets: [b/3, a/1], fallback: [b/4] }";
    assert_eq!(
        order(yaml, "r", &Everything),
        ["a/1", "b/2", "b/3", "b/4", "a/9"]
    );
}

/// Every route and target but the route `s`.
struct NotS;

impl Rights for NotS {
    fn allows_route(&self, route: &str) -> bool {
        route != "s"
    }
    fn allows_direct(&self, _: &str) -> bool {
        true
    }
    fn allows_target(&self, _: &str) -> bool {
        true
    }
}

#[test]
fn a_route_the_key_may_not_use_is_forbidden_by_whatever_way_it_is_named() {
    let router = router("{ r: { targets: [a/1] }, s: { targets: [b/2] } }").unwrap();
    let hints = Hints {
        models: vec!["s".to_owned()],
        ..Hints::default()
    };
    let listing = Question {
        hints: &hints,
        ..Question::of(&NotS)
    };
    for (name, question) in [("s", Question::of(&NotS)), ("r", listing)] {
        let refused = router.plan(name, &question, &unknown).unwrap_err();
        assert!(matches!(&refused, NoPlan::Forbidden(route) if route == "s"));
    }
}

#[test]
fn a_route_reaches_its_fallbacks_and_theirs() {
    let yaml = "
        r: { targets: [a/1], fallback: [s], fallback_on: { too_large: [t, b/8] } }
        s: { targets: [b/2], fallback: [t, a/3] }
        t: { targets: [c/4] }
        u: { targets: [c/5] }";
    let router = router(yaml).unwrap();
    let reach = |name| {
        let found = router.reach(name).into_iter();
        let mut names: Vec<_> = found.map(|found| found.name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(reach("r"), ["a/1", "a/3", "b/2", "b/8", "c/4"]);
    assert_eq!(reach("u"), ["c/5"]);
    assert!(reach("a/1").is_empty());
}

#[test]
fn a_name_with_a_slash_is_one_target() {
    assert_eq!(order("{}", "a/x/y", &Everything), ["a/x/y"]);
}

#[test]
fn what_the_key_forbids_is_dropped_with_its_reason() {
    let yaml = "r: { targets: [a/1, b/2] }";
    assert_eq!(order(yaml, "r", &Only("b/2")), ["b/2"]);
    let refused = |name, rights: &dyn Rights| {
        let question = Question::of(rights);
        router(yaml)
            .unwrap()
            .plan(name, &question, &unknown)
            .unwrap_err()
    };
    let error = refused("r", &Only("c/3"));
    assert!(matches!(error, NoPlan::NothingLeft(_)), "{error}");
    let forbidden = |verdict: &Verdict| verdict.reason == Reason::KeyForbids;
    assert!(error.verdicts().iter().all(forbidden));
    assert_eq!(
        error.to_string(),
        "you may use none of the targets of this model"
    );
    let error = refused("a/1", &Only("b/2"));
    assert!(matches!(error, NoPlan::Forbidden(_)), "{error}");
}

#[test]
fn unknown_names_are_said_to_be_unknown() {
    let question = Question::of(&Everything);
    let refused = |name| {
        router("{}")
            .unwrap()
            .plan(name, &question, &unknown)
            .unwrap_err()
    };
    assert_eq!(refused("gpt").to_string(), "the model `gpt` does not exist");
    assert!(matches!(refused("z/gpt"), NoPlan::UnknownModel(_)));
}

#[test]
fn every_problem_is_reported_at_once() {
    let yaml = "
        r: { targets: [aa/1, plain], fallback: [s2], fallback_on: { timeout: [t2] } }
        s: { targets: [a/1], fallback: [t], retry: { attempts: 0 } }
        t: { targets: [a/1], fallback: [s] }
        u: {}
        v: { targets: [a/1], strategy: cheapest-within, explore: 0.6, weights: { cost: -1 } }
        w: { targets: [a/1], within: { validity: 2 }, fallback_on: { cancelled: [] } }
        x: { targets: [a/1, c/3], tags: [eu, own], fallback: [b/2] }
        x2: { targets: [a/1], fallback_on: { timeout: [b/2], rate_limit: [y] } }
        y: { targets: [a/1], fallback: [z], fallback_on: { overloaded: [y] } }
        z: { targets: [a/1], fallback: [x2] }";
    assert_eq!(
        problems(yaml),
        [
            "r.targets.0: there is no provider `aa`; did you mean `a`?",
            "r.targets.1: `plain` is no target: write `provider/model`",
            "r.fallback.0: `s2` is no target: write `provider/model`; did you mean `s`?",
            "r.fallback_on.timeout.0: `t2` is no target: write `provider/model`; did you mean `t`?",
            "s.retry.attempts: 0 attempts; expected 1 to 10",
            "u: the route `u` has no targets; expected `targets: [provider/model, …]`",
            "v.explore: 0.6 is no share of requests to explore with; expected 0 to 0.5",
            "v.within: `cheapest-within` has no limit to stay within; expected `first_token`, `total`, \
             `max_price` or `validity`",
            "v.weights.cost: -1 is no weight; expected 0 to 1000",
            "w.within.validity: 2 is no share of valid answers; expected 0 to 1",
            "w.fallback_on.cancelled: nobody waits for an answer after `cancelled`",
            "x.tags: no target of `x` has all its tags: eu, own; expected tags that a provider has: `providers.*.tags`",
            "s.fallback: the fallbacks of `s` lead back to it",
            "t.fallback: the fallbacks of `t` lead back to it",
            "x2.fallback_on.rate_limit: the fallbacks of `x2` lead back to it",
            "y.fallback_on.overloaded: the fallbacks of `y` lead back to it",
        ]
    );
}

#[test]
fn two_routes_may_help_each_other_out_by_class() {
    // Unlike `fallback`, a list of `fallback_on` is not taken along, so this ends.
    let yaml = "
        r: { targets: [a/1], fallback_on: { rate_limit: [s] } }
        s: { targets: [b/2], fallback_on: { rate_limit: [r] } }";
    assert!(router(yaml).is_ok());
}
