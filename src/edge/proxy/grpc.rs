//! gRPC: calls over HTTP/2 whose outcome is told in trailers, or in the fields of a response that has nothing else.
//!
//! What may not pass is told so in the protocol's own words: a status, a message, and for programs that can act on it the
//! `google.rpc.Status` of the richer error model, with an `ErrorInfo` that holds what RFC 9470 has in its challenge.

use super::{
    Served, Speaks,
    answer::{Own, Wanted, level_of, max_age_of, words_of},
    body::{RequestBody, ResponseBody},
    kind::Kind,
    tether::Cut,
    tie::Tie,
    trailers::Trailers,
};
use crate::edge::http::{refusal::Refusal, request::RequestId};
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use std::{fmt::Write as _, sync::Arc};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Whose reasons these are, in an `ErrorInfo`.
const DOMAIN: &str = "doorward";
/// What the details are.
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// How a call ended: those of gRPC's codes that the gateway has a use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Whether a request is a call. `application/grpc-web` is not: browsers make those, which read a status like any other.
pub fn is_call(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let name = kind.split([';', '+']).next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case("application/grpc")
}

/// Tells a caller what is missing, and where a person can provide it.
pub(super) fn unauthenticated(wanted: &Wanted<'_>, step_up_url: &str, id: RequestId) -> Own {
    let words = words_of(wanted);
    let mut metadata = vec![("step_up_url", step_up_url.to_owned()), ("request_id", id.to_string())];
    if let Wanted::StepUp(missing, requirement) = wanted {
        metadata.push(("acr_values", level_of(missing, requirement).to_string()));
        metadata.extend(max_age_of(missing, requirement).map(|age| ("max_age", age.as_secs().to_string())));
    }
    let reason = words.code.to_ascii_uppercase();
    let message = format!("{} {}", words.title, words.detail);
    ended(Code::Unauthenticated, &message, &reason, &metadata)
}

/// Refuses a call.
pub(super) fn refuse(refusal: &Refusal<'_>, reason: &str, id: RequestId) -> Own {
    let code = match refusal.status() {
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
            Code::ResourceExhausted
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::MISDIRECTED_REQUEST => {
            Code::Unavailable
        }
        StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
        _ => Code::InvalidArgument,
    };
    let message = match refusal {
        Refusal::NotAllowed { message: Some(message), .. } => message,
        _ => refusal.status().canonical_reason().unwrap_or_default(),
    };
    ended(code, message, &reason.to_ascii_uppercase(), &[("request_id", id.to_string())])
}

/// A response that is nothing but the end of a call.
fn ended(code: Code, message: &str, reason: &str, metadata: &[(&str, String)]) -> Own {
    let mut response = Response::new(String::new());
    let headers = response.headers_mut();
    headers.extend(end(code, message, reason, metadata));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The end of a call: fields of such a response, or trailers.
fn end(code: Code, message: &str, reason: &str, metadata: &[(&str, String)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(STATUS, HeaderValue::from(code as u16));
    let details = BASE64_STANDARD_NO_PAD.encode(status(code, message, &error_info(reason, metadata)));
    for (name, value) in [(MESSAGE, percent_encoded(message)), (DETAILS, details)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            fields.insert(name, value);
        }
    }
    fields
}

/// `grpc-message`: UTF-8, with everything but printable ASCII percent-encoded, and the percent sign too.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

/// `google.rpc.Status`: `int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3`.
fn status(code: Code, message: &str, info: &[u8]) -> Vec<u8> {
    let mut any = Vec::new();
    put(&mut any, 1, ERROR_INFO.as_bytes());
    put(&mut any, 2, info);
    // Field 1 as a varint; every code is below 128, and so one byte.
    let mut status = vec![1 << 3, code as u8];
    put(&mut status, 2, message.as_bytes());
    put(&mut status, 3, &any);
    status
}

/// `google.rpc.ErrorInfo`: `string reason = 1; string domain = 2; map<string, string> metadata = 3`.
fn error_info(reason: &str, metadata: &[(&str, String)]) -> Vec<u8> {
    let mut info = Vec::new();
    put(&mut info, 1, reason.as_bytes());
    put(&mut info, 2, DOMAIN.as_bytes());
    for (key, value) in metadata {
        let mut entry = Vec::new();
        put(&mut entry, 1, key.as_bytes());
        put(&mut entry, 2, value.as_bytes());
        put(&mut info, 3, &entry);
    }
    info
}

/// Appends a field that has a length: tag, length as a varint, bytes (protobuf's wire type 2).
fn put(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap_or_default());
    message.extend_from_slice(bytes);
}

