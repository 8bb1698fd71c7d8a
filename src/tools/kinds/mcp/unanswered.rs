//! Why a server has not answered, in the words of a tool's faults.
//!
//! Whether the server is there is for the circuits of its replicas to learn; a tool's own learns how the tool answers
//! a server that is.

use rmcp::{
    ErrorData,
    model::{ClientCapabilities, ErrorCode},
};
use serde_json::Value;

use crate::{
    federation::Failed,
    identity::NoToken,
    schema::shown_text,
    tools::{Fault, FaultClass, ProtocolError},
};

/// The most of a server's own words that an error repeats, in characters.
const SHOWN: usize = 300;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// There is no token to ask with.
    #[error(transparent)]
    NoToken(#[from] NoToken),
    /// The server has not answered.
    #[error(transparent)]
    Failed(#[from] Failed),
}

impl From<Unanswered> for Fault {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoToken(no_token) => Self {
                unsent: true,
                ..Self::new(class_of_token(&no_token), no_token.to_string())
            },
            Unanswered::Failed(failed) => of_server(failed),
        }
    }
}

fn class_of_token(no_token: &NoToken) -> FaultClass {
    match no_token {
        // Nothing speaks against the tool: somebody else may have a token.
        NoToken::NoIdentity | NoToken::Expired | NoToken::Refused { .. } => FaultClass::Declined,
        // Nobody else watches the authorization server.
        NoToken::Unavailable | NoToken::Unfit(_) => FaultClass::Unavailable,
    }
}

/// What the client would have to be able to do, where that is what a server's error says: in the words of the protocol,
/// and no others.
fn lacking(code: i32, data: Option<Value>) -> Option<Value> {
    if code != ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY.0 {
        return None;
    }
    let required = data?.get_mut("requiredCapabilities")?.take();
    let required: ClientCapabilities = serde_json::from_value(required).ok()?;
    ErrorData::missing_required_client_capability(required).data
}

fn of_server(failed: Failed) -> Fault {
    let message = failed.to_string();
    match failed {
        Failed::Away { retry_after, .. } => Fault {
            unsent: true,
            watched_elsewhere: true,
            ..Fault::new(FaultClass::Unavailable, message).after(retry_after)
        },
        Failed::Limited { retry_after, .. } => Fault {
            unsent: true,
            ..Fault::new(FaultClass::RateLimited, message).after(retry_after)
        },
        Failed::Broken { unsent, .. } => Fault {
            unsent,
            watched_elsewhere: true,
            ..Fault::new(FaultClass::Unavailable, message)
        },
        Failed::Late { .. } => Fault::new(FaultClass::Timeout, message),
        Failed::Error {
            code,
            message,
            data,
        } => {
            let class = match ErrorCode(code) {
                ErrorCode::INVALID_PARAMS => FaultClass::InvalidArguments,
                ErrorCode::INTERNAL_ERROR => FaultClass::Failed,
                _ => FaultClass::Declined,
            };
            let said = shown_text(&message, SHOWN);
            let message = format!("The tool's server answered: \"{said}\"");
            let lacks = lacking(code, data);
            Fault {
                protocol: Some(Box::new(ProtocolError {
                    code,
                    is_for_the_client: lacks.is_some(),
                    data: lacks,
                })),
                ..Fault::new(class, message)
            }
        }
        Failed::Unauthorized { .. } | Failed::Forbidden { .. } => Fault {
            unsent: true,
            ..Fault::new(FaultClass::Declined, message)
        },
        Failed::TooLarge { .. } => Fault::new(FaultClass::TooLarge, message),
        Failed::Unfit { .. } => Fault::new(FaultClass::InvalidOutput, message),
    }
}
