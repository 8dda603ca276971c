//! Telling people what happened to their accounts, wherever they can be reached (EN-02, RC-03).
//!
//! A notice never holds up what it is about: it is posted, and the messenger tries again by itself.

use super::{Caller, World, postage};
use crate::{
    domain::{
        contact::{Address, Channel, EmailAddress},
        throttle::{BudgetKey, OWN_ACTS},
        user::User,
    },
    ports::{
        StoreError,
        messages::{Asked, Content, Message, Notice, OperatorAct},
    },
};
use zeroize::Zeroizing;

/// Tells every verified address of an account what happened to it. What its owner tidied up is told so often and no oftener:
/// all of it is written down (`World::record`), and whoever can change a name can change it a hundred times.
pub async fn tell(world: &World, user: &User, notice: Notice, caller: &Caller) -> Result<(), StoreError> {
    let is_own_act = matches!(notice, Notice::OfOwner(_));
    if is_own_act && !world.is_paid(BudgetKey::own_acts(user.id), &OWN_ACTS).await? {
        return Ok(());
    }
    tell_at(world, user, reached_at(world, user).await?, &notice, caller).await
}

/// The verified addresses of an account.
pub(super) async fn reached_at(world: &World, user: &User) -> Result<Vec<Address>, StoreError> {
    let contacts = world.store.contacts(user.id).await?;
    Ok(contacts.into_iter().filter(|contact| contact.verified_at.is_some()).map(|contact| contact.address).collect())
}

/// Tells these addresses.
pub(super) async fn tell_at(
    world: &World,
    user: &User,
    to: Vec<Address>,
    notice: &Notice,
    caller: &Caller,
) -> Result<(), StoreError> {
    tell_each(world, user, to, notice, &asked(world, caller)).await
}

/// Tells these addresses what an operator did: from no browser, and from nowhere.
pub(super) async fn tell_of_operator(
    world: &World,
    user: &User,
    to: Vec<Address>,
    act: OperatorAct,
) -> Result<(), StoreError> {
    let asked = Asked { browser: None, address: None, at: world.now() };
    tell_each(world, user, to, &Notice::OfOperator(act), &asked).await
}

async fn tell_each(
    world: &World,
    user: &User,
    addresses: Vec<Address>,
    notice: &Notice,
    asked: &Asked,
) -> Result<(), StoreError> {
    for to in addresses {
        if let Some(channel) = channel_to(world, &to).await? {
            post(world, user, (channel, to), notice.clone(), asked.clone(), None);
        }
    }
    Ok(())
}

/// Writes to a mailbox, with a link where its owner can undo what happened.
pub(super) fn write(
    world: &World,
    user: &User,
    to: EmailAddress,
    notice: Notice,
    caller: &Caller,
    undo: Option<Zeroizing<String>>,
) {
    if world.messenger.reaches(Channel::Email) {
        post(world, user, (Channel::Email, Address::Email(to)), notice, asked(world, caller), undo);
    }
}

fn post(
    world: &World,
    user: &User,
    (channel, to): (Channel, Address),
    notice: Notice,
    asked: Asked,
    undo: Option<Zeroizing<String>>,
) {
    let login_id = user.login_id.to_string();
    let language = user.language.unwrap_or(world.settings.language);
    world.messenger.post(Message { channel, to, language, content: Content::Notice { notice, login_id, asked, undo } });
}

/// The mailbox of an account: only a verified one is ever known of it.
pub(super) fn mailbox(user: &User) -> Option<EmailAddress> {
    user.email.as_deref().and_then(|email| EmailAddress::parse(email).ok())
}

/// From where somebody asked for a message, for its reader to compare with what they did.
pub(super) fn asked(world: &World, caller: &Caller) -> Asked {
    Asked { browser: caller.agent.clone(), address: Some(caller.address), at: world.now() }
}

/// By which way a notice goes there. Nobody is called about one, and nothing is texted that is not [paid for](postage): it is
/// dropped, and the mailbox, which comes before a phone (row 14), tells.
async fn channel_to(world: &World, to: &Address) -> Result<Option<Channel>, StoreError> {
    let (channel, number) = match to {
        Address::Email(_) => (Channel::Email, None),
        Address::Phone(number) => (Channel::Sms, Some(number)),
    };
    let is_open = world.messenger.reaches(channel) && number.is_none_or(|to| world.settings.may_reach(channel, to));
    let is_paid = match number {
        Some(number) if is_open => postage::pays_for_notice(world, channel, number).await?,
        Some(_) | None => is_open,
    };
    Ok(is_paid.then_some(channel))
}
