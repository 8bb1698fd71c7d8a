//! The two grants that take one question: the gateway's own credentials, and the exchange of a caller's token.

use super::{
    NoToken,
    client::Client,
    issued::{Issued, Purpose, Token},
};
use crate::{access::Identity, upstream::guarded::Guarded};

/// The grant of RFC 8693.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What callers come with, and what comes of it (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The gateway's own token.
pub(super) async fn own(
    web: &Guarded,
    at: &Client,
    purpose: Purpose<'_>,
) -> Result<Token, NoToken> {
    let scope = purpose.scope();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("resource", purpose.resource),
    ];
    form.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
    at.ask(web, &form).await?.bearer(at, purpose, None)
}

/// A token for the caller's.
pub(super) async fn of(
    web: &Guarded,
    at: &Client,
    purpose: Purpose<'_>,
    caller: &Identity,
) -> Result<Token, NoToken> {
    // Some servers know what a token is for by one of these names, some by the other.
    let audience = purpose.resource;
    let issued = ask(web, at, (ACCESS_TOKEN, audience), purpose, caller).await?;
    issued.bearer(at, purpose, Some(caller))
}

/// Asks for something of this kind, for this audience, in exchange for the caller's token. The gateway says who it is
/// by its credentials and brings no actor's token: it acts for the caller, and is not the caller.
pub(super) async fn ask(
    web: &Guarded,
    at: &Client,
    (kind, audience): (&str, &str),
    purpose: Purpose<'_>,
    caller: &Identity,
) -> Result<Issued, NoToken> {
    let scope = purpose.scope();
    let mut form = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", caller.token.reveal()),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", kind),
        ("audience", audience),
        ("resource", purpose.resource),
    ];
    form.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
    let issued = at.ask(web, &form).await?;
    if issued.kind.as_deref() != Some(kind) {
        return Err(NoToken::Unfit("it is of another kind"));
    }
    if issued.token == caller.token {
        return Err(NoToken::Unfit("it is your own"));
    }
    Ok(issued)
}
