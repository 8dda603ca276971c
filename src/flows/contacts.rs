//! One's own addresses: adding, changing, removing them.
//!
//! A new address counts once a code that was sent there has come back, and until then the old one does. Whoever is known
//! to have read the mail of an account hears of a change, and so does whoever reads the new address (EN-02).

use super::{
    Caller, World,
    challenge::ChallengeError,
    codes::{self, Parcel, SendError},
    factors::{Right, last_factor, missing_for_change, phones},
    first_factor::{self, Takes},
    notices,
    sessions::Full,
};
use crate::{
    domain::{
        change::Change,
        contact::{Address, Channel, Contact, Kind, NotAnAddress},
        event::{Fate, What},
        factor::{FactorId, Method},
        policy::Missing,
        secret::Token,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        messages::Notice,
        store::{Added, LastFactor, Removal, SentCode, SentPurpose},
    },
};

/// Why an address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// A fresh proof comes first (EN-01).
    #[error("a fresh proof comes first")]
    NeedsProof(Missing),
    /// It would be the first second factor, which takes an operator's approval (EN-04).
    #[error("a first second factor may not be set up with the password alone")]
    NeedsOperator,
    /// It would be the first second factor, or could open it: a code from the mailbox there is comes first.
    #[error("a first second factor takes a code from the mailbox first")]
    NeedsMailbox,
    /// It is no address of that kind.
    #[error(transparent)]
    NotAnAddress(#[from] NotAnAddress),
    /// A phone number takes a verified e-mail address first.
    #[error("there is no verified e-mail address yet")]
    EmailFirst,
    /// Nothing can be sent to such addresses here.
    #[error("the operator has set up no way to reach such an address")]
    NotOffered,
    /// It is the last second factor, and one is required; or there is none.
    #[error("no such address, or the last second factor")]
    Kept,
    /// No code was sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The code is not the one.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
}

impl From<StoreError> for ContactError {
    fn from(error: StoreError) -> Self {
        Self::Challenge(error.into())
    }
}

/// Whether somebody can give an address of this kind here: mail serves notices whatever else it serves, a phone only to
/// prove something.
pub fn is_offered(world: &World, user: &User, kind: Kind) -> bool {
    let methods = world.settings.methods_of(&user.groups);
    let reaches = |channel: Channel| channel.kind() == kind && world.messenger.reaches(channel);
    let wants = |channel| methods.iter().any(|method| method.channel() == Some(channel));
    Channel::ALL.iter().any(|channel| reaches(*channel) && (kind == Kind::Email || wants(*channel)))
}

/// The address of this kind that an account has.
pub async fn current(world: &World, full: &Full, kind: Kind) -> Result<Option<Contact>, StoreError> {
    let contacts = world.store.contacts(full.identity.user.id).await?;
    Ok(contacts.into_iter().find(|contact| contact.address.kind() == kind))
}

/// The new address that a code is on its way to, asked for by this browser.
pub async fn pending(world: &World, full: &Full, kind: Kind, browser: &Token) -> Result<Option<SentCode>, StoreError> {
    codes::live(world, full.identity.user.id, SentPurpose::Verify(kind), browser).await
}

/// Whether an address of this kind may be changed now.
pub async fn may_change(world: &World, full: &Full, kind: Kind) -> Result<(), ContactError> {
    if !is_offered(world, &full.identity.user, kind) {
        return Err(ContactError::NotOffered);
    }
    if let Some(missing) = missing_for_change(world, full, Change::Account).await? {
        return Err(ContactError::NeedsProof(missing));
    }
    may_have(world, full, kind).await.map(drop)
}

/// Whether this account may have an address of this kind, and by what right.
async fn may_have(world: &World, full: &Full, kind: Kind) -> Result<Right, ContactError> {
    let user = full.identity.user.id;
    let account = world.store.account(user).await?.ok_or(ChallengeError::Gone)?;
    let right = match (first_factor::may_be_reached(world, &account, kind, full).await?, kind) {
        (Takes::Approval, Kind::Phone) => Right::First,
        (Takes::Approval, Kind::Email) | (Takes::Proof, _) => Right::Fresh,
        (Takes::Mailbox, _) => return Err(ContactError::NeedsMailbox),
        (Takes::Operator, _) => return Err(ContactError::NeedsOperator),
    };
    match kind {
        Kind::Phone if mailbox(world, user).await?.is_none() => Err(ContactError::EmailFirst),
        Kind::Email | Kind::Phone => Ok(right),
    }
}

/// The mailbox that is known to be this account's.
pub(super) async fn mailbox(world: &World, user: UserId) -> Result<Option<Contact>, StoreError> {
    let is_known = |contact: &Contact| contact.address.kind() == Kind::Email && contact.verified_at.is_some();
    Ok(world.store.contacts(user).await?.into_iter().find(is_known))
}

