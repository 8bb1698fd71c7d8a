//! Judging a URL before anything is looked up or connected.

use url::{Host, Url};

use super::Allow;

/// Whether a request may go to a URL, as far as its text tells; if not, why, for the operator. Names are judged by
/// their addresses when they are looked up; a host that is an address is judged here, because it is never looked up.
///
/// The text was read by the `url` crate, which turns every spelling of an address (`0x7f.1`, `①②⑦.⓪.⓪.①`, `2130706433`)
/// into the address, and what it read is what is connected to: there is no second reader to disagree with.
pub fn judge(url: &Url, allow: &Allow) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("its scheme is neither https nor http");
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err("it names no host");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name in it");
    }
    let address = match host {
        Host::Domain("") => return Err("it names no host"),
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    };
    if address.is_some_and(|address| !allow.lets(None, address)) {
        return Err("its address is not public, and not listed in allow_private");
    }
    if url.scheme() == "http" && !allow.lets_plain(&host) {
        return Err("it is http, and its host is not listed in allow_private");
    }
    if !allow.lets_port(&host, port) {
        return Err("its port is none of 80, 443, 8080 and 8443, and not listed in allow_private");
    }
    Ok(())
}
