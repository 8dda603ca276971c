//! Programs that bring a token in place of a cookie: `Authorization: Bearer` (RFC 6750).
//!
//! Applications have bearer tokens of their own, and those pass as they came. Ours are told apart by how they begin, are
//! taken only where the operator says so, and never reach an application. Finding is strict, removing generous: whatever
//! holds the beginning of one of ours is ours.

use super::{
    Asked, Proxy, Served,
    answer::{Own, Wanted, problem, unauthorized},
    body::RequestBody,
    challenge::Lack,
    grpc,
    head::Head,
    kind::Kind,
    visitors::Seen,
};
use crate::{
    edge::http::{
        cookies::{self, Name},
        refusal::Refusal,
    },
    ports::upstream::Upstream,
};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use memchr::memmem;
use serde_json::{Map, Value, json};

/// Where a session JWT is made.
pub(super) const TOKEN_PATH: &str = "/.doorward/token";
/// What stands before the value of the session cookie, where that is brought as a token.
pub(super) const OPAQUE: &str = "doorward_";
/// How every session JWT begins: with its type, in base64url.
pub(super) const JWT: &str = "eyJ0eXAiOiJkb29yd2FyZC1zZXNzaW9uK2p3";
/// Longest body of a request for a token.
const BODY_BYTES_MAX: usize = 1024;

/// What becomes of tokens of ours that programs bring to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// They count in place of a cookie.
    Taken,
    /// They get no request through.
    Refused,
}

/// Which token of ours a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought<'a> {
    /// None. It may bring one of the application's.
    None,
    /// This one.
    One(&'a str),
    /// Something of ours in a form that nobody writes, or beside another credential.
    Ambiguous,
}

/// Looks for a token of ours.
pub fn find(headers: &HeaderMap) -> Brought<'_> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = fields.next() else { return Brought::None };
    if fields.next().is_some() {
        let is_ours = headers.get_all(AUTHORIZATION).iter().any(could_be_ours);
        return if is_ours { Brought::Ambiguous } else { Brought::None };
    }
    if !could_be_ours(first) {
        return Brought::None;
    }
    let token = first.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let is_plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_ours = token.starts_with(OPAQUE) || token.starts_with(JWT);
        (scheme.eq_ignore_ascii_case("bearer") && is_plain && is_ours).then_some(token)
    });
    token.map_or(Brought::Ambiguous, Brought::One)
}

/// Removes every credential that holds a token of ours (ID-11). The application's pass byte for byte.
pub fn remove_ours(headers: &mut HeaderMap) {
    if holds_ours(headers) {
        headers.remove(AUTHORIZATION);
    }
}

/// Whether there is one.
pub fn holds_ours(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(could_be_ours)
}

fn could_be_ours(value: &HeaderValue) -> bool {
    [OPAQUE, JWT].iter().any(|start| memmem::find(value.as_bytes(), start.as_bytes()).is_some())
}

/// Why a token of ours is not taken, if these fields bring one that is not.
pub fn why_not_taken(headers: &HeaderMap, bearer: Bearer) -> Option<&'static str> {
    let has_cookie = || cookies::find(headers, Name::App) != cookies::Found::None;
    match (find(headers), bearer) {
        (Brought::Ambiguous, _) => Some("The credentials can be read in two ways."),
        (Brought::One(_), Bearer::Refused) => Some("This application takes no tokens of the gateway."),
        (Brought::One(_), Bearer::Taken) if has_cookie() => Some("There are a token and a cookie; bring one of them."),
        (Brought::None, _) | (Brought::One(_), Bearer::Taken) => None,
    }
}

