//! Sign-ins that are unlike somebody's earlier ones: seen, written down, and answered as the operator wants.
//!
//! A sign-in is assessed when its first proof was right, before anything is opened: with a password the half session keeps the
//! answer until the second step. Where the operator has written no `[risk]`, nothing is assessed and no trace is kept.

use super::{Caller, World, notices};
use crate::{
    domain::{
        event::What,
        factor::Method,
        policy::call::Network,
        risk::{self, Act, Assessment, Now, Past, Rules, Subnet, Trace},
        secret::Token,
        session::{Level, Session},
        throttle::{BudgetKey, SENDS},
        user::{User, UserId},
    },
    ports::{StoreError, messages::Notice, store::Account},
};

/// What the operator wants to know of sign-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What signals weigh, and what they call for.
    pub rules: Rules,
    /// Addresses that are a signal by themselves.
    pub listed: Vec<Network>,
}

/// So many of an account's last events are looked through for wrong tries.
const EVENTS_LOOKED_AT: u32 = 50;

/// A sign-in that is too unlike its owner's earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("too unlike earlier sign-ins: risk {assessment}")]
pub struct Unusual {
    /// Whose.
    pub user: UserId,
    /// How unlike.
    pub assessment: Assessment,
}

/// Why a sign-in ends here.
pub(super) enum Stopped {
    /// The operator lets no such sign-in through.
    TooUnusual(Unusual),
    /// The store did not answer.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Assesses a sign-in whose first proof was right, and writes down what is unusual about it.
pub(super) async fn assess(world: &World, account: &Account, caller: &Caller) -> Result<Assessment, Stopped> {
    let Some(settings) = &world.settings.risk else { return Ok(Assessment::default()) };
    let user = &account.user;
    let now = Now {
        at: world.now(),
        browser: caller.browser.as_ref().map(Token::hash),
        subnet: Subnet::of(caller.address),
        whereabouts: world.geography.whereabouts(caller.address),
        is_listed: settings.listed.iter().any(|network| network.has(Some(caller.address))),
    };
    let assessment = risk::assess(&past(world, account).await?, &now, &settings.rules.weights);
    if assessment.signals.is_empty() {
        return Ok(assessment);
    }
    let (acts, signals) = (settings.rules.acts(&assessment), assessment.signals.clone());
    let (is_refused, is_told) = (acts.contains(&Act::Deny), acts.contains(&Act::Notify));
    world.record(user.id, What::UnusualSignIn { score: assessment.score, signals, acts }, caller).await?;
    if !is_refused {
        return Ok(assessment);
    }
    if is_told {
        tell_of_refusal(world, user, caller).await?;
    }
    Err(Stopped::TooUnusual(Unusual { user: user.id, assessment }))
}

/// Whether an assessment calls for this.
pub(super) fn calls_for(world: &World, act: Act, assessment: &Assessment) -> bool {
    world.settings.risk.as_ref().is_some_and(|settings| settings.rules.call_for(act, assessment))
}

/// Keeps of a sign-in what later ones are compared with. `browser` is what the browser holds from now on.
pub(super) async fn leave_trace(
    world: &World,
    session: &Session,
    browser: Option<&Token>,
    caller: &Caller,
) -> Result<(), StoreError> {
    let (Some(_), Some(browser)) = (&world.settings.risk, browser) else { return Ok(()) };
    let at = world.now();
    let is_answered = Level::reached(&session.authentications, at) >= Some(Level::Mfa);
    let is_doubtful = !session.risk.signals.is_empty() && !is_answered;
    let trace = Trace {
        browser: browser.hash(),
        subnet: Subnet::of(caller.address),
        whereabouts: world.geography.whereabouts(caller.address),
        at,
        counts_from: if is_doubtful { at + Trace::DOUBTED_FOR } else { at },
    };
    world.store.leave_trace(session.user, &trace).await
}

/// The same for a second factor that was proven later on, and is part of the session: what was in doubt until then is so no
/// more.
pub(super) async fn leave_trace_of_proof(
    world: &World,
    session: &Session,
    method: Method,
    browser: Option<&Token>,
    caller: &Caller,
) -> Result<(), StoreError> {
    if Level::shown_by([Method::Password, method].into_iter()) < Some(Level::Mfa) {
        return Ok(());
    }
    leave_trace(world, session, browser.or(caller.browser.as_ref()), caller).await
}

async fn past(world: &World, account: &Account) -> Result<Past, StoreError> {
    let user = account.user.id;
    let events = world.store.recent_events(user, EVENTS_LOOKED_AT).await?;
    let wrong_tries = events.into_iter().filter(|event| matches!(event.what, What::WrongTry { .. }));
    Ok(Past {
        // In this order: a sweep may come in between.
        traces: world.store.traces(user).await?,
        last_forgotten: world.store.last_forgotten(user).await?,
        wrong_tries: wrong_tries.map(|event| event.at).collect(),
        password_changed_at: account.password.as_ref().map(|password| password.changed_at),
    })
}

/// Tells the owner that somebody knows their password and was kept out. Not each time: whoever knows it can try as often as
/// they like.
async fn tell_of_refusal(world: &World, user: &User, caller: &Caller) -> Result<(), StoreError> {
    let Some(to) = notices::mailbox(user) else { return Ok(()) };
    if world.is_paid(BudgetKey::warnings(user.id), &SENDS).await? {
        notices::write(world, user, to, Notice::SignInRefused, caller, None);
    }
    Ok(())
}
