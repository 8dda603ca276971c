//! The request that the application receives, written from parsed parts (FR-18).
//!
//! What the client framed, what is about its connection, what could pass for the gateway's word and the gateway's
//! own cookies and tokens are gone, on every route; then the gateway's fields are added. The rest stays where it is, untouched.

use super::{bearer, body::RequestBody, grpc};
use crate::{
    domain::{secret::sha256, session::Identity, target::CanonicalPath},
    edge::http::{cookies, fold::StripList, forwarded::Forwarding, hop},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    request::Parts,
    uri::{InvalidUri, PathAndQuery},
};
use http_body::Body as _;
use std::{fmt::Write as _, sync::Arc};

/// Carries the signed assertion.
pub const ASSERTION: HeaderName = HeaderName::from_static("doorward-assertion");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// What the gateway says to the application, and where the request goes.
#[derive(Debug, Clone, Copy)]
pub struct Onward<'a> {
    /// The path that policy saw.
    pub path: &'a CanonicalPath<'a>,
    /// The one `Host`: the canonical authority that the browser asked for.
    pub host: &'a HeaderValue,
    /// How the app wants to hear of people.
    pub names: &'a IdentityNames,
    /// Who was admitted; `None` on public routes.
    pub identity: Option<&'a IdentityValues>,
    /// The signed assertion, where there is an identity.
    pub assertion: Option<&'a HeaderValue>,
    /// Whom the gateway speaks for.
    pub forwarding: &'a Forwarding,
    /// The name of this request, in logs here and there.
    pub request_id: &'a HeaderValue,
    /// What the connection is for.
    pub protocol: Protocol,
}

/// What a connection to the application is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// This request and its response.
    Http,
    /// A WebSocket, if the application agrees.
    WebSocket,
    /// This request and its response among others, over HTTP/2.
    Http2,
}

/// What one app's identity fields are called, and so what no client may send it.
#[derive(Debug, Clone)]
pub struct IdentityNames {
    sent: Names,
    stripped: Arc<StripList>,
}

/// What each part of an identity is called. `None` is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// The login id.
    pub user: Option<HeaderName>,
    /// The name shown to people.
    pub name: Option<HeaderName>,
    /// The e-mail address.
    pub email: Option<HeaderName>,
    /// The groups.
    pub groups: Option<HeaderName>,
}

impl IdentityNames {
    /// Names of the operator's choice.
    pub fn new(sent: Names) -> Self {
        let own = [&sent.user, &sent.name, &sent.email, &sent.groups].into_iter().flatten();
        // `Proxy` becomes `HTTP_PROXY` in a CGI program, which then sends its own requests there.
        // `Expect` is answered here, when the body is first read.
        let stripped = StripList::new(own.map(HeaderName::as_str).chain([REQUEST_ID.as_str(), "proxy", "expect"]));
        Self { sent, stripped: Arc::new(stripped) }
    }

    /// What no client may send, trailers included.
    pub fn stripped(&self) -> &Arc<StripList> {
        &self.stripped
    }

    /// `Remote-User` and its like: the default, and what Authelia's users have.
    pub fn remote() -> Self {
        Self::of(["remote-user", "remote-name", "remote-email", "remote-groups"])
    }

    /// What oauth2-proxy's users have.
    pub fn auth_request() -> Self {
        Self::of([
            "x-auth-request-user",
            "x-auth-request-preferred-username",
            "x-auth-request-email",
            "x-auth-request-groups",
        ])
    }

    /// What Grafana's documentation of its auth proxy has.
    pub fn webauth() -> Self {
        Self::of(["x-webauth-user", "x-webauth-name", "x-webauth-email", "x-webauth-groups"])
    }

    fn of([user, name, email, groups]: [&'static str; 4]) -> Self {
        let named = |name| Some(HeaderName::from_static(name));
        Self::new(Names { user: named(user), name: named(name), email: named(email), groups: named(groups) })
    }
}

/// An identity in the form that fields can carry, made once a session.
///
/// The rule (ID-07): printable ASCII stands for itself, but for `%` and `,`; those, and every byte of the UTF-8 form
/// of anything else, are percent-encoded. Groups are joined with `,`. So no value is two, and none ends a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityValues {
    user: Option<HeaderValue>,
    name: Option<HeaderValue>,
    email: Option<HeaderValue>,
    groups: Option<HeaderValue>,
    hash: [u8; 32],
}

impl IdentityValues {
    /// Encodes what applications learn about a user.
    pub fn of(identity: &Identity) -> Self {
        let user = &identity.user;
        let [login_id, name, email, groups] = [
            encoded([user.login_id.as_str()]),
            encoded([user.name.as_str()]),
            encoded(user.email.as_deref()),
            encoded(user.groups.iter().map(String::as_str)),
        ];
        // None of them has a line break in it.
        let lines =
            [&login_id, &name, &email, &groups].map(|value| value.as_ref().map_or(&b""[..], HeaderValue::as_bytes));
        Self { hash: sha256(&lines.join(&b'\n')), user: login_id, name, email, groups }
    }

