//! Host names: one canonical form for TLS, routing and policy (HO-02, HO-05).

use std::net::Ipv6Addr;

/// A host in canonical form: lower case, no trailing dot, no port; or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(String);

/// Why a text is no host, or no host and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAHost {
    /// Nothing there.
    #[error("the host is empty")]
    Empty,
    /// Longer than DNS allows.
    #[error("the host is longer than 253 characters")]
    TooLong,
    /// A label that DNS does not know: empty, over 63 characters, or with a hyphen at an end.
    #[error("a part between two dots is empty, too long, or begins or ends with a hyphen")]
    Label,
    /// Anything but letters, digits, hyphens, underscores and dots. International names are written `xn--…`.
    #[error("only letters, digits, hyphens and dots can stand in a host; write international names as xn--…")]
    Character,
    /// Not a number between 1 and 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

/// A host and, where one is written, a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, if one is written.
    pub port: Option<u16>,
}

impl Host {
    /// Canonical form of a host as it was written. No port.
    pub fn parse(raw: &str) -> Result<Self, NotAHost> {
        if let Some(literal) = raw.strip_prefix('[') {
            let address: Ipv6Addr =
                literal.strip_suffix(']').and_then(|inner| inner.parse().ok()).ok_or(NotAHost::Character)?;
            return Ok(Self(format!("[{address}]")));
        }
        let name = raw.strip_suffix('.').unwrap_or(raw);
        if name.is_empty() {
            return Err(NotAHost::Empty);
        }
        if name.len() > 253 {
            return Err(NotAHost::TooLong);
        }
        for label in name.split('.') {
            if label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-') {
                return Err(NotAHost::Label);
            }
            if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(NotAHost::Character);
            }
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Authority {
    /// Reads `host` or `host:port`, as a `Host` field or `:authority` has it. No user, no list, no escape.
    pub fn parse(raw: &str) -> Result<Self, NotAHost> {
        let (host, port) = match raw.rsplit_once(':') {
            // The last colon of `[::1]` is not in front of a port.
            Some((host, port)) if !port.ends_with(']') => (host, Some(parse_port(port)?)),
            _ => (raw, None),
        };
        Ok(Self { host: Host::parse(host)?, port })
    }

    /// The same as browsers write it for HTTPS: without the port that is meant anyway (HO-02).
    #[must_use]
    pub fn over_https(self) -> Self {
        Self { port: self.port.filter(|&port| port != 443), ..self }
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            None => write!(f, "{}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

fn parse_port(digits: &str) -> Result<u16, NotAHost> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotAHost::Port);
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or(NotAHost::Port)
}

/// A host, or `*.` and a host: any one label in front of it (RFC 9525 6.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(Host),
    /// One label more than this host.
    Wildcard(Host),
}

impl HostPattern {
    /// Reads `host` or `*.host`.
    pub fn parse(raw: &str) -> Result<Self, NotAHost> {
        match raw.strip_prefix("*.") {
            Some(parent) => Host::parse(parent).map(Self::Wildcard),
            None => Host::parse(raw).map(Self::Exact),
        }
    }

    /// The one host that is meant, if it is one.
    pub fn exact(&self) -> Option<&Host> {
        match self {
            Self::Exact(host) => Some(host),
            Self::Wildcard(_) => None,
        }
    }

    /// Whether `host` is meant.
    pub fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Exact(own) => own == host,
            Self::Wildcard(parent) => host.0.split_once('.').is_some_and(|(_, rest)| rest == parent.0),
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => write!(f, "{host}"),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_form() {
        for raw in ["App.Example.COM", "app.example.com.", "app.example.com"] {
            assert_eq!(Host::parse(raw).unwrap().as_str(), "app.example.com");
        }
        assert_eq!(Host::parse("[0:0:0:0:0:0:0:1]").unwrap().as_str(), "[::1]");
    }

    #[test]
    fn what_no_host_looks_like() {
        for raw in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a b",
            "a,b",
            "a/b",
            "a?x",
            "a#x",
            "u@a",
            "a%00.b",
            "a\\b",
            "é.example",
            "-a",
            "a-.b",
            "[::1",
            "::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "a\0",
            "a\tb",
        ] {
            assert!(Host::parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn ports_are_numbers() {
        let parse = |raw| Authority::parse(raw).map(|authority| authority.to_string());

        assert_eq!(parse("A.example:8443"), Ok("a.example:8443".into()));
        assert_eq!(parse("[::1]:443"), Ok("[::1]:443".into()));
        assert_eq!(parse("[::1]"), Ok("[::1]".into()));
        for raw in ["a:", "a:0", "a:65536", "a:+80", "a: 80", "a:080000", "a:b", "u:p@a", "a:1:2"] {
            assert!(parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn over_https_its_port_goes_without_saying() {
        let over_https = |raw| Authority::parse(raw).unwrap().over_https().to_string();

        assert_eq!(["a:443", "a", "a:80", "[::1]:443"].map(over_https), ["a", "a", "a:80", "[::1]"]);
    }

    #[test]
    fn a_wildcard_is_one_label() {
        let pattern = HostPattern::parse("*.example.com").unwrap();
        let matches = |raw| pattern.matches(&Host::parse(raw).unwrap());

        assert!(matches("app.example.com"));
        assert!(!matches("example.com") && !matches("a.b.example.com") && !matches("appexample.com"));
    }
}
