//! What an operator does to accounts and sessions.

pub use super::factors::SecondFactor;
use super::{
    World,
    challenge::totp_seal,
    factors, grace, notices,
    password::{Unfit, accept, hashed},
};
use crate::{
    domain::{
        contact::{Address, Contact, EmailAddress, PhoneNumber},
        enrolment::{Grace, Requirement},
        event::Intervention,
        factor::{
            FactorId, Method,
            totp::{KEY_BYTES, Key},
        },
        session::SessionId,
        user::{LoginId, User, UserId},
    },
    ports::{
        HasherBusy, StoreError,
        messages::OperatorAct,
        store::{Account, Added, Approval, SessionSummary, TotpFactor},
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
    /// A phone number takes an e-mail address that is known: one hears of what happens to the other.
    #[error("a phone number takes an e-mail address beside it: give one with `--email`")]
    EmailFirst,
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

/// Whether such an account can be added, as far as that shows before anybody thinks of a password.
pub async fn may_add(world: &World, new: &NewUser) -> Result<(), AdministerError> {
    if new.phone.is_some() && new.email.is_none() {
        return Err(AdministerError::EmailFirst);
    }
    match world.store.account_by_login(&new.login_id).await? {
        Some(_) => Err(AdministerError::Taken(new.login_id.clone())),
        None => Ok(()),
    }
}

/// Adds an account. Without a password nobody can sign in to it yet.
pub async fn add_user(world: &World, new: NewUser, password: Option<&str>) -> Result<User, AdministerError> {
    may_add(world, &new).await?;
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
    let account = Account { user: user.clone(), password, approval: Some(Approval::of_password(now + ENROL_WITHIN)) };
    if world.store.add_account(&account).await? == Added::Taken {
        return Err(AdministerError::Taken(user.login_id));
    }
    for address in new.email.map(Address::Email).into_iter().chain(new.phone.map(Address::Phone)) {
        let id = FactorId(world.entropy.id(now));
        world.store.put_contact(&Contact { id, user: user.id, address, verified_at: Some(now), used_at: None }).await?;
    }
    world.record_operator(user.id, Intervention::Added).await?;
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

/// What signing in takes from an account, and how it stands with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What is required of it.
    pub requirement: Requirement,
    /// What is sent to its addresses and serves as a second step.
    pub sent: Vec<Method>,
    /// How it stands with its grace, if it lacks what is required.
    pub grace: Option<Grace>,
    /// How many recovery codes it has left.
    pub recovery_codes: u64,
}

/// How an account stands.
pub async fn status(world: &World, user: &User) -> Result<Status, AdministerError> {
    Ok(Status {
        requirement: world.settings.requirements.of(&user.groups),
        sent: super::codes::methods_of(world, user.id).await?,
        grace: grace::of(world, user).await?,
        recovery_codes: super::recovery::left(world, user.id).await?,
    })
}

/// Disables or enables an account. Disabling ends its sessions and forgets its devices.
pub async fn set_disabled(world: &World, login_id: &LoginId, disabled: bool) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    found(world.store.set_disabled(account.user.id, disabled).await?, login_id)?;
    let act = if disabled { Intervention::Disabled } else { Intervention::Enabled };
    Ok(world.record_operator(account.user.id, act).await?)
}

/// Deletes an account and all that hangs on it.
pub async fn delete_user(world: &World, login_id: &LoginId) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    found(world.store.delete_account(account.user.id).await?, login_id)
}

/// Sets an account's password, which ends its sessions and forgets its devices. Its owner is told (EN-02).
pub async fn set_password(world: &World, login_id: &LoginId, typed: &str) -> Result<(), AdministerError> {
    let user = account(world, login_id).await?.user;
    let password = hashed(world, accept(world, &user, typed).await?).await?;
    found(world.store.set_password(user.id, &password).await?, login_id)?;
    world.record_operator(user.id, Intervention::PasswordSet).await?;
    let told = notices::reached_at(world, &user).await?;
    notices::tell_of_operator(world, &user, told, OperatorAct::PasswordSet).await?;
    Ok(())
}

/// Gives an account an authenticator app; returns the key for its owner, who is told (EN-02).
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
    world.record_operator(account.user.id, Intervention::AppAdded { name: factor.name.clone() }).await?;
    let told = notices::reached_at(world, &account.user).await?;
    notices::tell_of_operator(world, &account.user, told, OperatorAct::AppHandedOut { name: factor.name }).await?;
    Key::new(&secret, &world.settings.organisation, login_id.as_str())
        .ok_or_else(|| AdministerError::NoSuchUser(login_id.clone()))
}

/// Removes an account's second factors and recovery codes, ends its sessions, forgets its devices, and lets its owner
/// set up new ones for a day. It gives no new grace, and ends what was left of it where there was a factor. Returns how many
/// factors there were. Its owner is told, the phone that goes included (EN-02).
pub async fn reset_mfa(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let user = account(world, login_id).await?.user;
    let told = notices::reached_at(world, &user).await?;
    let removed = world.store.remove_second_factors(user.id).await?;
    world.store.set_enrol_until(user.id, Some(world.now() + ENROL_WITHIN)).await?;
    world.record_operator(user.id, Intervention::SecondFactorsReset { removed }).await?;
    notices::tell_of_operator(world, &user, told, OperatorAct::SecondFactorsReset).await?;
    Ok(removed)
}

/// Forgets the browsers that an account's owner has remembered. Returns how many.
pub async fn forget_devices(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let account = account(world, login_id).await?;
    let count = world.store.forget_devices(account.user.id).await?;
    if count > 0 {
        world.record_operator(account.user.id, Intervention::DevicesForgotten { count }).await?;
    }
    Ok(count)
}

/// Forgets an account's failed tries.
pub async fn unlock(world: &World, login_id: &LoginId) -> Result<(), AdministerError> {
    let account = account(world, login_id).await?;
    world.store.unlock(account.user.id).await?;
    Ok(world.record_operator(account.user.id, Intervention::Unlocked).await?)
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
    // A disabled user has no session that is still found here, and none that lives.
    let owner = world.store.identities(&[session]).await?.pop().map(|identity| identity.user.id);
    if !world.store.end_session(session).await? {
        return Err(AdministerError::NoSuchSession(session.0));
    }
    match owner {
        Some(owner) => Ok(world.record_operator(owner, Intervention::SessionsEnded { count: 1 }).await?),
        None => Ok(()),
    }
}

/// Ends all sessions of an account, and forgets its devices. Returns how many.
pub async fn revoke_sessions_of(world: &World, login_id: &LoginId) -> Result<u64, AdministerError> {
    let account = account(world, login_id).await?;
    let count = world.store.end_sessions_of(account.user.id, None).await?;
    if count > 0 {
        world.record_operator(account.user.id, Intervention::SessionsEnded { count }).await?;
    }
    Ok(count)
}

fn found(done: bool, login_id: &LoginId) -> Result<(), AdministerError> {
    if done { Ok(()) } else { Err(AdministerError::NoSuchUser(login_id.clone())) }
}