    /// What tells it from that of somebody else, or of the same person later.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

/// `None` where nothing would be said: an empty field is not an absent one.
fn encoded<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<HeaderValue> {
    let mut value = String::new();
    for text in texts {
        if !value.is_empty() {
            value.push(',');
        }
        for byte in text.bytes() {
            match byte {
                b' '..=b'~' if byte != b'%' && byte != b',' => value.push(char::from(byte)),
                // Writing to a string can't fail.
                _ => _ = write!(value, "%{byte:02X}"),
            }
        }
    }
    HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).ok().filter(|value| !value.is_empty())
}

/// Most fields that [`add`] adds.
const ADDED_MAX: usize = 13;

/// The request to send. It has nothing left of `parts.extensions`.
pub fn request(parts: Parts, body: RequestBody, onward: &Onward<'_>) -> Result<Request<RequestBody>, InvalidUri> {
    let uri = target(&parts.uri, onward.path)?;
    let mut headers = parts.headers;
    hop::remove(&mut headers, |folded| onward.names.stripped.has(folded));
    cookies::remove_ours(&mut headers);
    bearer::remove_ours(&mut headers);
    check_trace(&mut headers);
    frame(&mut headers, &body, onward.protocol);
    // Once, instead of each time the map is full.
    headers.reserve(ADDED_MAX);
    add(&mut headers, onward);
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The origin form of what policy saw. Nothing is copied where the client sent that.
fn target(sent: &Uri, path: &CanonicalPath<'_>) -> Result<Uri, InvalidUri> {
    if sent.path() == path.as_str()
        && let Some(as_sent) = sent.path_and_query()
    {
        return Ok(Uri::from(as_sent.clone()));
    }
    let canonical = match sent.query() {
        None => path.as_str().to_owned(),
        Some(query) => format!("{}?{query}", path.as_str()),
    };
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(canonical)).map(Uri::from)
}

/// One framing field, from the body itself. Left to hyper, a `GET` whose body has no known length would lose it.
fn frame(headers: &mut HeaderMap, body: &RequestBody, protocol: Protocol) {
    let announced = headers.remove(CONTENT_LENGTH).is_some();
    match body.size_hint().exact() {
        Some(0) if announced => _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(0)),
        Some(0) => {}
        Some(length) => _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        // Its frames say where it ends.
        None if protocol == Protocol::Http2 => {}
        None => _ = headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    }
}

fn add(headers: &mut HeaderMap, onward: &Onward<'_>) {
    headers.insert(HOST, onward.host.clone());
    headers.insert(REQUEST_ID, onward.request_id.clone());
    onward.forwarding.write(headers);
    if let Some(values) = onward.identity {
        let names = &onward.names.sent;
        for (name, value) in [
            (&names.user, &values.user),
            (&names.name, &values.name),
            (&names.email, &values.email),
            (&names.groups, &values.groups),
        ] {
            if let (Some(name), Some(value)) = (name, value) {
                headers.insert(name, value.clone());
            }
        }
    }
    if let Some(assertion) = onward.assertion {
        headers.insert(ASSERTION, assertion.clone());
    }
    match onward.protocol {
        Protocol::WebSocket => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        // Servers of gRPC refuse calls without it: it says that nobody on the way drops what comes last.
        Protocol::Http2 if grpc::is_call(headers) => _ = headers.insert(TE, HeaderValue::from_static("trailers")),
        Protocol::Http | Protocol::Http2 => {}
    }
}

/// Keeps a trace that another could go on with; anything else is noise, or worse, a log entry of the client's making.
fn check_trace(headers: &mut HeaderMap) {
    let mut parents = headers.get_all(TRACE_PARENT).iter();
    let keep = match (parents.next(), parents.next()) {
        (Some(parent), None) => is_trace_parent(parent.as_bytes()),
        _ => false,
    };
    if !keep {
        headers.remove(TRACE_PARENT);
        headers.remove(TRACE_STATE);
    }
}

/// Version 00 of W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero.
fn is_trace_parent(value: &[u8]) -> bool {
    let mut parts = value.split(|&byte| byte == b'-');
    let mut next_hex = |length: usize| {
        let is_hex = |part: &&[u8]| part.len() == length && part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().filter(is_hex)
    };
    let is_id = |part: &[u8]| part.iter().any(|&byte| byte != b'0');
    next_hex(2) == Some(b"00")
        && next_hex(32).is_some_and(is_id)
        && next_hex(16).is_some_and(is_id)
        && next_hex(2).is_some()
        && parts.next().is_none()
}

#[cfg(test)]
mod tests;
