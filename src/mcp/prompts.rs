//! `prompts/get`: a prompt, or what its user has to answer first.

use rmcp::{
    ErrorData, RoleServer,
    model::{GetPromptRequestParams, GetPromptResponse},
    service::RequestContext,
};

use super::{incoming::Incoming, inquiry::Inquiry, round::Subject, server::Server};

/// Gets one prompt.
pub(super) async fn get(
    server: &Server,
    params: GetPromptRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let incoming = Incoming::of(server, context)?;
    let subject = || {
        let arguments = params.arguments.as_ref();
        Subject::new(
            &incoming.guest.caller.name,
            "prompts/get",
            &params.name,
            arguments,
        )
    };
    let brought = (params.request_state.as_deref(), params.input_responses);
    let inquiry = Inquiry::of(&server.gate, &incoming, "prompt", subject, brought)?;
    let arguments = params.arguments.unwrap_or_default();
    let library = &inquiry.offer.library;
    let got = library.prompt(&params.name, arguments, inquiry.visit());
    Box::pin(inquiry.answer(got)).await
}
