//! A store that is forgotten: plain maps behind one lock. For tests, and for `memory:`.
//!
//! It never waits while it holds the lock, so each method is one transaction.

mod accounts;
mod activity;
mod budgets;
mod contacts;
mod devices;
mod factors;
mod grace;
mod held;
mod invitations;
mod passkeys;
mod passwords;
mod receipts;
mod recovery;
mod sessions;
mod traces;

use crate::{
    domain::{
        contact::{Contact, Kind},
        event::Event,
        factor::FactorId,
        policy::once::{Fingerprint, Receipt},
        risk::{Subnet, Trace},
        secret::TokenHash,
        session::{Session, SessionId},
        target::Host,
        time::Timestamp,
        user::UserId,
    },
    ports::{
        Store, StoreError,
        store::{
            Account, Attempt, Ceremony, Device, DeviceId, Handoff, Invitation, PasskeyFactor, PasswordReset, SealedKey,
            TotpFactor, Undo,
        },
    },
};
use async_trait::async_trait;
use budgets::Budget;
use recovery::RecoverySet;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

/// What SQL keeps in tables.
#[derive(Default)]
struct Tables {
    accounts: BTreeMap<UserId, Account>,
    totp_factors: BTreeMap<FactorId, TotpFactor>,
    recovery_sets: BTreeMap<UserId, RecoverySet>,
    passkeys: BTreeMap<FactorId, PasskeyFactor>,
    ceremonies: HashMap<TokenHash, Ceremony>,
    contacts: BTreeMap<(UserId, Kind), Contact>,
    codes: HashMap<(TokenHash, &'static str), contacts::KeptCode>,
    invitations: HashMap<TokenHash, Invitation>,
    password_resets: HashMap<TokenHash, PasswordReset>,
    browsers: HashMap<(UserId, TokenHash), Timestamp>,
    devices: BTreeMap<DeviceId, Device>,
    undos: HashMap<TokenHash, Undo>,
    signing_keys: Vec<SealedKey>,
    attempts: HashMap<TokenHash, Attempt>,
    sessions: BTreeMap<SessionId, Kept>,
    handoffs: HashMap<TokenHash, Handoff>,
    children: HashMap<TokenHash, (SessionId, Host)>,
    primary_factors: HashMap<UserId, FactorId>,
    graces: HashMap<UserId, Timestamp>,
    events: Vec<Event>,
    traces: HashMap<(UserId, TokenHash, Subnet), Trace>,
    forgotten: HashMap<UserId, Timestamp>,
    budgets: HashMap<String, Budget>,
    held: HashMap<TokenHash, held::Kept>,
    receipts: HashMap<(SessionId, Fingerprint), Receipt>,
}

/// A session under its present token.
struct Kept {
    session: Session,
    token: TokenHash,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No method leaves the maps half changed, so whoever panicked left nothing broken behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn account_exists(&self, user: UserId) -> Result<(), StoreError> {
        self.accounts.contains_key(&user).then_some(()).ok_or_else(orphan)
    }

    fn end_session(&mut self, session: SessionId) -> bool {
        self.handoffs.retain(|_, handoff| handoff.session != session);
        self.children.retain(|_, (parent, _)| *parent != session);
        self.receipts.retain(|(of, _), _| *of != session);
        self.sessions.remove(&session).is_some()
    }

    fn end_sessions_where(&mut self, is_over: impl Fn(&Session) -> bool) -> u64 {
        let over: Vec<SessionId> =
            self.sessions.values().filter(|kept| is_over(&kept.session)).map(|kept| kept.session.id).collect();
        over.into_iter().map(|id| u64::from(self.end_session(id))).sum()
    }

    /// Ends all that was proven by what has just been changed.
    fn sign_out(&mut self, user: UserId) {
        self.attempts.retain(|_, attempt| attempt.user != user);
        self.end_sessions_where(|session| session.user == user);
        self.forget_devices(user);
    }

    fn forget_devices(&mut self, user: UserId) -> u64 {
        self.devices.extract_if(.., |_, device| device.user == user).count() as u64
    }
}

/// The answer to what hangs on something that is gone.
fn orphan() -> StoreError {
    StoreError::Unavailable("the account or session it belongs to is gone".to_owned())
}

#[async_trait]
impl Store for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
