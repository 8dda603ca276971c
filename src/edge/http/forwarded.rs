//! The forwarding fields an application receives: always built here, never passed on (ID-05).

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::domain::target::Authority;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What an application is told about the connection of the client.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding<'a> {
    /// The client, as [`super::client::address`] found it.
    pub client: IpAddr,
    /// The host that the client asked for.
    pub authority: &'a Authority,
}

impl Forwarding<'_> {
    /// Replaces `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded`. The scheme is always `https`: nothing else is
    /// forwarded.
    pub fn write(&self, headers: &mut HeaderMap) {
        let (client, authority) = (self.client, self.authority.to_string());
        // The quotes let RFC 7239 have the colons of ports and of IPv6.
        let node = match client {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let forwarded = format!("for={node};host=\"{authority}\";proto=https");

        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
        put(headers, X_FORWARDED_FOR, client.to_string());
        put(headers, X_FORWARDED_HOST, authority);
        put(headers, header::FORWARDED, forwarded);
    }
}

/// Sets a field; a value that is none leaves the field absent rather than the client's.
fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    match HeaderValue::try_from(value) {
        Ok(value) => headers.insert(name, value),
        Err(_) => headers.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(client: &str, authority: &str) -> [String; 4] {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"] {
            headers.append(name, HeaderValue::from_static("forged"));
            headers.append(name, HeaderValue::from_static("forged twice"));
        }
        let authority = Authority::parse(authority).unwrap();
        Forwarding { client: client.parse().unwrap(), authority: &authority }.write(&mut headers);

        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"].map(|name| {
            let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
            values.join(" AND ")
        })
    }

    #[test]
    fn the_client_s_values_are_replaced() {
        assert_eq!(
            written("192.0.2.1", "App.example:8443"),
            ["192.0.2.1", "app.example:8443", "https", "for=192.0.2.1;host=\"app.example:8443\";proto=https"],
        );
        assert_eq!(
            written("2001:db8::1", "[::1]"),
            ["2001:db8::1", "[::1]", "https", "for=\"[2001:db8::1]\";host=\"[::1]\";proto=https"],
        );
    }
}
