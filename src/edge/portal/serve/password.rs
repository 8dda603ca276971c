//! Passwords: changed on the account page, replaced by a mailed link where they were forgotten.

use super::{Carried, Desk, Fields, Reply, Visit, login::Link, onward, see_other, way::Errand};
use crate::{
    domain::contact::Channel,
    edge::portal::{
        account::AccountNotice,
        password::{
            PasswordNotice, Remedy,
            change::{ChangePasswordPage, Present},
            forgot::{Forgot, ForgotPage},
            reset::{ResetPage, Resetting},
        },
    },
    flows::{
        password::{self, Changed, PasswordError},
        sessions::{self, Bearer, Full},
    },
    ports::store::OtherSessions,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct ChangeForm {
    /// The password they have; nothing where they have none.
    #[serde(default)]
    present: String,
    password: String,
    /// Present where their other sessions are to end.
    everywhere: Option<String>,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct ForgotForm {
    login_id: String,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct ResetLink {
    #[serde(default)]
    token: String,
    to: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ResetForm {
    token: String,
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /.well-known/change-password`: where password managers send people (W3C, A Well-Known URL for Changing Passwords).
pub(super) async fn well_known() -> Reply {
    see_other("/account/password")
}

/// `GET /account/password`.
pub(super) async fn show_change(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => match password::missing_for_update(&desk.world, &full).await {
            Ok(None) => change_page(&desk, &visit, &full, None).await,
            Ok(Some(_)) => onward("/challenge", Some(&Errand::ChangePassword.name())),
            Err(error) => desk.unavailable(&error),
        },
        Ok(Bearer::Half(_)) => see_other("/challenge"),
        Ok(Bearer::Nobody(_)) => onward("/login", None),
        Err(error) => desk.unavailable(&error),
    }
}

/// `POST /account/password`.
pub(super) async fn change(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<ChangeForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let full = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => full,
        Ok(Bearer::Half(_) | Bearer::Nobody(_)) => return onward("/login", None),
        Err(error) => return desk.unavailable(&error),
    };
    let others = if form.everywhere.is_some() { OtherSessions::End } else { OtherSessions::Stay };
    let (user, client) = (full.identity.user.id.0, visit.caller.address);
    match password::update(&desk.world, &full, &form.present, &form.password, others, &visit.caller).await {
        Ok(changed) => {
            tracing::info!(user.id = %user, %client, ended = changed.ended.len(), "password changed");
            done(&desk, visit, changed).await
        }
        Err(error) => {
            tracing::info!(user.id = %user, %client, %error, "password not changed");
            match error {
                PasswordError::NeedsProof(_) => onward("/challenge", Some(&Errand::ChangePassword.name())),
                PasswordError::Gone => see_other("/account/password"),
                error => change_page(&desk, &visit, &full, Some(shown(&desk, &error))).await,
            }
        }
    }
}

async fn done(desk: &Desk, visit: Visit, changed: Changed) -> Reply {
    for session in &changed.ended {
        desk.ended.note(*session);
    }
    let visit = Visit { token: Some(changed.opened.token.clone()), ..visit };
    let reply = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => desk.account(&visit, &full, Some(AccountNotice::PasswordChanged)).await,
        Ok(Bearer::Half(_) | Bearer::Nobody(_)) => onward("/login", None),
        Err(error) => desk.unavailable(&error),
    };
    desk.keep(reply, &changed.opened)
}

async fn change_page(desk: &Desk, visit: &Visit, full: &Full, notice: Option<PasswordNotice>) -> Reply {
    let user = &full.identity.user;
    let present = match desk.world.store.account(user.id).await {
        Ok(Some(account)) if account.password.is_some() => Present::Typed,
        Ok(_) => Present::None,
        Err(error) => return desk.unavailable(&error),
    };
    let chars_min = password::chars_min(&desk.world, &user.groups);
    desk.form_page(visit, None, |hidden| {
        let (frame, login_id) = (desk.frame(), user.login_id.as_str());
        let page = ChangePasswordPage { frame, hidden, login_id, present, chars_min, notice };
        desk.scripted_page(status(notice), &page)
    })
}

/// `GET /forgot`.
pub(super) async fn show_forgot(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    forgot_page(&desk, &visit, to, "", desk.asking(None))
}

/// `POST /forgot`. Whether there was anybody to send a link to shows in nothing.
pub(super) async fn request(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<ForgotForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    if desk.remedy() == Remedy::People {
        return forgot_page(&desk, &visit, to, "", Forgot::NoMail);
    }
    let client = visit.caller.address;
    match password::request_reset(&desk.world, &form.login_id, to, &visit.caller).await {
        Ok(()) => {
            tracing::info!(%client, "a link to choose a password was asked for");
            forgot_page(&desk, &visit, to, "", Forgot::Sent)
        }
        Err(error) => {
            tracing::info!(%client, %error, "no link to choose a password");
            forgot_page(&desk, &visit, to, &form.login_id, desk.asking(Some(shown(&desk, &error))))
        }
    }
}

/// `GET /reset`: shows the form and changes nothing, so that what looks at links before people do spends none.
pub(super) async fn show_reset(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<ResetLink>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    choose(&desk, &visit, to, &link.token, None).await
}

/// `POST /reset`.
pub(super) async fn reset(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<ResetForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let to = desk.journey(form.carried.to.as_deref()).and(form.carried.to.as_deref());
    let client = visit.caller.address;
    match password::reset(&desk.world, &form.token, &form.password, &visit.caller).await {
        Ok(reset) => {
            tracing::info!(user.id = %reset.user.id.0, %client, ended = reset.ended.len(), "password reset by a link");
            for session in &reset.ended {
                desk.ended.note(*session);
            }
            let state = Resetting::Done { second_step: reset.second_step };
            reset_page(&desk, &visit, to, StatusCode::OK, state)
        }
        Err(PasswordError::Gone) => reset_page(&desk, &visit, to, StatusCode::GONE, Resetting::Over),
        Err(error) => {
            tracing::info!(%client, %error, "password not reset");
            choose(&desk, &visit, to, &form.token, Some(shown(&desk, &error))).await
        }
    }
}

/// Asks for a new password, if the link still allows one.
async fn choose(desk: &Desk, visit: &Visit, to: Option<&str>, token: &str, notice: Option<PasswordNotice>) -> Reply {
    match password::owner_of_link(&desk.world, token).await {
        Ok(user) => {
            let (login_id, chars_min) = (user.login_id.as_str(), password::chars_min(&desk.world, &user.groups));
            let state = Resetting::Choosing { token, login_id, chars_min, notice };
            reset_page(desk, visit, to, status(notice), state)
        }
        Err(PasswordError::Store(error)) => desk.unavailable(&error),
        Err(_) => reset_page(desk, visit, to, StatusCode::GONE, Resetting::Over),
    }
}

fn reset_page(desk: &Desk, visit: &Visit, to: Option<&str>, status: StatusCode, state: Resetting<'_>) -> Reply {
    desk.form_page(visit, to, |hidden| {
        let page = ResetPage { frame: desk.frame(), hidden, state };
        match state {
            Resetting::Choosing { .. } => desk.scripted_page(status, &page),
            Resetting::Done { .. } | Resetting::Over => desk.page(status, &page),
        }
    })
}

fn forgot_page(desk: &Desk, visit: &Visit, to: Option<&str>, login_id: &str, state: Forgot) -> Reply {
    let notice = match state {
        Forgot::Asking(notice) => notice,
        Forgot::Sent | Forgot::NoMail => None,
    };
    desk.form_page(visit, to, |hidden| {
        desk.page(status(notice), &ForgotPage { frame: desk.frame(), hidden, login_id, state })
    })
}

impl Desk {
    /// How a forgotten password is replaced here.
    pub(super) fn remedy(&self) -> Remedy {
        if self.world.messenger.reaches(Channel::Email) { Remedy::Link } else { Remedy::People }
    }

    fn asking(&self, notice: Option<PasswordNotice>) -> Forgot {
        match self.remedy() {
            Remedy::Link => Forgot::Asking(notice),
            Remedy::People => Forgot::NoMail,
        }
    }
}

/// What the visitor may learn.
fn shown(desk: &Desk, error: &PasswordError) -> PasswordNotice {
    match error {
        PasswordError::Refused(refusal) => PasswordNotice::Refused(*refusal),
        PasswordError::Wrong => PasswordNotice::Wrong,
        PasswordError::Throttled(closed) => match desk.until(*closed) {
            Some(again) => PasswordNotice::TooMany { again },
            None => PasswordNotice::Locked,
        },
        // The first two are answered elsewhere.
        PasswordError::NeedsProof(_)
        | PasswordError::Gone
        | PasswordError::Busy(_)
        | PasswordError::Lore(_)
        | PasswordError::Store(_) => PasswordNotice::OurFault,
    }
}

pub(super) const fn status(notice: Option<PasswordNotice>) -> StatusCode {
    match notice {
        None => StatusCode::OK,
        Some(PasswordNotice::Refused(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(PasswordNotice::Wrong) => StatusCode::FORBIDDEN,
        Some(PasswordNotice::TooMany { .. } | PasswordNotice::Locked) => StatusCode::TOO_MANY_REQUESTS,
        Some(PasswordNotice::OurFault) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
