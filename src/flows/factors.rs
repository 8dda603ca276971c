//! Second factors of every kind: who may change them, their names, their order, their end.

use super::{
    Caller, World,
    challenge::{ChallengeError, held},
    codes::{self, Reached},
    contacts,
    first_factor::{self, Takes},
    notices,
    sessions::{Bearer, Full},
};
use crate::{
    domain::{
        change::{Change, Grounds},
        contact::{Address, Channel},
        event::What,
        factor::{FactorId, Method},
        policy::Missing,
        time::Timestamp,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        messages::{Notice, OwnAct},
        passkeys::PasskeyError,
        store::{LastFactor, Phones, Removal},
    },
};

/// Most second factors of one account. Each authenticator app is one more code that a guess may hit.
pub const SECOND_FACTORS_MAX: usize = 10;

/// Most characters of what somebody calls a factor.
pub const NAME_CHARS_MAX: usize = 60;

/// A second factor, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Its name in authentications.
    pub id: FactorId,
    /// What it is.
    pub method: Method,
    /// What its owner calls it.
    pub name: String,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it last proved something.
    pub used_at: Option<Timestamp>,
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
    /// The first second factor takes a code from the account's mailbox, or an operator's approval.
    #[error("a first second factor takes a code from the mailbox first")]
    NeedsMailbox,
    /// The operator does not want such factors.
    #[error("this method is not among `mfa.methods`")]
    NotOffered,
    /// A phone number takes a verified e-mail address first.
    #[error("there is no verified e-mail address yet")]
    EmailFirst,
    /// There are [`SECOND_FACTORS_MAX`].
    #[error("the account has {SECOND_FACTORS_MAX} second factors already")]
    TooMany,
    /// The account has no such factor.
    #[error("no such factor")]
    Unknown,
    /// It is the last second factor, and one is required.
    #[error("the last second factor where one is required")]
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

/// By what right somebody adds a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// It is the first, and an operator's word or a mailbox's lasts (EN-04). Whoever adds it uses it up.
    First,
    /// The password and a recovery code stand in for what was lost: an app takes the place of those there were (RC-03).
    Recovered,
    /// It is a further one, and the proof is fresh (EN-01).
    Fresh,
}

/// Whether this bearer may add a factor of this kind now, and by what right.
pub async fn may_add(world: &World, bearer: &Bearer, method: Method) -> Result<(User, Right), ChangeError> {
    let user = bearer.user().ok_or(ChallengeError::Gone)?;
    let account = world.store.account(user.id).await?.ok_or(ChallengeError::Gone)?;
    if !world.settings.methods_of(&account.user.groups).contains(&method) {
        return Err(ChangeError::NotOffered);
    }
    let is_sent = method.channel().is_some();
    if let Some(channel) = method.channel() {
        // Mail is verified as an address, and is one from then on.
        if channel == Channel::Email || !world.messenger.reaches(channel) {
            return Err(ChangeError::NotOffered);
        }
        if contacts::mailbox(world, user.id).await?.is_none() {
            return Err(ChangeError::EmailFirst);
        }
    }
    let change = if is_sent { Change::Account } else { Change::Factors };
    let grounds = match bearer {
        Bearer::Full(full) => Some(grounds(world, full, change).await?),
        Bearer::Half(_) | Bearer::Nobody(_) => None,
    };
    let second_factors = second_factors(world, user.id).await?;
    let count = second_factors.len();
    if let Some(Ok(Grounds::Recovery)) = grounds {
        let takes_a_place = method == Method::Totp && second_factors.iter().any(|factor| factor.method == method);
        let has_room = count < SECOND_FACTORS_MAX || takes_a_place;
        return if has_room { Ok((account.user, Right::Recovered)) } else { Err(ChangeError::TooMany) };
    }
    let right = match first_factor::takes_of(world, bearer, &account).await? {
        Takes::Proof => Right::Fresh,
        Takes::Approval => Right::First,
        Takes::Operator => return Err(ChangeError::NeedsOperator),
        Takes::Mailbox => {
            let stale = grounds.and_then(Result::err).map(ChangeError::NeedsProof);
            return Err(stale.unwrap_or(ChangeError::NeedsMailbox));
        }
    };
    match grounds {
        // Whose password was right a moment ago.
        None if right == Right::First => Ok((account.user, right)),
        None => Err(ChallengeError::Gone.into()),
        Some(Err(missing)) => Err(ChangeError::NeedsProof(missing)),
        Some(Ok(_)) if count >= SECOND_FACTORS_MAX && !is_sent => Err(ChangeError::TooMany),
        Some(Ok(_)) => Ok((account.user, right)),
    }
}

