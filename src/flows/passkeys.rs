//! Passkeys: signing in with one and nothing else, proving with one, making and removing them.
//!
//! Each begins with a challenge that the store keeps. Whoever answers takes it away first, before the answer is read, so
//! that no answer counts twice (WA-01).

use super::{
    Caller, Requirement as SignInRequirement, World,
    challenge::{ChallengeError, held, record},
    enroll,
    sessions::{Bearer, Full},
    sign_in::Opened,
};
use crate::{
    domain::{
        factor::{FactorId, Method},
        policy::{Freshness, Lack, Missing, Requirement},
        secret::Token,
        session::{Authentication, Level, Session, SessionId},
        user::{User, UserId},
    },
    ports::{
        StoreError,
        passkeys::PasskeyError,
        store::{Added, Ceremony, LastFactor, PasskeyFactor, Purpose},
    },
};
use std::time::Duration;

/// How old the proof may be that a change to how one signs in asks for (EN-01).
pub const FRESH_FOR_CHANGES: Duration = Duration::from_mins(5);

/// Most characters of what somebody calls a passkey.
pub const NAME_CHARS_MAX: usize = 60;

/// A challenge on its way to a browser.
#[derive(Debug)]
pub struct Challenge {
    /// What the browser is asked, in JSON.
    pub options: String,
    /// What must come back with the answer.
    pub token: Token,
}

/// What comes back.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The token of the challenge.
    pub token: &'a str,
    /// What the browser says, in JSON.
    pub credential: &'a str,
    /// The portal token of the browser that says it.
    pub browser: &'a Token,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A fresh proof comes first.
    #[error("a fresh proof comes first")]
    NeedsProof(Missing),
    /// The first second factor takes an operator's approval (EN-04).
    #[error("a first second factor may not be set up with the password alone")]
    NeedsOperator,
    /// The operator does not want such factors.
    #[error("passkeys are not among `mfa.methods`")]
    NotOffered,
    /// There is no such passkey, or it is the last second factor where one is required.
    #[error("no such passkey, or the last second factor")]
    Kept,
    /// The answer proves nothing.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Challenge(error.into())
    }
}

impl From<PasskeyError> for ChangeError {
    fn from(error: PasskeyError) -> Self {
        Self::Challenge(error.into())
    }
}

/// Asks whoever is there for any of their passkeys.
pub async fn begin_sign_in(world: &World, browser: &Token) -> Result<Challenge, ChallengeError> {
    let begun = world.passkeys.begin_authentication(&[])?;
    open(world, Purpose::SignIn, browser, None, begun.options, begun.state).await
}

/// Asks somebody known for one of their passkeys. Who has none can't be asked (WA-04).
pub async fn begin_proof(world: &World, bearer: &Bearer, browser: &Token) -> Result<Challenge, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?.id;
    let credentials: Vec<_> = world.store.passkeys(user).await?.into_iter().map(|passkey| passkey.credential).collect();
    if credentials.is_empty() {
        return Err(ChallengeError::NotEnrolled);
    }
    let begun = world.passkeys.begin_authentication(&credentials)?;
    open(world, Purpose::Prove, browser, Some(user), begun.options, begun.state).await
}

/// Asks for a new passkey.
pub async fn begin_enrolment(world: &World, bearer: &Bearer, browser: &Token) -> Result<Challenge, ChangeError> {
    let user = may_enroll(world, bearer).await?;
    let known: Vec<_> = world.store.passkeys(user.id).await?.into_iter().map(|passkey| passkey.credential_id).collect();
    let begun = world.passkeys.begin_registration(user.id, user.login_id.as_str(), &known)?;
    Ok(open(world, Purpose::Enroll, browser, Some(user.id), begun.options, begun.state).await?)
}

/// Signs in with a passkey alone: it says who is there, and proves it.
pub async fn sign_in(world: &World, answer: Answer<'_>, caller: &Caller) -> Result<Opened, ChallengeError> {
    let state = take(world, Purpose::SignIn, None, answer).await?;
    let charged = world.charge_address(caller).await?;
    let claimed = world.passkeys.claim(answer.credential)?.user.ok_or(ChallengeError::Wrong)?;
    let proof = prove(world, claimed, &state, answer.credential).await?;
    if world.store.account(claimed).await?.is_none_or(|account| account.user.disabled) {
        return Err(ChallengeError::Wrong);
    }
    charged.succeeded().await?;
    let session = Session {
        id: SessionId(world.entropy.id(proof.at)),
        user: claimed,
        authentications: vec![proof],
        started_at: proof.at,
        seen_at: proof.at,
    };
    let token = world.entropy.token();
    world.store.open_session(&session, token.hash()).await?;
    // A passkey that was removed before this look is missed here; what was opened before a reset ends with it.
    if !world.store.passkeys(claimed).await?.iter().any(|passkey| passkey.id == proof.factor) {
        world.store.end_session(session.id).await?;
        return Err(ChallengeError::Wrong);
    }
    let browser = world.know_browser(caller, claimed).await?;
    Ok(Opened { token, browser })
}

/// Proves a passkey, for whoever holds the portal token.
pub async fn answer(
    world: &World,
    bearer: &Bearer,
    answer: Answer<'_>,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?.id;
    let state = take(world, Purpose::Prove, Some(user), answer).await?;
    let charged = world.charge_address(caller).await?;
    let proof = prove(world, user, &state, answer.credential).await?;
    charged.succeeded().await?;
    record(world, bearer, proof, caller).await
}

