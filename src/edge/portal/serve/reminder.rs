//! `/enroll/reminder`: for somebody who signed in without the second step that is required of them.

use super::{Desk, Reply, Visit, login::Link, onward};
use crate::{
    domain::enrolment::Grace,
    edge::{
        http::words::Deadline,
        portal::enroll::reminder::{EnrollReminderPage, SettingUp},
    },
    flows::{
        enroll, first_factor, grace,
        sessions::{self, Bearer},
    },
    ports::StoreError,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use std::sync::Arc;

/// `GET /enroll/reminder`. Whoever needs none, or is asked for a second step anyway, goes on.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit, Query(link): Query<Link>) -> Reply {
    let to = desk.journey(link.to.as_deref()).and(link.to.as_deref());
    page(&desk, &visit, to).await.unwrap_or_else(|error| desk.unavailable(&error))
}

async fn page(desk: &Desk, visit: &Visit, to: Option<&str>) -> Result<Reply, StoreError> {
    let bearer = sessions::recognise(&desk.world, visit.token.as_ref()).await?;
    let Bearer::Full(full) = &bearer else { return Ok(onward("/login", to)) };
    let is_asked = match desk.journey(to) {
        Some(journey) => desk.toll(&journey, &full.identity).await?.is_some(),
        None => false,
    };
    let ends = match grace::of(&desk.world, &full.identity.user).await? {
        Some(Grace::Until(ends)) if !is_asked => Deadline { at: ends, now: desk.world.clock.now() },
        Some(Grace::Ahead | Grace::Until(_) | Grace::Over) | None => return Ok(onward("/login", to)),
    };
    let setting_up = setting_up(desk, &bearer).await?;
    Ok(desk.form_page(visit, to, |hidden| {
        let (frame, login_id) = (desk.frame(), full.identity.user.login_id.as_str());
        desk.page(StatusCode::OK, &EnrollReminderPage { frame, hidden, login_id, ends, setting_up })
    }))
}

/// Who can set up this bearer's first second step.
pub(super) async fn setting_up(desk: &Desk, bearer: &Bearer) -> Result<SettingUp, StoreError> {
    let methods = enroll::enrollable(&desk.world, bearer).await?;
    Ok(match first_factor::is_opened_by_mail(&desk.world, bearer).await? {
        _ if methods.is_empty() => SettingUp::WithHelp,
        true => SettingUp::ByMail,
        false => SettingUp::Alone,
    })
}
