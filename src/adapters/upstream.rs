//! The way to the applications' servers: choosing a healthy one, connecting, keeping connections.
//!
//! [`Upstreams`] is shared by the whole process: who the servers are and how they fare. Each core of the data plane
//! has a [`Client`] of its own with connections of its own, so that no request crosses a core. Where the settings change,
//! `next` makes a new one of either: an app that is reached as before keeps its servers' health and its connections.
//!
//! # Invariants
//!
//! - Nothing is sent without an [`Admission`](crate::domain::policy::Admission).
//! - No request waits for DNS: names are resolved beside the traffic, and the last good answer stays.
//! - A connection is used again only after a clean end, and never once it carried connection-bound credentials.
//! - A request is sent a second time only if not one byte of it was sent the first time, or if it changes nothing and
//!   went out on a connection that its server was closing.
//! - TLS to a server is verified, always.
//! - Over HTTP/2 nobody who stops reading holds up anybody else: a connection's window has room for all of its streams'.

mod connect;
mod health;
mod pool;
mod servers;

pub(super) use connect::client_config;
pub use connect::{NotTrusted, Trust};
pub use pool::{Client, ReplyBody};
pub use servers::{NotAServer, Server, Upstreams};

use http::uri::PathAndQuery;
use std::time::Duration;

/// How one app is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it runs; never empty.
    pub servers: Vec<Server>,
    /// What is spoken there.
    pub http: HttpVersion,
    /// Who may vouch for `https` servers.
    pub trust: Trust,
    /// What tells whether a server is well.
    pub probe: Probe,
    /// How often servers are probed.
    pub probe_every: Duration,
    /// Longest wait for a connection, TLS included.
    pub connect_max: Duration,
    /// Longest wait for the head of a response, from the end of the request.
    pub answer_max: Duration,
    /// A connection unused for this long is closed.
    pub idle_max: Duration,
}

/// What is spoken with the servers of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.1: one exchange at a time on a connection.
    One,
    /// HTTP/2, and nothing else: agreed on by ALPN over TLS, known beforehand without it (RFC 9113 3.2, 3.3).
    Two,
}

/// What tells whether a server is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It accepts a connection.
    Connect,
    /// It answers `GET` of this path with 2xx or 3xx.
    Get(PathAndQuery),
}

impl Settings {
    /// The defaults for an app on these servers.
    pub fn new(servers: Vec<Server>) -> Self {
        Self {
            servers,
            http: HttpVersion::One,
            trust: Trust::System,
            probe: Probe::Connect,
            probe_every: Duration::from_secs(5),
            connect_max: Duration::from_secs(5),
            answer_max: Duration::from_mins(1),
            idle_max: Duration::from_secs(30),
        }
    }
}
