//! Telling people what happened to their accounts, wherever they can be reached (EN-02, RC-03).
//!
//! A notice never holds up what it is about: it is posted, and the messenger tries again by itself.

use super::{Caller, World};
use crate::{
    domain::{
        contact::{Address, Channel, EmailAddress},
        user::User,
    },
    ports::{
        StoreError,
        messages::{Asked, Content, Message, Notice, OperatorAct},
    },
};
use zeroize::Zeroizing;

/// Tells every verified address of an account what happened to it.
pub async fn tell(world: &World, user: &User, notice: Notice, caller: &Caller) -> Result<(), StoreError> {
    tell_at(world, user, reached_at(world, user).await?, &notice, caller);
    Ok(())
}

/// The verified addresses of an account.
pub(super) async fn reached_at(world: &World, user: &User) -> Result<Vec<Address>, StoreError> {
    let contacts = world.store.contacts(user.id).await?;
    Ok(contacts.into_iter().filter(|contact| contact.verified_at.is_some()).map(|contact| contact.address).collect())
}

/// Tells these addresses.
pub(super) fn tell_at(
    world: &World,
    user: &User,
    addresses: impl IntoIterator<Item = Address>,
    notice: &Notice,
    caller: &Caller,
) {
    for to in addresses {
        post(world, user, to, notice.clone(), caller, None);
    }
}

/// Tells these addresses what an operator did: from no browser, and from nowhere.
pub(super) fn tell_of_operator(world: &World, user: &User, addresses: Vec<Address>, act: OperatorAct) {
    let notice = Notice::OfOperator(act);
    let asked = Asked { browser: None, address: None, at: world.now() };
    for to in addresses {
        post_as(world, user, to, notice.clone(), asked.clone(), None);
    }
}

/// Tells one address, with a link where its owner can undo what happened.
pub(super) fn post(
    world: &World,
    user: &User,
    to: Address,
    notice: Notice,
    caller: &Caller,
    undo: Option<Zeroizing<String>>,
) {
    post_as(world, user, to, notice, asked(world, caller), undo);
}

fn post_as(world: &World, user: &User, to: Address, notice: Notice, asked: Asked, undo: Option<Zeroizing<String>>) {
    let Some(channel) = channel_to(world, &to) else { return };
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

/// By which way a notice goes there. Nobody is called about one.
fn channel_to(world: &World, to: &Address) -> Option<Channel> {
    let channel = match to {
        Address::Email(_) => Channel::Email,
        Address::Phone(number) => Some(Channel::Sms).filter(|sms| world.settings.may_reach(*sms, number))?,
    };
    world.messenger.reaches(channel).then_some(channel)
}
