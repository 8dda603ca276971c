//! Setting up an authenticator app.
//!
//! The key that is offered is sealed into the page, not kept: an offer nobody takes costs nothing. Confirming it with a
//! right code adds the factor, once, and that code counts as used (TO-04). Somebody who has just used a recovery code may
//! set up an app although there is one: it takes the place of those that were lost.

use super::{
    Caller, World,
    challenge::{ChallengeError, record, totp_seal},
    codes, notices,
    passkeys::missing_for_change,
    recovery,
    sessions::Bearer,
};
use crate::{
    domain::{
        factor::{
            FactorId, Method,
            totp::{Code, KEY_BYTES, Key},
        },
        secret::Secret,
        session::Authentication,
        throttle::BudgetKey,
        time::Timestamp,
        user::{User, UserId},
    },
    flows::sign_in::Opened,
    ports::{
        messages::Notice,
        store::{Account, Added, TotpFactor},
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use std::time::Duration;
use uuid::Uuid;

/// What an authenticator app is called whose owner gave it no name.
pub const UNNAMED: &str = "Authenticator app";

/// How long an offered key may be confirmed.
const OFFER_LIFETIME: Duration = Duration::from_mins(10);

/// A key to put into an authenticator app.
pub struct Offer {
    /// The key, sealed, to come back with the confirming code.
    pub sealed: String,
    /// The key.
    pub key: Key,
}

/// Whether this account may set up its first second factor now, with no more than its password: only while the
/// operator's approval lasts, because a stolen password must not be able to enrol a phone (EN-04).
pub async fn is_open(world: &World, account: &Account) -> Result<bool, ChallengeError> {
    let approved = account.enrol_until.is_some_and(|until| world.now() < until);
    Ok(approved && !world.has_second_factor(account.user.id).await?)
}

/// Offers a new key to whoever holds the portal token.
pub async fn offer(world: &World, bearer: &Bearer) -> Result<Offer, ChallengeError> {
    let user = permitted(world, bearer).await?;
    let secret = world.entropy.key(KEY_BYTES);
    let plain = Plain { factor: FactorId(world.entropy.id(world.now())), made_at: world.now(), secret };
    seal(world, &user, &plain)
}

/// Shows the same offer again, after a wrong code.
pub async fn offer_again(world: &World, bearer: &Bearer, sealed: &str) -> Result<Offer, ChallengeError> {
    let user = permitted(world, bearer).await?;
    let plain = unseal(world, user.id, sealed).ok_or(ChallengeError::Gone)?;
    seal(world, &user, &plain)
}

/// Adds the offered key if `typed` is a code of it, and counts that as a proof.
pub async fn confirm(
    world: &World,
    bearer: &Bearer,
    sealed: &str,
    typed: &str,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let user = permitted(world, bearer).await?;
    let plain = unseal(world, user.id, sealed).ok_or(ChallengeError::Gone)?;
    let code = Code::parse(typed).ok_or(ChallengeError::Wrong)?;
    let charged = world.charge(caller, BudgetKey::second_factor(user.id, world.lane(caller, user.id).await?)).await?;
    let now = world.now();
    let key = plain.key(world, &user).ok_or(ChallengeError::Gone)?;
    let step = key.matched_step(&code, None, now).ok_or(ChallengeError::Wrong)?;

    let factor = TotpFactor {
        id: plain.factor,
        user: user.id,
        name: UNNAMED.to_owned(),
        sealed_key: world.vault.seal(&totp_seal(plain.factor.0), plain.secret.expose()),
        spent_step: step,
        created_at: now,
        used_at: Some(now),
    };
    let added = if is_recovered(world, bearer) {
        world.store.replace_totp(&factor).await?
    } else if is_proven(world, bearer).await? {
        world.store.add_totp(&factor).await?
    } else {
        world.store.add_first_totp(&factor, now).await?
    };
    if added == Added::Taken {
        return Err(ChallengeError::Gone);
    }
    charged.succeeded().await?;
    let notice = Notice::FactorAdded { method: Method::Totp, name: factor.name };
    notices::tell(world, &user, notice, caller).await?;
    record(world, bearer, Authentication { method: Method::Totp, factor: factor.id, at: now }, caller).await
}

fn is_recovered(world: &World, bearer: &Bearer) -> bool {
    matches!(bearer, Bearer::Full(full) if recovery::is_recovered(&full.identity.session, world.now()))
}

/// Whether this session has just proven what its owner has, and that is no authenticator app: somebody who is reached by
/// mail or phone needs nobody's approval for an app (EN-01, EN-04).
async fn is_proven(world: &World, bearer: &Bearer) -> Result<bool, ChallengeError> {
    let Bearer::Full(full) = bearer else { return Ok(false) };
    let user = full.identity.user.id;
    Ok(!codes::methods_of(world, user).await?.is_empty()
        && world.store.totp_factors(user).await?.is_empty()
        && missing_for_change(world, full).await?.is_none())
}

async fn permitted(world: &World, bearer: &Bearer) -> Result<User, ChallengeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?;
    match world.store.account(user.id).await? {
        Some(account)
            if is_recovered(world, bearer) || is_open(world, &account).await? || is_proven(world, bearer).await? =>
        {
            Ok(account.user)
        }
        _ => Err(ChallengeError::NotEnrolled),
    }
}

/// What an offer holds.
struct Plain {
    factor: FactorId,
    made_at: Timestamp,
    secret: Secret,
}

impl Plain {
    fn key(&self, world: &World, user: &User) -> Option<Key> {
        Key::new(&self.secret, &world.settings.organisation, user.login_id.as_str())
    }
}

fn purpose(user: UserId) -> String {
    format!("offer/totp/{}", user.0)
}

fn seal(world: &World, user: &User, plain: &Plain) -> Result<Offer, ChallengeError> {
    let mut bytes = plain.factor.0.as_bytes().to_vec();
    bytes.extend_from_slice(&plain.made_at.as_millis().to_be_bytes());
    bytes.extend_from_slice(plain.secret.expose());
    let sealed = BASE64_URL_SAFE_NO_PAD.encode(world.vault.seal(&purpose(user.id), Secret::new(bytes).expose()));
    Ok(Offer { sealed, key: plain.key(world, user).ok_or(ChallengeError::Gone)? })
}

fn unseal(world: &World, user: UserId, sealed: &str) -> Option<Plain> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let bytes = world.vault.open(&purpose(user), &sealed)?;
    let (factor, rest) = bytes.expose().split_first_chunk::<16>()?;
    let (made_at, secret) = rest.split_first_chunk::<8>()?;
    let made_at = Timestamp::from_millis(i64::from_be_bytes(*made_at));
    let fresh = made_at.age(world.now()).is_some_and(|age| age < OFFER_LIFETIME);
    fresh.then(|| Plain { factor: FactorId(Uuid::from_bytes(*factor)), made_at, secret: Secret::new(secret.to_vec()) })
}