/// What this session lacks for a change to how its owner signs in.
pub async fn missing_for_change(world: &World, full: &Full, change: Change) -> Result<Option<Missing>, StoreError> {
    Ok(grounds(world, full, change).await?.err())
}

/// An error where something is missing for a change to how its owner signs in.
pub(super) async fn factors_may_change(world: &World, full: &Full) -> Result<(), ChangeError> {
    missing_for_change(world, full, Change::Factors)
        .await?
        .map_or(Ok(()), |missing| Err(ChangeError::NeedsProof(missing)))
}

async fn grounds(world: &World, full: &Full, change: Change) -> Result<Result<Grounds, Missing>, StoreError> {
    let held = held(world, full.identity.user.id).await?;
    Ok(change.grounds(&held, &full.identity.session, world.now()))
}

/// The second factors of an account, the strongest method first.
pub async fn second_factors(world: &World, user: UserId) -> Result<Vec<SecondFactor>, StoreError> {
    let mut keys = world.store.passkeys(user).await?;
    keys.sort_by_key(|key| key.kind);
    let keys = keys.into_iter().map(|passkey| SecondFactor {
        id: passkey.id,
        method: passkey.kind.method(),
        name: passkey.name,
        created_at: passkey.created_at,
        used_at: passkey.used_at,
    });
    let apps = world.store.totp_factors(user).await?.into_iter().map(|app| SecondFactor {
        id: app.id,
        method: Method::Totp,
        name: app.name,
        created_at: app.created_at,
        used_at: app.used_at,
    });
    Ok(keys.chain(apps).collect())
}

