//! One's own addresses: adding, changing, removing them.
//!
//! A new address counts once a code that was sent there has come back, and until then the old one does. Whoever is known
//! to have read the mail of an account hears of a change, and so does whoever reads the new address (EN-02).

use super::{
    Caller, World,
    challenge::ChallengeError,
    codes::{self, Parcel, SendError},
    factors::{last_factor, missing_for_change},
    first_factor::{self, Takes},
    notices,
    sessions::Full,
};
use crate::{
    domain::{
        change::Change,
        contact::{Address, Channel, Contact, Kind, NotAnAddress},
        event::What,
        factor::{FactorId, Method},
        policy::Missing,
        secret::Token,
        session::Identity,
        user::User,
    },
    ports::{
        StoreError,
        messages::Notice,
        store::{LastFactor, SentCode, SentPurpose},
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
    may_have(world, full, kind).await
}

/// Whether this account may have an address of this kind.
async fn may_have(world: &World, full: &Full, kind: Kind) -> Result<(), ContactError> {
    let Identity { user, session } = &full.identity;
    let account = world.store.account(user.id).await?.ok_or(ChallengeError::Gone)?;
    match first_factor::may_be_reached(world, &account, kind, &session.risk).await? {
        Takes::Proof | Takes::Approval => {}
        Takes::Mailbox => return Err(ContactError::NeedsMailbox),
        Takes::Operator => return Err(ContactError::NeedsOperator),
    }
    let email = if kind == Kind::Phone { current(world, full, Kind::Email).await? } else { None };
    let is_reached = email.is_some_and(|email| email.verified_at.is_some());
    if kind == Kind::Phone && !is_reached { Err(ContactError::EmailFirst) } else { Ok(()) }
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
    may_have(world, full, kind).await?;
    codes::take(world, &code, typed, caller).await?;
    let mut told = verified(world, full).await?;
    let contact = Contact {
        id: code.factor,
        user: user.id,
        address: code.address,
        verified_at: Some(world.now()),
        used_at: None,
    };
    // First, so that what was remembered before the change is never left after it (RD-03).
    world.store.forget_devices(user.id).await?;
    world.store.put_contact(&contact).await?;
    world.record(user.id, What::ContactChanged, caller).await?;
    let notice = Notice::ContactChanged { to: Some(contact.address.masked()) };
    if !told.contains(&contact.address) {
        told.push(contact.address);
    }
    notices::tell_at(world, user, told, &notice, caller).await?;
    Ok(())
}

/// Removes an address; not where it is the last second factor and one is required.
pub async fn remove(world: &World, full: &Full, kind: Kind, caller: &Caller) -> Result<(), ContactError> {
    if let Some(missing) = missing_for_change(world, full, Change::Account).await? {
        return Err(ContactError::NeedsProof(missing));
    }
    let contact = current(world, full, kind).await?.ok_or(ContactError::Kept)?;
    let told = verified(world, full).await?;
    let user = &full.identity.user;
    let is_factor =
        codes::methods_of(world, user.id).await?.iter().any(|method| method.channel().map(Channel::kind) == Some(kind));
    let last = if is_factor { last_factor(world, user) } else { LastFactor::MayGo };
    world.store.forget_devices(user.id).await?;
    if !world.store.remove_contact(user.id, contact.id, last).await? {
        return Err(ContactError::Kept);
    }
    world.record(user.id, What::ContactChanged, caller).await?;
    notices::tell_at(world, user, told, &Notice::ContactChanged { to: None }, caller).await?;
    Ok(())
}

async fn verified(world: &World, full: &Full) -> Result<Vec<Address>, StoreError> {
    let contacts = world.store.contacts(full.identity.user.id).await?;
    Ok(contacts.into_iter().filter(|contact| contact.verified_at.is_some()).map(|contact| contact.address).collect())
}

/// How the code goes out that shows that an address is theirs: the first of these that reaches it.
fn verified_by(world: &World, address: &Address) -> Option<Method> {
    [Method::EmailCode, Method::SmsCode, Method::VoiceCode].into_iter().find(|method| {
        method.channel().is_some_and(|channel| {
            let allowed = match address {
                Address::Email(_) => true,
                Address::Phone(number) => world.settings.may_reach(channel, number),
            };
            address.takes(channel) && world.messenger.reaches(channel) && allowed
        })
    })
}
