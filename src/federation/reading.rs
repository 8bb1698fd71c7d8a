//! From questions to rmcp's requests, and from its results to answers.

use rmcp::{
    ErrorData,
    model::{
        CallToolRequest, CallToolResponse, CallToolResult, CancelTaskRequest, ClientRequest,
        CompleteRequest, GetPromptRequest, GetTaskRequest, ProtocolVersion, ReadResourceRequest,
        RequestMetaObject, ServerResult, UpdateTaskRequest,
    },
    service::ClientInitializeError,
};
use serde_json::{Map, Value};

use super::{Answer, Failed, Question, cut::Cut, quoted::words};
use crate::upstream::guarded::{Refused, Unopened};

/// A question as a request, and the members of its own `_meta`, which rmcp keeps apart.
pub(super) fn request(question: &Question) -> (ClientRequest, Map<String, Value>) {
    let own = |meta: &mut Option<RequestMetaObject>| {
        let meta = meta.take().map(serde_json::to_value);
        match meta {
            Some(Ok(Value::Object(members))) => members,
            _ => Map::new(),
        }
    };
    match question.clone() {
        Question::Call(mut params) => {
            let meta = own(&mut params.meta);
            (CallToolRequest::new(params).into(), meta)
        }
        Question::Prompt(mut params) => {
            let meta = own(&mut params.meta);
            (GetPromptRequest::new(params).into(), meta)
        }
        Question::Read(mut params) => {
            let meta = own(&mut params.meta);
            (ReadResourceRequest::new(params).into(), meta)
        }
        Question::Complete(mut params) => {
            let meta = own(&mut params.meta);
            (CompleteRequest::new(params).into(), meta)
        }
        Question::Task(mut params) => {
            let meta = own(&mut params.meta);
            (GetTaskRequest::new(params).into(), meta)
        }
        Question::Update(mut params) => {
            let meta = own(&mut params.meta);
            (UpdateTaskRequest::new(params).into(), meta)
        }
        Question::Cancel(mut params) => {
            let meta = own(&mut params.meta);
            (CancelTaskRequest::new(params).into(), meta)
        }
    }
}

/// A result as the answer to this question; none where it is another's.
pub(super) fn answer(question: &Question, result: ServerResult) -> Option<Answer> {
    use ServerResult as Is;
    Some(match (question, result) {
        (Question::Call(_), Is::CallToolResult(result)) => {
            Answer::Call(CallToolResponse::Complete(result))
        }
        (Question::Call(_), Is::InputRequiredResult(result)) => {
            Answer::Call(CallToolResponse::InputRequired(result))
        }
        (Question::Call(_), Is::CreateTaskResult(task)) => {
            Answer::Call(CallToolResponse::Task(task))
        }
        // A result without content says no more than that the call is over.
        (Question::Call(_), Is::EmptyResult(_) | Is::TaskAckResult(_)) => {
            Answer::Call(CallToolResponse::Complete(CallToolResult::default()))
        }
        (Question::Prompt(_), Is::GetPromptResult(result)) => Answer::Prompt(result.into()),
        (Question::Prompt(_), Is::InputRequiredResult(result)) => Answer::Prompt(result.into()),
        (Question::Read(_), Is::ReadResourceResult(result)) => Answer::Read(result.into()),
        (Question::Read(_), Is::InputRequiredResult(result)) => Answer::Read(result.into()),
        (Question::Complete(_), Is::CompleteResult(result)) => Answer::Complete(result),
        (Question::Task(_), Is::GetTaskResult(result)) => Answer::Task(Box::new(result.task)),
        (Question::Update(_), Is::EmptyResult(_) | Is::TaskAckResult(_)) => Answer::Updated,
        (Question::Cancel(_), Is::EmptyResult(_) | Is::TaskAckResult(_)) => Answer::Cancelled,
        _ => return None,
    })
}

/// What it means for who waits for a connection that its handshake failed.
pub(super) fn refused(error: &ClientInitializeError, server: &str) -> Failed {
    use ClientInitializeError as Is;
    let server = server.to_owned();
    // Whatever was to be asked behind the handshake was not sent.
    let broken = |server| Failed::Broken {
        server,
        unsent: true,
    };
    match error {
        Is::TransportError { error, .. } => {
            let cut = error.error.downcast_ref::<Cut>();
            let told = cut.and_then(|cut| failed(server.clone(), cut));
            told.unwrap_or_else(|| broken(server))
        }
        Is::ConnectionClosed(_) | Is::Cancelled => broken(server),
        Is::JsonRpcError(error) => told(error.clone()),
        Is::LegacyFallbackFailed { fallback, .. } => refused(fallback, &server),
        other => Failed::Unfit {
            server,
            why: no_handshake(other),
        },
    }
}

/// Why a handshake failed, in our words.
pub(super) fn no_handshake(error: &ClientInitializeError) -> String {
    use ClientInitializeError as Is;
    let versions = |all: &[ProtocolVersion]| {
        let all: Vec<&str> = all.iter().map(ProtocolVersion::as_str).collect();
        words(&all.join(", "))
    };
    match error {
        Is::TransportError { error, .. } => match error.error.downcast_ref::<Cut>() {
            Some(cut) => cut.to_string(),
            None => "its connection broke".to_owned(),
        },
        Is::ConnectionClosed(_) => "it closed the connection in the handshake".to_owned(),
        Is::JsonRpcError(ErrorData { code, message, .. }) => {
            format!("it refused the handshake: {} ({})", words(message), code.0)
        }
        Is::NoCompatibleProtocolVersion {
            client_supported,
            server_supported,
        } => {
            let (ours, theirs) = (versions(client_supported), versions(server_supported));
            format!("it is asked to speak {ours}, and speaks {theirs}")
        }
        Is::LegacyFallbackFailed { fallback, .. } => no_handshake(fallback),
        Is::Cancelled => "the handshake was broken off".to_owned(),
        _ => "it answered the handshake with something that is no answer to it".to_owned(),
    }
}

/// A server's own error.
pub(super) fn told(error: ErrorData) -> Failed {
    Failed::Error {
        code: error.code.0,
        message: words(&error.message),
        data: error.data,
    }
}

/// What it means that a request did not get through; none where the connection broke.
pub(super) fn failed(server: String, cut: &Cut) -> Option<Failed> {
    Some(match cut {
        Cut::Unauthorized(challenge) => Failed::Unauthorized {
            server,
            challenge: challenge.as_deref().map(words),
        },
        Cut::Forbidden(challenge) => Failed::Forbidden {
            server,
            challenge: challenge.as_deref().map(words),
        },
        Cut::Busy {
            status: 429,
            retry_after,
        } => Failed::Limited {
            server,
            retry_after: *retry_after,
        },
        Cut::Busy { retry_after, .. } => Failed::Away {
            server,
            retry_after: *retry_after,
        },
        Cut::Refused(Unopened { refused, .. }) => match refused {
            Refused::Timeout => Failed::Late { server },
            Refused::TooLarge(_) => Failed::TooLarge {
                server,
                why: refused.to_string(),
            },
            Refused::Encoded => Failed::Unfit {
                server,
                why: refused.to_string(),
            },
            _ => return None,
        },
        Cut::Unfit(why) => Failed::Unfit {
            server,
            why: words(why),
        },
        Cut::Expired | Cut::Closed => return None,
    })
}
