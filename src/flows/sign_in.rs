//! Signing in with a password.

use super::{Caller, NOBODY, TryError, World, devices, first_factor, grace, risk};
use crate::{
    domain::{
        enrolment::Requirement,
        event::What,
        factor::Method,
        password::Typed,
        risk::{Act, Assessment},
        secret::Token,
        session::{Activity, Authentication, Session, SessionId},
        throttle::{BudgetKey, Closed, Lane},
        user::{LoginId, UserId},
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
    /// Signed in without the second factor that is required, as long as that is let pass.
    Grace(Opened),
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
    /// A second factor is required, there is none, and nothing lets them set one up.
    #[error("a second factor is required and may no longer be set up with the password alone")]
    EnrolmentClosed,
    /// The password was right, and the operator lets no sign-in through that is so unlike earlier ones.
    #[error(transparent)]
    TooUnusual(#[from] risk::Unusual),
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

impl From<risk::Stopped> for SignInError {
    fn from(stopped: risk::Stopped) -> Self {
        match stopped {
            risk::Stopped::TooUnusual(unusual) => Self::TooUnusual(unusual),
            risk::Stopped::Store(error) => Self::Store(error),
        }
    }
}

/// Signs in with a login id and a password. Says whose login id that is too, if anybody's: for the log, and for nobody else.
pub async fn with_password(
    world: &World,
    typed_login: &str,
    typed_password: &str,
    caller: &Caller,
) -> (Option<UserId>, Result<Outcome, SignInError>) {
    let (Ok(login_id), Some(password)) = (LoginId::parse(typed_login), Typed::read(typed_password)) else {
        return (None, Err(SignInError::Mismatch));
    };
    match world.store.account_by_login(&login_id).await {
        Ok(account) => {
            let user = account.as_ref().map(|account| account.user.id);
            (user, check(world, &login_id, account, &password, caller).await)
        }
        Err(error) => (None, Err(error.into())),
    }
}

async fn check(
    world: &World,
    login_id: &LoginId,
    account: Option<Account>,
    password: &Typed,
    caller: &Caller,
) -> Result<Outcome, SignInError> {
    let charged = if let Some(account) = &account {
        world.charge(caller, Method::Password, account.user.id, BudgetKey::password).await?
    } else {
        // As long as it takes for a name that somebody has.
        world.lane(caller, NOBODY).await?;
        let nobody = BudgetKey::password_of_nobody(login_id);
        world.charge_in(Lane::Stranger, caller, Method::Password, nobody).await?
    };

    let factor = account.as_ref().and_then(|account| account.password.clone());
    let matches = world.hasher.verify(password.secret(), factor.as_ref().map(|factor| factor.phc.clone())).await?;
    match (account, factor) {
        (Some(account), Some(factor)) if matches && !account.user.disabled => {
            charged.succeeded().await?;
            renew(world, &account, &factor, password).await?;
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
    let risk = risk::assess(world, &account, caller).await?;
    let is_risky = risk::calls_for(world, Act::Require, &risk);
    let enrolled = world.has_second_factor(account.user.id).await?;
    let requirement = world.settings.requirements.of(&account.user.groups);
    let first = First { account: &account, password, proof, risk, caller };
    if enrolled
        && !is_risky
        && requirement != Requirement::Disabled
        && let Some(opened) = first.open_remembered(world, requirement != Requirement::RiskBased).await?
    {
        return Ok(Outcome::Done(opened));
    }
    let is_required = match requirement {
        Requirement::Disabled => false,
        Requirement::RiskBased => is_risky,
        Requirement::Optional => is_risky || enrolled,
        Requirement::Required => true,
    };
    let may_wait = requirement == Requirement::Required && !enrolled && !is_risky;
    if may_wait && grace::begin(world, account.user.id).await?.is_some() {
        return first.open(world).await.map(Outcome::Grace);
    }
    let next: fn(Token) -> Outcome = match (is_required, enrolled) {
        (false, _) => return first.open(world).await.map(Outcome::Done),
        (true, true) => Outcome::SecondFactor,
        (true, false) if first_factor::may_begin(world, &account).await? => Outcome::Enrol,
        (true, false) => return Err(SignInError::EnrolmentClosed),
    };
    let token = world.entropy.token();
    let attempt = Attempt { token: token.hash(), user: account.user.id, first: proof, risk: first.risk };
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

/// A right password, and all that is known of the sign-in it begins.
struct First<'a> {
    account: &'a Account,
    password: &'a PasswordFactor,
    proof: Authentication,
    risk: Assessment,
    caller: &'a Caller,
}

impl First<'_> {
    async fn open(&self, world: &World) -> Result<Opened, SignInError> {
        let session = self.session(world);
        let token = world.entropy.token();
        world.store.open_session(&session, token.hash()).await?;
        self.settle(world, &session, token).await
    }

    /// Opens a session without the second step, if this browser is remembered, where that is `asked` for at all. The password is
    /// all that it holds (RD-02).
    async fn open_remembered(&self, world: &World, asked: bool) -> Result<Option<Opened>, SignInError> {
        let (Some(kept_for), Some(browser)) = (world.settings.remember, &self.caller.browser) else { return Ok(None) };
        let session = Session { spared: asked, ..self.session(world) };
        let token = world.entropy.token();
        let since = session.started_at - kept_for;
        if !world.store.open_remembered_session(&session, token.hash(), browser.hash(), since).await? {
            return Ok(None);
        }
        self.settle(world, &session, token).await.map(Some)
    }

    fn session(&self, world: &World) -> Session {
        Session {
            id: SessionId(world.entropy.id(self.proof.at)),
            user: self.account.user.id,
            authentications: vec![self.proof],
            started_at: self.proof.at,
            seen_at: self.proof.at,
            activity: Activity::begun(self.proof.at),
            locked_at: None,
            spared: false,
            place: self.caller.place(),
            risk: self.risk.clone(),
        }
    }

    /// Keeps a session that was just opened, unless the account has changed since its password was checked.
    async fn settle(&self, world: &World, session: &Session, token: Token) -> Result<Opened, SignInError> {
        if !still_stands(world, self.account, self.password).await? {
            world.store.end_session(session.id).await?;
            return Err(SignInError::Mismatch);
        }
        let user = &self.account.user;
        world.record(user.id, What::SignedIn { method: Method::Password }, self.caller).await?;
        let browser = devices::welcome(world, self.caller, user, session).await?;
        Ok(Opened { token, browser })
    }
}
