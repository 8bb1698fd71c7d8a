//! What somebody is told who is not let in: how to sign in, and with which scopes (RFC 6750, RFC 9728, MCP's
//! "Authorization").

use http::HeaderValue;

use super::Refused;
use crate::{
    access::{Access, Caller, Denied, Lacking, OAuth},
    mcp::{Offer, message::Message},
    tools::Tool,
};

/// When to come back while nobody can tell whether a token is good, in seconds.
const RETRY_AFTER: u32 = 5;

/// What is challenged with where only keys are taken.
static BEARER: HeaderValue = HeaderValue::from_static("Bearer");

/// Somebody is not let in.
pub(super) fn denied(denied: Denied, access: &Access) -> Refused {
    let (message, reason) = (denied.to_string(), denied.label());
    match denied {
        Denied::NoKey
        | Denied::WrongKey
        | Denied::Over
        | Denied::Completions
        | Denied::BadToken(_)
        | Denied::Expired => {
            let challenge = to_sign_in(access, denied);
            Refused::unauthorized(message, reason).with_challenge(challenge)
        }
        Denied::NoScope => {
            let offered = access.oauth().into_iter().flat_map(OAuth::offered);
            let challenge = for_scopes(access, &joined(offered));
            Refused::out_of_scope(message, reason).with_challenge(challenge)
        }
        Denied::NoTell => Refused::untold(message, reason, RETRY_AFTER),
    }
}

/// The tool that a message calls, if its caller's token lacks scopes for it, and which.
pub(super) fn lacking<'a>(
    offer: &'a Offer,
    caller: &Caller,
    message: &Message<'_>,
) -> Option<(&'a Tool, Lacking)> {
    caller.identity.as_ref()?;
    let name = message.names_tool()?;
    let tool = offer.toolbox.find(&name, caller)?;
    let lacking = caller.lacking(&tool.common.scopes)?;
    Some((tool, lacking))
}

/// Refuses such a call. Before anything is done for it, because only then the status can say so.
pub(super) fn out_of_scope(access: &Access, lacking: &Lacking) -> Refused {
    let challenge = for_scopes(access, &lacking.scopes);
    let refused = Refused::out_of_scope(lacking.to_string(), Denied::NoScope.label());
    refused.with_challenge(challenge)
}

/// 401: come with a token, and with no more scopes than it takes to begin. What was wrong with one that was sent is
/// said, too.
fn to_sign_in(access: &Access, denied: Denied) -> HeaderValue {
    let Some(oauth) = access.oauth() else {
        return BEARER.clone();
    };
    let metadata = quoted(&oauth.metadata_url());
    let scope = quoted(&joined(oauth.first()));
    let mut text = format!("Bearer resource_metadata={metadata}, scope={scope}");
    if denied != Denied::NoKey {
        let why = quoted(&denied.to_string());
        text.push_str(&format!(
            ", error=\"invalid_token\", error_description={why}"
        ));
    }
    value(&text)
}

/// 403: come with a token that has all of these scopes.
fn for_scopes(access: &Access, scopes: &str) -> HeaderValue {
    let scope = quoted(scopes);
    let mut text = format!("Bearer error=\"insufficient_scope\", scope={scope}");
    if let Some(oauth) = access.oauth() {
        let metadata = quoted(&oauth.metadata_url());
        text.push_str(&format!(", resource_metadata={metadata}"));
    }
    value(&text)
}

fn joined<'a>(scopes: impl Iterator<Item = &'a str>) -> String {
    scopes.collect::<Vec<_>>().join(" ")
}

/// A text as a parameter of a challenge may be: in quotes, of printable ASCII.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

/// Printable ASCII is always a header's value.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| BEARER.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_the_quotes() {
        assert_eq!(quoted(r#"a b"c\d"#), r#""a b\"c\\d""#);
        assert_eq!(quoted("a\r\nb\u{7f}é"), "\"a??b??\"");
        let header = value(&quoted("\r\n\0\""));
        assert_eq!(header.to_str().unwrap(), r#""???\"""#);
    }

    #[test]
    fn without_tokens_a_key_is_asked_for_and_no_more() {
        let challenge = to_sign_in(&Access::open(), Denied::WrongKey);
        assert_eq!(challenge, "Bearer");
    }
}
