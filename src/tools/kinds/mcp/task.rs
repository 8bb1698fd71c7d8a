//! A call that the server has made a task of: polled until it ends, because our caller asked for a result.

use std::{collections::BTreeSet, time::Duration};

use rmcp::model::{
    CallToolResult, DetailedTask, GetTaskParams, InputRequests, TaskPayload, UpdateTaskParams,
};
use serde_json::Value;
use tokio::time::sleep;

use super::{dialogue::Standing, rounds::Rounds};
use crate::{
    federation::{Answer, Failed, Question, Relay},
    tools::{Fault, FaultClass, Stop},
};

/// The shortest and the longest wait between two polls, whatever the server suggests.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The wait where the server suggests none.
const USUAL_WAIT: Duration = Duration::from_secs(1);

/// How a task ends. `asked` is what it was asking when the run before ended.
pub(super) async fn result(
    rounds: &Rounds<'_>,
    id: String,
    asked: InputRequests,
) -> Result<CallToolResult, Stop> {
    rounds.run.line.begun();
    rounds.task.begun(&rounds.tool.door, rounds.run, &id);
    let mut answered = BTreeSet::new();
    answer(rounds, &id, asked, &mut answered).await?;
    // The deadline of the call ends it: every poll but the first comes after a wait.
    for polls in 1_u32.. {
        let told = rounds.ask(Question::Task(GetTaskParams::new(&id))).await?;
        let Answer::Task(task) = told else {
            return Err(rounds.not_an_answer().into());
        };
        let DetailedTask { task, payload, .. } = *task;
        let asked = match payload {
            TaskPayload::Working => InputRequests::new(),
            TaskPayload::InputRequired { mut input_requests } => {
                // It may not have read yet what it was answered.
                input_requests.retain(|key, _| !answered.contains(key));
                let standing = Standing {
                    task: Some(id.clone()),
                    requests: input_requests.clone(),
                    state: None,
                };
                rounds.relay.leave(&standing, &InputRequests::new());
                input_requests
            }
            TaskPayload::Completed { result } => {
                let result = serde_json::from_value(Value::Object(result));
                return result.map_err(|_| rounds.not_an_answer().into());
            }
            TaskPayload::Failed { error } => {
                rounds.task.is_not_abandoned();
                return Err(failed(&Value::Object(error)).into());
            }
            _ => {
                rounds.task.is_not_abandoned();
                let message = "The tool's server called the call off";
                return Err(Fault::new(FaultClass::Declined, message).into());
            }
        };
        let message = task.status_message.as_deref();
        rounds.relay.progress(polls.into(), None, message).await;
        answer(rounds, &id, asked, &mut answered).await?;
        let suggested = task.poll_interval_ms.map(Duration::from_millis);
        sleep(suggested.unwrap_or(USUAL_WAIT).clamp(WAITS.0, WAITS.1)).await;
    }
    Err(rounds.not_an_answer().into())
}

/// Asks the caller what a task asks, if anything, and gives it the answers.
async fn answer(
    rounds: &Rounds<'_>,
    id: &str,
    asked: InputRequests,
    answered: &mut BTreeSet<String>,
) -> Result<(), Stop> {
    if asked.is_empty() {
        return Ok(());
    }
    let answers = rounds.relay.answers(&asked).await?;
    let update = UpdateTaskParams::new(id, answers);
    rounds.ask(Question::Update(update)).await?;
    let standing = Standing {
        task: Some(id.to_owned()),
        ..Standing::default()
    };
    rounds.relay.leave(&standing, &asked);
    answered.extend(asked.into_keys());
    Ok(())
}

/// A task that ended with an error of the protocol, as the call itself would have.
fn failed(error: &Value) -> Fault {
    let code = error.get("code").and_then(Value::as_i64);
    let message = error.get("message").and_then(Value::as_str);
    let failed = Failed::Error {
        code: code
            .and_then(|code| i32::try_from(code).ok())
            .unwrap_or_default(),
        message: message.unwrap_or_default().to_owned(),
        data: error.get("data").cloned(),
    };
    super::Unanswered::Failed(failed).into()
}
