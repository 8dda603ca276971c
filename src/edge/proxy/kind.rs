//! What kind of client sent a request, by what it says about itself; never by its `User-Agent`.

use super::{bearer, grpc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::ACCEPT};

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person, who goes to a page.
    Navigation,
    /// A person, who sent a form.
    Form,
    /// A person, who goes to a page or sends a form in a frame of another page, where the portal is never shown.
    Framed,
    /// A script or program.
    Program,
    /// A script that opens a WebSocket.
    WebSocket,
    /// A program that makes a gRPC call.
    Grpc,
}

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// The kind of a request. In doubt it is a program: a redirect that a script follows blindly helps nobody.
pub fn of(method: &Method, headers: &HeaderMap) -> Kind {
    if headers.get(http::header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Kind::WebSocket;
    }
    if *method == Method::POST && grpc::is_call(headers) {
        return Kind::Grpc;
    }
    let is_framed = headers.get(FETCH_DEST).is_some_and(|dest| dest == "iframe" || dest == "frame");
    let by_person = match headers.get(FETCH_MODE) {
        Some(mode) => {
            mode == "navigate" && (is_framed || headers.get(FETCH_DEST).is_none_or(|dest| dest == "document"))
        }
        None => wants_html(headers) && !headers.contains_key(REQUESTED_WITH),
    };
    match (by_person, method) {
        (false, _) => Kind::Program,
        // Nobody can be sent to a page who brings a token.
        (true, _) if bearer::find(headers) != bearer::Brought::None => Kind::Program,
        (true, _) if is_framed => Kind::Framed,
        (true, &Method::GET | &Method::HEAD) => Kind::Navigation,
        (true, _) => Kind::Form,
    }
}

/// Whether HTML is asked for by name. `*/*` is what programs send.
fn wants_html(headers: &HeaderMap) -> bool {
    let names_html = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| {
            value
                .split(',')
                .filter_map(|range| range.split(';').next())
                .any(|range| range.trim().eq_ignore_ascii_case("text/html"))
        })
    };
    headers.get_all(ACCEPT).iter().any(names_html)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: &str, fields: &[(&str, &str)]) -> Kind {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect();
        of(&method.parse().unwrap(), &headers)
    }

    #[test]
    fn people_navigate_and_send_forms() {
        assert_eq!(kind("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]), Kind::Navigation);
        assert_eq!(kind("GET", &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")]), Kind::Navigation);
        assert_eq!(kind("POST", &[("sec-fetch-mode", "navigate")]), Kind::Form);
        for (method, dest) in [("GET", "iframe"), ("POST", "iframe"), ("GET", "frame"), ("POST", "frame")] {
            assert_eq!(kind(method, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", dest)]), Kind::Framed);
        }
    }

    #[test]
    fn scripts_and_programs_do_not() {
        for fields in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json")],
            &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "embed")],
            &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "iframe")],
            &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")],
        ] {
            assert_eq!(kind("GET", fields), Kind::Program, "{fields:?}");
        }
        let token = format!("Bearer {}abc", bearer::OPAQUE);
        assert_eq!(kind("GET", &[("accept", "text/html"), ("authorization", &token)]), Kind::Program);
        assert_eq!(kind("GET", &[("accept", "text/html"), ("authorization", "Basic abc")]), Kind::Navigation);
        assert_eq!(kind("POST", &[("content-type", "application/grpc")]), Kind::Grpc);
        assert_eq!(kind("GET", &[("content-type", "application/grpc")]), Kind::Program);
        assert_eq!(kind("GET", &[("upgrade", "WebSocket"), ("sec-fetch-mode", "websocket")]), Kind::WebSocket);
    }
}
