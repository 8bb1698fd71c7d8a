//! Tasks of servers whose callers leave, or give up.

use std::time::Duration;

use futures_util::FutureExt;
use rmcp::model::{
    CallToolResponse, CreateTaskResult, DetailedTask, Task, TaskPayload, TaskStatus,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{client::Client, *};
use crate::{
    federation::{Catalogue, Question as Asked},
    tools::kinds::mcp::double::offered,
};

fn task() -> Task {
    let then = "2026-01-01T00:00:00Z";
    Task::new("0:t1", TaskStatus::Working, then, then)
}

/// A server that makes a task of each call, which stands like this for ever.
fn server(payload: TaskPayload) -> Arc<Double> {
    let catalogue = Catalogue {
        tools: vec![offered("t", json!({}))],
        ..Catalogue::default()
    };
    Double::new(
        "crm",
        |settings| settings.trust = Trust::Trusted,
        catalogue,
        move |outgoing| {
            let answer = match &outgoing.question {
                Asked::Call(_) => {
                    Answer::Call(CallToolResponse::Task(CreateTaskResult::new(task())))
                }
                Asked::Cancel(_) => Answer::Cancelled,
                _ => Answer::Task(Box::new(DetailedTask::new(task(), payload.clone()))),
            };
            // Servers take it from those only who say that they know of tasks.
            let able = outgoing.relay.able().unwrap();
            assert!(able.supports_tasks());
            async move { Ok(answer) }.boxed()
        },
    )
}

/// How often the task was told to end.
fn told(server: &Double) -> usize {
    let asked = server.asked();
    let told = asked.iter().filter(|it| match it {
        Asked::Cancel(params) => params.task_id == "0:t1",
        _ => false,
    });
    told.count()
}

async fn call_of(server: &Arc<Double>, client: &Arc<Client>) -> Result<Outcome, Refusal> {
    let toolbox = toolbox(&[(server, Entry::default())], &Arc::default());
    call(toolbox, call_named("crm__t", json!({})), client.clone()).await
}

fn asking() -> TaskPayload {
    let form = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let params = json!({ "mode": "form", "message": "Who?", "requestedSchema": form });
    let requests = json!({ "who": { "method": "elicitation/create", "params": params } });
    TaskPayload::InputRequired {
        input_requests: serde_json::from_value(requests).unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_caller_leaves_is_told_to_end() {
    let (server, client) = (server(TaskPayload::Working), Arc::new(Client::direct()));
    let left = timeout(Duration::from_secs(5), call_of(&server, &client)).await;
    assert!(left.is_err(), "{left:?}");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_told_to_end() {
    let (server, client) = (server(TaskPayload::Working), Arc::new(Client::direct()));
    assert!(call_of(&server, &client).await.is_err());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ended_or_that_a_later_call_goes_on_with_is_left_alone() {
    let result = json!({ "content": [{ "type": "text", "text": "done" }] });
    let error = json!({ "code": -32603, "message": "no" });
    let ends = [
        TaskPayload::Completed {
            result: result.as_object().cloned().unwrap(),
        },
        TaskPayload::Failed {
            error: error.as_object().cloned().unwrap(),
        },
        TaskPayload::Cancelled,
    ];
    for payload in ends {
        let server = server(payload);
        let _ = call_of(&server, &Arc::new(Client::direct())).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(told(&server), 0);
    }
    let server = server(asking());
    let asks = call_of(&server, &Arc::new(Client::default())).await;
    assert!(matches!(asks, Ok(Outcome::Asks(_))), "{asks:?}");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told(&server), 0);
}
