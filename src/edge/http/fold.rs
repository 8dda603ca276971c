//! Field names as application servers fold them, and the fields that only the gateway may send (ID-01, ID-04).
//!
//! CGI and its heirs turn `Remote-User`, `Remote_User` and `remote.user` into one variable. A name is therefore compared
//! in its folded form: lower case, and a hyphen for everything outside `[a-z0-9]`.

use foldhash::fast::RandomState;
use std::{borrow::Cow, collections::HashSet};

/// Fields of other gateways, and those that override path or method. No client may send them to an application.
///
/// Folded.
pub const FOREIGN_NAMES: &[&str] = &[
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-cert",
    "client-cert-chain",
    "fastly-client-ip",
    "forwarded",
    "front-end-https",
    "remote-addr",
    "remote-email",
    "remote-groups",
    "remote-host",
    "remote-ident",
    "remote-name",
    "remote-user",
    "true-client-ip",
    "x-authenticated-user",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-cert",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-email",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-goog-iap-jwt-assertion",
    "x-groups",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-proxy-user",
    "x-real-ip",
    "x-remote-email",
    "x-remote-group",
    "x-remote-groups",
    "x-remote-name",
    "x-remote-user",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
    "x-user",
    "x-userinfo",
];

/// How fields of other gateways begin, where a gateway has many of them, and how our own do.
///
/// Folded.
pub const FOREIGN_PREFIXES: &[&str] = &[
    "cf-access-",
    "doorward-",
    "http-",
    "oidc-",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-authentik-",
    "x-forwarded-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-pomerium-",
    "x-remote-extra-",
    "x-ssl-client-",
    "x-vouch-",
    "x-webauth-",
];

fn has_foreign_prefix(folded: &str) -> bool {
    // Most names begin with another letter than most prefixes.
    let first = folded.as_bytes().first();
    FOREIGN_PREFIXES.iter().any(|prefix| prefix.as_bytes().first() == first && folded.starts_with(prefix))
}

/// The folded form of a field name.
pub fn fold(name: &str) -> Cow<'_, str> {
    if is_folded(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().map(fold_char).collect())
}

fn is_folded(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn fold_char(char: char) -> char {
    if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' }
}

/// The names that are removed from every client's request, whatever route it takes.
#[derive(Debug, Clone)]
pub struct StripList {
    /// Folded. Every field of every request is looked up.
    names: HashSet<String, RandomState>,
}

impl StripList {
    /// The names of other gateways, and `own`: those under which applications receive an identity from us.
    pub fn new<Name: AsRef<str>>(own: impl IntoIterator<Item = Name>) -> Self {
        let mut names: HashSet<_, _> = FOREIGN_NAMES.iter().map(|&name| name.to_owned()).collect();
        names.extend(own.into_iter().map(|name| fold(name.as_ref()).into_owned()));
        Self { names }
    }

    /// Whether only the gateway may send a field of this [folded](fold) name.
    pub fn has(&self, folded: &str) -> bool {
        self.names.contains(folded) || has_foreign_prefix(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_that_servers_fold_together_is_ours() {
        let list = StripList::new(["Remote-User", "X-Payroll-Person"]);

        for spelling in [
            "Remote-User",
            "remote_user",
            "REMOTE.USER",
            "Remote~User",
            "remote!user",
            "Remote'User",
            "X_Payroll.Person",
            "X-Forwarded-User",
            "X_Forwarded_For",
            "Doorward-Assertion",
            "HTTP_REMOTE_USER",
            "X-Original-URL",
            "CF-Connecting-IP",
            "Fastly-Client-IP",
            "True-Client-IP",
            "X_Original_Forwarded_For",
            "X-Azure-ClientIP",
            "X-Envoy-External-Address",
            "X-Scheme",
            "X-URL-Scheme",
            "X_HTTP_Method_Override",
            "X-Auth-Request-Access-Token",
            "Forwarded",
        ] {
            assert!(list.has(&fold(spelling)), "{spelling}");
        }
        for other in
            ["Host", "Cookie", "Authorization", "HTTP2-Settings", "X-Remote", "Remote-Users", "X-Requested-With"]
        {
            assert!(!list.has(&fold(other)), "{other}");
        }
    }

    #[test]
    fn the_default_names_are_folded() {
        assert!(FOREIGN_NAMES.iter().chain(FOREIGN_PREFIXES).all(|name| is_folded(name)));
    }

    #[test]
    fn every_prefix_counts_as_a_whole() {
        for prefix in FOREIGN_PREFIXES {
            assert!(has_foreign_prefix(prefix) && has_foreign_prefix(&format!("{prefix}zz")), "{prefix}");
            assert!(!has_foreign_prefix(&prefix[..prefix.len() - 1]), "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(raw in "\\PC{0,24}") {
            let once = fold(&raw).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
            prop_assert!(is_folded(&once));
        }

        #[test]
        fn no_separator_hides_a_name(separator in "[-!#$%&'*+.^_`|~]", upper: bool) {
            let raw = format!("x{separator}remote{separator}user");
            let raw = if upper { raw.to_ascii_uppercase() } else { raw };
            prop_assert!(StripList::new::<&str>([]).has(&fold(&raw)));
        }
    }
}
