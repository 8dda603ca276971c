//! What must not pass, in either direction.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, COOKIE},
};

/// Every cookie of ours begins so. Browsers take the prefix in any case, so we do too.
const OUR_COOKIES: &[u8] = b"__host-doorward";

/// Fields about one connection, beside those that `Connection` names (RFC 9110 7.6.1). `Expect` is answered by us.
const HOP_BY_HOP: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
];

/// Removes the fields that `Connection` names, then those that are about one connection by nature.
pub(super) fn hop_by_hop(headers: &mut HeaderMap) {
    let nominations: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for token in nominations.iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b',')) {
        if let Ok(name) = HeaderName::from_bytes(token.trim_ascii()) {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes every field that an application could take for one of ours (ID-01, ID-04), and those in `also`.
///
/// Applications see names folded: CGI and its heirs make one name of `Remote-User`, `remote_user` and `Remote.User`.
pub(super) fn identity_fields<'a>(headers: &mut HeaderMap, also: impl Iterator<Item = &'a HeaderName> + Clone) {
    let ours =
        |name: &&HeaderName| is_ours(name.as_str()) || also.clone().any(|own| folds_to(name.as_str(), own.as_str()));
    let doomed: Vec<HeaderName> = headers.keys().filter(ours).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
}

/// Removes what only the gateway may say to a browser (ID-12).
pub(super) fn gateway_fields(headers: &mut HeaderMap) {
    let doomed: Vec<HeaderName> = headers.keys().filter(|name| begins(name.as_str(), "doorward-")).cloned().collect();
    for name in doomed {
        headers.remove(name);
    }
}

/// Takes our cookies out; the application's stay as they were sent, on one line (FR-22, ID-11).
pub(super) fn our_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    let Some(first) = lines.next() else { return };
    let is_one_line = lines.next().is_none();
    let none_ours = |line: &HeaderValue| !crumbs(line).any(is_our_cookie);
    if is_one_line && none_ours(first) {
        return;
    }
    let mut kept = Vec::with_capacity(first.len());
    for crumb in headers.get_all(COOKIE).iter().flat_map(crumbs).filter(|crumb| !is_our_cookie(crumb)) {
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(crumb);
    }
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(kept)) {
        Ok(value) if !value.is_empty() => headers.insert(COOKIE, value),
        _ => headers.remove(COOKIE),
    };
}

/// Whether a `Cookie` crumb or a `Set-Cookie` value is about a cookie of ours.
///
/// `=name=value` counts too: browsers have sent a cookie without a name as its value.
pub(super) fn is_our_cookie(crumb: &[u8]) -> bool {
    let crumb = crumb.trim_ascii_start();
    let crumb = crumb.strip_prefix(b"=").unwrap_or(crumb).trim_ascii_start();
    crumb.get(..OUR_COOKIES.len()).is_some_and(|start| start.eq_ignore_ascii_case(OUR_COOKIES))
}

fn crumbs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|crumb| !crumb.is_empty())
}

/// `name` is lower case, as [`HeaderName`] always is. What `match` names are folded forms.
fn is_ours(name: &str) -> bool {
    // Most fields of a request are told apart by their first letter.
    match name.as_bytes().first() {
        Some(b'c') => any_of(name, &["cf-connecting-ip", "client-ip"]),
        Some(b'd') => begins(name, "doorward-"),
        Some(b'f') => folds_to(name, "forwarded"),
        Some(b'h') => begins(name, "http-"),
        Some(b'p') => folds_to(name, "proxy"),
        Some(b'r') => begins(name, "remote-"),
        Some(b't') => any_of(name, &["true-client-ip"]),
        Some(b'x') => {
            ["x-forwarded-", "x-auth-request-", "x-remote-", "x-webauth-", "x-original-", "x-rewrite-", "x-doorward-"]
                .iter()
                .any(|prefix| begins(name, prefix))
                || any_of(
                    name,
                    &[
                        "x-real-ip",
                        "x-request-id",
                        "x-client-ip",
                        "x-cluster-client-ip",
                        "x-forwarded",
                        "x-http-method",
                        "x-http-method-override",
                        "x-method-override",
                        "x-user",
                        "x-email",
                        "x-groups",
                    ],
                )
        }
        _ => false,
    }
}

fn any_of(name: &str, folded: &[&str]) -> bool {
    folded.iter().any(|folded| folds_to(name, folded))
}

fn folds_to(name: &str, folded: &str) -> bool {
    name.len() == folded.len() && begins(name, folded)
}

/// Whether `name`, folded, begins with `folded`: every byte but letters and digits counts as a hyphen.
fn begins(name: &str, folded: &str) -> bool {
    let fold = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.len() >= folded.len() && name.bytes().zip(folded.bytes()).all(|(byte, wanted)| fold(byte) == fold(wanted))
}
