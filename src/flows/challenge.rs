//! Answering a challenge: the second step of a sign-in, or a step-up. Both take one more proof and rotate the token.

use super::{
    Caller, TryError, World, devices, factors, risk,
    sessions::{Bearer, Half},
    sign_in::Opened,
};
use crate::{
    domain::{
        event::What,
        factor::{
            KeyKind, Method,
            totp::{Code, Key},
        },
        password::Typed,
        session::{Activity, Authentication, Session, SessionId},
        throttle::{BudgetKey, Closed},
        user::{User, UserId},
    },
    ports::{
        HasherBusy, StoreError,
        passkeys::PasskeyError,
        store::{Holder, TotpFactor},
    },
};

/// Why a code proved nothing.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// It is not this code.
    #[error("wrong code")]
    Wrong,
    /// It was right, and used before.
    #[error("a code that was used before")]
    AlreadyUsed,
    /// Nothing was sent to this browser, or its time is over.
    #[error("no code is out, or its time is over")]
    Over,
    /// Too many tries.
    #[error("too many tries")]
    Throttled(Closed),
    /// This sign-in ended, expired, or went on in another tab.
    #[error("the sign-in this belongs to is over")]
    Gone,
    /// The operator lets no sign-in through that is so unlike earlier ones.
    #[error(transparent)]
    TooUnusual(#[from] risk::Unusual),
    /// The account has no such factor.
    #[error("no authenticator app is enrolled")]
    NotEnrolled,
    /// The key of the factor does not open: the key file is not the one it was sealed with.
    #[error("the key of factor {0} can't be unsealed")]
    Sealed(uuid::Uuid),
    /// The passkey proves nothing, or not here.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// Too many password checks at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for ChallengeError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::Throttled(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

impl From<risk::Stopped> for ChallengeError {
    fn from(stopped: risk::Stopped) -> Self {
        match stopped {
            risk::Stopped::TooUnusual(unusual) => Self::TooUnusual(unusual),
            risk::Stopped::Store(error) => Self::Store(error),
        }
    }
}

/// Proves an authenticator app with a code, for whoever holds the portal token.
pub async fn answer_totp(
    world: &World,
    bearer: &Bearer,
    typed: &str,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?;
    // What can't be a code is a slip, not a guess: it costs no try.
    let code = Code::parse(typed).ok_or(ChallengeError::Wrong)?;
    let charged = world.charge(caller, Method::Totp, user.id, BudgetKey::second_factor).await?;
    let proof = match prove_totp(world, user, &code).await {
        Ok(proof) => proof,
        Err(error) => return Err(refused(world, user.id, Method::Totp, error, caller).await),
    };
    charged.succeeded().await?;
    record(world, bearer, proof, caller).await
}

/// Proves the password once more, for somebody signed in. It shares its budget with the sign-in page (TH-05).
pub async fn answer_password(
    world: &World,
    bearer: &Bearer,
    typed: &str,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let Bearer::Full(full) = bearer else { return Err(ChallengeError::Gone) };
    let user = full.identity.user.id;
    let factor = world.store.account(user).await?.and_then(|account| account.password);
    let (Some(factor), Some(password)) = (factor, Typed::read(typed)) else { return Err(ChallengeError::Wrong) };
    let charged = world.charge(caller, Method::Password, user, BudgetKey::password).await?;
    if !world.hasher.verify(password.secret(), Some(factor.phc)).await? {
        return Err(refused(world, user, Method::Password, ChallengeError::Wrong, caller).await);
    }
    charged.succeeded().await?;
    record(world, bearer, Authentication { method: Method::Password, factor: factor.id, at: world.now() }, caller).await
}

/// What somebody can prove themselves with, strongest first.
pub async fn held(world: &World, user: UserId) -> Result<Vec<Method>, StoreError> {
    let has_password = world.store.account(user).await?.is_some_and(|account| account.password.is_some());
    let has_totp = !world.store.totp_factors(user).await?.is_empty();
    let keys = world.store.passkeys(user).await?;
    let has_key = |kind| keys.iter().any(|key| key.kind == kind);
    let sent = super::codes::methods_of(world, user).await?;
    let has_codes = super::recovery::left(world, user).await? > 0;
    let has = |method: &Method| match method {
        Method::Password => has_password,
        Method::Totp => has_totp,
        Method::Passkey => has_key(KeyKind::Passkey),
        Method::SecurityKey => has_key(KeyKind::SecurityKey),
        Method::RecoveryCode => has_codes,
        Method::EmailCode | Method::EmailLink | Method::SmsCode | Method::VoiceCode => sent.contains(method),
    };
    Ok(Method::ALL.iter().copied().filter(has).collect())
}

/// The same, in the order in which they are offered: first what its owner chose to be asked for first.
pub async fn offered(world: &World, user: UserId) -> Result<Vec<Method>, StoreError> {
    let mut methods = held(world, user).await?;
    let first = factors::primary(world, user).await?;
    methods.sort_by_key(|method| !first.contains(method));
    Ok(methods)
}

impl Bearer {
    /// Whose token it is, half or whole.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Nobody(_) => None,
            Self::Half(half) => Some(&half.account.user),
            Self::Full(full) => Some(&full.identity.user),
        }
    }

    /// What tells it from others of the same account, as long as it lasts.
    pub(super) fn holder(&self) -> Option<Holder> {
        match self {
            Self::Nobody(_) => None,
            Self::Half(half) => Some(Holder::Half(half.attempt.token)),
            Self::Full(full) => Some(Holder::Session(full.identity.session.id)),
        }
    }
}

