//! The response on its way back.
//!
//! An application speaks for itself, never for the gateway: it can't touch the gateway's cookies or fields, turn HSTS
//! off, or send browsers around the gateway. Everything else passes, its cookies byte for byte.

use super::{body::ResponseBody, strip};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, Version,
    header::{ALT_SVC, CONTENT_LENGTH, SET_COOKIE, STRICT_TRANSPORT_SECURITY},
};

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The response to give to the browser. `hsts` is what this host promises (BR-02).
pub fn response<B>(response: Response<B>, hsts: &HeaderValue) -> Response<ResponseBody<B>> {
    let mut response = response.map(ResponseBody);
    // The version is about the application's connection; the browser has its own.
    *response.version_mut() = Version::HTTP_11;
    clean(response.headers_mut(), hsts);
    response
}

/// What [`response`] does to the fields.
pub(super) fn clean(headers: &mut HeaderMap, hsts: &HeaderValue) {
    strip::hop_by_hop(headers);
    strip::gateway_fields(headers);
    // It names other servers for this origin, which would not ask who comes.
    headers.remove(ALT_SVC);
    keep_our_cookies(headers);
    keep_our_site_data(headers);
    keep_one_length(headers);
    headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
}

/// Drops every `Set-Cookie` that is about a cookie of ours; the others keep their order.
fn keep_our_cookies(headers: &mut HeaderMap) {
    if !headers.get_all(SET_COOKIE).iter().any(|cookie| strip::is_our_cookie(cookie.as_bytes())) {
        return;
    }
    let theirs: Vec<_> =
        headers.get_all(SET_COOKIE).iter().filter(|cookie| !strip::is_our_cookie(cookie.as_bytes())).cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in theirs {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Clearing `"cookies"` would sign the browser out here and on the portal: browsers do it for the whole registrable
/// domain. Of `"*"` the rest remains.
fn keep_our_site_data(headers: &mut HeaderMap) {
    let mut kept = Vec::new();
    let mut spares_cookies = true;
    for kind in headers.get_all(&CLEAR_SITE_DATA).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
    {
        match kind.trim_ascii() {
            b"\"cookies\"" => spares_cookies = false,
            b"\"*\"" => {
                spares_cookies = false;
                kept.extend([&b"\"cache\""[..], b"\"storage\"", b"\"executionContexts\""]);
            }
            other => kept.push(other),
        }
    }
    if spares_cookies {
        return;
    }
    let value = HeaderValue::from_bytes(&kept.join(&b", "[..]));
    match value {
        Ok(value) if !value.is_empty() => headers.insert(CLEAR_SITE_DATA, value),
        _ => headers.remove(CLEAR_SITE_DATA),
    };
}

/// Equal lengths, repeated, are one to the parser; the browser's must not have to be so kind (FR-04). Without the
/// field hyper writes the length that it counts.
fn keep_one_length(headers: &mut HeaderMap) {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let is_plain = |length: &HeaderValue| length.as_bytes().iter().all(u8::is_ascii_digit);
    if let (Some(first), rest) = (lengths.next(), lengths.next())
        && (rest.is_some() || !is_plain(first))
    {
        headers.remove(CONTENT_LENGTH);
    }
}
