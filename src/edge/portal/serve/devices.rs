//! `/account/devices`, and `/not-me`.

use super::{Carried, Desk, Fields, Reply, Visit, onward, see_other, way::Errand};
use crate::{
    domain::{secret::Token, time::Timestamp},
    edge::portal::{
        devices::{DeviceRow, DevicesPage, Place},
        not_me::{NotMe, NotMePage},
    },
    flows::{
        challenge::ChallengeError,
        devices,
        factors::ChangeError,
        sessions::{self, Bearer, Full},
    },
    ports::store::{Device, DeviceId},
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Deserialize)]
pub(super) struct ForgetForm {
    /// The device; all of them where none is named.
    device: Option<Uuid>,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct RenameForm {
    device: Uuid,
    name: String,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct LinkQuery {
    #[serde(default)]
    link: String,
}

#[derive(Deserialize)]
pub(super) struct NotMeForm {
    link: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /account/devices`.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    let full = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => full,
        Ok(Bearer::Half(_)) => return see_other("/challenge"),
        Ok(Bearer::Nobody(_)) => return onward("/login", None),
        Err(error) => return desk.unavailable(&error),
    };
    match devices::list(&desk.world, full.identity.user.id).await {
        Ok(devices) => page(&desk, &visit, &full, &devices),
        Err(error) => desk.unavailable(&error),
    }
}

fn page(desk: &Desk, visit: &Visit, full: &Full, devices: &[Device]) -> Reply {
    let (now, lasts) = (desk.world.clock.now(), desk.world.settings.remember);
    let here = visit.caller.browser.as_ref().map(Token::hash);
    let age = |at: Timestamp| at.age(now).unwrap_or_default();
    let rows = devices.iter().map(|device| DeviceRow {
        id: device.id.0,
        name: device.name.as_deref(),
        place: if here == Some(device.browser) { Place::Here } else { Place::Elsewhere },
        added: age(device.created_at),
        used: device.used_at.map(age),
    });
    let rows: Vec<_> = rows.collect();
    let login_id = full.identity.user.login_id.as_str();
    desk.form_page(visit, None, |hidden| {
        desk.page(StatusCode::OK, &DevicesPage { frame: desk.frame(), hidden, login_id, lasts, devices: &rows })
    })
}

/// `POST /account/devices/forget`.
pub(super) async fn forget(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<ForgetForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let user = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(Bearer::Full(full)) => full.identity.user,
        Ok(Bearer::Half(_) | Bearer::Nobody(_)) => return onward("/login", None),
        Err(error) => return desk.unavailable(&error),
    };
    let forgotten = match form.device {
        Some(device) => devices::forget(&desk.world, &user, DeviceId(device), &visit.caller).await.map(u64::from),
        None => devices::forget_all(&desk.world, &user, &visit.caller).await,
    };
    match forgotten {
        Ok(count) => {
            tracing::info!(user.id = %user.id.0, count, client = %visit.caller.address, "remembered browsers forgotten");
            see_other("/account/devices")
        }
        Err(error) => desk.unavailable(&error),
    }
}

/// `POST /account/devices/rename`.
pub(super) async fn rename(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<RenameForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match devices::rename(&desk.world, &full, DeviceId(form.device), &form.name, &visit.caller).await {
        Ok(()) | Err(ChangeError::Unknown) => see_other("/account/devices"),
        Err(ChangeError::NeedsProof(_)) => onward("/challenge", Some(&Errand::Devices.name())),
        Err(ChangeError::Challenge(ChallengeError::Store(error))) => desk.unavailable(&error),
        Err(_) => see_other("/account"),
    }
}

/// `GET /not-me`: asks. Whoever opens the link need not be signed in, and may be a program that looks at mail.
pub(super) async fn ask(State(desk): State<Arc<Desk>>, visit: Visit, Query(query): Query<LinkQuery>) -> Reply {
    let Some(link) = Token::parse(&query.link) else { return not_me(&desk, &visit, NotMe::Over) };
    match devices::undoable(&desk.world, &link).await {
        Ok(Some(undo)) => {
            let age = undo.made_at.age(desk.world.clock.now()).unwrap_or_default();
            let browser = undo.browser.as_deref();
            not_me(&desk, &visit, NotMe::Asked { link: &query.link, browser, age })
        }
        Ok(None) => not_me(&desk, &visit, NotMe::Over),
        Err(error) => desk.unavailable(&error),
    }
}

/// `POST /not-me`: ends that sign-in, once.
pub(super) async fn end(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<NotMeForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let Some(link) = Token::parse(&form.link) else { return not_me(&desk, &visit, NotMe::Over) };
    match devices::undo(&desk.world, &link, &visit.caller).await {
        Ok(Some(undo)) => {
            desk.ended.note(undo.session);
            let (user, session) = (undo.user.0, undo.session.0);
            tracing::warn!(user.id = %user, %session, client = %visit.caller.address, "a sign-in was disowned and ended");
            not_me(&desk, &visit, NotMe::Ended)
        }
        Ok(None) => not_me(&desk, &visit, NotMe::Over),
        Err(error) => desk.unavailable(&error),
    }
}

fn not_me(desk: &Desk, visit: &Visit, state: NotMe<'_>) -> Reply {
    let status = match state {
        NotMe::Asked { .. } | NotMe::Ended => StatusCode::OK,
        NotMe::Over => StatusCode::GONE,
    };
    desk.form_page(visit, None, |hidden| desk.page(status, &NotMePage { frame: desk.frame(), hidden, state }))
}
