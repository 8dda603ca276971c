//! The header fields that routes see: those that the application will get.
//!
//! What [`outgoing`](super::outgoing) is going to remove might as well not be there. Otherwise a client could have a field
//! decide and keep it from the application: by nominating it in `Connection`, or by a name that only the gateway may say.

use super::{bearer, outgoing::IdentityNames};
use crate::{domain::policy::call::Fields, edge::http::hop};
use http::{HeaderMap, header::AUTHORIZATION};

/// Those fields of a request that will be left.
#[derive(Debug, Clone, Copy)]
pub struct Left<'a> {
    /// All of them.
    pub headers: &'a HeaderMap,
    /// What the application calls people by, which nobody else may.
    pub names: &'a IdentityNames,
}

impl Fields for Left<'_> {
    fn each(&self, see: &mut dyn FnMut(&str, &[u8])) {
        let doomed = hop::doomed(self.headers, |folded| self.names.stripped().has(folded));
        let has_token = bearer::holds_ours(self.headers);
        let is_gone = |name| doomed.contains(name) || (has_token && *name == AUTHORIZATION);
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_gone(name)) {
            see(name.as_str(), value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn left(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut seen = Vec::new();
        let names = IdentityNames::remote();
        Left { headers: &headers, names: &names }.each(&mut |name, _| seen.push(name.to_owned()));
        seen
    }

    #[test]
    fn routes_see_what_the_application_gets() {
        assert_eq!(left(&[("x-readonly", "1"), ("accept", "*/*")]), ["x-readonly", "accept"]);
        for gone in [
            &[("connection", "close, X-Readonly"), ("x-readonly", "1")][..],
            &[("remote-user", "ann")],
            &[("remote_user", "ann")],
            &[("x-http-method-override", "GET")],
            &[("te", "trailers")],
            &[("authorization", "Bearer doorward_abc")],
        ] {
            let fields: Vec<_> = gone.iter().copied().chain([("accept", "*/*")]).collect();
            assert_eq!(left(&fields), ["accept"], "{gone:?}");
        }
    }
}
