//! Which addresses belong to the public internet, and which to somebody's inside.
//!
//! IPv4: everything but the IANA special-purpose registry's blocks (RFC 6890 and its updates). IPv6: only global
//! unicast, `2000::/3`, without the blocks that carry an IPv4 address or are set aside: what is not known to be public
//! is not. Addresses of clouds' metadata services are listed by hand, with their sources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Anybody's: the public internet.
    Public,
    /// Of this machine or network. A *name* the operator lists may resolve to it.
    Inside,
    /// Of no ordinary service: metadata of clouds, link-local, multicast, tunnels, reserved. Only an address or
    /// network that the operator lists lets a request there.
    Special,
}

/// Where credentials of machines are had: each is one request away from everything the machine may do.
const METADATA: [IpAddr; 5] = [
    // Oracle Cloud, and the anycast address of RFC 7723.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Alibaba Cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's WireServer: in public space, but answered by the host.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    // Google Cloud over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Judges an address. One of IPv4 in IPv6's clothes (`::ffff:0:0/96`) is judged as what it is.
pub fn standing(address: IpAddr) -> Standing {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Standing::Special;
    }
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Standing {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // Private (RFC 1918), loopback, and carriers' NAT (RFC 6598), which overlay networks use too.
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Standing::Inside,
        // "This network", link-local with most clouds' metadata, protocol assignments.
        (0, ..) | (169, 254, _) | (192, 0, 0) => Standing::Special,
        // Documentation, 6to4 relays, benchmarks.
        (192, 0, 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            Standing::Special
        }
        // Multicast, reserved, broadcast.
        (224..=255, ..) => Standing::Special,
        _ => Standing::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Standing {
    if address.is_loopback() {
        return Standing::Inside;
    }
    let [first, second, ..] = address.segments();
    match (first, second) {
        // Unique local (RFC 4193).
        (0xfc00..=0xfdff, _) => Standing::Inside,
        // IETF protocols with Teredo, documentation (two blocks), 6to4: the last and Teredo carry an IPv4 address.
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff) => Standing::Special,
        (0x2000..=0x3fff, _) => Standing::Public,
        // Unspecified, IPv4-compatible, NAT64, link-local, site-local, multicast, everything unassigned.
        _ => Standing::Special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Standing, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(standing(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn the_inside_is_told_from_the_public_internet() {
        check(
            Standing::Inside,
            &[
                "127.0.0.1",
                "127.255.255.255",
                "10.0.0.1",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "192.168.255.255",
                "100.64.0.1",
                "100.127.255.255",
                "::1",
                "fc00::1",
                "fdff:ffff::1",
                "::ffff:127.0.0.1",
                "::ffff:10.1.2.3",
            ],
        );
        check(
            Standing::Public,
            &[
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700::1111",
                "2001:4860:4860::8888",
                "2003::1",
                "3ffe::1",
                "::ffff:1.1.1.1",
            ],
        );
    }

    #[test]
    fn what_serves_nobody_is_special() {
        check(
            Standing::Special,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.0.1",
                "168.63.129.16",
                "100.100.100.200",
                "192.0.0.192",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::127.0.0.1",
                "::ffff:169.254.169.254",
                "::ffff:0:127.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b::101:101",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:1ff::1",
                "2001:db8::1",
                "2002:7f00:1::",
                "2002:101:101::",
                "3fff::1",
                "5f00::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "fd00:ec2::254",
                "fd20:ce::254",
            ],
        );
    }
}
