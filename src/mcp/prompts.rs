//! `prompts/get`: a prompt, or what its user has to answer first.

use rmcp::{
    ErrorData, RoleServer,
    model::{GetPromptRequestParams, GetPromptResponse},
    service::RequestContext,
};

use tokio::time::timeout;

use crate::tools::Reader;

use super::{
    Guest,
    asked::Asked,
    asks, handle,
    library::{Got, Visit},
    line::ClientLine,
    round::{LIFE, Round, Subject},
    server::Server,
    sessions,
    stamp::stamped_in,
};

/// Gets one prompt.
pub(super) async fn get(
    server: &Server,
    params: GetPromptRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let asked = Asked::of(server, context)?;
    let Guest {
        caller, session, ..
    } = &asked.guest;
    let gate = &server.gate;
    let subject = || {
        let arguments = params.arguments.as_ref();
        Subject::new(&caller.name, "prompts/get", &params.name, arguments)
    };
    let said = (params.request_state.as_deref(), params.input_responses);
    let round = Round::of(gate, asked.is_modern, subject, said)?;
    let line = ClientLine::new(gate.clone(), &asked, None, round.clone());
    let arguments = params.arguments.unwrap_or_default();
    let offer = gate.offer();
    let conversation = handle::conversation(gate, &asked.guest, &asked.meta)?;
    let visit = Visit {
        caller,
        reader: Reader {
            caller: &caller.name,
            conversation: &conversation,
            surface: asked.guest.surface,
        },
        memory: &offer.toolbox.memory,
        line: &line,
    };
    let got = offer.library.prompt(&params.name, arguments, visit);
    let got = tokio::select! {
        got = timeout(LIFE, got) => got.map_err(|_| too_late())?,
        () = sessions::over(session.as_deref()) => {
            return Err(ErrorData::internal_error("The session is over", None));
        }
        () = asked.called_off.cancelled() => {
            // Nobody reads it: rmcp drops the answer to a request that was called off.
            return Err(ErrorData::internal_error("The request was cancelled", None));
        }
    };
    match (got?, round) {
        (Got::Prompt(prompt), _) => Ok(stamped_in(asked.is_modern, prompt).into()),
        (Got::Asks(questions), Some(round)) => {
            let abilities = asks::abilities(&asked.declared);
            let result = round.come_back(&gate.sealer, abilities, &questions)?;
            Ok(stamped_in(asked.is_modern, result).into())
        }
        (Got::Asks(_), None) => Err(ErrorData::invalid_params(
            "What the user answered does not fit what the prompt asks",
            None,
        )),
    }
}

/// A prompt asks a person, who may never answer: without an end the request would be open for as long as its client.
fn too_late() -> ErrorData {
    let message = format!(
        "The prompt asked its user, who did not answer within {} s",
        LIFE.as_secs()
    );
    ErrorData::internal_error(message, None)
}
