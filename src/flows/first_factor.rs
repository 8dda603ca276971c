//! What the first second factor of an account takes beside its password (EN-04).
//!
//! Where nothing asks its owner for more than a password, a fresh one is enough: whoever knows it has all there is to get,
//! and the owner is told. Where something does, a stolen password would get there by a phone of the thief's own. So it takes
//! an operator's word, or, where the operator says so, that of whoever reads the account's mail.
//!
//! # Invariants
//!
//! - A code from a mailbox opens what an operator's word opens, for a shorter time and for the portal token that brought it and
//!   no other (OB-02): whoever adds the factor uses it up.
//! - An address that could open this is not changed by less.

use super::{
    Caller, World,
    challenge::ChallengeError,
    codes::{self, Parcel, SendError},
    contacts,
    factors::{missing_for_change, second_factors},
    risk,
    sessions::{Bearer, Full},
};
use crate::{
    domain::{
        change::Change,
        contact::{Channel, Contact, Kind},
        enrolment::{FirstFactor, Requirement},
        event::What,
        factor::Method,
        policy::Policy,
        risk::{Act, Assessment},
        secret::Token,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        store::{Account, Approval, Holder, SentCode, SentPurpose},
    },
};
use std::{sync::Arc, time::Duration};

/// How long a code from the mailbox opens the set-up.
const OPEN_FOR: Duration = Duration::from_mins(15);

/// What the first second factor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// A proof from a moment ago, like any other change.
    Proof,
    /// The same, and an operator's word or a mailbox's, which is given and lasts. Whoever adds the factor uses it up.
    Approval,
    /// A code from the mailbox.
    Mailbox,
    /// An operator's word.
    Operator,
}

/// What it takes of whoever holds a portal token, whose account this is.
pub(super) async fn takes_of(world: &World, bearer: &Bearer, account: &Account) -> Result<Takes, StoreError> {
    match bearer {
        Bearer::Full(full) => takes_of_session(world, full, account).await,
        Bearer::Half(_) | Bearer::Nobody(_) => takes(world, account, None, bearer.holder()).await,
    }
}

/// The same of somebody who is signed in.
async fn takes_of_session(world: &World, full: &Full, account: &Account) -> Result<Takes, StoreError> {
    let session = &full.identity.session;
    takes(world, account, Some(&session.risk), Some(Holder::Session(session.id))).await
}

/// What it takes of somebody who is signed in at this risk; `None` where they have got no further than a password.
async fn takes(
    world: &World,
    account: &Account,
    risk: Option<&Assessment>,
    holder: Option<Holder>,
) -> Result<Takes, StoreError> {
    let user = &account.user;
    let is_theirs =
        |approval: Approval| world.now() < approval.until && (approval.holder.is_none() || approval.holder == holder);
    Ok(if has_more_than_a_password(world, user.id).await? {
        Takes::Proof
    } else if account.approval.is_some_and(is_theirs) {
        Takes::Approval
    } else if risk.is_some_and(|risk| !asks_for_more(world, user, risk)) {
        Takes::Proof
    } else if mailbox(world, user.id).await?.is_some() {
        Takes::Mailbox
    } else {
        Takes::Operator
    })
}

/// Whether a code from their mailbox comes before their first second factor.
pub async fn is_opened_by_mail(world: &World, bearer: &Bearer) -> Result<bool, StoreError> {
    let Some(user) = bearer.user() else { return Ok(false) };
    let Some(account) = world.store.account(user.id).await? else { return Ok(false) };
    Ok(takes_of(world, bearer, &account).await? == Takes::Mailbox)
}

/// Whether somebody whose password was right may go on to set up what they owe.
pub(super) async fn may_begin(world: &World, account: &Account) -> Result<bool, StoreError> {
    Ok(match takes(world, account, None, None).await? {
        Takes::Approval | Takes::Mailbox => true,
        Takes::Proof | Takes::Operator => false,
    })
}

/// Whether this account has what lets its owner enrol more without an operator (EN-04). Mail resets the password, so a
/// mailbox is more than that only where the operator says so.
async fn has_more_than_a_password(world: &World, user: UserId) -> Result<bool, StoreError> {
    let is_more = |method: &Method| world.settings.first_factor == FirstFactor::Mailbox || !method.is_mail();
    Ok(codes::methods_of(world, user).await?.iter().any(is_more) || !second_factors(world, user).await?.is_empty())
}