/// Adds the passkey that was made, under this name, and counts that as a proof.
pub async fn enroll(
    world: &World,
    bearer: &Bearer,
    answer: Answer<'_>,
    name: &str,
    caller: &Caller,
) -> Result<Opened, ChangeError> {
    let user = may_enroll(world, bearer).await?.id;
    let state = take(world, Purpose::Enroll, Some(user), answer).await?;
    let charged = world.charge_address(caller).await.map_err(ChallengeError::from)?;
    let made = world.passkeys.finish_registration(&state, answer.credential)?;
    let now = world.now();
    let passkey = PasskeyFactor {
        id: FactorId(world.entropy.id(now)),
        user,
        name: called(name),
        credential_id: made.credential_id,
        credential: made.credential,
        created_at: now,
        used_at: Some(now),
    };
    if world.store.add_passkey(&passkey).await? == Added::Taken {
        return Err(ChallengeError::Wrong.into());
    }
    world.store.set_enrol_until(user, None).await?;
    charged.succeeded().await?;
    let proof = Authentication { method: Method::Passkey, factor: passkey.id, at: now };
    Ok(record(world, bearer, proof, caller).await?)
}

/// Removes one of one's own passkeys; not the last second factor where one is required.
pub async fn remove(world: &World, full: &Full, passkey: FactorId) -> Result<(), ChangeError> {
    if let Some(missing) = missing_for_change(world, full).await? {
        return Err(ChangeError::NeedsProof(missing));
    }
    let last = match world.settings.requirement {
        SignInRequirement::Required => LastFactor::Stays,
        SignInRequirement::Optional | SignInRequirement::Disabled => LastFactor::MayGo,
    };
    let removed = world.store.remove_passkey(full.identity.user.id, passkey, last).await?;
    if removed { Ok(()) } else { Err(ChangeError::Kept) }
}

/// Whether this bearer may make a passkey now: as their first second factor while the operator's approval lasts, or
/// with a fresh proof at the highest level that their account has (EN-01, EN-04).
pub async fn may_enroll(world: &World, bearer: &Bearer) -> Result<User, ChangeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?;
    if !world.settings.methods.contains(&Method::Passkey) {
        return Err(ChangeError::NotOffered);
    }
    let account = world.store.account(user.id).await?.ok_or(ChallengeError::Gone)?;
    if !world.has_second_factor(user.id).await? {
        return if enroll::is_open(world, &account).await? {
            Ok(account.user)
        } else {
            Err(ChangeError::NeedsOperator)
        };
    }
    let Bearer::Full(full) = bearer else { return Err(ChallengeError::Gone.into()) };
    match missing_for_change(world, full).await? {
        None => Ok(account.user),
        Some(missing) => Err(ChangeError::NeedsProof(missing)),
    }
}

/// What this session lacks for a change to how its owner signs in: all that they have, the strongest of it fresh.
pub async fn missing_for_change(world: &World, full: &Full) -> Result<Option<Missing>, StoreError> {
    let held = held(world, full.identity.user.id).await?;
    let level = Level::shown_by(held.iter().copied()).unwrap_or(Level::Login);
    let strongest = held.first().copied().unwrap_or(Method::Password);
    let fresh = Freshness { any: vec![strongest], within: FRESH_FOR_CHANGES.into() };
    let requirement = Requirement { fresh: vec![fresh.clone()], ..Requirement::at(level) };
    Ok(match requirement.missing(&full.identity.session.authentications, world.now()) {
        Ok(()) => None,
        Err(Lack::Some(missing)) => Some(missing),
        Err(Lack::Everything) => Some(Missing::Fresh { wanted: fresh, latest: None }),
    })
}

async fn open(
    world: &World,
    purpose: Purpose,
    browser: &Token,
    user: Option<UserId>,
    options: String,
    state: String,
) -> Result<Challenge, ChallengeError> {
    let token = world.entropy.token();
    let made_at = world.now();
    let ceremony = Ceremony { token: token.hash(), purpose, browser: browser.hash(), user, state, made_at };
    world.store.open_ceremony(&ceremony).await?;
    Ok(Challenge { options, token })
}

/// Takes a ceremony away; what it holds, if it was made for exactly this, and lately.
async fn take(
    world: &World,
    purpose: Purpose,
    user: Option<UserId>,
    answer: Answer<'_>,
) -> Result<String, ChallengeError> {
    let token = Token::parse(answer.token).ok_or(ChallengeError::Wrong)?;
    let ceremony = world.store.take_ceremony(token.hash()).await?.ok_or(ChallengeError::AlreadyUsed)?;
    let is_meant = ceremony.purpose == purpose && ceremony.user == user && ceremony.browser == answer.browser.hash();
    let is_fresh = ceremony.made_at.age(world.now()).is_some_and(|age| age < Ceremony::LIFETIME);
    if is_meant && is_fresh { Ok(ceremony.state) } else { Err(ChallengeError::Wrong) }
}

/// Checks an answer by the passkey it claims, which must be `user`'s (WA-03).
async fn prove(world: &World, user: UserId, state: &str, answer: &str) -> Result<Authentication, ChallengeError> {
    let claim = world.passkeys.claim(answer)?;
    let passkey = world.store.passkey(&claim.credential_id).await?.filter(|passkey| passkey.user == user);
    let passkey = passkey.filter(|_| claim.user.is_none_or(|claimed| claimed == user)).ok_or(ChallengeError::Wrong)?;
    let after = world.passkeys.finish_authentication(state, answer, &passkey.credential)?;
    let at = world.now();
    if !world.store.use_passkey(passkey.id, &passkey.credential, &after, at).await? {
        return Err(PasskeyError::Copied.into());
    }
    Ok(Authentication { method: Method::Passkey, factor: passkey.id, at })
}

/// What a passkey is called, whatever was typed.
fn called(typed: &str) -> String {
    let name: String = typed.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    if name.is_empty() { "Passkey".to_owned() } else { name }
}
