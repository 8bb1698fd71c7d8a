//! What an operator lets requests reach besides the public internet over TLS.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Standing, standing};
use crate::problem::Problem;

/// Ports of web servers, which need no mention.
const WEB_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// The largest networks that may be listed, as lengths of their prefix: more would list half the internet.
const SHORTEST_PREFIX: (u8, u8) = (8, 7);

/// Exceptions: names, addresses and networks inside, and ports.
///
/// A listed *name* may resolve to [`Standing::Inside`], and an address in a listed *network* may be any. What is
/// listed may also be spoken to without TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allow {
    names: Vec<String>,
    networks: Vec<Network>,
    ports: Vec<(String, u16)>,
}

/// Addresses with a common prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Allow {
    /// Reads entries: a name, an address, either with a port behind it, or a network like `10.0.0.0/8`. Paths of
    /// problems are the numbers of entries.
    pub fn read(entries: &[String]) -> Result<Self, Vec<Problem>> {
        let mut allow = Self::default();
        let mut problems = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if let Err(message) = allow.add(entry.trim()) {
                let problem = Problem::new([at.to_string()], message);
                problems.push(problem.expected(
                    "a name, an address, one of them with `:port`, or a network like `10.0.0.0/8`",
                ));
            }
        }
        if problems.is_empty() {
            Ok(allow)
        } else {
            Err(problems)
        }
    }

    /// The same, and the port of this URL on its host: who wrote the URL meant it.
    pub fn with_port_of(mut self, url: &Url) -> Self {
        if let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) {
            self.ports.push((key(&host), port));
        }
        self
    }

    /// The same, and the host of this URL if it is this machine: who writes the address of this machine means it.
    pub fn with_this_machine_of(mut self, url: &Url) -> Self {
        match url.host() {
            Some(Host::Domain("localhost")) => self.names.push("localhost".to_owned()),
            Some(Host::Ipv4(address)) if address.is_loopback() => {
                self.networks.push(Network::one(address.into()));
            }
            Some(Host::Ipv6(address)) if address.is_loopback() => {
                self.networks.push(Network::one(address.into()));
            }
            _ => {}
        }
        self
    }

    fn add(&mut self, entry: &str) -> Result<(), String> {
        if let Some(network) = entry.contains('/').then(|| Network::read(entry)) {
            self.networks.push(network?);
            return Ok(());
        }
        let (host, port) = host_and_port(entry).ok_or_else(|| format!("`{entry}` is none"))?;
        if let Some(port) = port {
            self.ports.push((key(&host), port));
        }
        match host {
            Host::Domain(_) => self.names.push(key(&host)),
            Host::Ipv4(address) => self.networks.push(Network::one(address.into())),
            Host::Ipv6(address) => self.networks.push(Network::one(address.into())),
        }
        Ok(())
    }

    /// Whether an address may be connected to, for the name that resolved to it.
    pub(super) fn lets(&self, name: Option<&str>, address: IpAddr) -> bool {
        match standing(address) {
            Standing::Public => true,
            _ if self.networks.iter().any(|it| it.holds(address)) => true,
            Standing::Inside => name.is_some_and(|name| self.lists(name)),
            Standing::Special => false,
        }
    }

    /// Whether a host may be spoken to without TLS.
    pub(super) fn lets_plain(&self, host: &Host<&str>) -> bool {
        let holds = |address| self.networks.iter().any(|it| it.holds(address));
        match *host {
            Host::Domain(name) => self.lists(name),
            Host::Ipv4(address) => holds(address.into()),
            Host::Ipv6(address) => holds(address.into()),
        }
    }

    /// Whether a port of a host may be connected to.
    pub(super) fn lets_port(&self, host: &Host<&str>, port: u16) -> bool {
        let listed = |(listed, at): &(String, u16)| *at == port && *listed == key(host);
        WEB_PORTS.contains(&port) || (port != 0 && self.ports.iter().any(listed))
    }

    fn lists(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.names.iter().any(|listed| listed == name)
    }
}

/// A host as it is compared: the root's dot at the end of a name makes no difference.
fn key<S: AsRef<str>>(host: &Host<S>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().trim_end_matches('.').to_owned(),
        Host::Ipv4(address) => IpAddr::from(*address).to_string(),
        Host::Ipv6(address) => IpAddr::from(*address).to_canonical().to_string(),
    }
}

fn host_and_port(entry: &str) -> Option<(Host<String>, Option<u16>)> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some((host_of(address), None));
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (entry, None),
    };
    let plain = |letter: char| letter.is_alphanumeric() || "-._[]:".contains(letter);
    let host = host.chars().all(plain).then(|| Host::parse(host).ok())??;
    Some((host, port))
}

fn host_of(address: IpAddr) -> Host<String> {
    match address {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    }
}

impl Network {
    fn read(entry: &str) -> Result<Self, String> {
        let none = || format!("`{entry}` is no network");
        let (address, prefix) = entry.split_once('/').ok_or_else(none)?;
        let address: IpAddr = address.parse().map_err(|_| none())?;
        let prefix: u8 = prefix.parse().map_err(|_| none())?;
        // Connections to `::ffff:10.0.0.1` are ones to 10.0.0.1, and are compared as such.
        const MAPPED: u8 = 96;
        let mapped = match address {
            IpAddr::V6(address) => address.to_ipv4_mapped(),
            IpAddr::V4(_) => None,
        };
        let (address, prefix) = match mapped {
            None => (address, prefix),
            Some(inner) => {
                let few = || format!("`{entry}` is an IPv4 network and more: write it as one");
                (inner.into(), prefix.checked_sub(MAPPED).ok_or_else(few)?)
            }
        };
        let (shortest, longest) = match address {
            IpAddr::V4(_) => (SHORTEST_PREFIX.0, 32),
            IpAddr::V6(_) => (SHORTEST_PREFIX.1, 128),
        };
        if prefix < shortest {
            return Err(format!(
                "`{entry}` is too large a network; at least /{shortest}"
            ));
        }
        let network = Self { address, prefix };
        (prefix <= longest).then_some(network).ok_or_else(none)
    }

