//! The header fields that routes see: those that the application will get.
//!
//! What [`outgoing`](super::outgoing) is going to remove might as well not be there. Otherwise a client could have a field
//! decide and keep it from the application: by nominating it in `Connection`, or by a name that only the gateway may say.

use super::{bearer, outgoing::IdentityNames};
use crate::{domain::policy::call::Fields, edge::http::hop};
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use std::cell::OnceCell;

/// Those fields of a request that will be left.
#[derive(Debug)]
pub struct Left<'a> {
    headers: &'a HeaderMap,
    names: &'a IdentityNames,
    /// What goes: found out once, where a route asks for a field at all.
    doomed: OnceCell<Vec<HeaderName>>,
}

impl<'a> Left<'a> {
    /// What is left of these, where the application calls people by these names, which nobody else may.
    pub const fn of(headers: &'a HeaderMap, names: &'a IdentityNames) -> Self {
        Self { headers, names, doomed: OnceCell::new() }
    }

    fn doomed(&self) -> Vec<HeaderName> {
        let mut doomed = hop::doomed(self.headers, |folded| self.names.stripped().has(folded));
        doomed.extend(bearer::holds_ours(self.headers).then_some(AUTHORIZATION));
        doomed
    }
}

impl Fields for Left<'_> {
    fn each(&self, see: &mut dyn FnMut(&str, &[u8])) {
        let doomed = self.doomed.get_or_init(|| self.doomed());
        for (name, value) in self.headers.iter().filter(|(name, _)| !doomed.contains(name)) {
            see(name.as_str(), value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn left(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut seen = Vec::new();
        let names = IdentityNames::remote();
        Left::of(&headers, &names).each(&mut |name, _| seen.push(name.to_owned()));
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
