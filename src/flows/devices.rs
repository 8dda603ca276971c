//! Browsers: the known, the new, and those that their users chose to have remembered.
//!
//! A known browser has a lane of its own for wrong tries and nothing else. A remembered one, a device, spares its user the
//! second step of a sign-in, after the right password. The session it opens holds that password and no other proof, so
//! whatever asks for a second factor, or for a fresh one, still asks (RD-02, SU-01).

use super::{
    Caller, World,
    challenge::held,
    factors::{ChangeError, factors_may_change, written},
    notices, risk,
    sessions::{Bearer, Full, recognise},
    sign_in::Opened,
};
use crate::{
    domain::{
        contact::Channel,
        event::What,
        factor::Method,
        risk::Act,
        secret::Token,
        session::{Authentication, Level, Session},
        throttle::Lane,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        messages::{Notice, OwnAct},
        store::{Device, DeviceId, Undo},
    },
};
use zeroize::Zeroizing;

/// Remembers the browser that has just taken both steps of a sign-in. The token to keep in it, if it is remembered.
///
/// It is always a new one: whoever knows what the browser held before must not share what it may do from now on (RD-01).
/// A sign-in with a recovery code is not remembered: it is to lead to a new second factor, not to a month without one.
pub async fn remember(world: &World, opened: &Opened, caller: &Caller) -> Result<Option<Token>, StoreError> {
    let Bearer::Full(full) = recognise(world, Some(&opened.token)).await? else { return Ok(None) };
    let session = &full.identity.session;
    if world.settings.remember.is_none() || !took_both_steps(session) {
        return Ok(None);
    }
    let (token, now) = (world.entropy.token(), world.now());
    let device = Device {
        id: DeviceId(world.entropy.id(now)),
        user: session.user,
        browser: token.hash(),
        name: caller.agent.clone(),
        created_at: now,
        used_at: None,
    };
    let known_as = opened.browser.as_ref().or(caller.browser.as_ref()).map(Token::hash);
    if !world.store.remember_device(&device, session.id, known_as).await? {
        return Ok(None);
    }
    world.record(session.user, What::DeviceRemembered, caller).await?;
    Ok(Some(token))
}

fn took_both_steps(session: &Session) -> bool {
    let mut methods = session.authentications.iter().map(|proof| proof.method);
    session.authentications.len() > 1 && !methods.any(|method| method == Method::RecoveryCode)
}

/// The browsers that somebody has remembered, newest first.
pub async fn list(world: &World, user: UserId) -> Result<Vec<Device>, StoreError> {
    match world.settings.remember {
        Some(kept_for) => world.store.devices(user, world.now() - kept_for).await,
        None => Ok(Vec::new()),
    }
}

/// Calls one of somebody's devices something else, after a fresh proof: who made a browser remembered that is not theirs is not
/// to hide it among the others. An empty name changes nothing.
pub async fn rename(
    world: &World,
    full: &Full,
    device: DeviceId,
    typed: &str,
    caller: &Caller,
) -> Result<(), ChangeError> {
    factors_may_change(world, full).await?;
    let user = &full.identity.user;
    let devices = list(world, user.id).await?;
    let from = devices.into_iter().find(|other| other.id == device).ok_or(ChangeError::Unknown)?.name;
    let Some(to) = written(typed).filter(|to| from.as_ref() != Some(to)) else { return Ok(()) };
    if !world.store.rename_device(user.id, device, &to).await? {
        return Err(ChangeError::Unknown);
    }
    world.record(user.id, What::DeviceRenamed { from, to: to.clone() }, caller).await?;
    Ok(notices::tell(world, user, Notice::OfOwner(OwnAct::BrowserRenamed { to }), caller).await?)
}

/// Forgets one of somebody's devices; `false` if they have none of that id. It takes no fresh proof
/// (`docs/decisions/0007-browsers-and-keys-that-are-touched.md`): less is open then.
pub async fn forget(world: &World, user: &User, device: DeviceId, caller: &Caller) -> Result<bool, StoreError> {
    let is_forgotten = world.store.forget_device(user.id, device).await?;
    forgotten(world, user, is_forgotten.into(), caller).await?;
    Ok(is_forgotten)
}

/// Forgets all of somebody's devices. Returns how many.
pub async fn forget_all(world: &World, user: &User, caller: &Caller) -> Result<u64, StoreError> {
    let count = world.store.forget_devices(user.id).await?;
    forgotten(world, user, count, caller).await?;
    Ok(count)
}

