//! What a tool's circuit learns of its server, and what is left to the circuits of the server's replicas.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::*;
use crate::tools::{
    FaultClass, Nobody, Retry,
    kinds::mcp::double::{offered, text},
    stage::fault,
};

fn away(retry_after: Option<Duration>) -> Failed {
    Failed::Away {
        server: "crm".to_owned(),
        retry_after,
    }
}

fn broken(unsent: bool) -> Failed {
    Failed::Broken {
        server: "crm".to_owned(),
        unsent,
    }
}

/// Failures in a row that open a circuit.
const ENOUGH: usize = 5;

/// A toolbox with `crm.t`, whose server gives these answers one after the other.
fn crm(answers: Vec<Result<Answer, Failed>>) -> Arc<Toolbox> {
    let server = Double::answering("crm", Trust::Trusted, &["t"], answers);
    toolbox(&[(&server, Entry::default())], &Arc::default())
}

async fn ask(toolbox: &Arc<Toolbox>) -> Result<Outcome, Refusal> {
    let named = call_named("crm__t", json!({}));
    call(toolbox.clone(), named, Arc::new(Nobody)).await
}

/// Whether the tool rests after its server has failed like this often enough.
async fn rests_after(failed: &Failed) -> bool {
    let failures = (0..ENOUGH).map(|_| Err(failed.clone()));
    let toolbox = crm(failures.chain([Ok(text("ok"))]).collect());
    for _ in 0..ENOUGH {
        assert_ne!(fault(ask(&toolbox).await).class, FaultClass::CircuitOpen);
    }
    match ask(&toolbox).await {
        Ok(_) => false,
        refused => fault(refused).class == FaultClass::CircuitOpen,
    }
}

#[tokio::test(start_paused = true)]
async fn how_a_tool_answers_is_held_against_it_and_that_its_server_is_away_is_not() {
    let server = || "crm".to_owned();
    let of_the_tool = [
        Failed::Late { server: server() },
        Failed::Unfit {
            server: server(),
            why: "it answered with status 500".to_owned(),
        },
        Failed::Error {
            code: -32603,
            message: "it broke".to_owned(),
            data: None,
        },
    ];
    for failed in of_the_tool {
        assert!(rests_after(&failed).await, "{failed:?}");
    }
    let of_the_server = [
        away(None),
        away(Some(Duration::from_secs(1))),
        broken(true),
        broken(false),
    ];
    for failed in of_the_server {
        assert!(!rests_after(&failed).await, "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_server_that_does_not_come_is_no_time_the_tool_took() {
    let catalogue = crate::federation::Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Default::default()
    };
    let server = Double::new(
        "crm",
        |_| (),
        catalogue,
        |outgoing| {
            Box::pin(async move {
                sleep_until(outgoing.deadline).await;
                Err(away(None))
            })
        },
    );
    let toolbox = toolbox(&[(&server, Entry::default())], &Arc::default());
    for _ in 0..=ENOUGH {
        let named = call_named("crm__t", json!({}));
        let made = call(toolbox.clone(), named, Arc::new(Nobody)).await;
        assert_eq!(fault(made).class, FaultClass::Unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_meets_no_server_is_made_by_the_next_call() {
    let late = || {
        Err(Failed::Late {
            server: "crm".to_owned(),
        })
    };
    let mut answers: Vec<_> = (0..ENOUGH).map(|_| late()).collect();
    answers.extend([Err(away(None)), Err(broken(false)), Ok(text("ok"))]);
    let toolbox = crm(answers);
    for _ in 0..ENOUGH {
        fault(ask(&toolbox).await);
    }
    let rests = fault(ask(&toolbox).await);
    assert_eq!(rests.class, FaultClass::CircuitOpen);
    tokio::time::advance(rests.retry_after.unwrap()).await;
    for _ in 0..2 {
        assert_eq!(fault(ask(&toolbox).await).class, FaultClass::Unavailable);
    }
    assert!(ask(&toolbox).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_could_wait_is_told_as_ten_minutes_and_never_cut_short() {
    for seconds in [601, 1 << 40, u64::MAX] {
        let later = away(Some(Duration::from_secs(seconds)));
        let server = Double::answering(
            "crm",
            Trust::Trusted,
            &["t"],
            vec![Err(later), Ok(text("too soon"))],
        );
        let mut common = Common {
            retry: Retry {
                attempts: 3,
                ..Retry::default()
            },
            ..Common::default()
        };
        common.annotations.idempotent = Some(true);
        let entry = Entry {
            common,
            ..Entry::default()
        };
        let toolbox = toolbox(&[(&server, entry)], &Arc::default());
        let began = Instant::now();
        let told = fault(ask(&toolbox).await);
        assert_eq!(
            told.message,
            "The server crm cannot be reached. Try again in 600 s"
        );
        assert_eq!(told.retry_after, Some(Duration::from_secs(600)));
        assert_eq!((server.asked().len(), began.elapsed()), (1, Duration::ZERO));
    }
}
