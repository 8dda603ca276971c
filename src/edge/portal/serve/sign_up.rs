//! `/sign-up` and `/invite`: accounts that their owners make.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    login::{self, Link},
    password::status,
};
use crate::{
    domain::enrolment::{Inviter, SignUp},
    edge::portal::{
        invite::{InvitePage, Inviting},
        password::PasswordNotice,
        sign_up::{SignUpNotice, SignUpPage, SigningUp},
    },
    flows::{
        password,
        sign_in::SignInError,
        sign_up::{self, SignUpError},
    },
};
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct AddressForm {
    email: String,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
struct InviteLink {
    #[serde(default)]
    token: String,
    to: Option<String>,
}

#[derive(Deserialize)]
struct AccountForm {
    token: String,
    name: String,
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

pub(super) fn router() -> Router<Arc<Desk>> {
    Router::new().route("/sign-up", get(show).post(request)).route("/invite", get(invited).post(redeem))
}

async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    asking(&desk, &visit, to, "", None)
}

/// Whether there was an account shows in nothing.
async fn request(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<AddressForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let (email, client) = (form.email.trim(), visit.caller.address);
    match sign_up::request(&desk.world, email, to, &visit.caller).await {
        Ok(()) => {
            tracing::info!(%client, "a link to make an account was asked for");
            let lifetime = Inviter::Oneself.lifetime();
            page(&desk, &visit, to, StatusCode::OK, SigningUp::Sent { email, lifetime })
        }
        Err(error) => {
            tracing::info!(%client, %error, "no link to make an account");
            asking(&desk, &visit, to, email, Some(&error))
        }
    }
}

fn asking(desk: &Desk, visit: &Visit, to: Option<&str>, email: &str, error: Option<&SignUpError>) -> Reply {
    let notice = error.map(|error| match error {
        SignUpError::NotAnAddress(_) | SignUpError::NotALoginId(_) => SignUpNotice::NotAnAddress,
        SignUpError::Throttled(closed) => {
            desk.until(*closed).map_or(SignUpNotice::OurFault, |again| SignUpNotice::TooMany { again })
        }
        _ => SignUpNotice::OurFault,
    });
    let code = match notice {
        None => StatusCode::OK,
        Some(SignUpNotice::NotAnAddress) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(SignUpNotice::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignUpNotice::OurFault) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let app = desk.journey(to).and_then(|journey| desk.apps.find(&journey.host));
    let app = app.map(|app| app.title.as_str());
    match desk.world.settings.sign_up {
        SignUp::Open => page(desk, visit, to, code, SigningUp::Asking { app, email, notice }),
        SignUp::Invite => page(desk, visit, to, StatusCode::OK, SigningUp::ByInvitation),
        SignUp::Closed => page(desk, visit, to, StatusCode::OK, SigningUp::Closed),
    }
}

fn page(desk: &Desk, visit: &Visit, to: Option<&str>, status: StatusCode, state: SigningUp<'_>) -> Reply {
    desk.form_page(visit, to, |hidden| desk.page(status, &SignUpPage { frame: desk.frame(), hidden, state }))
}

/// `GET /invite`: shows the form and changes nothing, so that what looks at links before people do spends none.
async fn invited(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<InviteLink>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    choose(&desk, &visit, to, &link.token, None, None).await
}

async fn redeem(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<AccountForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let client = visit.caller.address;
    match sign_up::redeem(&desk.world, &form.token, &form.name, &form.password, &visit.caller).await {
        Ok(outcome) => {
            tracing::info!(%client, "account made by a link");
            login::go_on(&desk, &visit, outcome, to).await
        }
        Err(error) => {
            tracing::info!(%client, %error, "no account made by a link");
            match error {
                SignUpError::Gone => invite_page(&desk, &visit, to, StatusCode::GONE, Inviting::Over),
                SignUpError::Taken(login_id) => {
                    let state = Inviting::Taken { login_id: login_id.as_str() };
                    invite_page(&desk, &visit, to, StatusCode::CONFLICT, state)
                }
                SignUpError::Refused(refusal) => {
                    let notice = PasswordNotice::Refused(refusal);
                    choose(&desk, &visit, to, &form.token, Some(&form.name), Some(notice)).await
                }
                SignUpError::SignIn(SignInError::TooUnusual(unusual)) => desk.too_unusual(&visit, &unusual),
                _ => {
                    let notice = PasswordNotice::OurFault;
                    choose(&desk, &visit, to, &form.token, Some(&form.name), Some(notice)).await
                }
            }
        }
    }
}

/// Asks for name and password, if the link still makes an account.
async fn choose(
    desk: &Desk,
    visit: &Visit,
    to: Option<&str>,
    token: &str,
    name: Option<&str>,
    notice: Option<PasswordNotice>,
) -> Reply {
    match sign_up::look(&desk.world, token).await {
        Ok(invitation) => {
            let state = Inviting::Choosing {
                token,
                inviter: invitation.inviter,
                login_id: invitation.login_id.as_str(),
                name: name.or(invitation.name.as_deref()).unwrap_or_default(),
                chars_min: password::chars_min(&desk.world, &invitation.groups),
                notice,
            };
            invite_page(desk, visit, to, status(notice), state)
        }
        Err(SignUpError::Store(error)) => desk.unavailable(&error),
        Err(_) => invite_page(desk, visit, to, StatusCode::GONE, Inviting::Over),
    }
}

fn invite_page(desk: &Desk, visit: &Visit, to: Option<&str>, status: StatusCode, state: Inviting<'_>) -> Reply {
    desk.form_page(visit, to, |hidden| desk.scripted_page(status, &InvitePage { frame: desk.frame(), hidden, state }))
}
