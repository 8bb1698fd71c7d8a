//! One call of a server's tool: asked, asked again with answers, polled, until there is a result.
//!
//! Servers of 2026-07-28 answer a call with questions and a state of their own, and want both back. Where our caller
//! is asked directly, that happens within one run. Where answers come with a later call, the server's questions and
//! state travel with our caller, sealed, and the next run goes on from there: what the server did before it asked is
//! done once.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, InputRequests, InputRequiredResult, InputResponses,
    JsonObject,
};
use serde::{Deserialize, Serialize};

use super::{Lent, OfServer, Request, Unanswered, abandoned::Task, relay::LineRelay, result, task};
use crate::{
    federation::{Answer, Failed, Question},
    tools::{Fault, FaultClass, Output, Run, Stop},
};

/// The most rounds of one run: nobody is asked more often before something happens.
const MOST_ROUNDS: usize = 16;

/// Where a request stands with its server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// What the server asks.
    pub(crate) requests: InputRequests,
    /// What it wants back with the answers.
    pub(crate) state: Option<String>,
    /// The task it has made of the call.
    pub(super) task: Option<String>,
}

impl From<InputRequiredResult> for Standing {
    fn from(required: InputRequiredResult) -> Self {
        Self {
            requests: required.input_requests.unwrap_or_default(),
            state: required.request_state,
            task: None,
        }
    }
}

/// One run of a call.
pub(super) struct Rounds<'a> {
    pub(super) tool: &'a OfServer,
    pub(super) run: &'a Run<'a>,
    /// What the server is lent for the call.
    pub(super) lent: Option<&'a Lent>,
    pub(super) relay: LineRelay<'a>,
    /// What the server has made of the call.
    pub(super) task: Task,
}

/// Runs a call.
pub(super) async fn run(tool: &OfServer, run: Run<'_>) -> Result<Output, Stop> {
    let server = &*tool.door.server;
    let lent = Lent::of(&run, server.spec());
    let lent = lent.as_ref();
    let rounds = Rounds {
        tool,
        run: &run,
        lent,
        relay: LineRelay::of_run(&run, lent, server),
        task: Task::default(),
    };
    let result = tokio::select! {
        // The server's question comes first: its request ends with it.
        biased;
        questions = rounds.relay.put_off() => Err(Stop::Asks(questions)),
        result = rounds.to_the_end() => result,
    };
    match &result {
        // Whoever runs the call once more begins anew.
        Err(Stop::Fault(_)) if rounds.task.is_abandoned() => {
            rounds.relay.leave(&(), &InputRequests::new());
        }
        _ => rounds.task.is_not_abandoned(),
    }
    Ok(result::output(result?, server.spec().settings.trust))
}

impl Rounds<'_> {
    async fn to_the_end(&self) -> Result<rmcp::model::CallToolResult, Stop> {
        let mut standing: Option<Standing> = self.relay.left();
        for _ in 0..MOST_ROUNDS {
            let (response, past) = match standing.take() {
                Some(Standing {
                    task: Some(task),
                    requests,
                    ..
                }) => return task::result(self, task, requests).await,
                Some(asked) => {
                    let answers = self.relay.answers(&asked.requests).await?;
                    let response = self.call(Some(answers), asked.state).await?;
                    (response, asked.requests)
                }
                None => (self.call(None, None).await?, InputRequests::new()),
            };
            let next = match response {
                CallToolResponse::Complete(result) => return Ok(result),
                CallToolResponse::InputRequired(required) => required.into(),
                CallToolResponse::Task(created) => Standing {
                    task: Some(created.task.task_id),
                    ..Standing::default()
                },
                _ => return Err(self.not_an_answer().into()),
            };
            self.relay.leave(&next, &past);
            standing = Some(next);
        }
        let message = format!("The tool asked {MOST_ROUNDS} times and did not come to a result");
        Err(Fault::new(FaultClass::Declined, message).into())
    }

    async fn call(
        &self,
        responses: Option<InputResponses>,
        state: Option<String>,
    ) -> Result<CallToolResponse, Stop> {
        let arguments: Option<&JsonObject> = self.run.arguments.as_object();
        let mut params = CallToolRequestParams::new(self.tool.name.clone());
        params.arguments = arguments.cloned();
        params.input_responses = responses;
        params.request_state = state;
        match self.ask(Question::Call(params)).await? {
            Answer::Call(response) => Ok(response),
            _ => Err(self.not_an_answer().into()),
        }
    }

    /// Asks the server on the caller's behalf.
    pub(super) async fn ask(&self, question: Question) -> Result<Answer, Stop> {
        let request = Request {
            question,
            caller: &self.run.call.caller,
            relay: &self.relay,
            deadline: self.run.deadline,
            is_repeatable: self.tool.is_repeatable,
            lent: self.lent,
        };
        let broker = &self.run.toolbox.memory.broker;
        let answer = self.tool.door.ask(broker, request).await;
        answer.map_err(|unanswered| Fault::from(unanswered).into())
    }

    /// The server answered something else.
    pub(super) fn not_an_answer(&self) -> Fault {
        let failed = Failed::Unfit {
            server: self.tool.door.server.spec().name.to_string(),
            why: "it answers another question".to_owned(),
        };
        Unanswered::Failed(failed).into()
    }
}
