//! Why there is no answer.

use url::Url;

use super::{names::NotPublic, refuse};

/// Why there is no answer, in words that may be told to anybody: without address, port or cause. What may not be
/// reached and what cannot be reached are told alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It may not be reached; the reason is for the operator. Nothing was connected to.
    #[error("The service could not be reached")]
    Address(&'static str),
    /// There is no connection: the name does not resolve, the port is closed, TLS fails.
    #[error("The service could not be reached")]
    Unreachable,
    /// The connection broke before the end of the answer. The service may have done the work.
    #[error("The service broke the connection before its answer was complete")]
    Broken,
    /// There is no whole answer at the deadline.
    #[error("The service did not answer in time")]
    Timeout,
    /// The body is larger than this many bytes.
    #[error("The service's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The body is compressed.
    #[error("The service's answer is compressed, which was not asked for")]
    Encoded,
    /// It sent the request on too often, or to no place.
    #[error("The service sent the request on, but not to an answer")]
    Redirect,
}

impl Refused {
    /// Whether it is sure that nothing was sent.
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::Address(_) | Self::Unreachable)
    }
}

/// Why an answer has not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Unopened {
    /// In words for anybody.
    pub refused: Refused,
    /// In words for the operator: with the address, and what the system says.
    pub cause: String,
}

impl Unopened {
    /// What an error of the client means.
    pub(super) fn of(url: &Url, error: &reqwest::Error) -> Self {
        let refused = of(url, error);
        let cause = match refused {
            Refused::Unreachable | Refused::Broken => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port_or_known_default().unwrap_or_default();
                let cause = causes(error).last().map(ToString::to_string);
                format!("{host}:{port}: {}", cause.unwrap_or_default())
            }
            told => return told.into(),
        };
        Self { refused, cause }
    }
}

impl From<Refused> for Unopened {
    fn from(refused: Refused) -> Self {
        let cause = match refused {
            Refused::Address(why) => format!("it may not be reached: {why}"),
            told => told.to_string(),
        };
        Self { refused, cause }
    }
}

/// What an error of the client means.
pub(super) fn of(url: &Url, error: &reqwest::Error) -> Refused {
    if causes(error).any(|cause| cause.is::<NotPublic>()) {
        return refuse(
            url,
            "its name resolves to an address that is not public, and it is not listed in allow_private",
        );
    }
    if !error.is_connect() {
        return Refused::Broken;
    }
    let cause = causes(error).last().map(ToString::to_string);
    let host = url.host_str().unwrap_or_default();
    tracing::warn!(host, "no connection: {}", cause.unwrap_or_default());
    Refused::Unreachable
}

/// The causes of an error, from the outermost.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