/// Sends a code to a new address.
pub async fn begin(
    world: &World,
    full: &Full,
    kind: Kind,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<(), ContactError> {
    may_change(world, full, kind).await?;
    let address = Address::parse(kind, typed)?;
    let parcel = Parcel {
        user: &full.identity.user,
        purpose: SentPurpose::Verify(kind),
        method: verified_by(world, &address).ok_or(SendError::Country)?,
        address,
        factor: FactorId(world.entropy.id(world.now())),
        onward: None,
    };
    Ok(codes::dispatch(world, parcel, browser, caller).await?)
}

/// Makes the new address count, if this is the code that was sent there. That took a fresh proof, and the code serves only
/// the browser that gave it; a lock since then ended that proof, and the code with it. What the account may have is looked at
/// once more: it may have lost its mailbox meanwhile.
pub async fn confirm(
    world: &World,
    full: &Full,
    kind: Kind,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<(), ContactError> {
    let user = &full.identity.user;
    let is_open = |code: &SentCode| full.identity.session.locked_at.is_none_or(|locked_at| code.sent_at > locked_at);
    let code = pending(world, full, kind, browser).await?.filter(is_open).ok_or(ChallengeError::Over)?;
    let right = may_have(world, full, kind).await?;
    codes::take(world, &code, typed, caller).await?;
    Ok(keep(world, user, Contact { verified_at: Some(world.now()), ..unproven(code) }, right, caller).await?)
}

/// The address that a code went to.
pub(super) fn unproven(code: SentCode) -> Contact {
    Contact { id: code.factor, user: code.user, address: code.address, verified_at: None, used_at: None }
}

/// Keeps an address that a code has come back from, and tells it and all that were known before.
pub(super) async fn keep(
    world: &World,
    user: &User,
    contact: Contact,
    right: Right,
    caller: &Caller,
) -> Result<(), ChallengeError> {
    let kind = contact.address.kind();
    let mut told = notices::reached_at(world, user).await?;
    let fate = if told.iter().any(|address| address.kind() == kind) { Fate::Changed } else { Fate::Added };
    // First, so that what was remembered before the change is never left after it (RD-03).
    world.store.forget_devices(user.id).await?;
    match right {
        Right::First => match world.store.put_first_contact(&contact, world.now()).await? {
            Added::New => {}
            Added::Taken => return Err(ChallengeError::Gone),
        },
        Right::Fresh | Right::Recovered => world.store.put_contact(&contact).await?,
    }
    world.record(user.id, What::ContactChanged { kind: Some(kind), fate }, caller).await?;
    let notice = Notice::ContactChanged { to: Some(contact.address.masked()) };
    if !told.contains(&contact.address) {
        told.push(contact.address);
    }
    Ok(notices::tell_at(world, user, told, &notice, caller).await?)
}

/// Removes an address; not where it is the last second factor and one is required.
pub async fn remove(world: &World, full: &Full, kind: Kind, caller: &Caller) -> Result<(), ContactError> {
    if let Some(missing) = missing_for_change(world, full, Change::Account).await? {
        return Err(ContactError::NeedsProof(missing));
    }
    let contact = current(world, full, kind).await?.ok_or(ContactError::Kept)?;
    let user = &full.identity.user;
    let told = notices::reached_at(world, user).await?;
    let is_factor =
        codes::methods_of(world, user.id).await?.iter().any(|method| method.channel().map(Channel::kind) == Some(kind));
    let last = if is_factor { last_factor(world, user) } else { LastFactor::MayGo };
    world.store.forget_devices(user.id).await?;
    let removal = Removal { user: user.id, id: contact.id, last, phones: phones(world, user.id).await? };
    if !world.store.remove_contact(removal).await? {
        return Err(ContactError::Kept);
    }
    world.record(user.id, What::ContactChanged { kind: Some(kind), fate: Fate::Removed }, caller).await?;
    notices::tell_at(world, user, told, &Notice::ContactChanged { to: None }, caller).await?;
    Ok(())
}

/// How codes go out that show that an address is theirs: by the first that reaches it.
const VERIFIED_BY: [(Method, Channel); 3] =
    [(Method::EmailCode, Channel::Email), (Method::SmsCode, Channel::Sms), (Method::VoiceCode, Channel::Voice)];

/// How one goes to an address of this kind, wherever that is.
pub fn way_to(world: &World, kind: Kind) -> Option<Method> {
    let is_way = |(_, channel): &(Method, Channel)| channel.kind() == kind && world.messenger.reaches(*channel);
    VERIFIED_BY.into_iter().find(is_way).map(|(method, _)| method)
}

/// How one goes to this address.
fn verified_by(world: &World, address: &Address) -> Option<Method> {
    let is_way = |(_, channel): &(Method, Channel)| {
        let is_allowed = match address {
            Address::Email(_) => true,
            Address::Phone(number) => world.settings.may_reach(*channel, number),
        };
        address.takes(*channel) && world.messenger.reaches(*channel) && is_allowed
    };
    VERIFIED_BY.into_iter().find(is_way).map(|(method, _)| method)
}
