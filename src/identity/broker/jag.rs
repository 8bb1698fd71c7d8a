//! Enterprise-managed authorization: an identity provider says who the caller is (an ID-JAG, the draft's *identity
//! assertion authorization grant*), and the server's own authorization server gives a token on that word (RFC 7523).

use super::{
    NoToken,
    claims::Claims,
    client::Client,
    exchange,
    issued::{Purpose, Token},
};
use crate::{access::Identity, secret::Secret, upstream::guarded::Guarded};

/// What the identity provider gives.
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// What it calls itself.
const TYPE: &str = "oauth-id-jag+jwt";

/// The grant it is shown with.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token of `at`, whose issuer is `audience`, by an assertion of `idp`. The assertion is good once, so it is made for
/// each token and never kept.
pub(super) async fn by(
    web: &Guarded,
    (idp, at, audience): (&Client, &Client, &str),
    purpose: Purpose<'_>,
    caller: &Identity,
) -> Result<Token, NoToken> {
    let issued = exchange::ask(web, idp, (ID_JAG, audience), purpose, caller).await?;
    if !issued.shown_as.eq_ignore_ascii_case("n_a") {
        return Err(NoToken::Unfit("its assertion is no assertion"));
    }
    issued.grants_no_more(purpose)?;
    check(&issued.token, (at, audience), purpose)?;
    // It names resource and scopes itself.
    let form = [
        ("grant_type", JWT_BEARER),
        ("assertion", issued.token.reveal()),
    ];
    at.ask(web, &form).await?.bearer(at, purpose, Some(caller))
}

/// That an assertion is for this authorization server, this client and this resource: whoever else got it could become
/// the caller elsewhere.
fn check(
    assertion: &Secret,
    (at, audience): (&Client, &str),
    purpose: Purpose<'_>,
) -> Result<(), NoToken> {
    let claims = Claims::read(assertion)?;
    let claims = claims.ok_or(NoToken::Unfit("its assertion is no assertion"))?;
    claims.remaining()?;
    let fits = claims.is_a(TYPE)
        && claims.are_for(audience)
        && claims.are_of(&at.id)
        && claims.fit_resource(purpose.resource);
    let other = "its assertion is for another server, or for another client";
    if fits {
        Ok(())
    } else {
        Err(NoToken::Unfit(other))
    }
}
