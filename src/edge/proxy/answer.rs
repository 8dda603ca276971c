//! What a request gets that may not pass: a way to the portal, a refusal a program can read, or a page.

use super::{grpc, kind::Kind};
use crate::{
    domain::policy::{Missing, Requirement, Strength, Within},
    edge::http::{
        assets::Base,
        page::{Brand, ContentPolicy, Frame, respond},
        refusal::{Refusal, RefusalPage, WayOut},
        request::RequestId,
    },
};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// The body of an answer that the gateway makes itself.
pub type Own = Response<String>;

/// Where a program's person can step up, for scripts that can't read the body twice.
pub(super) const STEP_UP: HeaderName = HeaderName::from_static("doorward-step-up");

/// Sends a person to the portal.
pub fn redirect(location: &str) -> Own {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a program must bring to get through (RFC 6750 3, RFC 9470 3).
pub enum Wanted<'a> {
    /// A session.
    Session,
    /// Another token than the one it brought.
    Token,
    /// A stronger or fresher session.
    StepUp(&'a Missing, &'a Requirement),
}

/// How a program is told what is missing.
pub(super) struct Words {
    /// A stable word.
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

/// The words for what is missing.
pub(super) fn words_of(wanted: &Wanted<'_>) -> Words {
    match wanted {
        Wanted::Session => Words {
            code: "sign_in_required",
            title: "Signing in is required.",
            detail: "There is no live session.".to_owned(),
        },
        Wanted::Token => Words {
            code: "invalid_token",
            title: "The token is not good here.",
            detail: "It is over, or was made for another host.".to_owned(),
        },
        Wanted::StepUp(missing, _) => {
            let detail = match missing {
                Missing::Level { reached: Some(reached), wanted, max_age: None, .. } => {
                    format!("The session is at level {reached}; {wanted} is needed.")
                }
                Missing::Level { wanted, max_age, .. } => {
                    let age = max_age.map(|age| format!(", by proofs that are at most {} s old", age.as_secs()));
                    format!("The level {wanted} is needed{}.", age.unwrap_or_default())
                }
                Missing::Fresh { wanted, .. } => {
                    let names: Vec<_> = wanted.any.iter().map(|method| method.name()).collect();
                    let age = match wanted.within {
                        Within::Age(age) => format!("at most {} s old", age.as_secs()),
                        Within::Session => "of this session".to_owned(),
                        Within::Once(_) => "made for this very request".to_owned(),
                    };
                    format!("A proof by {} is needed that is {age}.", names.join(" or "))
                }
                Missing::SecondStep => "The second step is needed that a remembered browser spared.".to_owned(),
                Missing::Idle { quiet, .. } => {
                    format!("A new proof is needed: nobody used the session for {} s.", quiet.as_secs())
                }
            };
            Words { code: "step_up_required", title: "A further proof is required.", detail }
        }
    }
}

/// Tells a program what is missing, and where a person can provide it.
pub fn unauthorized(wanted: &Wanted<'_>, step_up_url: &str, id: RequestId) -> Own {
    let Words { code, title, detail } = words_of(wanted);
    let challenge = match wanted {
        Wanted::Session => "Bearer realm=\"doorward\"".to_owned(),
        Wanted::Token => format!("Bearer realm=\"doorward\", error=\"{code}\", error_description=\"{detail}\""),
        Wanted::StepUp(missing, requirement) => step_up_challenge(missing, requirement, &detail),
    };
    let body = json!({
        "type": "about:blank", "status": 401, "title": title, "detail": detail,
        "code": code, "step_up_url": step_up_url, "request_id": id.to_string(),
    });
    let mut response = problem(StatusCode::UNAUTHORIZED, &body);
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Ok(url) = HeaderValue::try_from(step_up_url) {
        response.headers_mut().insert(STEP_UP, url);
    }
    response
}

/// The level that is asked for: the policy's, or what a risky sign-in takes.
pub(super) fn level_of<'a>(missing: &'a Missing, requirement: &'a Requirement) -> &'a Strength {
    match missing {
        Missing::Level { wanted, .. } => wanted,
        Missing::SecondStep | Missing::Fresh { .. } | Missing::Idle { .. } => &requirement.level,
    }
}

fn step_up_challenge(missing: &Missing, requirement: &Requirement, detail: &str) -> String {
    let level = level_of(missing, requirement);
    let age = max_age_of(missing, requirement).map(|age| format!(", max_age=\"{}\"", age.as_secs()));
    format!(
        "Bearer realm=\"doorward\", error=\"insufficient_user_authentication\", error_description=\"{detail}\", \
         acr_values=\"{level}\"{}",
        age.unwrap_or_default()
    )
}

/// The strictest age that is asked for: what satisfies it satisfies all of them. A proof of who is there is one, too.
pub(super) fn max_age_of(missing: &Missing, requirement: &Requirement) -> Option<Duration> {
    let lacked = match missing {
        Missing::Level { max_age, .. } => *max_age,
        Missing::SecondStep | Missing::Fresh { .. } => None,
        Missing::Idle { max, .. } => Some(*max),
    };
    let ages = requirement.fresh.iter().filter_map(|fresh| match fresh.within {
        Within::Age(age) => Some(age),
        Within::Session => None,
        // Whatever was proven before the request was for something else.
        Within::Once(_) => Some(Duration::ZERO),
    });
    ages.chain(requirement.max_age).chain(lacked).min()
}

/// What goes onto a page that refuses.
pub struct Refused<'a> {
    /// Why.
    pub refusal: Refusal<'a>,
    /// Who is signed in, where that matters.
    pub login_id: Option<&'a str>,
    /// A way on.
    pub way_out: Option<WayOut<'a>>,
    /// The request.
    pub id: RequestId,
}

/// Refuses: a page for people, problem+json for programs.
pub fn refuse(kind: Kind, brand: &Brand, refused: &Refused<'_>) -> Own {
    let Refused { refusal, login_id, way_out, id } = refused;
    let status = refusal.status();
    match kind {
        Kind::Navigation | Kind::Form | Kind::Framed => {
            let frame = Frame { brand, base: Base::App };
            let reference = id.to_string();
            let is_framed = kind == Kind::Framed;
            let policy = if is_framed { ContentPolicy::framed() } else { ContentPolicy::strict() };
            let (refusal, login_id, way_out) = (*refusal, *login_id, *way_out);
            respond(
                status,
                &RefusalPage { frame, refusal, login_id, way_out, reference: &reference, is_framed },
                &policy,
            )
        }
        Kind::Grpc => grpc::refuse(refusal, code_of(status), *id),
        Kind::Program | Kind::WebSocket => {
            let title = status.canonical_reason().unwrap_or_default();
            let mut body = json!({
                "type": "about:blank", "status": status.as_u16(), "title": title,
                "code": code_of(status), "request_id": id.to_string(),
            });
            if let (Refusal::NotAllowed { message: Some(message), .. }, Some(members)) = (refusal, body.as_object_mut())
            {
                members.insert("detail".to_owned(), json!(message));
            }
            problem(status, &body)
        }
    }
}

/// A stable word for programs (RFC 9457).
fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "malformed",
        StatusCode::FORBIDDEN => "not_allowed",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::REQUEST_TIMEOUT => "too_slow",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::MISDIRECTED_REQUEST => "misdirected",
        StatusCode::TOO_MANY_REQUESTS => "too_many",
        StatusCode::BAD_GATEWAY => "upstream_down",
        StatusCode::GATEWAY_TIMEOUT => "upstream_slow",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "refused",
    }
}

pub(super) fn problem(status: StatusCode, body: &serde_json::Value) -> Own {
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
