//! Passkeys: what a browser is asked, and what becomes of its answer.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{shown, status},
    enroll::{login_id, refused},
    login::{self, Link},
    onward, see_other,
    way::Errand,
};
use crate::{
    domain::factor::{FactorId, Method},
    edge::portal::{
        account::AccountNotice,
        challenge::ProofNotice,
        enroll::{passkey::EnrollPasskeyPage, refused::WhyRefused},
    },
    flows::{
        challenge::ChallengeError,
        passkeys::{self, Answer, Challenge, ChangeError},
        sessions::{self, Bearer},
    },
    ports::store::Purpose,
};
use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

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

#[derive(Deserialize)]
pub(super) struct RemoveForm {
    passkey: Uuid,
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
    let begun = match purpose {
        Purpose::SignIn => passkeys::begin_sign_in(&desk.world, browser).await.map_err(ChangeError::from),
        Purpose::Prove => passkeys::begin_proof(&desk.world, &bearer, browser).await.map_err(ChangeError::from),
        Purpose::Enroll => passkeys::begin_enrolment(&desk.world, &bearer, browser).await,
    };
    match begun {
        Ok(challenge) => json(&challenge),
        Err(error) => {
            tracing::info!(client = %visit.caller.address, %error, "no passkey is asked for");
            empty(StatusCode::FORBIDDEN)
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
            login::refuse_passkey(&desk, &visit, to, &error)
        }
    }
}

/// `GET /enroll/passkey`.
pub(super) async fn show_enrolment(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    match passkeys::may_enroll(&desk.world, &bearer).await {
        Ok(_) => page(&desk, &visit, to, &bearer, None),
        Err(error) => refuse(&desk, &visit, to, &bearer, &error),
    }
}

/// `POST /enroll/passkey`.
pub(super) async fn enroll(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<AnswerForm>) -> Reply {
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
    match passkeys::enroll(&desk.world, &bearer, answer, &form.name, &visit.caller).await {
        Ok(opened) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, "passkey enrolled");
            desk.arrive(&opened, to).await
        }
        Err(error) => {
            tracing::info!(user.id = ?user, client = %visit.caller.address, %error, "enrolment refused");
            refuse(&desk, &visit, to, &bearer, &error)
        }
    }
}

/// `POST /account/passkeys/remove`.
pub(super) async fn remove(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<RemoveForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let full = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => full,
        Ok(Bearer::Half(_) | Bearer::Nobody(_)) => return onward("/login", None),
        Err(error) => return desk.unavailable(&error),
    };
    let user = full.identity.user.id.0;
    match passkeys::remove(&desk.world, &full, FactorId(form.passkey), &visit.caller).await {
        Ok(()) => {
            tracing::info!(user.id = %user, factor = %form.passkey, "passkey removed");
            see_other("/account")
        }
        Err(ChangeError::NeedsProof(_)) => onward("/challenge", Some(Errand::Account.name())),
        Err(ChangeError::Challenge(ChallengeError::Store(error))) => desk.unavailable(&error),
        Err(_) => desk.account(&visit, &full, Some(AccountNotice::PasskeyKept)).await,
    }
}

impl AnswerForm {
    fn answer<'a>(&'a self, visit: &'a Visit) -> Option<Answer<'a>> {
        let browser = visit.token.as_ref()?;
        Some(Answer { token: &self.challenge, credential: &self.credential, browser })
    }
}

fn page(desk: &Desk, visit: &Visit, to: Option<&str>, bearer: &Bearer, notice: Option<ProofNotice>) -> Reply {
    // In the middle of a sign-in it is the first; whoever is signed in came here for a passkey.
    let other = match bearer {
        Bearer::Half(_) => desk.world.settings.methods.iter().copied().find(|method| *method == Method::Totp),
        Bearer::Full(_) | Bearer::Nobody(_) => None,
    };
    desk.form_page(visit, to, |hidden| {
        let page = EnrollPasskeyPage { frame: desk.frame(), hidden, login_id: login_id(bearer), other, notice };
        desk.scripted_page(status(notice), &page)
    })
}

fn refuse(desk: &Desk, visit: &Visit, to: Option<&str>, bearer: &Bearer, error: &ChangeError) -> Reply {
    match error {
        ChangeError::NeedsProof(_) => onward("/challenge", Some(Errand::AddPasskey.name())),
        ChangeError::NeedsOperator => refused(desk, visit, to, login_id(bearer), WhyRefused::NeedsOperator),
        ChangeError::NotOffered => refused(desk, visit, to, login_id(bearer), WhyRefused::NotOffered),
        ChangeError::Challenge(ChallengeError::Store(error)) => desk.unavailable(error),
        // A half session of somebody who has a second factor has a step to take first.
        ChangeError::Challenge(ChallengeError::Gone) => onward("/challenge", to),
        ChangeError::Challenge(error) => page(desk, visit, to, bearer, Some(shown(desk, error))),
        ChangeError::Kept => see_other("/account"),
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

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = status;
    reply
}
