//! Passkeys and security keys: what a browser is asked, and what becomes of its answer.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{shown, status},
    empty,
    enroll::{self, login_id},
    login::{self, Link},
    onward,
    way::Errand,
};
use crate::{
    domain::factor::{KeyKind, Method},
    edge::{
        http::refusal::Refusal,
        portal::{challenge::ProofNotice, enroll::passkey::EnrollPasskeyPage},
    },
    flows::{
        challenge::ChallengeError,
        factors::{ChangeError, may_add, second_factors},
        passkeys::{self, Answer, Challenge},
        recovery,
        sessions::{self, Bearer},
    },
    ports::{StoreError, store::Purpose},
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct OptionsForm {
    purpose: String,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct AnswerForm {
    challenge: String,
    credential: String,
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `POST /passkey/options`: what our script asks the browser. It changes something, so it is no `GET` (CS-04).
pub(super) async fn options(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<OptionsForm>) -> Reply {
    let (Ok(()), Some(browser), Some(purpose)) =
        (desk.check(&visit, &form.carried), &visit.token, Purpose::by_name(&form.purpose))
    else {
        return empty(StatusCode::FORBIDDEN);
    };
    let bearer = match sessions::recognise(&desk.world, Some(browser)).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let caller = &visit.caller;
    let begun = match purpose {
        Purpose::SignIn => passkeys::begin_sign_in(&desk.world, browser, caller).await.map_err(ChangeError::from),
        Purpose::Prove(kind) => {
            passkeys::begin_proof(&desk.world, &bearer, kind, browser, caller).await.map_err(ChangeError::from)
        }
        Purpose::Enroll(kind) => passkeys::begin_enrolment(&desk.world, &bearer, kind, browser, caller).await,
    };
    match begun {
        Ok(challenge) => json(&challenge),
        Err(error) => {
            tracing::info!(client = %caller.address, %error, "no key is asked for");
            empty(match error {
                ChangeError::Challenge(ChallengeError::Throttled(_)) => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::FORBIDDEN,
            })
        }
    }
}

/// `POST /login/passkey`.
pub(super) async fn sign_in(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<AnswerForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let Some(answer) = form.answer(&visit) else { return onward("/login", to) };
    match passkeys::sign_in(&desk.world, answer, &visit.caller).await {
        Ok(opened) => {
            tracing::info!(client = %visit.caller.address, method = %Method::Passkey, "signed in");
            login::replace(&desk, &visit).await;
            desk.arrive(&opened, to).await
        }
        Err(error) => {
            tracing::info!(client = %visit.caller.address, method = %Method::Passkey, %error, "sign-in refused");
            match error {
                ChallengeError::TooUnusual(unusual) => desk.too_unusual(&visit, &unusual),
                error => login::refuse_passkey(&desk, &visit, to, &error),
            }
        }
    }
}

/// `GET /enroll/passkey` and `/enroll/security-key`.
pub(super) async fn show_enrolment(
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    visit: Visit,
    Query(link): Query<Link>,
) -> Reply {
    let Some(kind) = KeyKind::by_name(&key) else { return desk.refusal(Refusal::NotFound, "") };
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    match may_add(&desk.world, &bearer, kind.method()).await {
        Ok(_) => page(&desk, &visit, to, &bearer, kind, ("", None)),
        Err(error) => refuse(&desk, &visit, to, &bearer, kind, ("", &error)),
    }
}

/// `POST /enroll/passkey` and `/enroll/security-key`.
pub(super) async fn submit_enrolment(
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    visit: Visit,
    Fields(form): Fields<AnswerForm>,
) -> Reply {
    let Some(kind) = KeyKind::by_name(&key) else { return desk.refusal(Refusal::NotFound, "") };
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let Some(answer) = form.answer(&visit) else { return onward("/login", to) };
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let user = bearer.user().map(|user| user.id.0);
    let brings_codes = match brings_codes(&desk, &bearer).await {
        Ok(brings_codes) => brings_codes,
        Err(error) => return desk.unavailable(&error),
    };
    match passkeys::enroll(&desk.world, &bearer, kind, answer, &form.name, &visit.caller).await {
        Ok(opened) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, method = %kind.method(), "key enrolled");
            if brings_codes { desk.hand_out_codes(visit, &opened, to).await } else { desk.changed(&opened, to).await }
        }
        Err(error) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, %error, "enrolment refused");
            refuse(&desk, &visit, to, &bearer, kind, (&form.name, &error))
        }
    }
}

/// Whether recovery codes come with a new key: with the first, where there are none yet, and in place of those that one was
/// used of.
async fn brings_codes(desk: &Desk, bearer: &Bearer) -> Result<bool, StoreError> {
    let Bearer::Full(full) = bearer else { return Ok(true) };
    let user = full.identity.user.id;
    let is_first = second_factors(&desk.world, user).await?.is_empty();
    Ok(enroll::is_recovered(desk, bearer) || (is_first && recovery::left(&desk.world, user).await? == 0))
}

impl AnswerForm {
    fn answer<'a>(&'a self, visit: &'a Visit) -> Option<Answer<'a>> {
        let browser = visit.token.as_ref()?;
        Some(Answer { token: &self.challenge, credential: &self.credential, browser })
    }
}

fn page(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    bearer: &Bearer,
    kind: KeyKind,
    (name, notice): (&str, Option<ProofNotice>),
) -> Reply {
    // In the middle of a sign-in it is the first; whoever is signed in came here for a key.
    let other = match bearer {
        Bearer::Half(_) => enroll::may_have(desk, bearer).into_iter().find(|method| *method == Method::Totp),
        Bearer::Full(_) | Bearer::Nobody(_) => None,
    };
    desk.form_page(visit, to, |hidden| {
        let (frame, login_id) = (desk.frame(), login_id(bearer));
        let page = EnrollPasskeyPage { frame, hidden, kind, login_id, other, name, notice };
        desk.scripted_page(status(notice), &page)
    })
}

fn refuse(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    bearer: &Bearer,
    kind: KeyKind,
    (name, error): (&str, &ChangeError),
) -> Reply {
    match error {
        ChangeError::Challenge(
            error @ (ChallengeError::Wrong
            | ChallengeError::AlreadyUsed
            | ChallengeError::Throttled(_)
            | ChallengeError::Passkey(_)),
        ) => page(desk, visit, to, bearer, kind, (name, Some(shown(desk, error)))),
        error => enroll::refuse(desk, visit, to, bearer, error, Errand::AddKey(kind)),
    }
}

fn json(challenge: &Challenge) -> Reply {
    // A token is base64url, and the options are JSON already.
    let text = format!(r#"{{"challenge":"{}","options":{}}}"#, *challenge.token.to_text(), challenge.options);
    let mut reply = Response::new(Body::from(text));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
