//! Calls that are one: how often the tool runs, and who gets what.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{advance, sleep, timeout},
};

use super::*;
use crate::tools::{
    Abilities, Answers, Call, Common, Kind, Level, Line, Nobody, Output, Question, Run, Stop,
    Unanswered,
    stage::{Stage, call_of, caller, common, failing, fault, output},
};

/// A call by alice with an idempotency key.
fn keyed(key: &str, arguments: Value) -> Call {
    Call {
        idempotency_key: Some(key.to_owned()),
        ..call_of(arguments)
    }
}

fn by(name: &str, call: Call) -> Call {
    Call {
        caller: caller(name),
        ..call
    }
}

fn text(outcome: Result<Outcome, Refusal>) -> String {
    match output(outcome).content.first() {
        Some(super::super::Content::Text(text)) => text.clone(),
        other => panic!("no text: {other:?}"),
    }
}

/// A tool that says which run it was.
fn counting(settings: Common) -> Stage {
    Stage::new(settings, |run, _| Ok(Output::text(format!("run {run}"))))
}

fn cache(scope: Scope) -> Common {
    Common {
        cache: Some(Cache {
            ttl: Span::secs(60),
            scope,
        }),
        ..common()
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_with_one_key_run_once() {
    let stage = Arc::new(Stage::slow(common(), Duration::from_secs(1)));
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let stage = stage.clone();
        let call = Call {
            request: format!("req_{number}"),
            ..keyed("k", json!({"a": 1, "b": 2}))
        };
        calls.spawn(async move { stage.make(call).await });
    }
    for outcome in calls.join_all().await {
        assert_eq!(text(outcome), "run 0");
    }
    // And one that comes later, with its members in another order.
    assert_eq!(
        text(stage.make(keyed("k", json!({"b": 2.0, "a": 1.0}))).await),
        "run 0"
    );
    assert_eq!(stage.runs(), 1);
    assert_eq!(
        stage.metric(r#"waypost_tool_shared_total{how="joined",tool="t"}"#),
        Some(99.0)
    );
    assert_eq!(
        stage.metric(r#"waypost_tool_shared_total{how="replayed",tool="t"}"#),
        Some(1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_one_callers_for_ten_minutes_and_one_calls() {
    let stage = counting(common());
    assert_eq!(text(stage.make(keyed("k", json!({"n": 1}))).await), "run 0");
    let reused = stage.make(keyed("k", json!({"n": 2}))).await;
    assert_eq!(reused, Err(Refusal::KeyReused));
    assert_eq!(
        text(stage.make(by("bob", keyed("k", json!({"n": 2})))).await),
        "run 1"
    );
    assert_eq!(
        text(stage.make(keyed("other", json!({"n": 2}))).await),
        "run 2"
    );
    advance(Duration::from_secs(599)).await;
    assert_eq!(text(stage.make(keyed("k", json!({"n": 1}))).await), "run 0");
    advance(Duration::from_secs(1)).await;
    assert_eq!(text(stage.make(keyed("k", json!({"n": 2}))).await), "run 3");
    for bad in ["", "a\nb", "ä", &"k".repeat(257)] {
        let refused = fault(stage.make(keyed(bad, json!({}))).await);
        assert_eq!(refused.class, FaultClass::InvalidArguments, "{bad:?}");
    }
    assert_eq!(stage.runs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_key_with_other_arguments_is_refused_while_the_first_runs_too() {
    let stage = Arc::new(Stage::slow(common(), Duration::from_secs(1)));
    let first = tokio::spawn({
        let stage = stage.clone();
        async move { stage.make(keyed("k", json!({"n": 1}))).await }
    });
    tokio::task::yield_now().await;
    let reused = stage.make(keyed("k", json!({"n": 2}))).await;
    assert_eq!(reused, Err(Refusal::KeyReused));
    assert_eq!(text(first.await.unwrap()), "run 0");
}

#[tokio::test]
async fn what_the_tool_did_sticks_and_what_it_did_not_does_not() {
    for class in FaultClass::ALL {
        let stage = Stage::new(common(), move |_, _| failing(class));
        for _ in 0..2 {
            assert_eq!(fault(stage.make(keyed("k", json!({}))).await).class, class);
        }
        let sticks = matches!(
            class,
            FaultClass::Timeout
                | FaultClass::Unavailable
                | FaultClass::Declined
                | FaultClass::Failed
                | FaultClass::InvalidOutput
                | FaultClass::TooLarge
                | FaultClass::Internal
        );
        assert_eq!(stage.runs(), if sticks { 1 } else { 2 }, "{class:?}");
    }
    let stage = Stage::new(common(), |_, _| Err(Stop::Asks(Vec::new())));
    for _ in 0..2 {
        let asked = stage.make(keyed("k", json!({}))).await;
        assert_eq!(asked, Ok(Outcome::Asks(Vec::new())));
    }
    assert_eq!(stage.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_outlives_the_first_of_its_calls_and_ends_with_the_last() {
    let stage = Arc::new(Stage::slow(common(), Duration::from_secs(10)));
    let joined = |patience: u64| {
        let stage = stage.clone();
        tokio::spawn(async move {
            let call = stage.make(keyed("k", json!({})));
            timeout(Duration::from_secs(patience), call).await
        })
    };
    let (first, second) = (joined(1), joined(20));
    assert!(first.await.unwrap().is_err());
    assert_eq!((stage.runs(), stage.ended()), (1, 0));
    assert_eq!(text(second.await.unwrap().unwrap()), "run 0");

    let stage = Stage::slow(common(), Duration::from_secs(10));
    let both = async {
        tokio::join!(
            timeout(Duration::from_secs(1), stage.make(keyed("k", json!({})))),
            timeout(Duration::from_secs(2), stage.make(keyed("k", json!({})))),
        )
    };
    assert!(matches!(both.await, (Err(_), Err(_))));
    assert_eq!((stage.runs(), stage.ended()), (1, 1));
    // Nothing is left of it that a new call could wait for.
    assert_eq!(text(stage.make(keyed("k", json!({}))).await), "run 1");
}

#[tokio::test(start_paused = true)]
async fn without_a_key_only_those_of_the_same_time_are_one_and_only_if_asked_for() {
    for (idempotency, runs) in [(Idempotency::Auto, 4), (Idempotency::Key, 5)] {
        let settings = Common {
            idempotency,
            ..common()
        };
        let stage = Stage::slow(settings, Duration::from_secs(1));
        tokio::join!(
            async { output(stage.call(json!({"n": 1})).await) },
            async { output(stage.call(json!({"n": 1.0})).await) },
            async { output(stage.call(json!({"n": 2})).await) },
            async { output(stage.make(by("bob", call_of(json!({"n": 1})))).await) },
        );
        output(stage.call(json!({"n": 1})).await);
        assert_eq!(stage.runs(), runs, "{idempotency:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn results_are_kept_for_the_same_arguments_of_the_same_caller() {
    for (scope, bobs) in [(Scope::Key, "run 1"), (Scope::Everyone, "run 0")] {
        let stage = counting(cache(scope));
        let first = output(stage.call(json!({"a": 1, "b": 2})).await);
        assert_eq!(first.meta["dev.waypost/cache"], "miss");
        let second = output(stage.call(json!({"b": 2, "a": 1.0})).await);
        assert_eq!(second.meta["dev.waypost/cache"], "hit");
        assert_eq!(second.content, first.content);
        assert_eq!(
            text(
                stage
                    .make(by("bob", call_of(json!({"a": 1, "b": 2}))))
                    .await
            ),
            bobs
        );
        let before = stage.runs();
        output(stage.call(json!({"a": 2})).await);
        assert_eq!(stage.runs(), before + 1);
        advance(Duration::from_secs(60)).await;
        output(stage.call(json!({"a": 1, "b": 2})).await);
        assert_eq!(stage.runs(), before + 2, "its time was over");
        let hits = stage.metric(r#"waypost_tool_cache_total{result="hit",tool="t"}"#);
        assert_eq!(hits, Some(if scope == Scope::Key { 1.0 } else { 2.0 }));
    }
}

#[tokio::test]
async fn no_name_of_a_caller_stands_for_everyone() {
    let mut stage = counting(cache(Scope::Everyone));
    output(stage.call(json!({})).await);
    stage.reload(cache(Scope::Key));
    assert_eq!(text(stage.make(by("", call_of(json!({})))).await), "run 1");
}

/// A tool that asks who is there, and says it.
#[derive(Debug)]
struct Greets(Duration);

impl Kind for Greets {
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            let mut answers = run
                .line
                .ask(vec![("who".to_owned(), Question::Roots)])
                .await?;
            sleep(self.0).await;
            Ok(Output::text(answers.remove("who").unwrap().to_string()))
        })
    }
}

/// A caller who answers everything with a name.
struct Named(&'static str);

impl Line for Named {
    fn abilities(&self) -> Abilities {
        Nobody.abilities()
    }

    fn wants_progress(&self) -> bool {
        false
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        Nobody.progress(progress, total, message)
    }

    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        Nobody.log(level, logger, data)
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        let answers = questions.into_iter().map(|(key, _)| (key, self.0.into()));
        Box::pin(std::future::ready(Ok(answers.collect())))
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_of_one_callers_answers_is_nobody_elses() {
    let auto = Common {
        idempotency: Idempotency::Auto,
        ..common()
    };
    for settings in [auto, cache(Scope::Everyone), cache(Scope::Key)] {
        let stage = Stage::of_kind(settings, Box::new(Greets(Duration::from_secs(1))));
        let ask = |name| stage.make_on(call_of(json!({})), Arc::new(Named(name)));
        let (ada, bo) = tokio::join!(ask("Ada"), ask("Bo"));
        assert_eq!((text(ada), text(bo)), ("\"Ada\"".into(), "\"Bo\"".into()));
        assert_eq!(text(ask("Cy").await), "\"Cy\"", "nothing was kept");
    }
    // Who sends one key twice says that it is one call, and is not asked again.
    let stage = Stage::of_kind(common(), Box::new(Greets(Duration::from_secs(1))));
    let ask = |name| stage.make_on(keyed("k", json!({})), Arc::new(Named(name)));
    assert_eq!(text(ask("Ada").await), "\"Ada\"");
    assert_eq!(text(ask("Bo").await), "\"Ada\"");
}

#[tokio::test]
async fn what_reached_nobody_may_be_sent_again() {
    let unsent = |unsent| Fault {
        unsent,
        ..Fault::new(FaultClass::Unavailable, "it could not be reached")
    };
    let stage = Stage::new(common(), move |_, _| Err(unsent(true).into()));
    for _ in 0..2 {
        fault(stage.make(keyed("k", json!({}))).await);
    }
    assert_eq!(stage.runs(), 2);
    // One of several runs that may have reached it is enough.
    let twice = Common {
        retry: serde_json::from_value(json!({"attempts": 2, "backoff": "0s"})).unwrap(),
        ..common()
    };
    let stage = Stage::new(twice, move |run, _| Err(unsent(run == 1).into()));
    for _ in 0..2 {
        fault(stage.make(keyed("k", json!({}))).await);
    }
    assert_eq!(stage.runs(), 2);
}

#[tokio::test]
async fn errors_are_not_kept() {
    let stage = Stage::new(cache(Scope::Key), |run, _| match run {
        0 => failing(FaultClass::Failed),
        1 => Ok(Output {
            is_error: true,
            ..Output::text("not there")
        }),
        _ => Ok(Output::text("there")),
    });
    fault(stage.call(json!({})).await);
    assert!(output(stage.call(json!({})).await).is_error);
    assert_eq!(text(stage.call(json!({})).await), "there");
    assert_eq!(stage.runs(), 3);
}

#[tokio::test(start_paused = true)]
async fn those_who_miss_at_the_same_time_wait_for_one_run() {
    let stage = Arc::new(Stage::slow(cache(Scope::Everyone), Duration::from_secs(1)));
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let stage = stage.clone();
        let call = by(&format!("caller {number}"), call_of(json!({})));
        calls.spawn(async move { stage.make(call).await });
    }
    calls.join_all().await.into_iter().for_each(|outcome| {
        assert_eq!(text(outcome), "run 0");
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.runs(), 1);
}

#[test]
fn only_what_does_no_harm_twice_may_be_kept() {
    let cache = Cache {
        ttl: Span::secs(60),
        scope: Scope::Key,
    };
    assert_eq!(cache.problems(true), None);
    assert!(cache.problems(false).is_some());
    let never = Cache {
        ttl: Span::secs(0),
        ..cache
    };
    assert_eq!(never.problems(true).unwrap().path, ["ttl"]);
}
