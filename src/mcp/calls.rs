//! `tools/call`: answered while the client waits, by a task it polls, or by a question it comes back with.

use std::{future, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateTaskResult,
        RequestMetaObject, TaskPayload,
    },
};
use tokio::time::{Instant, sleep};

use super::{
    Gate, Guest, Offer, convert, handle,
    incoming::Incoming,
    line::ClientLine,
    questions,
    round::{Round, Subject},
    sessions,
    stamp::stamped_in,
    tasks::{Handle, TaskLine},
};
use crate::tools::{
    self, Call, Conversation, Fault, FaultClass, Outcome, Output, Question, Refusal, TaskSupport,
    Tool, Unanswered,
};

/// The member of `_meta` that makes a call run once.
const IDEMPOTENCY_KEY: &str = "dev.waypost/idempotencyKey";

/// The member of `_meta` by which a result tells that a completion was made for it.
const ROUTE: &str = "dev.waypost/route";

/// How long a call that may be a task is no task yet, where only running it tells if it asks first. Servers that ask do
/// so before they work.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// One `tools/call`, read; the call itself goes to the tool.
struct Request<'a> {
    gate: &'a Arc<Gate>,
    incoming: &'a Incoming,
    offer: Arc<Offer>,
    conversation: Arc<Conversation>,
    /// Where answers come with a later request.
    round: Option<Arc<Round>>,
}

/// A call that shall run as a task.
struct Job {
    tool: Arc<Tool>,
    /// What was answered for it.
    round: Arc<Round>,
}

/// Makes one call.
pub(super) async fn call(
    gate: &Arc<Gate>,
    params: CallToolRequestParams,
    incoming: Incoming,
) -> Result<CallToolResponse, ErrorData> {
    let (request, call) = Request::read(gate, params, &incoming)?;
    match request.as_task(&call)? {
        Some(job) => request.begin(job, call).await,
        None => request.answer(call).await,
    }
}

/// The key in a call's `_meta`. One that is no text is refused: to run twice is what it was sent against.
fn idempotency_key(meta: &RequestMetaObject) -> Result<Option<String>, ErrorData> {
    let Some(key) = meta.0.0.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.as_str().ok_or_else(|| {
        ErrorData::invalid_params(
            format!("`{IDEMPOTENCY_KEY}` in `_meta` must be a string"),
            None,
        )
    })?;
    Ok(Some(key.to_owned()))
}

impl<'a> Request<'a> {
    fn read(
        gate: &'a Arc<Gate>,
        params: CallToolRequestParams,
        incoming: &'a Incoming,
    ) -> Result<(Self, Call), ErrorData> {
        let arrived = Instant::now();
        let guest = &incoming.guest;
        let offer = gate.offer();
        let subject = || {
            let arguments = params.arguments.as_ref();
            Subject::new(&guest.caller.name, "tools/call", &params.name, arguments)
        };
        let said = (params.request_state.as_deref(), params.input_responses);
        let round = Round::of(gate, incoming.is_modern, subject, said)?;
        let in_meta = idempotency_key(&incoming.meta)?;
        let conversation = handle::conversation(gate, guest, &incoming.meta)?;
        let Guest {
            caller,
            request,
            idempotency_key,
            surface,
            ..
        } = guest.clone();
        let call = Call {
            tool: params.name.into_owned(),
            arguments: params.arguments.unwrap_or_default(),
            limits: offer.limits.of(&caller.name),
            caller,
            request,
            idempotency_key: in_meta.or(idempotency_key),
            conversation: conversation.clone(),
            surface,
            arrived,
        };
        let request = Self {
            gate,
            incoming,
            offer,
            conversation,
            round,
        };
        Ok((request, call))
    }

    /// What to begin, if the call shall run as a task.
    fn as_task(&self, call: &Call) -> Result<Option<Job>, ErrorData> {
        let Some(tool) = self.offer.toolbox.find(&call.tool, &call.caller) else {
            return Ok(None);
        };
        let polls = self.incoming.declared.supports_tasks();
        match (tool.common.task, self.round.clone().filter(|_| polls)) {
            (TaskSupport::Never, _) | (TaskSupport::Optional, None) => Ok(None),
            // The revision without tasks does not see such a tool.
            (TaskSupport::Required, None) if self.round.is_none() => Err(convert::unknown_tool()),
            (TaskSupport::Required, None) => {
                let required = ClientCapabilities::builder().enable_tasks().build();
                Err(ErrorData::missing_required_client_capability(required))
            }
            (TaskSupport::Optional | TaskSupport::Required, Some(round)) => {
                let tool = tool.clone();
                Ok(Some(Job { tool, round }))
            }
        }
    }

