//! Passkeys and security keys: signing in with a passkey and nothing else, proving with either, making them.
//!
//! Each begins with a challenge that the store keeps. Whoever answers takes it away first, before the answer is read, so
//! that no answer counts twice (WA-01).

use super::{
    Caller, World,
    challenge::{ChallengeError, record, refused},
    devices,
    factors::{ChangeError, Right, called, may_add},
    notices, risk,
    sessions::Bearer,
    sign_in::Opened,
};
use crate::{
    domain::{
        event::What,
        factor::{FactorId, KeyKind, Method},
        secret::Token,
        session::{Activity, Authentication, Session, SessionId},
        throttle::{BudgetKey, CEREMONIES, Lane},
        user::UserId,
    },
    ports::{
        StoreError,
        messages::Notice,
        passkeys::{Begun, PasskeyError},
        store::{Added, Ceremony, PasskeyFactor, Purpose},
    },
};

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

/// Asks whoever is there for any of their passkeys.
pub async fn begin_sign_in(world: &World, browser: &Token, caller: &Caller) -> Result<Challenge, ChallengeError> {
    let begun = world.passkeys.begin_discovery()?;
    open(world, Asked { purpose: Purpose::SignIn, user: None, browser, caller }, begun).await
}

/// Asks somebody known for one of their keys of this kind. Who has none can't be asked (WA-04).
pub async fn begin_proof(
    world: &World,
    bearer: &Bearer,
    kind: KeyKind,
    browser: &Token,
    caller: &Caller,
) -> Result<Challenge, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?.id;
    let held = world.store.passkeys(user).await?.into_iter().filter(|key| key.kind == kind);
    let credentials: Vec<_> = held.map(|key| key.credential).collect();
    if credentials.is_empty() {
        return Err(ChallengeError::NotEnrolled);
    }
    let begun = world.passkeys.begin_authentication(kind, &credentials)?;
    open(world, Asked { purpose: Purpose::Prove(kind), user: Some(user), browser, caller }, begun).await
}

/// Asks for a new key of this kind.
pub async fn begin_enrolment(
    world: &World,
    bearer: &Bearer,
    kind: KeyKind,
    browser: &Token,
    caller: &Caller,
) -> Result<Challenge, ChangeError> {
    let (user, _) = may_add(world, bearer, kind.method()).await?;
    // A token that holds a passkey serves as a second step already; one that is only touched may still get a passkey.
    let is_known = |key: &PasskeyFactor| kind == KeyKind::SecurityKey || key.kind == KeyKind::Passkey;
    let held = world.store.passkeys(user.id).await?;
    let known: Vec<_> = held.into_iter().filter(is_known).map(|key| key.credential_id).collect();
    let begun = world.passkeys.begin_registration(kind, user.id, user.login_id.as_str(), &known)?;
    Ok(open(world, Asked { purpose: Purpose::Enroll(kind), user: Some(user.id), browser, caller }, begun).await?)
}

/// Signs in with a passkey alone: it says who is there, and proves it.
pub async fn sign_in(world: &World, answer: Answer<'_>, caller: &Caller) -> Result<Opened, ChallengeError> {
    let state = take(world, Purpose::SignIn, None, answer).await?;
    let claim = world.passkeys.claim(answer.credential);
    let claimed = claim.as_ref().ok().and_then(|claim| claim.user);
    let lane = match claimed {
        Some(user) => world.lane(caller, user).await?,
        None => Lane::Stranger,
    };
    let charged = world.charge_address(lane, caller, Method::Passkey).await?;
    let claimed = claim?.user.ok_or(ChallengeError::Wrong)?;
    let proof = match prove(world, claimed, KeyKind::Passkey, &state, answer.credential).await {
        Ok(proof) => proof,
        // Whose passkey it claims to be is proven by nothing yet: no stranger fills somebody's list with wrong tries.
        Err(ChallengeError::Wrong) => {
            world.record(None, What::WrongTry { method: Method::Passkey }, caller).await?;
            return Err(ChallengeError::Wrong);
        }
        Err(error) => return Err(refused(world, claimed, Method::Passkey, error, caller).await),
    };
    let Some(account) = world.store.account(claimed).await?.filter(|account| !account.user.disabled) else {
        return Err(refused(world, claimed, Method::Passkey, ChallengeError::Wrong, caller).await);
    };
    charged.succeeded().await?;
    let risk = risk::assess(world, &account, caller).await?;
    let session = Session {
        id: SessionId(world.entropy.id(proof.at)),
        user: claimed,
        authentications: vec![proof],
        started_at: proof.at,
        seen_at: proof.at,
        activity: Activity::begun(proof.at),
        locked_at: None,
        spared: false,
        place: caller.place(),
        risk,
    };
    let token = world.entropy.token();
    world.store.open_session(&session, token.hash()).await?;
    if !still_stands(world, &session, proof).await? {
        world.store.end_session(session.id).await?;
        return Err(ChallengeError::Wrong);
    }
    world.record(claimed, What::SignedIn { method: Method::Passkey }, caller).await?;
    let browser = devices::welcome(world, caller, &account.user, &session).await?;
    Ok(Opened { token, browser })
}

