//! The life of a call, seen from whoever calls.

use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::{
    span::Span,
    tools::{
        Common, Concurrency, Content, Retry, Stop,
        stage::{Stage, call_of, caller, common, failing, fault, output},
    },
};

fn done(_: usize, _: &Value) -> Result<Output, Stop> {
    Ok(Output::text("done"))
}

#[tokio::test]
async fn each_class_of_fault_reaches_the_caller_and_is_counted_by_its_name() {
    for class in FaultClass::ALL {
        let stage = Stage::new(common(), move |_, _| failing(class));
        let found = fault(stage.call(json!({})).await);
        assert_eq!(found.class, class);
        assert_eq!(stage.runs(), 1, "{class:?}");
        let label = class.label();
        let counted = format!("waypost_tool_calls_total{{outcome=\"{label}\",tool=\"t\"}}");
        assert_eq!(stage.metric(&counted), Some(1.0), "{class:?}");
        assert_eq!(stage.metric(r#"waypost_tool_running{tool="t"}"#), Some(0.0));
        assert_eq!(stage.record("req_1").outcome, label);
    }
}

#[tokio::test]
async fn what_may_not_run_does_not_run() {
    let schema = json!({"properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let settings = Common {
        input_schema: schema.as_object().cloned(),
        allow: vec!["input.n < 10".to_owned()],
        ..common()
    };
    let stage = Stage::new(settings, done);
    let invalid = fault(stage.call(json!({"n": "x\u{1B}[31m"})).await);
    assert_eq!(invalid.class, FaultClass::InvalidArguments);
    assert!(!invalid.message.contains('\u{1B}'), "{}", invalid.message);
    let absent = fault(stage.call(Value::Null).await);
    assert_eq!(
        absent.message,
        r#"Invalid arguments: the member "n" is missing"#
    );
    let forbidden = fault(stage.call(json!({"n": 10})).await);
    assert_eq!(forbidden.class, FaultClass::Forbidden);
    assert_eq!(
        forbidden.message,
        "These arguments are not allowed by the operator's rule 1"
    );
    let unknown = Call {
        tool: "u".to_owned(),
        ..call_of(json!({"n": 1}))
    };
    assert_eq!(stage.make(unknown).await, Err(Refusal::UnknownTool));
    assert_eq!(stage.runs(), 0);
    let counted = r#"waypost_tool_calls_total{outcome="unknown_tool",tool="other"}"#;
    assert_eq!(stage.metric(counted), Some(1.0));
    output(stage.call(json!({"n": 9})).await);
    assert_eq!(stage.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_and_a_tool_have_their_own_limits() {
    let settings = Common {
        rpm: Some(2),
        ..common()
    };
    let mut stage = Stage::new(settings.clone(), done);
    let limits = Arc::new(Limits::new(Some(1), None, Instant::now()));
    let limited = || Call {
        limits: limits.clone(),
        ..call_of(json!({}))
    };
    output(stage.make(limited()).await);
    let refused = fault(stage.make(limited()).await);
    assert_eq!(refused.class, FaultClass::RateLimited);
    assert_eq!(
        refused.message,
        "Rate limit reached: you have 1 requests per minute. Try again in 60 s"
    );
    output(stage.call(json!({})).await);
    let refused = fault(stage.call(json!({})).await);
    assert_eq!(
        refused.message,
        "Rate limit reached: 2 calls of this tool per minute. Try again in 30 s"
    );
    let wait = refused.retry_after.unwrap();
    assert!(wait <= Duration::from_secs(30), "{wait:?}");
    // A reload that leaves the quota as it is gives nobody new calls.
    stage.reload(settings);
    fault(stage.call(json!({})).await);
    tokio::time::advance(wait).await;
    output(stage.call(json!({})).await);
    assert_eq!(stage.runs(), 3);
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_places_wait_or_are_refused() {
    let settings = |queue| Common {
        concurrency: Some(Concurrency { limit: 2, queue }),
        ..common()
    };
    let crowd = async |queue| {
        let stage = Arc::new(Stage::slow(settings(queue), Duration::from_secs(1)));
        let mut calls = JoinSet::new();
        for _ in 0..5 {
            let stage = stage.clone();
            calls.spawn(async move { stage.call(json!({})).await });
        }
        let outcomes = calls.join_all().await;
        let served = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(fault(outcome).class, FaultClass::Busy);
        }
        served
    };
    assert_eq!(crowd(Span::secs(0)).await, 2);
    assert_eq!(crowd(Span::millis(1_500)).await, 4);
    assert_eq!(crowd(Span::secs(10)).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_place_ends_with_the_call() {
    let settings = Common {
        concurrency: Some(Concurrency {
            limit: 1,
            queue: Span::secs(60),
        }),
        timeout: Span::secs(2),
        ..common()
    };
    let stage = Arc::new(Stage::slow(settings, Duration::from_secs(100)));
    let first = tokio::spawn({
        let stage = stage.clone();
        async move { stage.call(json!({})).await }
    });
    let began = Instant::now();
    assert_eq!(fault(first.await.unwrap()).class, FaultClass::Timeout);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(stage.ended(), 1, "what ran too long was dropped");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    let settings = Common {
        retry: Retry {
            attempts: 3,
            ..Retry::default()
        },
        ..common()
    };
    for class in FaultClass::ALL {
        let stage = Stage::new(settings.clone(), move |run, arguments| match run {
            0 | 1 => failing(class),
            _ => done(run, arguments),
        });
        let outcome = stage.call(json!({})).await;
        let again = matches!(class, FaultClass::Timeout | FaultClass::Unavailable);
        assert_eq!(outcome.is_ok(), again, "{class:?}");
        assert_eq!(stage.runs(), if again { 3 } else { 1 }, "{class:?}");
        assert_eq!(stage.record("req_1").runs as usize, stage.runs());
    }
    let stage = Stage::new(settings, |_, _| failing(FaultClass::Unavailable));
    assert_eq!(
        fault(stage.call(json!({})).await).class,
        FaultClass::Unavailable
    );
    assert_eq!(stage.runs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_the_deadline_does_not_allow_is_not_begun() {
    let settings = Common {
        retry: Retry {
            attempts: 3,
            ..Retry::default()
        },
        timeout: Span::secs(10),
        ..common()
    };
    let stage = |seconds| {
        Stage::new(settings.clone(), move |run, arguments| match run {
            0 => Err(Stop::Fault(Fault {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Fault::new(FaultClass::Unavailable, "come back")
            })),
            _ => done(run, arguments),
        })
    };
    let began = Instant::now();
    let hopeless = stage(10);
    assert_eq!(fault(hopeless.call(json!({})).await).message, "come back");
    assert_eq!((hopeless.runs(), began.elapsed()), (1, Duration::ZERO));
    // Past what any clock can tell is past the deadline.
    let endless = stage(u64::MAX);
    assert_eq!(fault(endless.call(json!({})).await).message, "come back");
    assert_eq!((endless.runs(), began.elapsed()), (1, Duration::ZERO));
    let patient = stage(9);
    output(patient.call(json!({})).await);
    assert!(
        began.elapsed() >= Duration::from_secs(9),
        "it comes when it was asked to"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_tool_is_left_alone_for_a_while() {
    let mut stage = Stage::new(common(), |run, arguments| match run {
        0..5 => failing(FaultClass::Failed),
        _ => done(run, arguments),
    });
    for _ in 0..5 {
        fault(stage.call(json!({})).await);
    }
    let refused = fault(stage.call(json!({})).await);
    assert_eq!(refused.class, FaultClass::CircuitOpen);
    assert_eq!(stage.runs(), 5);
    stage.reload(common());
    let refused = fault(stage.call(json!({})).await);
    assert_eq!(
        refused.class,
        FaultClass::CircuitOpen,
        "a reload mends nothing"
    );
    tokio::time::advance(refused.retry_after.unwrap()).await;
    output(stage.call(json!({})).await);
    assert_eq!(stage.runs(), 6);
}

#[tokio::test]
async fn what_says_nothing_of_the_tool_does_not_open_its_circuit() {
    for class in FaultClass::ALL
        .into_iter()
        .filter(|class| !class.is_of_the_tool())
    {
        let stage = Stage::new(common(), move |_, _| failing(class));
        for _ in 0..30 {
            assert_eq!(fault(stage.call(json!({})).await).class, class);
        }
        assert_eq!(stage.runs(), 30);
    }
    let stage = Stage::new(common(), |_, _| elsewhere());
    for _ in 0..30 {
        let class = fault(stage.call(json!({})).await).class;
        assert_eq!(class, FaultClass::Unavailable);
    }
}

/// A run that fails by what another circuit watches.
fn elsewhere() -> Result<Output, Stop> {
    Err(Stop::Fault(Fault {
        watched_elsewhere: true,
        ..Fault::new(FaultClass::Unavailable, "it is away")
    }))
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_of_the_tool_is_given_back() {
    let stage = Stage::new(common(), |run, arguments| match run {
        0..5 => failing(FaultClass::Failed),
        5..8 => elsewhere(),
        _ => done(run, arguments),
    });
    for _ in 0..5 {
        fault(stage.call(json!({})).await);
    }
    let refused = fault(stage.call(json!({})).await);
    tokio::time::advance(refused.retry_after.unwrap()).await;
    for _ in 5..8 {
        let class = fault(stage.call(json!({})).await).class;
        assert_eq!(class, FaultClass::Unavailable);
    }
    output(stage.call(json!({})).await);
    assert_eq!(stage.runs(), 9);
}

#[tokio::test]
async fn a_result_must_fit_its_schema_and_no_default_is_filled_in() {
    let schema =
        json!({"type": "object", "required": ["ok"], "properties": {"ok": {"default": true}}});
    let settings = Common {
        output_schema: schema.as_object().cloned(),
        ..common()
    };
    for (given, fits) in [
        (Output::structured(json!({"ok": 1})), true),
        (Output::structured(json!({})), false),
        (Output::text("ok"), false),
        (
            Output {
                is_error: true,
                ..Output::text("it is not there")
            },
            true,
        ),
    ] {
        let stage = Stage::new(settings.clone(), {
            let given = given.clone();
            move |_, _| Ok(given.clone())
        });
        match stage.call(json!({})).await {
            Ok(Outcome::Done(output)) if fits => assert_eq!(output, given),
            outcome => assert_eq!(fault(outcome).class, FaultClass::InvalidOutput, "{given:?}"),
        }
    }
}

#[tokio::test]
async fn what_nobody_sees_is_taken_out_of_results() {
    let stage = Stage::new(common(), |_, _| {
        Ok(Output {
            structured: Some(json!({"a\u{202E}": ["x\u{E0041}"]})),
            ..Output::text("\u{1B}[2Jred\0 \u{200B}text\u{E0049}\n")
        })
    });
    let clean = output(stage.call(json!({})).await);
    assert_eq!(clean.content, [Content::Text("red text\n".to_owned())]);
    assert_eq!(clean.structured, Some(json!({"a": ["x"]})));
    let words = Output::text("last\u{1B}[0m words\u{202E}");
    let stage = Stage::new(common(), move |_, _| {
        Err(Stop::Fault(Fault {
            output: Some(Box::new(words.clone())),
            ..Fault::new(FaultClass::Failed, "it ended with code 1")
        }))
    });
    let last = fault(stage.call(json!({})).await).output.unwrap();
    assert_eq!(last.content, [Content::Text("last words".to_owned())]);
}

#[tokio::test]
async fn a_panic_is_a_fault_of_ours_and_tells_nothing() {
    let stage = Stage::new(common(), |_, _| panic!("sk-canary"));
    let found = fault(stage.call(json!({})).await);
    assert_eq!(found.class, FaultClass::Internal);
    assert!(!found.message.contains("canary"), "{}", found.message);
    assert_eq!(stage.metric("waypost_panics_total"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_recorded_as_cancelled_and_its_run_ends() {
    let stage = Stage::slow(common(), Duration::from_secs(10));
    let left = tokio::time::timeout(Duration::from_secs(1), stage.call(json!({}))).await;
    assert!(left.is_err());
    assert_eq!((stage.runs(), stage.ended()), (1, 1));
    assert_eq!(stage.metric(r#"waypost_tool_running{tool="t"}"#), Some(0.0));
    let record = stage.record("req_1");
    assert_eq!((record.outcome, record.runs), ("cancelled", 1));
}

#[tokio::test]
async fn questions_are_passed_on() {
    let stage = Stage::new(common(), |_, _| {
        Err(Stop::Asks(vec![("roots".to_owned(), Question::Roots)]))
    });
    let asked = vec![("roots".to_owned(), Question::Roots)];
    assert_eq!(stage.call(json!({})).await, Ok(Outcome::Asks(asked)));
    assert_eq!(stage.record("req_1").outcome, "asks");
}

#[tokio::test]
async fn the_record_names_who_called_what_and_how() {
    let stage = Stage::new(common(), done);
    let made = Call {
        caller: caller("bob"),
        surface: Surface::Stdio,
        request: "trace-7".to_owned(),
        ..call_of(json!({}))
    };
    output(stage.make(made).await);
    let record = stage.record("trace-7");
    assert_eq!((record.tool.as_str(), record.kind), ("t", "built_in"));
    assert_eq!((record.caller.as_str(), record.surface), ("bob", "stdio"));
    assert_eq!((record.outcome, record.runs), ("done", 1));
    let timed = r#"mcp_server_operation_duration_seconds_count{error_type="",gen_ai_tool_name="t",mcp_method_name="tools/call"}"#;
    assert_eq!(stage.metric(timed), Some(1.0));
}