    /// Makes the call while the client waits.
    async fn answer(self, call: Call) -> Result<CallToolResponse, ErrorData> {
        let incoming = self.incoming;
        let wanted = incoming.log_level;
        let line = ClientLine::new(self.gate.clone(), incoming, wanted, self.round.clone());
        let line = Arc::new(line);
        let called = tools::call(self.offer.toolbox.clone(), call, line.clone());
        let outcome = tokio::select! {
            outcome = called => outcome,
            never = line.voice().keep_pace() => match never {},
            () = incoming.called_off.cancelled() => {
                // Nobody reads it: rmcp drops the answer to a request that was called off.
                return Err(ErrorData::internal_error("The call was cancelled", None));
            }
            () = sessions::over(incoming.guest.session.as_deref()) => {
                // rmcp would let it run on for as long as its service takes to end.
                return Err(ErrorData::internal_error("The session is over", None));
            }
        };
        line.voice().finish().await;
        self.conclude(outcome)
    }

    /// What the client is answered.
    fn conclude(&self, outcome: Result<Outcome, Refusal>) -> Result<CallToolResponse, ErrorData> {
        let result = match outcome {
            Ok(Outcome::Done(mut output)) => {
                self.hand_over(&mut output);
                convert::result(output)
            }
            Ok(Outcome::Asks(questions)) => return self.come_back(&questions),
            Err(refusal) => convert::refusal(refusal)?,
        };
        Ok(stamped_in(self.incoming.is_modern, result).into())
    }

    /// Gives the client what its next call of this conversation is known by, where there are no sessions. Only
    /// completions are kept together, so nothing else is worth a handle.
    fn hand_over(&self, output: &mut Output) {
        if self.incoming.is_modern && output.meta.contains_key(ROUTE) {
            let handles = &self.gate.handles;
            let handle = handles.write(&self.conversation, &self.incoming.guest.caller.name);
            output.meta.insert(handle::MEMBER.to_owned(), handle.into());
        }
    }

    /// Lets the client come back with answers.
    fn come_back(&self, questions: &[(String, Question)]) -> Result<CallToolResponse, ErrorData> {
        let Some(round) = &self.round else {
            let message = "The tool asks in a way that this revision does not have";
            return Err(ErrorData::internal_error(message, None));
        };
        let abilities = questions::abilities(&self.incoming.declared);
        let result = round.come_back(&self.gate.sealer, abilities, questions)?;
        Ok(stamped_in(self.incoming.is_modern, result).into())
    }

    /// Begins a task that makes the call, once it is sure that nothing is asked before.
    async fn begin(
        self,
        Job { tool, round }: Job,
        call: Call,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Err(Unanswered::Later(questions)) = round.ask(tool.asks_first()) {
            return self.come_back(&questions);
        }
        let abilities = questions::abilities(&self.incoming.declared);
        let line = Arc::new(TaskLine::new(self.gate.clone(), abilities, round));
        let made = tools::call(self.offer.toolbox.clone(), call, line.clone());
        let mut made = Box::pin(made);
        let mut at_once = None;
        if tool.may_ask_first() {
            at_once = tokio::select! {
                biased;
                outcome = &mut made => Some(outcome),
                () = line.has_begun() => None,
                () = sleep(FIRST_WORDS) => None,
                () = self.incoming.called_off.cancelled() => {
                    return Err(ErrorData::internal_error("The call was cancelled", None));
                }
            };
        }
        match at_once {
            Some(Ok(Outcome::Asks(questions))) => self.come_back(&questions),
            Some(outcome) if tool.common.task == TaskSupport::Optional => self.conclude(outcome),
            Some(outcome) => {
                let ended = future::ready(outcome);
                self.go_on(&tool, |_| Box::pin(ended.map(payload)))
            }
            None => self.go_on(&tool, |handle| {
                line.run_as(handle);
                Box::pin(made.map(payload))
            }),
        }
    }

    /// Lets the call go on as a task.
    fn go_on(
        &self,
        tool: &Tool,
        work: impl FnOnce(Handle) -> BoxFuture<'static, TaskPayload>,
    ) -> Result<CallToolResponse, ErrorData> {
        let settings = &self.offer.settings.tasks;
        let owner = &self.incoming.guest.caller.name;
        let patience = tool.common.timeout.get();
        let untrusted = tool.common.untrusted.then(|| tool.id.as_str().into());
        let tasks = &self.gate.tasks;
        match tasks.begin(settings, owner, patience, untrusted, work) {
            Ok(task) => Ok(stamped_in(self.incoming.is_modern, CreateTaskResult::new(task)).into()),
            Err(full) => {
                let fault = Fault::new(FaultClass::Busy, full.to_string());
                self.conclude(Err(Refusal::Fault(fault)))
            }
        }
    }
}

/// How a call ends as a task.
fn payload(outcome: Result<Outcome, Refusal>) -> TaskPayload {
    convert::payload(match outcome {
        Ok(Outcome::Done(output)) => Ok(convert::result(output)),
        Ok(Outcome::Asks(_)) => {
            let message = "The tool asks in a way that tasks do not have";
            Err(ErrorData::internal_error(message, None))
        }
        Err(refused) => convert::refusal_of_task(refused),
    })
}
