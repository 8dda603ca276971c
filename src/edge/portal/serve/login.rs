//! `/login`.

use super::{Carried, Desk, Fields, Reply, Visit, challenge, enroll, onward};
use crate::{
    domain::{policy::WhyAnonymous, secret::Token},
    edge::{
        http::cookies::Name,
        portal::{
            challenge::ProofNotice,
            enroll::refused::WhyRefused,
            login::{LoginNotice, LoginPage},
        },
    },
    flows::{
        challenge::ChallengeError,
        sessions::{self, Bearer},
        sign_in::{self, Outcome, SignInError},
    },
    ports::store::Attempt,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;
use tracing::field::display;

/// What links to the portal's pages carry.
#[derive(Deserialize)]
pub(super) struct Link {
    pub(super) to: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    login_id: String,
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => match desk.proceed(&full.identity, to).await {
            Ok(reply) => reply,
            Err(error) => desk.unavailable(&error),
        },
        Ok(Bearer::Half(_)) => onward("/challenge", to),
        Ok(Bearer::Nobody(why)) => ask(&desk, &visit, to, StatusCode::OK, "", notice_for(&desk, why)),
        Err(error) => desk.unavailable(&error),
    }
}

pub(super) async fn submit(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<LoginForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let (user, outcome) = sign_in::with_password(&desk.world, &form.login_id, &form.password, &visit.caller).await;
    let user = user.map(|user| display(user.0));
    match &outcome {
        Ok(_) => tracing::info!(user.id = user, client = %visit.caller.address, "password accepted"),
        Err(error) => tracing::info!(user.id = user, client = %visit.caller.address, %error, "sign-in refused"),
    }
    match outcome {
        Ok(outcome) => go_on(&desk, &visit, outcome, to).await,
        Err(SignInError::EnrolmentClosed) => {
            enroll::refused(&desk, &visit, to, &form.login_id, WhyRefused::NeedsOperator)
        }
        Err(SignInError::TooUnusual(unusual)) => desk.too_unusual(&visit, &unusual),
        Err(error) => {
            let notice = shown(&desk, &error);
            ask(&desk, &visit, to, status(notice), &form.login_id, Some(notice))
        }
    }
}

/// Goes on as far as a password leads.
pub(super) async fn go_on(desk: &Desk, visit: &Visit, outcome: Outcome, to: Option<&str>) -> Reply {
    match outcome {
        Outcome::Done(opened) => {
            replace(desk, visit).await;
            desk.arrive(&opened, to).await
        }
        Outcome::SecondFactor(token) => half(desk, visit, "/challenge", &token, to).await,
        Outcome::Enrol(token) => half(desk, visit, "/enroll", &token, to).await,
        Outcome::Grace(opened) => {
            replace(desk, visit).await;
            desk.keep(onward("/enroll/reminder", to), &opened)
        }
    }
}

/// Asks again where a passkey did not do.
pub(super) fn refuse_passkey(desk: &Desk, visit: &Visit, to: Option<&str>, error: &ChallengeError) -> Reply {
    let notice = match challenge::shown(desk, error) {
        ProofNotice::Wrong | ProofNotice::AlreadyUsed => LoginNotice::Passkey,
        ProofNotice::TooMany { again } => LoginNotice::TooMany { again },
        ProofNotice::Locked => LoginNotice::Locked,
        ProofNotice::Over | ProofNotice::NotSent(_) | ProofNotice::OurFault => LoginNotice::OurFault,
    };
    ask(desk, visit, to, status(notice), "", Some(notice))
}

/// What the visitor may learn.
fn shown(desk: &Desk, error: &SignInError) -> LoginNotice {
    match error {
        SignInError::Mismatch | SignInError::EnrolmentClosed | SignInError::TooUnusual(_) => LoginNotice::Mismatch,
        SignInError::Throttled(closed) => match desk.until(*closed) {
            Some(again) => LoginNotice::TooMany { again },
            None => LoginNotice::Locked,
        },
        SignInError::Busy(_) => LoginNotice::Busy,
        SignInError::Store(_) => LoginNotice::OurFault,
    }
}

const fn status(notice: LoginNotice) -> StatusCode {
    match notice {
        LoginNotice::TooMany { .. } | LoginNotice::Locked => StatusCode::TOO_MANY_REQUESTS,
        LoginNotice::Busy | LoginNotice::OurFault => StatusCode::SERVICE_UNAVAILABLE,
        LoginNotice::Mismatch | LoginNotice::Passkey => StatusCode::FORBIDDEN,
        LoginNotice::StaleForm | LoginNotice::Idle(_) | LoginNotice::TooOld(_) | LoginNotice::Ended => StatusCode::OK,
    }
}

fn notice_for(desk: &Desk, why: WhyAnonymous) -> Option<LoginNotice> {
    match why {
        WhyAnonymous::TooOld => Some(LoginNotice::TooOld(desk.world.settings.limits.lifetime)),
        WhyAnonymous::Idle => Some(LoginNotice::Idle(desk.world.settings.limits.idle)),
        // A token nobody knows is that of a browser that only looked at this page before.
        WhyAnonymous::NoCookie
        | WhyAnonymous::BadCookie
        | WhyAnonymous::BadToken
        | WhyAnonymous::Unknown
        | WhyAnonymous::Disabled => None,
    }
}

fn ask(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    status: StatusCode,
    login_id: &str,
    notice: Option<LoginNotice>,
) -> Reply {
    let journey = desk.journey(to);
    let app = journey.as_ref().and_then(|journey| desk.apps.find(&journey.host)).map(|app| app.title.as_str());
    desk.form_page(visit, to, |hidden| {
        let methods = desk.world.settings.methods.as_slice();
        let (kept, remedy, sign_up) = (challenge::kept(journey.as_ref()), desk.remedy(), desk.world.settings.sign_up);
        let page = LoginPage { frame: desk.frame(), hidden, app, login_id, methods, kept, remedy, sign_up, notice };
        desk.scripted_page(status, &page)
    })
}

/// Goes on to the second step. Whatever this browser held before ends here: it was never this sign-in's (SE-02).
async fn half(desk: &Desk, visit: &Visit, path: &str, token: &Token, to: Option<&str>) -> Reply {
    replace(desk, visit).await;
    let mut reply = onward(path, to);
    super::set_cookie(&mut reply, Name::SignIn, token, Attempt::LIFETIME);
    reply
}

pub(super) async fn replace(desk: &Desk, visit: &Visit) {
    let Some(token) = &visit.token else { return };
    match sessions::sign_out(&desk.world, token, &visit.caller).await {
        Ok(Some(session)) => desk.ended.note(session),
        Ok(None) => {}
        // The older session stays until it expires; the new one does not depend on it.
        Err(error) => tracing::warn!(%error, "an older session could not be ended"),
    }
}