/// Whether this account may be reached at a new address of this kind, where that makes it a factor, or lets it open the
/// first: only as far as the first factor itself might be set up.
pub(super) async fn may_be_reached(
    world: &World,
    account: &Account,
    kind: Kind,
    full: &Full,
) -> Result<Takes, StoreError> {
    let is_sent_there = |method: &Method| method.channel().map(Channel::kind) == Some(kind);
    let opens_more = match kind {
        Kind::Email => world.settings.first_factor == FirstFactor::Mailbox,
        Kind::Phone => world.settings.methods_of(&account.user.groups).iter().any(is_sent_there),
    };
    if opens_more { takes_of_session(world, full, account).await } else { Ok(Takes::Proof) }
}

/// Whether signing in, or an application, asks this user for more than a password, at a sign-in of this risk.
fn asks_for_more(world: &World, user: &User, risk: &Assessment) -> bool {
    requires(world, user)
        || risk::calls_for(world, Act::Require, risk)
        || asked_by(&world.settings.asking, user, Some(risk))
}

/// Whether this user must have a second factor, whatever the risk of their sign-in: the gateway, a group or an application
/// they may open requires it.
pub fn requires(world: &World, user: &User) -> bool {
    world.settings.requirements.of(&user.groups) == Requirement::Required
        || asked_by(&world.settings.asking, user, None)
}

fn asked_by(policies: &[Arc<Policy>], user: &User, risk: Option<&Assessment>) -> bool {
    policies.iter().any(|policy| policy.asks_for_more_than_a_password(user, risk))
}

/// The mailbox whose word opens setting up the first factor, where there is one and the operator says so.
async fn mailbox(world: &World, user: UserId) -> Result<Option<Contact>, StoreError> {
    if world.settings.first_factor != FirstFactor::Mailbox || !world.messenger.reaches(Channel::Email) {
        return Ok(None);
    }
    contacts::mailbox(world, user).await
}

/// Whose set-up a code from their mailbox would open, and which mailbox that is; `None` where it is open, or no code opens it.
/// A password from a moment ago comes first: nobody else has anything sent.
async fn asked<'a>(world: &World, bearer: &'a Bearer) -> Result<Option<(&'a User, Contact)>, StoreError> {
    let Some(user) = bearer.user() else { return Ok(None) };
    let is_stale = match bearer {
        Bearer::Full(full) => missing_for_change(world, full, Change::Factors).await?.is_some(),
        Bearer::Half(_) | Bearer::Nobody(_) => false,
    };
    if is_stale || !is_opened_by_mail(world, bearer).await? {
        return Ok(None);
    }
    Ok(mailbox(world, user.id).await?.map(|contact| (user, contact)))
}

/// Where the code goes, masked, and what this browser was sent; `None` where none is asked for.
pub async fn ask(
    world: &World,
    bearer: &Bearer,
    browser: &Token,
) -> Result<Option<(String, Option<SentCode>)>, StoreError> {
    let Some((user, contact)) = asked(world, bearer).await? else { return Ok(None) };
    let sent = codes::live(world, user.id, SentPurpose::SetUp, browser).await?;
    let sent = sent.filter(|sent| sent.factor == contact.id);
    Ok(Some((contact.address.masked(), sent)))
}

/// Sends a code there.
pub async fn send(world: &World, bearer: &Bearer, browser: &Token, caller: &Caller) -> Result<(), SendError> {
    let (user, Contact { id, address, .. }) = asked(world, bearer).await?.ok_or(SendError::Gone)?;
    let (purpose, method) = (SentPurpose::SetUp, Method::EmailCode);
    let parcel = Parcel { user, purpose, method, address, factor: id, onward: None };
    codes::dispatch(world, parcel, browser, caller).await
}

/// Opens setting up the first second factor for a while, if this is the code that was sent to the mailbox.
pub async fn open(
    world: &World,
    bearer: &Bearer,
    typed: &str,
    browser: &Token,
    caller: &Caller,
) -> Result<(), ChallengeError> {
    let (user, contact) = asked(world, bearer).await?.ok_or(ChallengeError::Gone)?;
    let code = codes::live(world, user.id, SentPurpose::SetUp, browser).await?;
    let code = code.filter(|code| code.factor == contact.id).ok_or(ChallengeError::Over)?;
    codes::take(world, &code, typed, caller).await?;
    let holder = bearer.holder().ok_or(ChallengeError::Gone)?;
    let now = world.now();
    world.store.open_enrolment(user.id, holder, now + OPEN_FOR, now).await?;
    Ok(world.record(user.id, What::SetUpOpened, caller).await?)
}
