//! Judging a password while it is typed, for whoever could choose it.
//!
//! It is what [`password::accept`] says when the form is sent, and to the same people: no stranger learns from it what is in
//! the operator's list of stolen passwords. Nothing is kept, and so many a minute are judged for one address.

use super::{Caller, TryError, World, password, sessions::Bearer, sign_up};
use crate::{
    domain::{
        password::Refusal,
        throttle::{BudgetKey, Closed, JUDGEMENTS},
        user::User,
    },
    flows::{
        password::{PasswordError, Unfit},
        sign_up::SignUpError,
    },
    ports::{LoreError, StoreError},
};

/// Why nothing is said of a password.
#[derive(Debug, thiserror::Error)]
pub enum NotJudged {
    /// Whoever asks can choose no password: their link is over, or a fresh proof comes first.
    #[error("no password can be chosen here")]
    Gone,
    /// Enough was asked for now.
    #[error("too many tries")]
    Throttled(Closed),
    /// It could not be judged.
    #[error(transparent)]
    Lore(#[from] LoreError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for NotJudged {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::Throttled(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

/// What would come of choosing this password: by the link with this token, as somebody of this name, or, without one, by
/// whoever is signed in.
pub async fn judge(
    world: &World,
    bearer: &Bearer,
    token: &str,
    name: &str,
    typed: &str,
    caller: &Caller,
) -> Result<Result<(), Refusal>, NotJudged> {
    world.charge_one(BudgetKey::judgements(caller.address), &JUDGEMENTS).await?;
    let user = whose(world, bearer, token, name, caller).await?;
    match password::accept(world, &user, typed).await {
        Ok(_) => Ok(Ok(())),
        Err(Unfit::Refused(refusal)) => Ok(Err(refusal)),
        Err(Unfit::Lore(error)) => Err(error.into()),
    }
}

async fn whose(world: &World, bearer: &Bearer, token: &str, name: &str, caller: &Caller) -> Result<User, NotJudged> {
    if token.is_empty() {
        let Bearer::Full(full) = bearer else { return Err(NotJudged::Gone) };
        let missing = password::missing_for_update(world, full).await?;
        return if missing.is_none() { Ok(full.identity.user.clone()) } else { Err(NotJudged::Gone) };
    }
    match password::owner_of_link(world, token).await {
        Ok(user) => return Ok(user),
        Err(PasswordError::Store(error)) => return Err(error.into()),
        Err(_) => {}
    }
    match sign_up::look(world, token).await {
        Ok(invitation) => Ok(sign_up::newcomer(world, &invitation, name, caller)),
        Err(SignUpError::Store(error)) => Err(error.into()),
        Err(_) => Err(NotJudged::Gone),
    }
}
