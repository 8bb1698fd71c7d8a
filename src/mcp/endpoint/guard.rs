//! Where a request comes from: only names this server is known by, only web pages that were allowed.
//!
//! A web page can make its visitor's browser call any server that browser reaches, and by DNS rebinding even read
//! the answers. `Host` names the server the page believes to speak to, `Origin` the page itself. Programs send no
//! `Origin`. Nothing is ever allowed by a CORS header.

use http::{HeaderMap, Uri, header, uri::Authority};

use super::Refused;
use crate::mcp::Offer;

/// Refuses requests to names that are not this server's, and from web pages that may not call. For upgrades to
/// WebSocket too.
pub fn guard(offer: &Offer, headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
    let hosts = &offer.settings.allowed_hosts;
    let host = named_host(headers, uri)?;
    if !is_loopback(host.host()) && !hosts.iter().any(|allowed| is_host(allowed, &host)) {
        return Err(Refused::forbidden(
            "The Host header names no server that is served here; see `mcp.allowed_hosts`",
        ));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let allowed = &offer.settings.allowed_origins;
    if origins.next().is_some() || !allowed.iter().any(|allowed| is_origin(allowed, origin)) {
        return Err(Refused::forbidden(
            "The Origin header names no web page that may call; see `mcp.allowed_origins`",
        ));
    }
    Ok(())
}

/// The server the request means: HTTP/2 says so in the URI.
fn named_host(headers: &HeaderMap, uri: &Uri) -> Result<Authority, Refused> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.as_bytes().try_into().ok(),
        (None, _) => uri.authority().cloned(),
        (Some(_), Some(_)) => None,
    };
    // A user name in it is no part of a server's name.
    let plain = host.filter(|host: &Authority| !host.as_str().contains('@'));
    plain.ok_or_else(|| Refused::invalid("One readable Host header is needed"))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| {
        address.to_canonical().is_loopback()
    })
}

/// Whether this can be the name of a server, as `host` or `host:port`.
pub(in crate::mcp) fn is_host_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || ".-_:[]".contains(letter);
    Authority::try_from(text.trim()).is_ok() && text.trim().chars().all(plain)
}

/// Whether this can be what a web page sends as its origin.
pub(in crate::mcp) fn is_page_origin(text: &str) -> bool {
    canonical(text).is_some() && !text.contains('*')
}

/// Whether `host` or `host:port`, as allowed, is what was named. Without a port any is.
fn is_host(allowed: &str, named: &Authority) -> bool {
    let Ok(allowed) = Authority::try_from(allowed.trim()) else {
        return false;
    };
    let same_port = allowed
        .port_u16()
        .is_none_or(|port| named.port_u16() == Some(port));
    allowed.host().eq_ignore_ascii_case(named.host()) && same_port
}

/// Whether an origin is the one allowed, to the letter but for case and a scheme's own port. `null` is what pages
/// in a sandbox send, whoever made them: allowed only where it is listed.
fn is_origin(allowed: &str, origin: &str) -> bool {
    let (allowed, origin) = (canonical(allowed), canonical(origin));
    allowed.is_some() && allowed == origin
}

/// Scheme, host and port of an origin; nothing else may stand in one.
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.trim().to_ascii_lowercase();
    if origin == "null" {
        return Some(origin);
    }
    let (scheme, rest) = origin.split_once("://")?;
    let authority = Authority::try_from(rest).ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let own = match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    let port = authority.port_u16().or(own);
    let port = port.map_or_else(String::new, |port| port.to_string());
    Some(format!("{scheme}://{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_whole() {
        let named = |host: &str| Authority::try_from(host).unwrap();
        assert!(is_host("gateway.example", &named("Gateway.Example:8080")));
        assert!(is_host(
            "gateway.example:8080",
            &named("gateway.example:8080")
        ));
        for other in [
            "gateway.example",
            "gateway.example:80",
            "a.gateway.example:8080",
        ] {
            assert!(!is_host("gateway.example:8080", &named(other)), "{other}");
        }
        for here in [
            "localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["localhost.evil", "127.0.0.1.evil", "2130706433", "0.0.0.0"] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn origins_are_compared_whole() {
        let allowed = "https://good.example";
        assert!(is_origin(allowed, "https://good.example"));
        assert!(is_origin(allowed, "HTTPS://Good.Example:443"));
        for other in [
            "http://good.example",
            "https://good.example.evil",
            "https://evil.good.example",
            "https://good.example:8443",
            "https://good.example@evil",
            "https://good.example/",
            "good.example",
            "null",
            "",
        ] {
            assert!(!is_origin(allowed, other), "{other}");
        }
        assert!(is_origin("null", "null"));
        assert!(!is_origin("", ""));
    }
}
