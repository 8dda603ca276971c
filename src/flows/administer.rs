//! What an operator does to accounts and sessions.

pub use super::factors::SecondFactor;
use super::{
    World,
    challenge::totp_seal,
    factors,
    password::{Unfit, accept, hashed},
};
use crate::{
    domain::{
        contact::{Address, Contact, EmailAddress, PhoneNumber},
        factor::{
            FactorId, Method,
            totp::{KEY_BYTES, Key},
        },
        session::SessionId,
        user::{LoginId, User, UserId},
    },
    ports::{
        HasherBusy, StoreError,
        store::{Account, Added, SessionSummary, TotpFactor},
    },
};
use std::time::Duration;

/// How long a new account may set up its first second factor with the password alone.
pub const ENROL_WITHIN: Duration = Duration::from_hours(24);

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// What its owner will type.
    pub login_id: LoginId,
    /// Shown to people; the login id if there is none.
    pub name: Option<String>,
    /// Their e-mail address. The operator vouches for it, so it counts at once.
    pub email: Option<EmailAddress>,
    /// Their phone number; likewise.
    pub phone: Option<PhoneNumber>,
    /// What policies ask for.
    pub groups: Vec<String>,
}

/// Why an operator's wish was refused.
#[derive(Debug, thiserror::Error)]
pub enum AdministerError {
    /// Another account has this login id.
    #[error("there is already an account `{0}`")]
    Taken(LoginId),
    /// No account has this login id.
    #[error("there is no account `{0}`")]
    NoSuchUser(LoginId),
    /// No session has this id.
    #[error("there is no session {0}")]
    NoSuchSession(uuid::Uuid),
    /// The password can't be chosen.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Too many hashes at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds an account. Without a password nobody can sign in to it yet.
pub async fn add_user(world: &World, new: NewUser, password: Option<&str>) -> Result<User, AdministerError> {
    let now = world.now();
    let mut groups = new.groups;
    groups.sort();
    groups.dedup();
    let user = User {
        id: UserId(world.entropy.id(now)),
        name: new.name.unwrap_or_else(|| new.login_id.to_string()),
        login_id: new.login_id,
        email: new.email.as_ref().map(ToString::to_string),
        groups,
        language: None,
        disabled: false,
        created_at: now,
    };
    let password = match password {
        Some(typed) => Some(hashed(world, accept(world, &user, typed).await?).await?),
        None => None,
    };
    let account = Account { user: user.clone(), password, enrol_until: Some(now + ENROL_WITHIN) };
    if world.store.add_account(&account).await? == Added::Taken {
        return Err(AdministerError::Taken(user.login_id));
    }
    for address in new.email.map(Address::Email).into_iter().chain(new.phone.map(Address::Phone)) {
        let id = FactorId(world.entropy.id(now));
        world.store.put_contact(&Contact { id, user: user.id, address, verified_at: Some(now) }).await?;
    }
    Ok(user)
}

/// Where somebody is reached, e-mail first.
pub async fn contacts(world: &World, user: UserId) -> Result<Vec<Contact>, AdministerError> {
    Ok(world.store.contacts(user).await?)
}

/// The account with this login id.
pub async fn account(world: &World, login_id: &LoginId) -> Result<Account, AdministerError> {
    let account = world.store.account_by_login(login_id).await?;
    account.ok_or_else(|| AdministerError::NoSuchUser(login_id.clone()))
}

/// Every account.
pub async fn accounts(world: &World) -> Result<Vec<Account>, AdministerError> {
    Ok(world.store.accounts().await?)
}

/// The second factors of an account, the strongest method first.
pub async fn second_factors(world: &World, user: UserId) -> Result<Vec<SecondFactor>, AdministerError> {
    Ok(factors::second_factors(world, user).await?)
}

/// How many recovery codes an account has left.
pub async fn recovery_codes_left(world: &World, user: UserId) -> Result<u64, AdministerError> {
    Ok(super::recovery::left(world, user).await?)
}

/// Disables or enables an account. Disabling ends its sessions and forgets its devices.
pub async fn set_disabled(world: &World, login_id: &LoginId, disabled: bool) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    found(world.store.set_disabled(account.user.id, disabled).await?, login_id)
}

/// Deletes an account and all that hangs on it.
pub async fn delete_user(world: &World, login_id: &LoginId) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    found(world.store.delete_account(account.user.id).await?, login_id)
}

/// Sets an account's password, which ends its sessions and forgets its devices.
pub async fn set_password(world: &World, login_id: &LoginId, typed: &str) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    let password = hashed(world, accept(world, &account.user, typed).await?).await?;
    found(world.store.set_password(account.user.id, &password).await?, login_id)
}

/// Gives an account an authenticator app; returns the key for its owner.
pub async fn enroll_totp(world: &World, login_id: &LoginId) -> Result<Key, AdministerError> {
    let account = account(world, login_id).await?;
    let now = world.now();
    let secret = world.entropy.key(KEY_BYTES);
    let id = FactorId(world.entropy.id(now));
    let factor = TotpFactor {
        id,
        user: account.user.id,
        name: factors::called("", Method::Totp),
        sealed_key: world.vault.seal(&totp_seal(id.0), secret.expose()),
        spent_step: 0,
        created_at: now,
        used_at: None,
    };
    world.store.forget_devices(account.user.id).await?;
    // The id is new, so this can't be taken.
    let _: Added = world.store.add_totp(&factor).await?;
    world.store.set_enrol_until(account.user.id, None).await?;
    Key::new(&secret, &world.settings.organisation, login_id.as_str())
        .ok_or_else(|| AdministerError::NoSuchUser(login_id.clone()))
}

/// Removes an account's second factors and recovery codes, ends its sessions, forgets its devices, and lets its owner
/// set up new ones for a day. Returns how many factors there were.
pub async fn reset_mfa(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let account = account(world, login_id).await?;
    let removed = world.store.remove_second_factors(account.user.id).await?;
    world.store.set_enrol_until(account.user.id, Some(world.now() + ENROL_WITHIN)).await?;
    Ok(removed)
}

/// Forgets the browsers that an account's owner has remembered. Returns how many.
pub async fn forget_devices(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let account = account(world, login_id).await?;
    Ok(world.store.forget_devices(account.user.id).await?)
}

/// Forgets an account's failed tries.
pub async fn unlock(world: &World, login_id: &LoginId) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    Ok(world.store.unlock(account.user.id).await?)
}

/// Sessions, of one account or of all.
pub async fn sessions(world: &World, login_id: Option<&LoginId>) -> Result<Vec<SessionSummary>, AdministerError> {
    let user = match login_id {
        Some(login_id) => Some(account(world, login_id).await?.user.id),
        None => None,
    };
    Ok(world.store.sessions(user).await?)
}

/// Ends one session.
pub async fn revoke_session(world: &World, session: SessionId) -> Result<(), AdministerError> {
    if world.store.end_session(session).await? { Ok(()) } else { Err(AdministerError::NoSuchSession(session.0)) }
}

/// Ends all sessions of an account, and forgets its devices. Returns how many.
pub async fn revoke_sessions_of(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let account = account(world, login_id).await?;
    Ok(world.store.end_sessions_of(account.user.id, None).await?)
}

fn found(done: bool, login_id: &LoginId) -> Result<(), AdministerError> {
    if done { Ok(()) } else { Err(AdministerError::NoSuchUser(login_id.clone())) }
}
