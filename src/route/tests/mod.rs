use super::*;
use crate::{
    catalog::{Card, CardSettings, resolve},
    facts::Facts,
    outcome::Reason,
    route::{Detail, Rights},
};

struct Everything;

impl Rights for Everything {
    fn allows_route(&self, _: &str) -> bool {
        true
    }
    fn allows_direct(&self, _: &str) -> bool {
        true
    }
    fn allows_target(&self, _: &str) -> bool {
        true
    }
}

struct Only(&'static str);

impl Rights for Only {
    fn allows_route(&self, _: &str) -> bool {
        true
    }
    fn allows_direct(&self, target: &str) -> bool {
        target == self.0
    }
    fn allows_target(&self, target: &str) -> bool {
        target == self.0
    }
}

fn card(name: &str) -> Card {
    let settings = CardSettings {
        base_url: Some("http://127.0.0.1:1/v1".into()),
        ..CardSettings::default()
    };
    resolve(name, &settings, None).unwrap()
}

fn asked(rights: &dyn Rights, seed: u64) -> Question<'_> {
    Question {
        seed,
        ..Question::of(rights)
    }
}

/// Nobody has been asked yet.
fn unknown(_: &Candidate, _: Detail) -> Facts {
    Facts::default()
}

fn router(yaml: &str) -> Result<Router, Vec<Problem>> {
    let settings: BTreeMap<String, Settings> = serde_saphyr::from_str(yaml).unwrap();
    Router::new(Arc::new(Catalog::new([card("a"), card("b")])), &settings)
}

fn order(yaml: &str, name: &str, rights: &dyn Rights, seed: u64) -> Vec<String> {
    let plan = router(yaml)
        .unwrap()
        .plan(name, &asked(rights, seed), &unknown)
        .unwrap();
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
        order(yaml, "r", &Everything, 0),
        ["a/1", "b/2", "b/3", "b/4", "a/9"]
    );
}

#[test]
fn a_name_with_a_slash_is_one_target() {
    assert_eq!(order("{}", "a/x/y", &Everything, 0), ["a/x/y"]);
}

#[test]
fn weighted_draws_in_proportion_and_is_replayed_by_its_seed() {
    let yaml = "r: { strategy: weighted, targets: [{target: a/1, weight: 9}, {target: b/1}, {target: b/0, weight: 0}] }";
    let router = router(yaml).unwrap();
    let first = |seed| {
        let plan = router
            .plan("r", &asked(&Everything, seed), &unknown)
            .unwrap();
        let first = plan.order().next().unwrap().candidate.name.to_string();
        assert_eq!(plan.order().count(), 2, "weight 0 is out");
        first
    };
    let heavy = (0..2_000).filter(|seed| first(*seed) == "a/1").count();
    // 90 % of 2,000, give or take five standard deviations (13.4).
    assert!((1_733..=1_867).contains(&heavy), "{heavy}");
    assert_eq!(first(7), first(7));
}

#[test]
fn what_the_key_forbids_is_dropped_with_its_reason() {
    let yaml = "r: { targets: [a/1, b/2] }";
    assert_eq!(order(yaml, "r", &Only("b/2"), 0), ["b/2"]);
    let error = router(yaml)
        .unwrap()
        .plan("r", &asked(&Only("c/3"), 0), &unknown)
        .unwrap_err();
    let NoPlan::NothingLeft(verdicts) = error else {
        panic!("{error}")
    };
    assert!(
        verdicts
            .iter()
            .all(|verdict| verdict.reason == Reason::KeyForbids)
    );
    let error = router(yaml)
        .unwrap()
        .plan("a/1", &asked(&Only("b/2"), 0), &unknown)
        .unwrap_err();
    assert!(matches!(error, NoPlan::Forbidden(_)), "{error}");
}

#[test]
fn unknown_names_are_said_to_be_unknown() {
    let error = router("{}")
        .unwrap()
        .plan("gpt", &asked(&Everything, 0), &unknown)
        .unwrap_err();
    assert_eq!(error.to_string(), "the model `gpt` does not exist");
    let error = router("{}")
        .unwrap()
        .plan("c/gpt", &asked(&Everything, 0), &unknown)
        .unwrap_err();
    assert!(matches!(error, NoPlan::UnknownModel(_)));
}

#[test]
fn every_problem_is_reported_at_once() {
    let yaml = "
        r: { targets: [aa/1, plain], fallback: [s2] }
        s: { targets: [a/1], fallback: [t], retry: { attempts: 0 } }
        t: { targets: [a/1], fallback: [s] }
        u: {}";
    assert_eq!(
        problems(yaml),
        [
            "r.targets.0: there is no provider `aa`; did you mean `a`?",
            "r.targets.1: `plain` is no target: write `provider/model`",
            "r.fallback.0: `s2` is no target: write `provider/model`; did you mean `s`?",
            "s.retry.attempts: 0 attempts; expected 1 to 10",
            "u: the route `u` has no targets; expected `targets: [provider/model, …]`",
            "s.fallback: the fallbacks of `s` lead back to it",
            "t.fallback: the fallbacks of `t` lead back to it",
        ]
    );
}