/// What somebody chose to be asked for first, while they have it: by which methods, the first choice first.
pub async fn primary(world: &World, user: UserId) -> Result<Vec<Method>, StoreError> {
    match world.store.primary(user).await? {
        Some(id) => Ok(way(world, user, id).await?.map(|(methods, _)| methods).unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// How somebody proves who they are by this factor, a second factor or an address of theirs, and what it is called.
async fn way(world: &World, user: UserId, id: FactorId) -> Result<Option<(Vec<Method>, String)>, StoreError> {
    if let Some(factor) = second_factors(world, user).await?.into_iter().find(|factor| factor.id == id) {
        return Ok(Some((vec![factor.method], factor.name)));
    }
    let reached = codes::reached(world, user).await?.into_iter().find(|reached| reached.contact.id == id);
    Ok(reached.map(|reached| (reached.methods, reached.contact.address.masked())))
}

/// Whether the last second factor of an account stays.
pub(super) fn last_factor(world: &World, user: &User) -> LastFactor {
    if first_factor::requires(world, user) { LastFactor::Stays } else { LastFactor::MayGo }
}

/// Whether a phone of this account is one of its second factors: whether codes that prove something go there.
pub(super) async fn phones(world: &World, user: UserId) -> Result<Phones, StoreError> {
    let counts = codes::reached(world, user).await?.into_iter().any(|Reached { contact, methods }| {
        let Address::Phone(number) = contact.address else { return false };
        methods.into_iter().filter_map(Method::channel).any(|channel| world.settings.may_reach(channel, &number))
    });
    Ok(if counts { Phones::Count } else { Phones::DontCount })
}

/// Whether an account has one second factor left, which stays. Mail is none: whoever reads it can reset the password.
pub async fn last_stays(world: &World, user: &User) -> Result<bool, StoreError> {
    let phone = usize::from(phones(world, user.id).await? == Phones::Count);
    let is_last = second_factors(world, user.id).await?.len() + phone < 2;
    Ok(is_last && last_factor(world, user) == LastFactor::Stays)
}

/// One of one's own second factors, if nothing is missing for a change to it.
pub async fn to_change(world: &World, full: &Full, id: FactorId) -> Result<SecondFactor, ChangeError> {
    factors_may_change(world, full).await?;
    let factors = second_factors(world, full.identity.user.id).await?;
    factors.into_iter().find(|factor| factor.id == id).ok_or(ChangeError::Unknown)
}

/// Calls one of one's own second factors something else.
pub async fn rename(world: &World, full: &Full, id: FactorId, typed: &str, caller: &Caller) -> Result<(), ChangeError> {
    let factor = to_change(world, full, id).await?;
    let (method, name) = (factor.method, called(typed, factor.method));
    if name == factor.name {
        return Ok(());
    }
    if !world.store.rename_factor(full.identity.user.id, id, &name).await? {
        return Err(ChangeError::Unknown);
    }
    let (user, from) = (&full.identity.user, factor.name);
    world.record(user.id, What::FactorRenamed { method, from: from.clone(), to: name.clone() }, caller).await?;
    Ok(notices::tell(world, user, Notice::OfOwner(OwnAct::FactorRenamed { method, from, to: name }), caller).await?)
}

/// Removes one of one's own second factors; not the last of any kind where one is required.
pub async fn remove(world: &World, full: &Full, id: FactorId, caller: &Caller) -> Result<(), ChangeError> {
    let factor = to_change(world, full, id).await?;
    // First, so that what was remembered before the change is never left after it (RD-03).
    world.store.forget_devices(full.identity.user.id).await?;
    let user = &full.identity.user;
    let (last, phones) = (last_factor(world, user), phones(world, user.id).await?);
    if !world.store.remove_factor(Removal { user: user.id, id, last, phones }).await? {
        return Err(ChangeError::Kept);
    }
    let (method, name) = (factor.method, factor.name);
    world.record(user.id, What::FactorRemoved { method, name: name.clone() }, caller).await?;
    Ok(notices::tell(world, user, Notice::FactorRemoved { method, name }, caller).await?)
}

/// Has oneself asked for this second factor first from now on; what is sent to a phone or a mailbox is one of them here.
pub async fn set_primary(world: &World, full: &Full, id: FactorId, caller: &Caller) -> Result<(), ChangeError> {
    factors_may_change(world, full).await?;
    let user = &full.identity.user;
    let (methods, name) = way(world, user.id, id).await?.ok_or(ChangeError::Unknown)?;
    if world.store.primary(user.id).await? == Some(id) {
        return Ok(());
    }
    let method = methods.first().copied().ok_or(ChangeError::Unknown)?;
    if !world.store.set_primary(user.id, id).await? {
        return Err(ChangeError::Unknown);
    }
    world.record(user.id, What::PrimaryChosen { method, name: name.clone() }, caller).await?;
    Ok(notices::tell(world, user, Notice::OfOwner(OwnAct::FactorFirst { method, name }), caller).await?)
}

/// What a factor is called, whatever was typed.
pub(super) fn called(typed: &str, method: Method) -> String {
    written(typed).unwrap_or_else(|| unnamed(method).to_owned())
}

/// What was typed, as a name; `None` where that leaves nothing.
pub(super) fn written(typed: &str) -> Option<String> {
    let name: String = typed.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// What a factor is called whose owner gave it no name.
pub const fn unnamed(method: Method) -> &'static str {
    match method {
        Method::Passkey => "Passkey",
        Method::SecurityKey => "Security key",
        Method::Totp => "Authenticator app",
        Method::Password => "Password",
        Method::RecoveryCode => "Recovery codes",
        Method::EmailCode | Method::EmailLink => "E-mail address",
        Method::SmsCode | Method::VoiceCode => "Phone number",
    }
}
