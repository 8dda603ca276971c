//! `/account/factors/{id}`: a second factor's name, its place among the others, its end.
//!
//! The page opens with a fresh proof only, so that nobody fills in a name that is then lost to a challenge.

use super::{Carried, Desk, Fields, Reply, Visit, onward, reference, see_other, way::Errand};
use crate::{
    domain::{factor::FactorId, time::Timestamp},
    edge::{
        http::refusal::Refusal,
        portal::account::factor::{End, FactorPage, FactorRow, Order},
    },
    flows::{
        challenge::ChallengeError,
        codes::{self, Reached},
        factors::{self, ChangeError, SecondFactor},
        sessions::Full,
    },
    ports::StoreError,
};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Deserialize)]
pub(super) struct RenameForm {
    name: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /account/factors/{id}`.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Path(id): Path<String>,
    request: Request,
) -> Reply {
    let Ok(id) = Uuid::parse_str(&id) else { return desk.refusal(Refusal::NotFound, &reference(&request)) };
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match factors::to_change(&desk.world, &full, FactorId(id)).await {
        Ok(_) => page(&desk, &visit, &full, id, false).await,
        Err(error) => refuse(&desk, &visit, &full, id, error).await,
    }
}

/// `POST /account/factors/{id}/rename`.
pub(super) async fn rename(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Path(id): Path<Uuid>,
    Fields(form): Fields<RenameForm>,
) -> Reply {
    change(&desk, &visit, &form.carried, id, async |full| {
        factors::rename(&desk.world, full, FactorId(id), &form.name, &visit.caller).await?;
        tracing::info!(user.id = %full.identity.user.id.0, factor.id = %id, "factor renamed");
        Ok("/account#ways")
    })
    .await
}

/// `POST /account/factors/{id}/primary`.
pub(super) async fn set_primary(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Path(id): Path<Uuid>,
    Fields(carried): Fields<Carried>,
) -> Reply {
    change(&desk, &visit, &carried, id, async |full| {
        factors::set_primary(&desk.world, full, FactorId(id), &visit.caller).await?;
        tracing::info!(user.id = %full.identity.user.id.0, factor.id = %id, "primary factor chosen");
        Ok("/account#ways")
    })
    .await
}

/// `POST /account/factors/{id}/remove`.
pub(super) async fn remove(
    State(desk): State<Arc<Desk>>,
    visit: Visit,
    Path(id): Path<Uuid>,
    Fields(carried): Fields<Carried>,
) -> Reply {
    change(&desk, &visit, &carried, id, async |full| {
        factors::remove(&desk.world, full, FactorId(id), &visit.caller).await?;
        tracing::info!(user.id = %full.identity.user.id.0, factor.id = %id, "factor removed");
        Ok("/account/changed")
    })
    .await
}

/// Does what a form of the page asks for, and goes where that leads.
async fn change(
    desk: &Desk,
    visit: &Visit,
    carried: &Carried,
    id: Uuid,
    act: impl AsyncFnOnce(&Full) -> Result<&'static str, ChangeError>,
) -> Reply {
    if let Err(refusal) = desk.check(visit, carried) {
        return *refusal;
    }
    let full = match desk.signed_in(visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match act(&full).await {
        Ok(next) => see_other(next),
        Err(error) => refuse(desk, visit, &full, id, error).await,
    }
}

async fn refuse(desk: &Desk, visit: &Visit, full: &Full, id: Uuid, error: ChangeError) -> Reply {
    match error {
        ChangeError::NeedsProof(_) => onward("/challenge", Some(&Errand::Factor(id).name())),
        ChangeError::Kept => page(desk, visit, full, id, true).await,
        ChangeError::Challenge(ChallengeError::Store(error)) => desk.unavailable(&error),
        // It went in another tab, or it is somebody else's.
        ChangeError::Unknown
        | ChangeError::NeedsOperator
        | ChangeError::NeedsMailbox
        | ChangeError::EmailFirst
        | ChangeError::NotOffered
        | ChangeError::TooMany
        | ChangeError::Challenge(_) => see_other("/account"),
    }
}

async fn page(desk: &Desk, visit: &Visit, full: &Full, id: Uuid, was_to_go: bool) -> Reply {
    let ((all, primary), reached) = match found(desk, full).await {
        Ok(found) => found,
        Err(error) => return desk.unavailable(&error),
    };
    let Some(factor) = all.iter().find(|factor| factor.id.0 == id) else { return see_other("/account") };
    let factor = row(factor, primary, desk.world.clock.now());
    let order = Order::of(factor.is_primary, all.len() + reached.len());
    let end = match factors::last_stays(&desk.world, &full.identity.user).await {
        Ok(true) if was_to_go => End::Stayed,
        Ok(true) => End::Stays,
        Ok(false) => End::MayGo,
        Err(error) => return desk.unavailable(&error),
    };
    let status = if was_to_go { StatusCode::CONFLICT } else { StatusCode::OK };
    desk.form_page(visit, None, |hidden| {
        desk.page(status, &FactorPage { frame: desk.frame(), hidden, factor, order, end })
    })
}

/// Whatever somebody proves who they are with, beside their password.
async fn found(desk: &Desk, full: &Full) -> Result<(Own, Vec<Reached>), StoreError> {
    Ok((own(desk, full).await?, codes::reached(&desk.world, full.identity.user.id).await?))
}

/// Second factors, and which of all ways comes first.
type Own = (Vec<SecondFactor>, Option<FactorId>);

/// Where an address that codes go to stands among somebody's ways to sign in; nothing where none go there.
pub(super) async fn order_of(desk: &Desk, full: &Full, address: FactorId) -> Result<Option<Order>, StoreError> {
    let ((all, primary), reached) = found(desk, full).await?;
    let is_way = reached.iter().any(|reached| reached.contact.id == address);
    Ok(is_way.then(|| Order::of(primary == Some(address), all.len() + reached.len())))
}

/// Somebody's second factors, and which of them they chose to be asked for first.
pub(super) async fn own(desk: &Desk, full: &Full) -> Result<Own, StoreError> {
    let user = full.identity.user.id;
    Ok((factors::second_factors(&desk.world, user).await?, desk.world.store.primary(user).await?))
}

/// A factor as pages show it.
pub(super) fn row(factor: &SecondFactor, primary: Option<FactorId>, now: Timestamp) -> FactorRow<'_> {
    FactorRow {
        id: factor.id.0,
        method: factor.method,
        name: &factor.name,
        added: factor.created_at.age(now).unwrap_or_default(),
        used: factor.used_at.map(|at| at.age(now).unwrap_or_default()),
        is_primary: primary == Some(factor.id),
    }
}
