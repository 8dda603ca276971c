//! What kind of client sent a request, by what it says about itself; never by its `User-Agent`.

use super::{bearer, grpc};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};

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
        None => {
            wants_html(headers) && !headers.contains_key(REQUESTED_WITH) && (method.is_safe() || is_of_form(headers))
        }
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

/// Whether a form could have been sent like this: pages have no other types (HTML 4.10.18.6). Some programs ask for HTML
/// whatever they send.
fn is_of_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
        .iter()
        .any(|form| kind.eq_ignore_ascii_case(form.as_bytes()))
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
    fn what_asks_for_html_by_habit_is_a_person_where_it_could_be_a_form() {
        // What Java's HttpURLConnection sends with everything.
        let java = ("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2");
        for form in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            "multipart/form-data; boundary=x",
            "text/plain",
        ] {
            assert_eq!(kind("POST", &[java, ("content-type", form)]), Kind::Form, "{form}");
        }
        for other in ["application/json", "application/json; text/plain", "text/html", ""] {
            assert_eq!(kind("POST", &[java, ("content-type", other)]), Kind::Program, "{other}");
        }
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(kind(method, &[java]), Kind::Program, "{method}");
        }
        assert_eq!(kind("GET", &[java, ("content-type", "application/json")]), Kind::Navigation);
        let typeless = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(kind("POST", &typeless), Kind::Form, "who says so needs no type");
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
