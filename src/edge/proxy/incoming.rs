//! The response on its way back.
//!
//! An application speaks for itself, never for the gateway: it can't touch the gateway's cookies or fields, turn HSTS
//! off, or send browsers around the gateway. Everything else passes, its cookies byte for byte.

use super::body::ResponseBody;
use crate::edge::http::{cookies, hop};
use http::{
    HeaderMap, HeaderValue, Response, Version,
    header::{ALT_SVC, CONTENT_LENGTH, STRICT_TRANSPORT_SECURITY},
};

/// The response to give to the browser. `hsts` is what this host promises (BR-02).
pub fn response<B>(response: Response<B>, hsts: &HeaderValue) -> Response<ResponseBody<B>> {
    let mut response = response.map(ResponseBody::free);
    // The version is about the application's connection; the browser has its own.
    *response.version_mut() = Version::HTTP_11;
    clean(response.headers_mut(), hsts);
    response
}

/// What [`response`] does to the fields.
pub(super) fn clean(headers: &mut HeaderMap, hsts: &HeaderValue) {
    // Only the gateway speaks of itself to a browser.
    hop::remove(headers, |folded| folded.starts_with("doorward-"));
    cookies::protect_ours(headers);
    // It names other servers for this origin, which would not ask who comes.
    headers.remove(ALT_SVC);
    keep_one_length(headers);
    headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn received(fields: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        clean(&mut headers, &HeaderValue::from_static("max-age=1"));
        assert_eq!(headers.remove(STRICT_TRANSPORT_SECURITY).unwrap(), "max-age=1");
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn an_application_speaks_for_itself_only() {
        let fields = received(&[
            ("set-cookie", "a=1; Path=/"),
            ("set-cookie", "__Host-doorward-app=; Max-Age=0"),
            ("set-cookie", "b=\"2\"; HttpOnly"),
            ("doorward-step-up", "x"),
            ("doorward_step_up", "x"),
            ("clear-site-data", "\"cookies\""),
            ("strict-transport-security", "max-age=0"),
            ("alt-svc", "h3=\":443\""),
            ("connection", "close, x-nominated"),
            ("x-nominated", "x"),
            ("keep-alive", "x"),
            ("transfer-encoding", "chunked"),
            ("trailer", "x"),
            ("content-type", "text/html"),
        ]);

        assert_eq!(fields, ["content-type: text/html", "set-cookie: a=1; Path=/", "set-cookie: b=\"2\"; HttpOnly"]);
    }

    #[test]
    fn a_length_is_said_once_or_not_at_all() {
        assert_eq!(received(&[("content-length", "5")]), ["content-length: 5"]);
        assert_eq!(received(&[("content-length", "5"), ("content-length", "5")]), Vec::<String>::new());
        assert_eq!(received(&[("content-length", "5, 5")]), Vec::<String>::new());
    }
}