/// Whether account and passkey are as they were when the answer was checked. A change before this look is seen here, one after
/// it ends what was opened.
async fn still_stands(world: &World, session: &Session, proof: Authentication) -> Result<bool, StoreError> {
    let account = world.store.account(session.user).await?;
    let is_kept = world.store.passkeys(session.user).await?.iter().any(|passkey| passkey.id == proof.factor);
    Ok(is_kept && account.is_some_and(|account| !account.user.disabled))
}

/// Proves a key of this kind, for whoever holds the portal token.
pub async fn answer(
    world: &World,
    bearer: &Bearer,
    kind: KeyKind,
    answer: Answer<'_>,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?.id;
    let state = take(world, Purpose::Prove(kind), Some(user), answer).await?;
    let lane = world.lane(caller, user).await?;
    let charged = world.charge_address(lane, caller, kind.method()).await?;
    let proof = match prove(world, user, kind, &state, answer.credential).await {
        Ok(proof) => proof,
        Err(error) => return Err(refused(world, user, kind.method(), error, caller).await),
    };
    charged.succeeded().await?;
    record(world, bearer, proof, caller).await
}

/// Adds the key that was made, under this name, and counts that as a proof.
pub async fn enroll(
    world: &World,
    bearer: &Bearer,
    kind: KeyKind,
    answer: Answer<'_>,
    name: &str,
    caller: &Caller,
) -> Result<Opened, ChangeError> {
    let (owner, right) = may_add(world, bearer, kind.method()).await?;
    let user = owner.id;
    let state = take(world, Purpose::Enroll(kind), Some(user), answer).await?;
    let lane = world.lane(caller, user).await?;
    let charged = world.charge_address(lane, caller, kind.method()).await.map_err(ChallengeError::from)?;
    let made = world.passkeys.finish_registration(&state, answer.credential)?;
    // First, so that what was remembered before the change is never left after it (RD-03).
    world.store.forget_devices(user).await?;
    let now = world.now();
    let passkey = PasskeyFactor {
        id: FactorId(world.entropy.id(now)),
        user,
        kind,
        name: called(name, kind.method()),
        credential_id: made.credential_id,
        credential: made.credential,
        created_at: now,
        used_at: Some(now),
    };
    let added = match right {
        Right::First => world.store.add_first_passkey(&passkey, now).await?,
        Right::Fresh | Right::Recovered => world.store.add_passkey(&passkey).await?,
    };
    if added == Added::Taken {
        return Err(ChallengeError::Wrong.into());
    }
    charged.succeeded().await?;
    world.record(user, What::FactorAdded { method: kind.method(), name: passkey.name.clone() }, caller).await?;
    let notice = Notice::FactorAdded { method: kind.method(), name: passkey.name };
    notices::tell(world, &owner, notice, caller).await?;
    let proof = Authentication { method: kind.method(), factor: passkey.id, at: now };
    Ok(record(world, bearer, proof, caller).await?)
}

/// Who is asked for a passkey, and what for.
struct Asked<'a> {
    purpose: Purpose,
    user: Option<UserId>,
    browser: &'a Token,
    caller: &'a Caller,
}

/// Keeps a ceremony, on a budget of the address that asks: nothing else makes asking cost anything.
async fn open(world: &World, asked: Asked<'_>, begun: Begun) -> Result<Challenge, ChallengeError> {
    let budget = BudgetKey::ceremonies(asked.caller.address);
    world.charge_one(budget, &CEREMONIES).await?;
    let token = world.entropy.token();
    let ceremony = Ceremony {
        token: token.hash(),
        purpose: asked.purpose,
        browser: asked.browser.hash(),
        user: asked.user,
        state: begun.state,
        made_at: world.now(),
    };
    world.store.open_ceremony(&ceremony).await?;
    Ok(Challenge { options: begun.options, token })
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

/// Checks an answer by the key it claims, which must be `user`'s (WA-03) and of the kind that was asked for.
async fn prove(
    world: &World,
    user: UserId,
    kind: KeyKind,
    state: &str,
    answer: &str,
) -> Result<Authentication, ChallengeError> {
    let claim = world.passkeys.claim(answer)?;
    let is_meant = |key: &PasskeyFactor| key.user == user && key.kind == kind;
    let passkey = world.store.passkey(&claim.credential_id).await?.filter(is_meant);
    let passkey = passkey.filter(|_| claim.user.is_none_or(|claimed| claimed == user)).ok_or(ChallengeError::Wrong)?;
    let after = world.passkeys.finish_authentication(state, answer, &passkey.credential)?;
    let at = world.now();
    if !world.store.use_passkey(passkey.id, &passkey.credential, &after, at).await? {
        return Err(PasskeyError::Copied.into());
    }
    Ok(Authentication { method: kind.method(), factor: passkey.id, at })
}
