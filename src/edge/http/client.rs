//! Where a request comes from (ID-05).

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies in front of a chain that are looked at; no honest chain is longer.
const HOPS_MAX: usize = 32;

/// Proxies whose `X-Forwarded-For` is believed. Empty unless configured.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Believes connections from these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether this address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The address of the client: of the connection, or as far back as trusted proxies vouch for.
///
/// `X-Forwarded-For` is read from the right, and only while the hop that wrote an entry is trusted. What is no plain
/// address ends the walk: the hop before it is then the client.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer.to_canonical();
    let fields = headers.get_all(X_FORWARDED_FOR).iter().rev();
    for entry in fields.flat_map(|field| field.as_bytes().rsplit(|&byte| byte == b',')).take(HOPS_MAX) {
        if !trusted.contains(client) {
            break;
        }
        let Some(earlier) = parse(entry) else { break };
        client = earlier;
    }
    client
}

/// A bare address: no port, no brackets, no name.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    text.trim_matches([' ', '\t']).parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(peer: &str, fields: &[&str]) -> String {
        let trusted = TrustedProxies::new(["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("x-forwarded-for", field.parse().unwrap());
        }
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(client("::ffff:192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
    }

    #[test]
    fn trusted_proxies_vouch_from_the_right() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("2001:db8::1", &["10.0.0.3 ,\t10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        for junk in ["unknown", "", "198.51.100.1:80", "[::1]", "198.51.100.01", "198.51.100.1 x", "é"] {
            assert_eq!(client("10.0.0.1", &[&format!("1.1.1.1, {junk}, 10.0.0.2")]), "10.0.0.2", "{junk:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_sends_never_moves_a_vouched_address(forged in "[0-9a-f:., x]{0,40}") {
            prop_assert_eq!(client("10.0.0.1", &[&format!("{forged}, 198.51.100.1")]), "198.51.100.1");
        }
    }
}
