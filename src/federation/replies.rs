//! What a server answers by HTTP, and what it means: the message in it, a refusal, or that it is no answer.

use std::time::Duration;

use http::{HeaderName, StatusCode, header};
use rmcp::{
    model::{
        ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId,
        ServerJsonRpcMessage,
    },
    transport::streamable_http_client::{
        AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpError,
        StreamableHttpPostResponse,
    },
};

use super::cut::Cut;
use crate::{
    dialect::fault,
    upstream::guarded::{Answer, Opened, Refused, Unopened},
};

/// Why a request has no answer, in rmcp's words.
pub(super) type Failure = StreamableHttpError<Unopened>;

/// What an answer without a message in it says.
pub(super) fn refusal(opened: &Opened) -> Option<Failure> {
    let told = |name: HeaderName| {
        let value = opened.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let challenge = told(header::WWW_AUTHENTICATE);
    match opened.status {
        StatusCode::UNAUTHORIZED => {
            let error = AuthRequiredError::new(challenge.unwrap_or_default());
            Some(StreamableHttpError::AuthRequired(error))
        }
        StatusCode::FORBIDDEN => {
            let error = InsufficientScopeError::new(challenge.unwrap_or_default(), None);
            Some(StreamableHttpError::InsufficientScope(error))
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            // Seconds again, and never more than ten minutes.
            let retry_after = fault::retry_after(&opened.headers, None);
            let retry_after = retry_after.map(|wait| wait.as_secs_f64().to_string());
            let error = HttpStatusError::new(opened.status.as_u16(), retry_after);
            Some(StreamableHttpError::HttpStatus(error))
        }
        _ => None,
    }
}

/// A whole answer: the message in it, or that there is none.
pub(super) fn said(
    message: &ClientJsonRpcMessage,
    in_session: bool,
    kind: &str,
    answer: &Answer,
    named: Option<String>,
) -> Result<StreamableHttpPostResponse, Failure> {
    use JsonRpcMessage as Is;
    let status = answer.status;
    // Refusals are not always called what they are.
    let may_be_one = kind == "application/json" || !status.is_success();
    let parsed = may_be_one.then(|| serde_json::from_slice(&answer.body));
    let parsed: Option<ServerJsonRpcMessage> = parsed.and_then(Result::ok);
    let Is::Request(request) = message else {
        return match parsed {
            _ if status.is_success() => Ok(StreamableHttpPostResponse::Accepted),
            Some(error @ Is::Error(_)) => Ok(StreamableHttpPostResponse::Json(error, named)),
            _ => Err(unfit(&format!("it answered with status {status}"))),
        };
    };
    // An error is the answer to this request, whatever its status and its id: who could not read a request cannot know
    // its number.
    let refused = |error: ErrorData| ServerJsonRpcMessage::error(error, Some(request.id.clone()));
    let probes = matches!(request.request, ClientRequest::DiscoverRequest(_));
    let is_refusal = status.is_client_error() || is_empty(status);
    if probes && !in_session && is_refusal {
        // Servers without `server/discover` refuse it in their own ways.
        let error = match parsed {
            Some(Is::Error(error)) => error.error,
            _ => ErrorData::invalid_request("it knows no server/discover", None),
        };
        return Ok(StreamableHttpPostResponse::Json(refused(error), None));
    }
    match parsed {
        Some(Is::Error(error)) => Ok(StreamableHttpPostResponse::Json(
            refused(error.error),
            named,
        )),
        Some(Is::Response(response)) if status.is_success() && is_of(&response.id, &request.id) => {
            let response = Is::Response(response);
            Ok(StreamableHttpPostResponse::Json(response, named))
        }
        Some(Is::Response(_)) if status.is_success() => {
            Err(unfit("its answer is that to another request"))
        }
        _ if status.is_success() && !is_empty(status) => {
            Err(unfit("its answer is no message of the protocol"))
        }
        _ => Err(unfit(&format!("it answered with status {status}"))),
    }
}

/// Whether a status says that there is nothing to read.
fn is_empty(status: StatusCode) -> bool {
    matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT)
}

/// Whether an answer has the number of a request, which some give back in quotes.
fn is_of(answered: &RequestId, asked: &RequestId) -> bool {
    answered == asked || answered.to_string() == asked.to_string()
}

pub(super) fn unfit(why: &str) -> Failure {
    StreamableHttpError::UnexpectedServerResponse(why.to_owned().into())
}

/// What an error of rmcp's transport means.
pub(super) fn cut(error: Failure) -> Cut {
    use StreamableHttpError as Is;
    match error {
        Is::SessionExpired => Cut::Expired,
        Is::AuthRequired(error) => Cut::Unauthorized(challenge(error.www_authenticate_header)),
        Is::InsufficientScope(error) => Cut::Forbidden(challenge(error.www_authenticate_header)),
        Is::Client(refused) => Cut::Refused(refused),
        Is::HttpStatus(error) => Cut::Busy {
            status: error.status,
            retry_after: error
                .retry_after
                .and_then(|seconds| seconds.parse().ok())
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        },
        Is::TransportChannelClosed | Is::TokioJoinError(_) => Cut::Closed,
        Is::Sse(_) | Is::UnexpectedEndOfStream => Cut::Refused(Refused::Broken.into()),
        other => Cut::Unfit(other.to_string()),
    }
}

fn challenge(told: String) -> Option<String> {
    (!told.is_empty()).then_some(told)
}