    fn one(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }

    fn holds(&self, address: IpAddr) -> bool {
        let (mine, theirs, width) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(theirs)) => {
                (u128::from(mine.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(theirs)) => (mine.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        let rest = width - u32::from(self.prefix);
        mine.checked_shr(rest).unwrap_or(0) == theirs.checked_shr(rest).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entries: &[&str]) -> Allow {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Allow::read(&entries).unwrap()
    }

    fn lets(allow: &Allow, name: Option<&str>, address: &str) -> bool {
        allow.lets(name, address.parse().unwrap())
    }

    #[test]
    fn a_name_lets_inside_but_not_to_special_places() {
        let allow = allow(&["db.internal", "Wiki.Example:8000"]);
        assert!(lets(&allow, Some("db.internal"), "10.1.2.3"));
        assert!(lets(&allow, Some("db.internal."), "127.0.0.1"));
        assert!(lets(&allow, Some("wiki.example"), "fd00::1"));
        assert!(!lets(&allow, Some("other.internal"), "10.1.2.3"));
        assert!(!lets(&allow, None, "10.1.2.3"));
        for special in [
            "169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
            "100.100.100.200",
        ] {
            assert!(!lets(&allow, Some("db.internal"), special), "{special}");
        }
    }

    #[test]
    fn a_network_lets_its_addresses_and_no_others() {
        let allow = allow(&[
            "10.1.0.0/16",
            "127.0.0.2",
            "[::1]:9000",
            "fd00::/8",
            "169.254.169.254",
        ]);
        for inside in [
            "10.1.255.255",
            "127.0.0.2",
            "::1",
            "fdab::1",
            "::ffff:10.1.0.1",
            "169.254.169.254",
        ] {
            assert!(lets(&allow, None, inside), "{inside}");
        }
        for outside in [
            "10.2.0.0",
            "10.0.255.255",
            "127.0.0.1",
            "::2",
            "fc00::1",
            "169.254.169.253",
        ] {
            assert!(!lets(&allow, None, outside), "{outside}");
        }
    }

    #[test]
    fn a_mapped_network_is_the_one_it_maps() {
        let allow = allow(&["::ffff:10.1.0.0/112", "::ffff:192.168.0.1/128"]);
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "192.168.0.1"] {
            assert!(lets(&allow, None, inside), "{inside}");
        }
        for outside in ["10.2.0.0", "192.168.0.2", "fd00::1"] {
            assert!(!lets(&allow, None, outside), "{outside}");
        }
    }

    #[test]
    fn ports_belong_to_their_host() {
        let allow = allow(&["127.0.0.1:5000", "db.internal:9200"]);
        let v4 = |text: &str| Host::Ipv4(text.parse().unwrap());
        assert!(allow.lets_port(&v4("127.0.0.1"), 5000));
        assert!(!allow.lets_port(&v4("127.0.0.2"), 5000));
        assert!(allow.lets_port(&Host::Domain("db.internal."), 9200));
        for port in [0, 22, 25, 5432, 6379, 11211] {
            assert!(
                !allow.lets_port(&Host::Domain("db.internal"), port),
                "{port}"
            );
        }
        for port in WEB_PORTS {
            assert!(allow.lets_port(&Host::Domain("anywhere.example"), port));
        }
    }

    #[test]
    fn this_machine_is_let_to_who_names_it_and_nothing_else_inside() {
        let of = |url: &str| Allow::default().with_this_machine_of(&Url::parse(url).unwrap());
        assert!(lets(&of("http://127.0.0.2/x"), None, "127.0.0.2"));
        assert!(!lets(&of("http://127.0.0.2/x"), None, "127.0.0.1"));
        assert!(lets(&of("http://[::1]/x"), None, "::1"));
        let named = of("http://localhost/x");
        assert!(lets(&named, Some("localhost"), "127.0.0.1"));
        assert!(!lets(&named, None, "127.0.0.1"));
        for other in ["10.1.2.3", "169.254.169.254", "localhost.example", "a"] {
            assert_eq!(of(&format!("http://{other}/")), Allow::default(), "{other}");
        }
    }

    #[test]
    fn what_is_no_entry_is_told_by_its_number() {
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/7",
            "::/0",
            "0.0.0.0/0",
            "10.0.0/8",
            "x/8",
            "http://a",
            "a b",
            "a:70000",
            "user@host",
            "*",
            "[::1",
            "a:port",
            "::ffff:10.0.0.0/95",
            "::ffff:0.0.0.0/96",
            "::ffff:10.0.0.0/129",
        ] {
            let entries = ["fine.example".to_owned(), bad.to_owned()];
            let problems = Allow::read(&entries).unwrap_err();
            assert_eq!(problems.len(), 1, "{bad}");
            assert_eq!(problems[0].path, ["1"], "{bad}");
        }
    }
}
