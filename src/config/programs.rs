//! What an `[[app]]` says of programs: HTTP/2 to its servers, tokens in place of cookies, pages of other origins.

use super::{
    keys,
    problem::Code,
    reader::{Fault, Section, Value},
    settings::{Bearer, Cors, HttpVersion, WebSocket},
    values::{one_of, some_time, split_origin, truth, verb},
};
use crate::domain::target::Authority;
use http::HeaderName;

/// What is spoken with the app's servers, and so whether a WebSocket can get there.
pub(super) fn spoken(section: &Section<'_>) -> Option<(HttpVersion, WebSocket)> {
    use keys::app::{UPSTREAM_HTTP, WEBSOCKET};
    let http =
        section.read(&UPSTREAM_HTTP, |value| one_of(value, &[("1.1", HttpVersion::One), ("2", HttpVersion::Two)]))?;
    let allowed = section.read(&WEBSOCKET, truth)?;
    match (http, section.written(&WEBSOCKET)) {
        (HttpVersion::One, _) => Some((http, if allowed { WebSocket::Allowed } else { WebSocket::Refused })),
        (HttpVersion::Two, Some(value)) if allowed => {
            let fault = Fault::new("no WebSocket can get there", "`upstream_http` is \"2\"");
            value.fail(Fault {
                code: Code::Contradiction,
                ..fault.help("leave this out, or write a second app that speaks \"1.1\"")
            })
        }
        (HttpVersion::Two, _) => Some((http, WebSocket::Refused)),
    }
}

pub(super) fn bearer(section: &Section<'_>) -> Option<Bearer> {
    Some(if section.read(&keys::app::BEARER, truth)? { Bearer::Taken } else { Bearer::Refused })
}

pub(super) fn cors(value: &Value<'_>) -> Option<Cors> {
    use keys::cors as key;
    let section = value.section(keys::cors::SHAPE)?;
    let origins = section.read(&key::ORIGINS, |value| value.some(origin));
    let methods = section.read(&key::METHODS, |value| value.some(verb));
    let headers = section.read(&key::HEADERS, |value| value.list(field));
    let expose = section.read(&key::EXPOSE, |value| value.list(field));
    let credentials = section.read(&key::CREDENTIALS, truth);
    let max_age = section.read(&key::MAX_AGE, some_time);
    match Cors::new(&origins?, &methods?, &headers?, &expose?, credentials?, max_age?) {
        Ok(cors) => Some(cors),
        // Each part is one by itself; together they are one, too.
        Err(why) => value.fail(Fault::new("this can't be said in a header", why)),
    }
}

/// An origin as browsers write it in `Origin`. In the clear only on this very machine, for whoever develops a page.
fn origin(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        if text.contains('*') || text == "null" {
            return Err(Fault::new("this names no origin", "expected one origin, whole")
                .help("write each origin that may call; a pattern would let in pages that nobody thought of"));
        }
        let (scheme, Authority { host, port }) = split_origin(text)?;
        let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        let default = match scheme {
            "https" => 443,
            "http" if is_here => 80,
            _ => {
                return Err(Fault::new("this origin is not https", "expected `https://`")
                    .help("anybody on the way could change such a page; `http://localhost` alone may be written"));
            }
        };
        Ok(match port {
            Some(port) if port != default => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        })
    })
}

/// A header field that pages send or read. `*` would be one to the parser.
fn field(value: &Value<'_>) -> Option<HeaderName> {
    value.parsed(|text| match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) if text != "*" => Ok(name),
        _ => Err(Fault::new("this is no header name", "expected letters, digits and hyphens")
            .help("write each of them; a star would stand for fields that nobody thought of")),
    })
}