async fn forgotten(world: &World, user: &User, count: u64, caller: &Caller) -> Result<(), StoreError> {
    if count > 0 {
        world.record(user.id, What::DevicesForgotten { count }, caller).await?;
        notices::tell(world, user, Notice::OfOwner(OwnAct::BrowsersForgotten { count }), caller).await?;
    }
    Ok(())
}

/// Makes the browser of a sign-in a known one, and tells the account's owner where it was not, or where the sign-in's risk
/// calls for that. The token to keep in it: what it has is kept for longer, or a browser in daily use would be a new one every
/// month.
pub(super) async fn welcome(
    world: &World,
    caller: &Caller,
    user: &User,
    session: &Session,
) -> Result<Option<Token>, StoreError> {
    let is_new = matches!(world.lane(caller, user.id).await?, Lane::Stranger);
    let token = world.know_browser(caller, user.id, &session.authentications).await?;
    let is_unusual = risk::calls_for(world, Act::Notify, &session.risk);
    if is_new || is_unusual {
        let notice = if is_unusual { Notice::UnusualSignIn } else { Notice::NewBrowser };
        tell(world, caller, user, session, notice).await?;
    }
    learn_language(world, caller, user, is_new).await?;
    let browser = token.or_else(|| caller.browser.clone());
    // Last, so that its trace is later than the word about it, and goes with whoever undoes the sign-in.
    risk::leave_trace(world, session, browser.as_ref(), caller).await?;
    Ok(browser)
}

/// Whether these proofs are as much as the account has to show, up to two factors: what it is worth to hold its second factor,
/// and not only to know its password.
pub(super) async fn is_all_shown(world: &World, user: UserId, proofs: &[Authentication]) -> Result<bool, StoreError> {
    let mut held = held(world, user).await?;
    held.retain(|method| *method != Method::RecoveryCode);
    let all = Level::shown_by(held.iter().copied()).min(Some(Level::Mfa));
    let is_second = |method: Method| method != Method::Password;
    let is_shown = proofs.iter().any(|proof| is_second(proof.method)) || !held.into_iter().any(is_second);
    Ok(is_shown && Level::reached(proofs, world.now()) >= all)
}

/// Notes what language somebody reads, by what their browser asks for. A new browser says so only of somebody of whom it is
/// not known: it may be a thief's, and its owner is to read what they are told.
async fn learn_language(world: &World, caller: &Caller, user: &User, is_new: bool) -> Result<(), StoreError> {
    let learnt = caller.language.filter(|language| user.language != Some(*language));
    match learnt {
        Some(language) if user.language.is_none() || !is_new => world.store.set_language(user.id, language).await,
        Some(_) | None => Ok(()),
    }
}

/// Sends the owner of an account word of this session, and a link that ends it.
async fn tell(
    world: &World,
    caller: &Caller,
    user: &User,
    session: &Session,
    notice: Notice,
) -> Result<(), StoreError> {
    let Some(to) = notices::mailbox(user).filter(|_| world.messenger.reaches(Channel::Email)) else { return Ok(()) };
    let (token, now) = (world.entropy.token(), world.now());
    let browser = caller.agent.clone();
    let undo = Undo { token: token.hash(), user: user.id, session: session.id, browser, made_at: now };
    world.store.open_undo(&undo).await?;
    let link = format!("{}/not-me?link={}", world.settings.origin, token.to_text().as_str());
    notices::write(world, user, to, notice, caller, Some(Zeroizing::new(link)));
    Ok(())
}

/// The sign-in that a link from such a message is about, if the link still works. Looking at it spends nothing: mail
/// scanners look, too.
pub async fn undoable(world: &World, link: &Token) -> Result<Option<Undo>, StoreError> {
    world.store.undo(link.hash(), world.now() - Undo::LIFETIME).await
}

/// Ends the sign-in that a link is about, and forgets every browser of its account, for the one whose sign-in that was
/// may have been remembered since. Works once. What was ended.
pub async fn undo(world: &World, link: &Token, caller: &Caller) -> Result<Option<Undo>, StoreError> {
    let undone = world.store.take_undo(link.hash(), world.now() - Undo::LIFETIME).await?;
    if let Some(undo) = &undone {
        world.record(undo.user, What::SignInDisowned, caller).await?;
    }
    Ok(undone)
}
