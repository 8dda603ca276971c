//! Recovery codes: making a set, and proving oneself with one of it.
//!
//! With the password a code reaches `mfa`, for it is something its owner has. It is never fresh where a policy does not
//! name it, and to an account it opens what a loss calls for and no other change (`domain::change`, RC-03).

use super::{
    Caller, TryError, World,
    challenge::{ChallengeError, held, record, refused},
    factors::missing_for_change,
    notices,
    sessions::{Bearer, Full},
    sign_in::Opened,
};
use crate::{
    domain::{
        change::Change,
        event::What,
        factor::{
            FactorId, Method,
            recovery::{Code, RANDOM_BYTES},
        },
        policy::Missing,
        session::{Authentication, Level},
        throttle::{BudgetKey, CODE_SETS, Closed},
        user::UserId,
    },
    ports::{HasherBusy, StoreError, messages::Notice, store::HashedCode},
};

/// Why no codes were made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The operator wants none.
    #[error("recovery codes are switched off")]
    Off,
    /// A fresh proof by the strongest there is comes first (EN-01).
    #[error("a fresh proof comes first")]
    NeedsProof(Missing),
    /// There is nothing that they could stand in for.
    #[error("there is no second factor")]
    NoSecondFactor,
    /// Too many sets.
    #[error("too many sets")]
    TooMany(Closed),
    /// Too many hashes at once.
    #[error(transparent)]
    Busy(#[from] HasherBusy),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TryError> for GenerateError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Closed(closed) => Self::TooMany(closed),
            TryError::Store(error) => Self::Store(error),
        }
    }
}

/// Whether this session may make a new set now. A code replaces whatever its owner has, so a set takes a proof by the
/// strongest of that; and a code is no proof for more codes.
pub async fn may_generate(world: &World, full: &Full) -> Result<(), GenerateError> {
    if world.settings.recovery_codes == 0 {
        return Err(GenerateError::Off);
    }
    let held = held(world, full.identity.user.id).await?;
    // Beside a password that a mailbox resets they would be the second factor that nobody let them enrol (EN-04).
    let besides = held.into_iter().filter(|method| *method != Method::RecoveryCode);
    if Level::shown_by(besides) < Some(Level::Mfa) {
        return Err(GenerateError::NoSecondFactor);
    }
    match missing_for_change(world, full, Change::Account).await? {
        Some(missing) => Err(GenerateError::NeedsProof(missing)),
        None => Ok(()),
    }
}

/// Makes a new set of codes; older ones are over. This is the only time that anybody sees them.
pub async fn generate(world: &World, full: &Full, caller: &Caller) -> Result<Vec<Code>, GenerateError> {
    may_generate(world, full).await?;
    let user = &full.identity.user;
    let budget = world.charge_one(BudgetKey::code_sets(user.id), &CODE_SETS).await?;
    let codes = draw(world, world.settings.recovery_codes);
    let hashed = match hashed(world, &codes).await {
        Ok(hashed) => hashed,
        Err(busy) => {
            world.store.refund(&budget).await?;
            return Err(busy.into());
        }
    };
    let set = FactorId(world.entropy.id(world.now()));
    world.store.replace_recovery_codes(user.id, set, &hashed).await?;
    world.record(user.id, What::RecoveryCodesReplaced, caller).await?;
    notices::tell(world, user, Notice::RecoveryCodesReplaced, caller).await?;
    Ok(codes)
}

/// One after the other: a set takes one place in the hasher's queue, not ten.
async fn hashed(world: &World, codes: &[Code]) -> Result<Vec<HashedCode>, HasherBusy> {
    let mut hashed = Vec::with_capacity(codes.len());
    for code in codes {
        hashed.push(HashedCode { head: code.head().to_owned(), phc: world.hasher.hash(code.secret()).await? });
    }
    Ok(hashed)
}

/// Codes of which no two begin alike, for by its beginning each is found. There are 1024 beginnings.
fn draw(world: &World, count: u8) -> Vec<Code> {
    let mut codes: Vec<Code> = Vec::with_capacity(count.into());
    while codes.len() < count.into() {
        let mut bytes = [0; RANDOM_BYTES];
        world.entropy.fill(&mut bytes);
        let code = Code::from_random(&bytes);
        if codes.iter().all(|other| other.head() != code.head()) {
            codes.push(code);
        }
    }
    codes
}

/// Proves a recovery code, for whoever holds the portal token. It shares its budget with the other second factors
/// (TH-05), and one hash is checked whether a code begins like this or none does.
pub async fn answer_recovery(
    world: &World,
    bearer: &Bearer,
    typed: &str,
    caller: &Caller,
) -> Result<Opened, ChallengeError> {
    let owner = bearer.user().ok_or(ChallengeError::Gone)?;
    let user = owner.id;
    if world.settings.recovery_codes == 0 {
        return Err(ChallengeError::NotEnrolled);
    }
    // What can't be a code is a slip, not a guess: it costs no try.
    let code = Code::parse(typed).ok_or(ChallengeError::Wrong)?;
    let charged = world.charge(caller, Method::RecoveryCode, user, BudgetKey::second_factor).await?;
    let found = world.store.recovery_code(user, code.head()).await?;
    let matches = world.hasher.verify(code.secret(), found.as_ref().map(|found| found.phc.clone())).await?;
    let Some(found) = found.filter(|_| matches) else {
        return Err(refused(world, user, Method::RecoveryCode, ChallengeError::Wrong, caller).await);
    };
    let now = world.now();
    if !world.store.spend_recovery_code(user, found.set, code.head(), now).await? {
        return Err(refused(world, user, Method::RecoveryCode, ChallengeError::AlreadyUsed, caller).await);
    }
    charged.succeeded().await?;
    let left = left(world, user).await?;
    world.record(user, What::RecoveryCodeUsed { left }, caller).await?;
    notices::tell(world, owner, Notice::RecoveryCodeUsed { left }, caller).await?;
    record(world, bearer, Authentication { method: Method::RecoveryCode, factor: found.set, at: now }, caller).await
}

/// How many codes somebody can still use.
pub async fn left(world: &World, user: UserId) -> Result<u64, StoreError> {
    if world.settings.recovery_codes == 0 { Ok(0) } else { world.store.recovery_codes_left(user).await }
}
