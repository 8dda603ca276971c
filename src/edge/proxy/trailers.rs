//! Trailers on their way through: fields that follow a body.
//!
//! Towards an application that speaks HTTP/1.1 they are dropped, in both directions (FR-11). Where HTTP/2 goes all the way
//! they pass, for gRPC says with them how a call ended: bounded, and without whatever only the gateway may say, and
//! without fields that mean something only before a body (RFC 9110 6.5.1).

use crate::edge::http::{fold::StripList, hop};
use http::HeaderMap;
use std::sync::Arc;

/// All names and values together.
pub const BYTES_MAX: usize = 16 * 1024;

/// What no trailer may say: framing, routing, credentials, cookies, caching, and what this host promises. Folded.
const BEFORE_THE_BODY: &[&str] = &[
    "age",
    "alt-svc",
    "authorization",
    "cache-control",
    "clear-site-data",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "vary",
    "www-authenticate",
];

/// What becomes of trailers.
#[derive(Debug, Clone, Default)]
pub enum Trailers {
    /// They end here.
    #[default]
    Dropped,
    /// They go on to the application, without what only the gateway may tell it.
    OfRequest(Arc<StripList>),
    /// They go on to the client.
    OfResponse,
}

/// They are longer than [`BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trailers are longer than {BYTES_MAX} bytes")]
pub struct TooLong;

impl Trailers {
    /// What of these goes on; `None` where nothing does.
    pub fn pass(&self, mut trailers: HeaderMap) -> Result<Option<HeaderMap>, TooLong> {
        let bytes: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > BYTES_MAX {
            return Err(TooLong);
        }
        match self {
            Self::Dropped => return Ok(None),
            Self::OfRequest(list) => {
                hop::remove(&mut trailers, |folded| list.has(folded) || BEFORE_THE_BODY.contains(&folded));
            }
            Self::OfResponse => hop::remove(&mut trailers, |folded| {
                folded.starts_with("doorward-")
                    || folded.starts_with("access-control-")
                    || BEFORE_THE_BODY.contains(&folded)
            }),
        }
        Ok(Some(trailers).filter(|trailers| !trailers.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::proxy::outgoing::IdentityNames;
    use http::{HeaderName, HeaderValue};

    fn passed(trailers: &Trailers, fields: &[&str]) -> Vec<String> {
        let named = |name: &&str| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("x"));
        let left = trailers.pass(fields.iter().map(named).collect()).unwrap().unwrap_or_default();
        left.keys().map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn only_what_an_application_says_of_itself_passes() {
        let fields = [
            "grpc-status",
            "grpc-message",
            "x-own-bin",
            "remote-user",
            "Remote_User",
            "x-forwarded-for",
            "doorward-assertion",
            "doorward_step_up",
            "set-cookie",
            "cookie",
            "authorization",
            "content-length",
            "Content_Length",
            "transfer-encoding",
            "host",
            "connection",
            "te",
            "access-control-allow-origin",
            "strict-transport-security",
        ];
        let request = Trailers::OfRequest(Arc::clone(IdentityNames::remote().stripped()));

        assert_eq!(passed(&Trailers::Dropped, &fields), Vec::<String>::new());
        let own = ["grpc-status", "grpc-message", "x-own-bin"];
        assert_eq!(passed(&request, &fields), [&own[..], &["access-control-allow-origin"]].concat());
        let named_by_us = ["remote-user", "remote_user", "x-forwarded-for"];
        assert_eq!(passed(&Trailers::OfResponse, &fields), [&own[..], &named_by_us].concat());
    }

    #[test]
    fn they_are_bounded() {
        let of = |length: usize| {
            let value = HeaderValue::from_str(&"x".repeat(length)).unwrap();
            [(HeaderName::from_static("a"), value)].into_iter().collect::<HeaderMap>()
        };

        assert!(Trailers::OfResponse.pass(of(BYTES_MAX - 1)).unwrap().is_some());
        assert_eq!(Trailers::OfResponse.pass(of(BYTES_MAX)), Err(TooLong));
        assert_eq!(Trailers::Dropped.pass(of(BYTES_MAX)), Err(TooLong));
    }
}
