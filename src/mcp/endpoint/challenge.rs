//! What somebody is told who is not let in: how to sign in, and with which scopes (RFC 6750, RFC 9728, MCP's
//! "Authorization").

use http::HeaderValue;
use tokio::time::Instant;

use super::{Entered, Refused, services::Era};
use crate::{
    access::{Access, Denied},
    mcp::{Offer, message::Message},
    tools::{self, Surface},
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
            let challenge = for_scopes(access, &offered(access));
            Refused::out_of_scope(message, reason).with_challenge(challenge)
        }
        Denied::NoTell => Refused::untold(message, reason, RETRY_AFTER),
    }
}

/// Refuses the call of a tool for which the caller's token lacks scopes. Before anything is done for it, because only
/// then the status can say so.
pub(super) fn scopes(
    offer: &Offer,
    entered: &Entered,
    message: &Message<'_>,
) -> Result<(), Refused> {
    let arrived = Instant::now();
    let Entered { guest, era, .. } = entered;
    let caller = &guest.caller;
    if caller.identity.is_none() {
        return Ok(());
    }
    let Some(name) = message.names_tool() else {
        return Ok(());
    };
    let Some(tool) = offer.toolbox.find(&name, caller) else {
        return Ok(());
    };
    let access = &offer.access;
    let Some(needed) = access.lacking(caller, &tool.id, &tool.common.scopes) else {
        return Ok(());
    };
    let refused = tools::Refused {
        request: &guest.request,
        caller,
        surface: match era {
            Era::Sessions => Surface::Session,
            Era::Stateless => Surface::Http,
        },
        arrived,
        tool: Ok(tool),
    };
    tools::out_of_scope(&offer.toolbox, refused);
    let message_to_them = format!("This tool needs a token with the scopes `{needed}`");
    let refused = Refused::out_of_scope(message_to_them, Denied::NoScope.label());
    let refused = refused.with_challenge(for_scopes(access, &needed));
    Err(refused.for_request(message.id()))
}

/// 401: come with a token. What was wrong with one that was sent is said, too.
fn to_sign_in(access: &Access, denied: Denied) -> HeaderValue {
    let Some(oauth) = access.oauth() else {
        return BEARER.clone();
    };
    let (metadata, scope) = (quoted(&oauth.metadata_url()), quoted(&offered(access)));
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

fn offered(access: &Access) -> String {
    let scopes = access.oauth().into_iter().flat_map(|oauth| oauth.offered());
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
