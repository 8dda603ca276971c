//! The forwarding fields an application receives: always built here, never passed on (ID-05).

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::domain::target::Authority;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Room for most texts.
const TEXT_BYTES: usize = 128;

/// What an application is told about the connection of the client.
#[derive(Debug, Clone)]
pub struct Forwarding {
    client: HeaderValue,
    host: HeaderValue,
    forwarded: HeaderValue,
}

impl Forwarding {
    /// For a client, as [`super::client::address`] found it, and the host that it asked for.
    ///
    /// The values are parts of one text: every request needs all of them.
    pub fn new(client: IpAddr, authority: &Authority) -> Result<Self, InvalidHeaderValue> {
        // The quotes let RFC 7239 have the colons of ports and of IPv6.
        let (open, close) = if client.is_ipv6() { ("\"[", "]\"") } else { ("", "") };
        let mut text = String::with_capacity(TEXT_BYTES);
        // Writing to a string does not fail.
        let _ = write!(text, "for={open}{client}");
        let client = 4 + open.len()..text.len();
        let _ = write!(text, "{close};host=\"");
        let host = text.len();
        let _ = write!(text, "{authority}");
        let host = host..text.len();
        text.push_str("\";proto=https");
        let text = Bytes::from(text);
        let value = |bytes| HeaderValue::from_maybe_shared::<Bytes>(bytes);
        Ok(Self { client: value(text.slice(client))?, host: value(text.slice(host))?, forwarded: value(text)? })
    }

    /// The host that the client asked for, in its canonical form.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Replaces `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded`. The scheme is always `https`: nothing else is
    /// forwarded.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
        headers.insert(X_FORWARDED_FOR, self.client.clone());
        headers.insert(X_FORWARDED_HOST, self.host.clone());
        headers.insert(header::FORWARDED, self.forwarded.clone());
    }
}

/// What the last request of a connection made of it. Mostly the next one is for the same host, and needs the same.
#[derive(Debug, Default)]
pub struct Last(Mutex<Option<(IpAddr, Authority, Forwarding)>>);

impl Last {
    /// [`Forwarding::new`], made anew only where something differs.
    pub fn forwarding(&self, client: IpAddr, authority: &Authority) -> Result<Forwarding, InvalidHeaderValue> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((same_client, same, forwarding)) if *same_client == client && same == authority => {
                Ok(forwarding.clone())
            }
            _ => {
                let forwarding = Forwarding::new(client, authority)?;
                *last = Some((client, authority.clone(), forwarding.clone()));
                Ok(forwarding)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_remembered_by_client_and_host() {
        let last = Last::default();
        let told = |client: &str, authority: &str| {
            let authority = Authority::parse(authority).unwrap();
            let told = last.forwarding(client.parse().unwrap(), &authority).unwrap();
            told.forwarded.to_str().unwrap().to_owned()
        };

        for (client, authority) in [("192.0.2.1", "a"), ("192.0.2.2", "a"), ("192.0.2.2", "a"), ("192.0.2.2", "b:1")] {
            assert_eq!(told(client, authority), format!("for={client};host=\"{authority}\";proto=https"));
        }
    }

    fn written(client: &str, authority: &str) -> [String; 4] {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded"] {
            headers.append(name, HeaderValue::from_static("forged"));
            headers.append(name, HeaderValue::from_static("forged twice"));
        }
        let authority = Authority::parse(authority).unwrap();
        Forwarding::new(client.parse().unwrap(), &authority).unwrap().write(&mut headers);

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
