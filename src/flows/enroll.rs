//! Setting up an authenticator app.
//!
//! The key that is offered is sealed into the page, not kept: an offer nobody takes costs nothing. Confirming it with a
//! right code adds the factor, once, and that code counts as used (TO-04). What somebody adds who has just used a recovery
//! code takes the place of the apps that were lost.

use super::{
    Caller, World,
    challenge::{ChallengeError, record, refused, totp_seal},
    codes,
    factors::{ChangeError, Right, called, may_add},
    notices,
    sessions::Bearer,
};
use crate::{
    domain::{
        event::What,
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
        StoreError,
        messages::Notice,
        store::{Added, TotpFactor},
    },
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use std::time::Duration;
use uuid::Uuid;

/// How long an offered key may be confirmed.
const OFFER_LIFETIME: Duration = Duration::from_mins(10);

/// A key to put into an authenticator app.
pub struct Offer {
    /// The key, sealed, to come back with the confirming code.
    pub sealed: String,
    /// The key.
    pub key: Key,
}

/// What people set up by themselves, strongest first.
pub const SET_UP: [Method; 5] =
    [Method::Passkey, Method::SecurityKey, Method::Totp, Method::SmsCode, Method::VoiceCode];

/// What this bearer may set up by themselves, now or after one more proof or a code from their mailbox, strongest first.
pub async fn enrollable(world: &World, bearer: &Bearer) -> Result<Vec<Method>, StoreError> {
    let Some(user) = bearer.user() else { return Ok(Vec::new()) };
    let mut methods = Vec::new();
    // There is one number, and what it serves it serves already.
    let sent = codes::methods_of(world, user.id).await?;
    for method in SET_UP.into_iter().filter(|method| !sent.contains(method)) {
        match may_add(world, bearer, method).await {
            Ok(_) | Err(ChangeError::NeedsProof(_) | ChangeError::NeedsMailbox) => methods.push(method),
            Err(ChangeError::Challenge(ChallengeError::Store(error))) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(methods)
}

/// Offers a new key to whoever holds the portal token.
pub async fn offer(world: &World, bearer: &Bearer) -> Result<Offer, ChangeError> {
    let (user, _) = may_add(world, bearer, Method::Totp).await?;
    let secret = world.entropy.key(KEY_BYTES);
    let plain = Plain { factor: FactorId(world.entropy.id(world.now())), made_at: world.now(), secret };
    Ok(seal(world, &user, &plain)?)
}

/// Shows the same offer again, after a wrong code.
pub async fn offer_again(world: &World, bearer: &Bearer, sealed: &str) -> Result<Offer, ChangeError> {
    let (user, _) = may_add(world, bearer, Method::Totp).await?;
    let plain = unseal(world, user.id, sealed).ok_or(ChallengeError::Gone)?;
    Ok(seal(world, &user, &plain)?)
}

/// Adds the offered key under this name if `typed` is a code of it, and counts that as a proof.
pub async fn confirm(
    world: &World,
    bearer: &Bearer,
    sealed: &str,
    typed: &str,
    name: &str,
    caller: &Caller,
) -> Result<Opened, ChangeError> {
    let (user, right) = may_add(world, bearer, Method::Totp).await?;
    let plain = unseal(world, user.id, sealed).ok_or(ChallengeError::Gone)?;
    let code = Code::parse(typed).ok_or(ChallengeError::Wrong)?;
    let charged = world.charge(caller, Method::Totp, user.id, BudgetKey::second_factor).await;
    let charged = charged.map_err(ChallengeError::from)?;
    let now = world.now();
    let key = plain.key(world, &user).ok_or(ChallengeError::Gone)?;
    let Some(step) = key.matched_step(&code, None, now) else {
        return Err(refused(world, user.id, Method::Totp, ChallengeError::Wrong, caller).await.into());
    };

    let factor = TotpFactor {
        id: plain.factor,
        user: user.id,
        name: called(name, Method::Totp),
        sealed_key: world.vault.seal(&totp_seal(plain.factor.0), plain.secret.expose()),
        spent_step: step,
        created_at: now,
        used_at: Some(now),
    };
    // First, so that what was remembered before the change is never left after it (RD-03).
    world.store.forget_devices(user.id).await?;
    let added = match right {
        Right::First => world.store.add_first_totp(&factor, now).await?,
        Right::Recovered => world.store.replace_totp(&factor).await?,
        Right::Fresh => world.store.add_totp(&factor).await?,
    };
    if added == Added::Taken {
        return Err(ChallengeError::Gone.into());
    }
    charged.succeeded().await?;
    world.record(user.id, What::FactorAdded { method: Method::Totp, name: factor.name.clone() }, caller).await?;
    let notice = Notice::FactorAdded { method: Method::Totp, name: factor.name };
    notices::tell(world, &user, notice, caller).await?;
    Ok(record(world, bearer, Authentication { method: Method::Totp, factor: factor.id, at: now }, caller).await?)
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
