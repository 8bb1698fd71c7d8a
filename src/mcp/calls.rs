//! `tools/call`: answered while the client waits, by a task it polls, or by a question it comes back with.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateTaskResult},
    service::RequestContext,
};
use tokio::time::Instant;

use super::{
    Guest, Offer, asks, convert, handle,
    line::ClientLine,
    round::{Round, Subject},
    server::Server,
    sessions,
    stamp::{is_modern, stamped},
    tasks::TaskLine,
};
use crate::tools::{
    self, Call, Fault, FaultClass, Outcome, Output, Question, Refusal, TaskSupport, Tool,
    Unanswered,
};

/// The member of `_meta` that makes a call run once.
const IDEMPOTENCY_KEY: &str = "dev.waypost/idempotencyKey";

/// The member of `_meta` by which a result tells that a completion was made for it.
const ROUTE: &str = "dev.waypost/route";

/// One `tools/call`, read.
struct Request<'a> {
    server: &'a Server,
    context: &'a RequestContext<RoleServer>,
    offer: Arc<Offer>,
    call: Call,
    session: Option<Arc<sessions::State>>,
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
    server: &Server,
    params: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let request = Request::read(server, params, &context)?;
    match request.as_task()? {
        Some(job) => request.begin(job),
        None => request.answer().await,
    }
}

/// The key in a call's `_meta`. One that is no text is refused: to run twice is what it was sent against.
fn idempotency_key(context: &RequestContext<RoleServer>) -> Result<Option<String>, ErrorData> {
    let Some(key) = context.meta.0.0.get(IDEMPOTENCY_KEY) else {
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
        server: &'a Server,
        params: CallToolRequestParams,
        context: &'a RequestContext<RoleServer>,
    ) -> Result<Self, ErrorData> {
        let arrived = Instant::now();
        let guest = server.guest(context)?;
        let offer = server.gate.offer();
        let subject = || {
            let arguments = params.arguments.as_ref();
            Subject::new(&guest.caller.name, "tools/call", &params.name, arguments)
        };
        let said = (params.request_state.as_deref(), params.input_responses);
        let round = Round::of(&server.gate, context, subject, said)?;
        let in_meta = idempotency_key(context)?;
        let conversation = handle::conversation(&server.gate, &guest, context)?;
        let Guest {
            caller,
            request,
            idempotency_key,
            surface,
            session,
            ..
        } = guest;
        let call = Call {
            tool: params.name.into_owned(),
            arguments: params.arguments.unwrap_or_default(),
            limits: offer.limits.of(&caller.name),
            caller,
            request,
            idempotency_key: in_meta.or(idempotency_key),
            conversation,
            surface,
            arrived,
        };
        Ok(Self {
            server,
            context,
            offer,
            call,
            session,
            round,
        })
    }

    /// What to begin, if the call shall run as a task.
    fn as_task(&self) -> Result<Option<Job>, ErrorData> {
        let Some(tool) = self.offer.toolbox.find(&self.call.tool, &self.call.caller) else {
            return Ok(None);
        };
        let declared = self.context.client_capabilities();
        let polls = declared.is_some_and(|declared| declared.supports_tasks());
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
    async fn answer(self) -> Result<CallToolResponse, ErrorData> {
        let wanted = self.server.log_level(self.context);
        let gate = self.server.gate.clone();
        let line = ClientLine::new(gate, self.context, wanted, self.round.clone());
        let line = Arc::new(line);
        let called = tools::call(self.offer.toolbox.clone(), self.call.clone(), line.clone());
        let outcome = tokio::select! {
            outcome = called => outcome,
            never = line.voice().keep_pace() => match never {},
            () = self.context.ct.cancelled() => {
                // Nobody reads it: rmcp drops the answer to a request that was called off.
                return Err(ErrorData::internal_error("The call was cancelled", None));
            }
            () = sessions::over(self.session.as_deref()) => {
                // rmcp would let it run on for as long as its service takes to end.
                return Err(ErrorData::internal_error("The session is over", None));
            }
        };
        line.voice().finish().await;
        match outcome {
            Ok(Outcome::Done(mut output)) => {
                self.hand_over(&mut output);
                Ok(stamped(self.context, convert::result(output)).into())
            }
            Ok(Outcome::Asks(questions)) => self.come_back(&questions),
            Err(refusal) => {
                let result = convert::refusal(refusal)?;
                Ok(stamped(self.context, result).into())
            }
        }
    }

    /// Gives the client what its next call of this conversation is known by, where there are no sessions. Only
    /// completions are kept together, so nothing else is worth a handle.
    fn hand_over(&self, output: &mut Output) {
        if is_modern(self.context) && output.meta.contains_key(ROUTE) {
            let handles = &self.server.gate.handles;
            let handle = handles.write(&self.call.conversation, &self.call.caller.name);
            output.meta.insert(handle::MEMBER.to_owned(), handle.into());
        }
    }

    /// Lets the client come back with answers.
    fn come_back(&self, questions: &[(String, Question)]) -> Result<CallToolResponse, ErrorData> {
        let Some(round) = &self.round else {
            let message = "The tool asks in a way that this revision does not have";
            return Err(ErrorData::internal_error(message, None));
        };
        let declared = self.context.client_capabilities().unwrap_or_default();
        let abilities = asks::abilities(&declared);
        let result = round.come_back(&self.server.gate.sealer, abilities, questions)?;
        Ok(stamped(self.context, result).into())
    }

    /// Begins a task that makes the call.
    fn begin(self, Job { tool, round }: Job) -> Result<CallToolResponse, ErrorData> {
        if let Err(Unanswered::Later(questions)) = round.ask(tool.asks_first()) {
            return self.come_back(&questions);
        }
        let declared = self.context.client_capabilities().unwrap_or_default();
        let abilities = asks::abilities(&declared);
        let owner = self.call.caller.name.clone();
        let gate = self.server.gate.clone();
        let (toolbox, call) = (self.offer.toolbox.clone(), self.call);
        let settings = &self.offer.settings.tasks;
        let patience = tool.common.timeout.get();
        let begun = self
            .server
            .gate
            .tasks
            .begin(settings, &owner, patience, move |handle| {
                let line = TaskLine {
                    handle,
                    gate,
                    abilities,
                    round,
                };
                Box::pin(async move {
                    let ended = match tools::call(toolbox, call, Arc::new(line)).await {
                        Ok(Outcome::Done(output)) => Ok(convert::result(output)),
                        Ok(Outcome::Asks(_)) => {
                            let message = "The tool asks in a way that tasks do not have";
                            Err(ErrorData::internal_error(message, None))
                        }
                        Err(refusal) => convert::refusal(refusal),
                    };
                    convert::payload(ended)
                })
            });
        match begun {
            Ok(task) => Ok(stamped(self.context, CreateTaskResult::new(task)).into()),
            Err(full) => {
                let fault = Fault::new(FaultClass::Busy, full.to_string());
                let result = convert::refusal(Refusal::Fault(fault))?;
                Ok(stamped(self.context, result).into())
            }
        }
    }
}
