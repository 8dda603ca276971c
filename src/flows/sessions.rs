//! Recognising sessions, handing them to app hosts, ending them.

use super::{
    BROWSER_KNOWN_FOR, Caller, World,
    factors::{ChangeError, factors_may_change},
    notices,
};
use crate::{
    domain::{
        event::{KEPT_FOR, What},
        policy::{
            Visitor, WhyAnonymous,
            once::{Bill, Receipt},
        },
        risk::Trace,
        secret::{Token, TokenHash},
        session::{Identity, Session, SessionId, Standing},
        target::Host,
        time::Timestamp,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        messages::{Notice, OwnAct},
        store::{Account, Attempt, Handoff, Held, PasswordReset, Undo},
    },
};
use std::{sync::Arc, time::Duration};

/// A session's "last used" is written at most this often.
pub const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Who holds a portal token.
#[derive(Debug)]
pub enum Bearer {
    /// Nobody yet, and why.
    Nobody(WhyAnonymous),
    /// Somebody whose password was right; nothing is open to them but the second factor.
    Half(Box<Half>),
    /// Somebody signed in.
    Full(Box<Full>),
}

/// A half session and whose it is.
#[derive(Debug)]
pub struct Half {
    /// The half session.
    pub attempt: Attempt,
    /// Whose.
    pub account: Account,
}

/// A session, and the token it was found by.
#[derive(Debug)]
pub struct Full {
    /// Who, and what they proved.
    pub identity: Identity,
    /// The token that the next proof rotates away.
    pub token: TokenHash,
    /// What that proof pays for, where it is asked for on the way to a request.
    pub bill: Option<Bill>,
}

/// Who holds this portal token.
pub async fn recognise(world: &World, token: Option<&Token>) -> Result<Bearer, StoreError> {
    let Some(token) = token.map(Token::hash) else { return Ok(Bearer::Nobody(WhyAnonymous::NoCookie)) };
    let now = world.now();
    if let Some(identity) = world.store.identity(token).await? {
        return Ok(match identity.session.standing(world.settings.limits, now) {
            Standing::Live => Bearer::Full(Box::new(Full { identity, token, bill: None })),
            Standing::TooOld => Bearer::Nobody(WhyAnonymous::TooOld),
            Standing::Idle => Bearer::Nobody(WhyAnonymous::Idle),
        });
    }
    let Some(attempt) = world.store.attempt(token, now - Attempt::LIFETIME).await? else {
        return Ok(Bearer::Nobody(WhyAnonymous::Unknown));
    };
    Ok(match world.store.account(attempt.user).await? {
        Some(account) if !account.user.disabled => Bearer::Half(Box::new(Half { attempt, account })),
        Some(_) => Bearer::Nobody(WhyAnonymous::Disabled),
        None => Bearer::Nobody(WhyAnonymous::Unknown),
    })
}

/// Who sends a request to an app host with this child token.
pub async fn visitor(world: &World, child: TokenHash, host: &Host) -> Result<Visitor, StoreError> {
    let Some(identity) = world.store.child_identity(child, host).await? else {
        return Ok(Visitor::Anonymous(WhyAnonymous::Unknown));
    };
    Ok(standing_visitor(world, Arc::new(identity)))
}

/// Who sends a request with a token that names this session.
pub async fn visitor_of(world: &World, session: SessionId) -> Result<Visitor, StoreError> {
    let Some(identity) = world.store.identities(&[session]).await?.pop() else {
        return Ok(Visitor::Anonymous(WhyAnonymous::Unknown));
    };
    Ok(standing_visitor(world, Arc::new(identity)))
}

/// The same, for an identity that was looked up a moment ago.
pub fn standing_visitor(world: &World, identity: Arc<Identity>) -> Visitor {
    Visitor::of(identity, world.settings.limits, world.now())
}

/// Whether it is time to note once more that somebody uses a session.
pub fn is_touch_due(session: &Session, now: Timestamp) -> bool {
    session.activity.at.age(now).is_some_and(|age| age >= TOUCH_EVERY)
}

/// Notes that somebody uses a session, if that was not noted lately. Idle time is counted from this.
pub async fn touch(world: &World, identity: &Identity) -> Result<(), StoreError> {
    let now = world.now();
    if is_touch_due(&identity.session, now) {
        world.store.touch(identity.session.id, now).await?;
    }
    Ok(())
}

/// Those of these sessions, all of which have something open, that still count.
pub async fn still_live(world: &World, sessions: &[SessionId]) -> Result<Vec<Identity>, StoreError> {
    let (now, limits) = (world.now(), world.settings.limits);
    let mut live = world.store.identities(sessions).await?;
    live.retain(|identity| identity.session.standing(limits, now) == Standing::Live);
    Ok(live)
}

/// Whether it is time to note that something of a session is open. Often enough for no session to go idle, and no oftener:
/// there may be thousands.
pub fn is_keeping_due(world: &World, session: &Session) -> bool {
    session.seen_at.age(world.now()).is_some_and(|age| age >= world.settings.limits.idle / 4)
}

