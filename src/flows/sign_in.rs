//! Signing in with a password.

use super::{Caller, TryError, World, devices};
use crate::{
    domain::{
        enrolment::Requirement,
        event::What,
        factor::Method,
        password::Typed,
        secret::Token,
        session::{Activity, Authentication, Session, SessionId},
        throttle::{BudgetKey, Closed},
        user::LoginId,
    },
    ports::{
        HasherBusy, StoreError,
        store::{Account, Attempt, PasswordFactor},
    },
};

/// What a right password leads to.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// Signed in.
    Done(Opened),
    /// A second factor is still to come, under this token.
    SecondFactor(Token),
    /// There is no second factor yet, and one must be set up first, under this token.
    Enrol(Token),
}

/// A session was opened, or gained a proof.
#[derive(Debug)]
pub struct Opened {
    /// The portal's new token; any older one is dead.
    pub token: Token,
    /// A token to keep in the browser for its next sign-in; `None` where what it has will do.
    pub browser: Option<Token>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name and password don't match. Which half was wrong is told to nobody.
    #[error("name and password don't match")]
    Mismatch,
    /// Too many tries.
    #[error("too many tries")]
    Throttled(Closed),
    /// A second factor is required, there is none, and the operator's time to set one up is over.
    #[error("a second factor is required and may no longer be set up with the password alone")]
    EnrolmentClosed,
    /// Too many sign-ins at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for SignInError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::Throttled(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

/// Signs in with a login id and a password.
pub async fn with_password(
    world: &World,
    typed_login: &str,
    typed_password: &str,
    caller: &Caller,
) -> Result<Outcome, SignInError> {
    let (Ok(login_id), Some(password)) = (LoginId::parse(typed_login), Typed::read(typed_password)) else {
        return Err(SignInError::Mismatch);
    };
    let account = world.store.account_by_login(&login_id).await?;
    let budget = match &account {
        Some(account) => BudgetKey::password(account.user.id, world.lane(caller, account.user.id).await?),
        None => BudgetKey::password_of_nobody(&login_id),
    };
    let charged = world.charge(caller, budget).await?;

    let factor = account.as_ref().and_then(|account| account.password.clone());
    let matches = world.hasher.verify(password.secret(), factor.as_ref().map(|factor| factor.phc.clone())).await?;
    match (account, factor) {
        (Some(account), Some(factor)) if matches && !account.user.disabled => {
            charged.succeeded().await?;
            renew(world, &account, &factor, &password).await?;
            admit(world, account, &factor, caller).await
        }
        (account, _) => {
            // A name that nobody has costs the same write.
            let user = account.map(|account| account.user.id);
            world.record(user, What::WrongTry { method: Method::Password }, caller).await?;
            Err(SignInError::Mismatch)
        }
    }
}

/// Hashes a right password as new ones are, where it was hashed in another way (PW-06). If the hasher is busy, the next
/// sign-in does it.
async fn renew(world: &World, account: &Account, old: &PasswordFactor, password: &Typed) -> Result<(), StoreError> {
    if !world.hasher.is_outdated(&old.phc) {
        return Ok(());
    }
    match world.hasher.hash(password.secret()).await {
        Ok(phc) => world.store.rehash_password(account.user.id, &old.phc, &phc).await,
        Err(HasherBusy) => Ok(()),
    }
}

/// The password was right: opens as much as that is worth.
pub(super) async fn admit(
    world: &World,
    account: Account,
    password: &PasswordFactor,
    caller: &Caller,
) -> Result<Outcome, SignInError> {
    let now = world.now();
    let proof = Authentication { method: Method::Password, factor: password.id, at: now };
    let enrolled = world.has_second_factor(account.user.id).await?;
    let requirement = world.settings.requirements.of(&account.user.groups);
    if enrolled
        && requirement != Requirement::Disabled
        && let Some(opened) = open_remembered(world, &account, password, proof, caller).await?
    {
        return Ok(Outcome::Done(opened));
    }
    let next: fn(Token) -> Outcome = match (requirement, enrolled) {
        (Requirement::Optional | Requirement::Required, true) => Outcome::SecondFactor,
        (Requirement::Required, false) if account.enrol_until.is_some_and(|until| now < until) => Outcome::Enrol,
        (Requirement::Required, false) => return Err(SignInError::EnrolmentClosed),
        (Requirement::Disabled, _) | (Requirement::Optional, false) => {
            return open(world, &account, password, proof, caller).await.map(Outcome::Done);
        }
    };
    let token = world.entropy.token();
    let attempt = Attempt { token: token.hash(), user: account.user.id, first: proof };
    world.store.open_attempt(&attempt).await?;
    if still_stands(world, &account, password).await? {
        return Ok(next(token));
    }
    world.store.end_attempt(attempt.token).await?;
    Err(SignInError::Mismatch)
}

/// Whether the account is as it was when its password was checked. A change before this look is seen here, one after it
/// ends what was opened; so an old password that was being checked meanwhile opens nothing.
async fn still_stands(world: &World, account: &Account, password: &PasswordFactor) -> Result<bool, StoreError> {
    let now = world.store.account(account.user.id).await?;
    Ok(now.is_some_and(|now| !now.user.disabled && now.password.is_some_and(|factor| factor.id == password.id)))
}

async fn open(
    world: &World,
    account: &Account,
    password: &PasswordFactor,
    proof: Authentication,
    caller: &Caller,
) -> Result<Opened, SignInError> {
    let session = begun(world, account, proof, caller);
    let token = world.entropy.token();
    world.store.open_session(&session, token.hash()).await?;
    settle(world, account, password, &session, token, caller).await
}

/// Opens a session without the second step, if this browser is remembered. The password is all that it holds (RD-02).
async fn open_remembered(
    world: &World,
    account: &Account,
    password: &PasswordFactor,
    proof: Authentication,
    caller: &Caller,
) -> Result<Option<Opened>, SignInError> {
    let (Some(kept_for), Some(browser)) = (world.settings.remember, &caller.browser) else { return Ok(None) };
    let session = begun(world, account, proof, caller);
    let token = world.entropy.token();
    let since = session.started_at - kept_for;
    if !world.store.open_remembered_session(&session, token.hash(), browser.hash(), since).await? {
        return Ok(None);
    }
    settle(world, account, password, &session, token, caller).await.map(Some)
}

fn begun(world: &World, account: &Account, proof: Authentication, caller: &Caller) -> Session {
    Session {
        id: SessionId(world.entropy.id(proof.at)),
        user: account.user.id,
        authentications: vec![proof],
        started_at: proof.at,
        seen_at: proof.at,
        activity: Activity::begun(proof.at),
        locked_at: None,
        place: caller.place(),
    }
}

/// Keeps a session that was just opened, unless the account has changed since its password was checked.
async fn settle(
    world: &World,
    account: &Account,
    password: &PasswordFactor,
    session: &Session,
    token: Token,
    caller: &Caller,
) -> Result<Opened, SignInError> {
    if !still_stands(world, account, password).await? {
        world.store.end_session(session.id).await?;
        return Err(SignInError::Mismatch);
    }
    world.record(account.user.id, What::SignedIn { method: Method::Password }, caller).await?;
    let browser = devices::welcome(world, caller, &account.user, session.id).await?;
    Ok(Opened { token, browser })
}
