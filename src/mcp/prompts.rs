//! `prompts/get`: a prompt, or what its user has to answer first.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{GetPromptRequestParams, GetPromptResponse},
    service::RequestContext,
};

use super::{
    Guest, asks,
    library::Got,
    line::ClientLine,
    server::Server,
    sessions,
    stamp::{is_modern, stamped},
    state::{Round, Subject},
};

/// Gets one prompt.
pub(super) async fn get(
    server: &Server,
    params: GetPromptRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let Guest {
        caller, session, ..
    } = server.guest(&context)?;
    let gate = &server.gate;
    let round = if is_modern(&context) {
        let arguments = params.arguments.as_ref();
        let subject = Subject::new(&caller.name, "prompts/get", &params.name, arguments);
        let state = params.request_state.as_deref();
        let round = Round::open(&gate.sealer, subject, state, params.input_responses)?;
        Some(Arc::new(round))
    } else {
        None
    };
    let line = ClientLine::new(gate.clone(), &context, None, round.clone());
    let arguments = params.arguments.unwrap_or_default();
    let offer = gate.offer();
    let got = offer
        .library
        .prompt(&caller, &params.name, arguments, &line);
    let got = tokio::select! {
        got = got => got?,
        () = sessions::over(session.as_deref()) => {
            return Err(ErrorData::internal_error("The session is over", None));
        }
    };
    match (got, round) {
        (Got::Prompt(prompt), _) => Ok(stamped(&context, prompt).into()),
        (Got::Asks(questions), Some(round)) => {
            let declared = context.client_capabilities().unwrap_or_default();
            let abilities = asks::abilities(&declared);
            let result = round.come_back(&gate.sealer, abilities, &questions)?;
            Ok(stamped(&context, result).into())
        }
        (Got::Asks(_), None) => Err(ErrorData::invalid_params(
            "What the user answered does not fit what the prompt asks",
            None,
        )),
    }
}
