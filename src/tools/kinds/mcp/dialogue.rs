//! A request to a server that may ask before it answers: sent, sent again with answers, until there is one.
//!
//! Servers of 2026-07-28 answer with questions and a state of their own, and want both back. Where our caller is asked
//! directly, that happens within one request of theirs. Where answers come with a later one, the server's questions and
//! state travel with our caller, sealed, and the next request goes on from there: what the server did before it asked
//! is done once.

use std::future::Future;

use rmcp::model::{InputRequests, InputRequiredResult, InputResponses};
use serde::{Deserialize, Serialize};

use super::relay::LineRelay;
use crate::tools::{Fault, FaultClass, Stop};

/// The most rounds of one request: nobody is asked more often before something happens.
const MOST_ROUNDS: usize = 16;

/// Where a request stands with its server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    /// What the server asks.
    pub(super) requests: InputRequests,
    /// What it wants back with the answers.
    pub(super) state: Option<String>,
    /// The task it has made of the request.
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

/// What a server that asked gets back.
#[derive(Debug, Default)]
pub(crate) struct Back {
    /// The answers.
    pub(crate) responses: Option<InputResponses>,
    /// Its own state.
    pub(crate) state: Option<String>,
}

/// What came of sending a request.
pub(crate) enum Step<T> {
    /// There is an answer.
    Done(T),
    /// The server asks first.
    Required(InputRequiredResult),
}

/// Sends a request until it is answered, and gives with its answer the questions that led to it. What an earlier request
/// left is gone on with.
///
/// # Errors
/// The caller has to answer with a later request, sending failed, or the server asks without end.
pub(crate) async fn rounds<T, S>(
    relay: &LineRelay<'_>,
    send: impl Fn(Back) -> S,
) -> Result<(T, InputRequests), Stop>
where
    S: Future<Output = Result<Step<T>, Stop>>,
{
    let mut standing: Option<Standing> = relay.left();
    for _ in 0..MOST_ROUNDS {
        let (back, past) = match standing.take() {
            None => (Back::default(), InputRequests::new()),
            Some(asked) => {
                let back = Back {
                    responses: Some(relay.answers(&asked.requests).await?),
                    state: asked.state,
                };
                (back, asked.requests)
            }
        };
        match send(back).await? {
            Step::Done(answer) => return Ok((answer, past)),
            Step::Required(required) => {
                let next = Standing::from(required);
                relay.leave(&next, &past);
                standing = Some(next);
            }
        }
    }
    let message = format!("The server asked {MOST_ROUNDS} times and did not come to an answer");
    Err(Fault::new(FaultClass::Declined, message).into())
}
