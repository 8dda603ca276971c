//! The time in which somebody may sign in without the second factor that is required of them (`mfa.grace`).
//!
//! What they sign in to is a session that holds their password and no more, so whatever asks for `mfa` asks them too. Nor
//! does it let them set anything up that they could not set up without it (EN-04).

use super::World;
use crate::{
    domain::{
        enrolment::{Grace, Requirement},
        time::Timestamp,
        user::{User, UserId},
    },
    ports::StoreError,
};

/// Begins somebody's grace, if it has not begun yet; until when they may sign in without a second factor, if they may at all.
pub(super) async fn begin(world: &World, user: UserId) -> Result<Option<Timestamp>, StoreError> {
    if world.settings.grace.is_none() {
        return Ok(None);
    }
    let now = world.now();
    let began = world.store.begin_grace(user, now).await?;
    Ok(match Grace::at(began, world.settings.grace, now) {
        Grace::Until(ends) => Some(ends),
        // There is no such account any more.
        Grace::Ahead | Grace::Over => None,
    })
}

/// How it stands with the grace of somebody who has no second factor where one is required; `None` for everybody else.
pub async fn of(world: &World, user: &User) -> Result<Option<Grace>, StoreError> {
    let is_required = world.settings.requirements.of(&user.groups) == Requirement::Required;
    if !is_required || world.has_second_factor(user.id).await? {
        return Ok(None);
    }
    let began = world.store.grace_began(user.id).await?;
    Ok(Some(Grace::at(began, world.settings.grace, world.now())))
}