/// A request's body as it goes on, as part of the exchange with this tie. Where HTTP/2 goes all the way its trailers may. One
/// that is a call and tied to a session may be silent, for it ends with that.
pub(super) fn request_body(
    served: &Served,
    body: RequestBody,
    kind: Kind,
    is_tied: bool,
    tie: &mut Tie,
) -> RequestBody {
    if served.speaks == Speaks::Http1 || body.is_end_stream() {
        return body;
    }
    let body = body.with_trailers(Trailers::OfRequest(Arc::clone(served.names.stripped()))).within(tie.lasting());
    if kind == Kind::Grpc && is_tied { body.patient() } else { body }
}

/// A response's body as it goes back.
pub(super) fn response_body<B>(served: &Served, body: ResponseBody<B>, kind: Kind) -> ResponseBody<B> {
    match (served.speaks, kind) {
        (Speaks::Http1, _) => body,
        (Speaks::Http2, Kind::Grpc) => body.with_trailers(Trailers::OfResponse).of_call(),
        (Speaks::Http2, _) => body.with_trailers(Trailers::OfResponse),
    }
}

/// What follows what the application said to a call whose session ended meanwhile.
pub(super) fn trailers_of_cut(why: &Cut) -> HeaderMap {
    let reason = match why {
        Cut::Over => "SIGN_IN_REQUIRED",
        Cut::Stale(_) => "STEP_UP_REQUIRED",
    };
    end(Code::Unauthenticated, &why.to_string(), reason, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            policy::{Missing, Requirement},
            session::Level,
        },
        edge::{http::request::RequestIds, proxy::answer::unauthorized},
    };
    use std::time::Duration;

    /// What a program must bring, in both languages.
    #[test]
    fn calls_are_told_the_same_as_requests() {
        let risky = Missing::Level {
            reached: Some(Level::Mfa),
            wanted: Level::PhishingResistant.into(),
            max_age: None,
            risk: None,
        };
        let idle = Missing::Idle { max: Duration::from_mins(5), quiet: Duration::from_mins(9) };
        let id = RequestIds::new(1).next();
        for (missing, level, age) in [(risky, "phishing-resistant", None), (idle, "mfa", Some("300"))] {
            let requirement = Requirement::at(Level::Mfa);
            let wanted = Wanted::StepUp(&missing, &requirement);
            let answer = unauthorized(&wanted, "https://auth.example.com/challenge", id);
            let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains(&format!("acr_values=\"{level}\"")), "{challenge}");
            assert_eq!(challenge.split("max_age=").nth(1).map(|age| age.trim_matches('"')), age);

            let call = unauthenticated(&wanted, "https://auth.example.com/challenge", id);
            let details = BASE64_STANDARD_NO_PAD.decode(&call.headers()[DETAILS]).unwrap();
            let details = String::from_utf8_lossy(&details);
            assert!(details.contains(level), "{details}");
            assert_eq!(details.contains("max_age"), age.is_some(), "{details}");
        }
    }

    #[test]
    fn a_call_is_told_by_its_content_type() {
        let is = |kind: &'static str| {
            is_call(&[(header::CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect())
        };

        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=utf-8"] {
            assert!(is(kind), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json", "application/grpcx", ""]
        {
            assert!(!is(kind), "{kind}");
        }
        assert!(!is_call(&HeaderMap::new()));
    }

    #[test]
    fn messages_are_printable() {
        assert_eq!(percent_encoded("50 % off, née"), "50 %25 off, n%C3%A9e");
        assert_eq!(percent_encoded("a\r\nb"), "a%0D%0Ab");
    }

    #[test]
    fn details_are_what_protobuf_says() {
        let info = error_info("R", &[("k", "v".repeat(200))]);

        // R, the domain, and an entry whose length takes two bytes.
        let mut expected = b"\x0a\x01R\x12\x08doorward\x1a\xce\x01\x0a\x01k\x12\xc8\x01".to_vec();
        expected.extend(b"v".repeat(200));
        assert_eq!(info, expected);
        let status = status(Code::Unauthenticated, "m", b"i");
        assert_eq!(status, [&b"\x08\x10\x12\x01m\x1a\x2d\x0a\x28"[..], ERROR_INFO.as_bytes(), b"\x12\x01i"].concat());
    }
}