/// The answer to a request whose token is not taken, whatever route it is for: what is not taken must not go on.
pub(super) fn refusal(served: &Served, asked: &Asked<'_>) -> Option<Own> {
    let why = why_not_taken(asked.headers, served.bearer)?;
    tracing::info!(request.id = %asked.id, app = served.app.name, why, "a token was refused");
    if asked.kind == Kind::Grpc {
        return Some(grpc::refuse(&Refusal::Malformed, "invalid_request", asked.id));
    }
    let body = json!({
        "type": "about:blank", "status": 400, "title": "The token was not taken.", "detail": why,
        "code": "invalid_request", "request_id": asked.id.to_string(),
    });
    Some(problem(StatusCode::BAD_REQUEST, &body))
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// `POST /.doorward/token`: a session JWT for whoever is signed in here, by cookie or by token.
    pub(super) async fn token(&self, served: &Served, asked: &Asked<'_>, incoming: Incoming) -> Own {
        if served.bearer == Bearer::Refused {
            return self.refuse(asked, Refusal::NotFound, None);
        }
        let by_cookie = find(asked.headers) == Brought::None;
        if by_cookie && !Head::from(asked).comes_from_here() {
            return self.refuse(asked, Refusal::NotAllowed { app: &asked.app.title, message: None }, None);
        }
        if !is_json(asked.headers) {
            let body = json!({
                "type": "about:blank", "status": 415, "title": "Unsupported Media Type",
                "detail": "Send application/json.", "code": "unsupported_media_type", "request_id": asked.id.to_string(),
            });
            return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, &body);
        }
        let Ok(body) = Limited::new(incoming, BODY_BYTES_MAX).collect().await else {
            return self.refuse(asked, Refusal::TooLarge, None);
        };
        let body = body.to_bytes();
        if !body.is_empty() && serde_json::from_slice::<Map<String, Value>>(&body).is_err() {
            return self.refuse(asked, Refusal::Malformed, None);
        }
        let known = match self.visitors.look(asked.headers, asked.authority).await {
            Ok(Seen::Known(known)) => known,
            Ok(Seen::Nobody(_)) => {
                let lack = Lack::of_nobody();
                let url = self.proof_url(asked, &self.flow(asked), &lack, "/", None, None);
                return unauthorized(&wanted_of_nobody(asked.headers), &url, asked.id);
            }
            Err(error) => return self.unavailable(asked, &error),
        };
        let limits = self.world.settings.limits;
        match self.visitors.tokens().issue(&known.identity, asked.authority, limits, self.world.clock.now()) {
            Ok((token, claims)) => {
                tracing::info!(request.id = %asked.id, app = served.app.name, session.id = claims.sid, "a token was made");
                given(&json!({
                    "access_token": token, "token_type": "Bearer", "expires_in": claims.exp.saturating_sub(claims.iat),
                    "acr": claims.acr, "auth_time": claims.auth_time,
                }))
            }
            Err(error) => {
                tracing::error!(%error, request.id = %asked.id, "no token was made");
                self.refuse(asked, Refusal::OurFault, None)
            }
        }
    }
}

/// What is asked of somebody whom nobody knows: to sign in, or to bring another token.
pub(super) fn wanted_of_nobody(headers: &HeaderMap) -> Wanted<'static> {
    if find(headers) == Brought::None { Wanted::Session } else { Wanted::Token }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn given(body: &Value) -> Own {
    let mut response = Response::new(body.to_string());
    for (name, value) in
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")]
    {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(fields: &[&str]) -> HeaderMap {
        fields.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn ours_are_told_by_how_they_begin_and_nobody_elses_are_touched() {
        let (opaque, jwt) = (format!("Bearer {OPAQUE}abc-_9"), format!("bearer {JWT}x.y.z"));
        for ours in [&opaque, &jwt] {
            let mut headers = with(&[ours]);
            assert_eq!(find(&headers), Brought::One(&ours["Bearer ".len()..]));
            remove_ours(&mut headers);
            assert!(headers.is_empty(), "{ours}");
        }
        for theirs in [
            &[][..],
            &["Bearer abc"],
            &["Basic YW5uOnB3"],
            &["Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.e30.x"],
            &["Bearer door_ward"],
            &["Negotiate abc", "Bearer abc"],
        ] {
            let mut headers = with(theirs);
            assert_eq!(find(&headers), Brought::None, "{theirs:?}");
            remove_ours(&mut headers);
            assert_eq!(headers, with(theirs));
        }
    }

    #[test]
    fn what_only_looks_like_ours_goes_nowhere() {
        for odd in [
            &[&*format!("Basic {OPAQUE}abc")][..],
            &[&*format!("Bearer  {OPAQUE}abc")],
            &[&*format!("Bearer\t{JWT}x")],
            &[&*format!("Bearer x{OPAQUE}abc")],
            &[&*format!("Bearer {OPAQUE}abc, Basic x")],
            &[&*format!("{OPAQUE}abc")],
            &[&*format!("Bearer {OPAQUE}abc"), "Basic x"],
            &["Basic x", &*format!("Bearer {JWT}abc")],
        ] {
            let mut headers = with(odd);
            assert_eq!(find(&headers), Brought::Ambiguous, "{odd:?}");
            remove_ours(&mut headers);
            assert!(headers.is_empty(), "{odd:?}");
        }
    }
}