/// Writes a wrong try down, and hands the error back. What was never checked is no try.
pub(super) async fn refused(
    world: &World,
    user: UserId,
    method: Method,
    error: ChallengeError,
    caller: &Caller,
) -> ChallengeError {
    let recorded = match &error {
        ChallengeError::Wrong
        | ChallengeError::AlreadyUsed
        | ChallengeError::Passkey(PasskeyError::Refused(_) | PasskeyError::Copied) => {
            world.record(user, What::WrongTry { method }, caller).await
        }
        ChallengeError::Throttled(_)
        | ChallengeError::Over
        | ChallengeError::Gone
        | ChallengeError::TooUnusual(_)
        | ChallengeError::NotEnrolled
        | ChallengeError::Sealed(_)
        | ChallengeError::Passkey(PasskeyError::Unavailable(_))
        | ChallengeError::Busy(_)
        | ChallengeError::Store(_) => Ok(()),
    };
    recorded.map_or_else(ChallengeError::Store, |()| error)
}

async fn prove_totp(world: &World, user: &User, code: &Code) -> Result<Authentication, ChallengeError> {
    let now = world.now();
    let factors = world.store.totp_factors(user.id).await?;
    if factors.is_empty() {
        return Err(ChallengeError::NotEnrolled);
    }
    let mut refusal = ChallengeError::Wrong;
    for factor in factors {
        let key = unseal(world, &factor, user)?;
        if let Some(step) = key.matched_step(code, Some(factor.spent_step), now)
            && world.store.spend_totp_step(factor.id, step, now).await?
        {
            return Ok(Authentication { method: Method::Totp, factor: factor.id, at: now });
        }
        if key.recognises(code, now) {
            refusal = ChallengeError::AlreadyUsed;
        }
    }
    Err(refusal)
}

fn unseal(world: &World, factor: &TotpFactor, user: &User) -> Result<Key, ChallengeError> {
    world
        .vault
        .open(&totp_seal(factor.id.0), &factor.sealed_key)
        .and_then(|key| Key::new(&key, &world.settings.organisation, user.login_id.as_str()))
        .ok_or(ChallengeError::Sealed(factor.id.0))
}

/// What the key of a TOTP factor is sealed for: its table, column and row.
pub(super) fn totp_seal(factor: uuid::Uuid) -> String {
    format!("totp_factors/sealed_key/{factor}")
}

/// Turns a proof into a session: a half one becomes whole, a whole one gains it. The token rotates either way (SE-02).
pub(super) async fn record(
    world: &World,
    bearer: &Bearer,
    proof: Authentication,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let token = world.entropy.token();
    let method = proof.method;
    let (browser, user, what) = match bearer {
        Bearer::Nobody(_) => return Err(ChallengeError::Gone),
        Bearer::Half(half) => {
            let session = whole(world, half, proof, caller);
            if !world.store.promote(half.attempt.token, &session, token.hash()).await? {
                return Err(ChallengeError::Gone);
            }
            let user = &half.account.user;
            (devices::welcome(world, caller, user, &session).await?, user.id, What::SignedIn { method })
        }
        Bearer::Full(full) => {
            let (id, old, new) = (full.identity.session.id, full.token, token.hash());
            let is_kept = match full.bill.as_ref().filter(|bill| bill.any.contains(&method)) {
                Some(bill) => world.store.step_up_for(bill.request, id, proof, old, new).await?,
                None => world.store.step_up(id, proof, old, new).await?,
            };
            if !is_kept {
                return Err(ChallengeError::Gone);
            }
            let user = full.identity.user.id;
            let mut session = full.identity.session.clone();
            session.authentications.push(proof);
            let browser = world.know_browser(caller, user, &session.authentications).await?;
            risk::leave_trace_of_proof(world, &session, method, browser.as_ref(), caller).await?;
            (browser, user, What::SteppedUp { method })
        }
    };
    world.record(user, what, caller).await?;
    Ok(Opened { token, browser })
}

fn whole(world: &World, half: &Half, proof: Authentication, caller: &Caller) -> Session {
    let now = world.now();
    Session {
        id: SessionId(world.entropy.id(now)),
        user: half.account.user.id,
        authentications: vec![half.attempt.first, proof],
        started_at: now,
        seen_at: now,
        activity: Activity::begun(now),
        locked_at: None,
        spared: false,
        place: caller.place(),
        risk: half.attempt.risk.clone(),
    }
}