/// Makes a one-time code that `host` can trade for a child session, if the browser that set out from there brings it.
pub async fn hand_off(world: &World, session: SessionId, host: &Host, browser: TokenHash) -> Result<Token, StoreError> {
    let code = world.entropy.token();
    let handoff = Handoff { code: code.hash(), session, host: host.clone(), browser, made_at: world.now() };
    world.store.open_handoff(&handoff).await?;
    Ok(code)
}

/// Trades a code for a child session. The new child's token, if everything fits.
pub async fn redeem(world: &World, code: &Token, host: &Host, browser: &Token) -> Result<Option<Token>, StoreError> {
    let child = world.entropy.token();
    let since = world.now() - Handoff::LIFETIME;
    let session = world.store.redeem_handoff(code.hash(), host, browser.hash(), since, child.hash()).await?;
    Ok(session.map(|_| child))
}

/// Signs out here: the sign-in ends, and with it every app it was handed to; or the half session does. Whatever its
/// standing: a clock that is set back must not revive what was signed out while it looked expired.
pub async fn sign_out(world: &World, token: &Token, caller: &Caller) -> Result<Option<SessionId>, StoreError> {
    let token = token.hash();
    let Some(identity) = world.store.identity(token).await? else {
        world.store.end_attempt(token).await?;
        return Ok(None);
    };
    if world.store.end_session(identity.session.id).await? {
        world.record(identity.user.id, What::SignedOut, caller).await?;
    }
    Ok(Some(identity.session.id))
}

/// Signs out everywhere: every sign-in of this account ends, and no browser is remembered. Returns how many.
pub async fn sign_out_everywhere(world: &World, user: UserId, caller: &Caller) -> Result<u64, StoreError> {
    let count = world.store.end_sessions_of(user, None).await?;
    world.record(user, What::SessionsEnded { count }, caller).await?;
    // Whoever signs out of the one browser they use knows it.
    if count > 1
        && let Some(account) = world.store.account(user).await?
    {
        notices::tell(world, &account.user, Notice::OfOwner(OwnAct::SessionsEnded { count }), caller).await?;
    }
    Ok(count)
}

/// The other sessions of whoever this is, last used first.
pub async fn others(world: &World, full: &Full) -> Result<Vec<Session>, StoreError> {
    let (limits, now) = (world.settings.limits, world.now());
    let all = world.store.sessions(Some(full.identity.user.id)).await?.into_iter().map(|summary| summary.session);
    let is_other = |session: &Session| session.id != full.identity.session.id;
    Ok(all.filter(|session| is_other(session) && session.standing(limits, now) == Standing::Live).collect())
}

/// Ends one of one's own other sessions; `false` if there is none of that id (SE-06).
pub async fn end_other(world: &World, full: &Full, other: SessionId, caller: &Caller) -> Result<bool, ChangeError> {
    factors_may_change(world, full).await?;
    let is_own = others(world, full).await?.iter().any(|session| session.id == other);
    if !is_own || !world.store.end_session(other).await? {
        return Ok(false);
    }
    ended(world, &full.identity.user, 1, caller).await?;
    Ok(true)
}

/// Ends all of one's sessions but this one (EN-03, SE-06). Returns how many.
pub async fn end_others(world: &World, full: &Full, caller: &Caller) -> Result<u64, ChangeError> {
    factors_may_change(world, full).await?;
    let user = &full.identity.user;
    let count = world.store.end_sessions_of(user.id, Some(full.identity.session.id)).await?;
    if count > 0 {
        ended(world, user, count, caller).await?;
    }
    Ok(count)
}

/// Writes down that sessions were ended, and tells their owner.
async fn ended(world: &World, user: &User, count: u64, caller: &Caller) -> Result<(), StoreError> {
    world.record(user.id, What::SessionsEnded { count }, caller).await?;
    notices::tell(world, user, Notice::OfOwner(OwnAct::SessionsEnded { count }), caller).await
}

/// Ends the freshness of whatever was proven in this session; its level stays. It asks for no proof: nobody who locks
/// what they leave behind is to be kept waiting.
pub async fn lock(world: &World, full: &Full, caller: &Caller) -> Result<(), StoreError> {
    world.store.lock_session(full.identity.session.id, world.now()).await?;
    world.record(full.identity.user.id, What::Locked, caller).await
}

/// Forgets what is over. To be called now and then.
pub async fn sweep(world: &World) -> Result<(), StoreError> {
    let now = world.now();
    let limits = world.settings.limits;
    let budgets = crate::domain::throttle::ACCOUNT.forgotten_after;
    // What was sent stays known for as long again, so that whoever comes back to it is told.
    world.store.sweep_held(now - Held::LIFETIME * 2).await?;
    world.store.sweep_invitations(now).await?;
    world.store.sweep_receipts(now - Receipt::LIFETIME).await?;
    world.store.sweep_resets(now - PasswordReset::LIFETIME).await?;
    world.store.sweep_events(now - KEPT_FOR).await?;
    world.store.sweep_traces(now - Trace::KEPT_FOR).await?;
    world.store.sweep(now - limits.lifetime, now - limits.idle, now - Attempt::LIFETIME, now - budgets).await?;
    let devices = world.settings.remember.unwrap_or_default();
    world.store.sweep_devices(now - BROWSER_KNOWN_FOR, now - devices, now - Undo::LIFETIME).await
}
