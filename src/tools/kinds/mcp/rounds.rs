//! One call of a server's tool: asked until there is a result, or a task that is polled until it has one.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, InputRequests, JsonObject,
};

use super::{
    Lent, OfServer, Request, Unanswered,
    abandoned::Task,
    dialogue::{Back, Standing, Step, rounds},
    relay::LineRelay,
    result, task,
};
use crate::{
    federation::{Answer, Failed, Question},
    tools::{Fault, Output, Run, Stop},
};

/// What a server makes of a call.
enum Made {
    /// A result.
    Result(CallToolResult),
    /// A task of this id.
    Task(String),
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
    async fn to_the_end(&self) -> Result<CallToolResult, Stop> {
        let left: Option<Standing> = self.relay.left();
        if let Some(Standing {
            task: Some(id),
            requests,
            ..
        }) = left
        {
            return task::result(self, id, requests).await;
        }
        let (made, past) = rounds(&self.relay, |back| self.call(back)).await?;
        match made {
            Made::Result(result) => Ok(result),
            Made::Task(id) => {
                let standing = Standing {
                    task: Some(id.clone()),
                    ..Standing::default()
                };
                self.relay.leave(&standing, &past);
                task::result(self, id, InputRequests::new()).await
            }
        }
    }

    async fn call(&self, back: Back) -> Result<Step<Made>, Stop> {
        let arguments: Option<&JsonObject> = self.run.arguments.as_object();
        let mut params = CallToolRequestParams::new(self.tool.name.clone());
        params.arguments = arguments.cloned();
        params.input_responses = back.responses;
        params.request_state = back.state;
        match self.ask(Question::Call(params)).await? {
            Answer::Call(CallToolResponse::Complete(result)) => {
                Ok(Step::Done(Made::Result(result)))
            }
            Answer::Call(CallToolResponse::Task(created)) => {
                Ok(Step::Done(Made::Task(created.task.task_id)))
            }
            Answer::Call(CallToolResponse::InputRequired(required)) => Ok(Step::Required(required)),
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
