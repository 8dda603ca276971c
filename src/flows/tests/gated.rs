//! A store in memory behind a gate: it lets other tasks run before each call, or fails one of them.

use crate::{
    adapters::store::MemoryStore,
    domain::{
        contact::Contact,
        event::Event,
        factor::FactorId,
        language::Language,
        policy::once::{Fingerprint, Receipt, Spent},
        risk::Trace,
        secret::TokenHash,
        session::{Authentication, Identity, Session, SessionId},
        target::Host,
        throttle::{BudgetKey, Schedule},
        time::Timestamp,
        user::{LoginId, UserId},
    },
    ports::{
        Store, StoreError,
        store::{
            Account, AccountStore, ActivityStore, Added, Attempt, BudgetStore, Ceremony, Charge, Claim, ContactStore,
            Device, DeviceId, DeviceStore, FactorStore, FoundCode, FoundHeld, GraceStore, Handoff, HashedCode, Held,
            HeldStore, Holder, Invitation, InvitationStore, PasskeyFactor, PasskeyStore, PasswordChange,
            PasswordFactor, PasswordReset, PasswordStore, ReceiptStore, RecoveryStore, Redeemed, Removal, Room,
            SealedKey, SentCode, SentPurpose, SessionStore, SessionSummary, TotpFactor, TraceStore, Undo,
        },
    },
};
use async_trait::async_trait;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What becomes of calls of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They fail.
    Fails,
    /// They are never answered.
    Hangs,
    /// They are answered after this time.
    Slow(Duration),
}

/// Which calls fail. Shared with the test.
#[derive(Default)]
pub(crate) struct Gate {
    calls: AtomicUsize,
    /// The number of the call that fails; none where it is zero.
    failing: AtomicUsize,
    failed: AtomicUsize,
    broken: Mutex<Option<(&'static str, Fault)>>,
    /// What was written down, those of nobody too.
    pub(super) events: Mutex<Vec<Event>>,
}

impl Gate {
    /// Counts from here on, and fails the call of this number.
    pub(super) fn fail(&self, number: usize) {
        self.calls.store(0, Ordering::SeqCst);
        self.failed.store(0, Ordering::SeqCst);
        self.failing.store(number, Ordering::SeqCst);
    }

    /// Breaks all calls of this name from here on.
    pub(crate) fn breaks(&self, call: &'static str, fault: Fault) {
        *self.broken.lock().unwrap() = Some((call, fault));
    }

    /// Fails nothing any more. Whether a call was failed.
    pub(super) fn heal(&self) -> bool {
        self.failing.store(0, Ordering::SeqCst);
        self.failed.load(Ordering::SeqCst) > 0
    }
}

/// The store.
#[derive(Default)]
pub(super) struct Gated {
    inner: MemoryStore,
    pub(super) gate: Arc<Gate>,
}

impl Gated {
    async fn pass(&self, call: &str) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let number = self.gate.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let broken = *self.gate.broken.lock().unwrap();
        match broken.filter(|(name, _)| *name == call) {
            Some((_, Fault::Hangs)) => std::future::pending().await,
            Some((_, Fault::Slow(time))) => {
                tokio::time::sleep(time).await;
                return Ok(());
            }
            Some((_, Fault::Fails)) => {}
            None if number == self.gate.failing.load(Ordering::SeqCst) => {}
            None => return Ok(()),
        }
        self.gate.failed.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Unavailable(format!("{call} was failed by the test")))
    }
}

macro_rules! gated {
    ($port:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $port for Gated {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.pass(stringify!($name)).await?;
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

gated!(Store {
    fn ping() -> ();
});

gated!(GraceStore {
    fn begin_grace(user: UserId, now: Timestamp) -> Option<Timestamp>;
    fn grace_began(user: UserId) -> Option<Timestamp>;
});

gated!(AccountStore {
    fn add_account(account: &Account) -> Added;
    fn account_by_login(login_id: &LoginId) -> Option<Account>;
    fn account(user: UserId) -> Option<Account>;
    fn accounts() -> Vec<Account>;
    fn set_disabled(user: UserId, disabled: bool) -> bool;
    fn set_language(user: UserId, language: Language) -> ();
    fn delete_account(user: UserId) -> bool;
    fn set_password(user: UserId, password: &PasswordFactor) -> bool;
    fn rehash_password(user: UserId, old_phc: &str, new_phc: &str) -> ();
    fn set_enrol_until(user: UserId, until: Option<Timestamp>) -> bool;
    fn open_enrolment(user: UserId, holder: Holder, until: Timestamp, now: Timestamp) -> ();
    fn add_totp(factor: &TotpFactor) -> Added;
    fn add_first_totp(factor: &TotpFactor, now: Timestamp) -> Added;
    fn totp_factors(user: UserId) -> Vec<TotpFactor>;
    fn replace_totp(factor: &TotpFactor) -> Added;
    fn spend_totp_step(factor: FactorId, step: u64, now: Timestamp) -> bool;
    fn remove_second_factors(user: UserId) -> u64;
    fn know_browser(browser: TokenHash, user: UserId, now: Timestamp) -> ();
    fn knows_browser(browser: TokenHash, user: UserId, since: Timestamp) -> bool;
    fn add_signing_key(key: &SealedKey, unless_after: Timestamp) -> Added;
    fn signing_keys() -> Vec<SealedKey>;
});

gated!(FactorStore {
    fn rename_factor(user: UserId, factor: FactorId, name: &str) -> bool;
    fn remove_factor(removal: Removal) -> bool;
    fn set_primary(user: UserId, factor: FactorId) -> bool;
    fn primary(user: UserId) -> Option<FactorId>;
});

#[async_trait]
impl ActivityStore for Gated {
    async fn append_event(&self, event: &Event) -> Result<(), StoreError> {
        self.pass("append_event").await?;
        self.gate.events.lock().unwrap().push(event.clone());
        self.inner.append_event(event).await
    }

    async fn recent_events(&self, user: UserId, most: u32) -> Result<Vec<Event>, StoreError> {
        self.pass("recent_events").await?;
        self.inner.recent_events(user, most).await
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        self.pass("sweep_events").await?;
        self.inner.sweep_events(before).await
    }
}

gated!(RecoveryStore {
    fn replace_recovery_codes(user: UserId, set: FactorId, codes: &[HashedCode]) -> ();
    fn recovery_code(user: UserId, head: &str) -> Option<FoundCode>;
    fn spend_recovery_code(user: UserId, set: FactorId, head: &str, now: Timestamp) -> bool;
    fn recovery_codes_left(user: UserId) -> u64;
});

gated!(SessionStore {
    fn open_attempt(attempt: &Attempt) -> ();
    fn attempt(token: TokenHash, since: Timestamp) -> Option<Attempt>;
    fn end_attempt(token: TokenHash) -> ();
    fn promote(attempt: TokenHash, session: &Session, token: TokenHash) -> bool;
    fn open_session(session: &Session, token: TokenHash) -> ();
    fn identity(token: TokenHash) -> Option<Identity>;
    fn step_up(session: SessionId, proof: Authentication, old: TokenHash, new: TokenHash) -> bool;
    fn identities(sessions: &[SessionId]) -> Vec<Identity>;
    fn touch(session: SessionId, now: Timestamp) -> ();
    fn keep_open(session: SessionId, now: Timestamp) -> ();
    fn lock_session(session: SessionId, now: Timestamp) -> ();
    fn end_session(session: SessionId) -> bool;
    fn end_sessions_of(user: UserId, spare: Option<SessionId>) -> u64;
    fn sessions(user: Option<UserId>) -> Vec<SessionSummary>;
    fn open_handoff(handoff: &Handoff) -> ();
    fn redeem_handoff(code: TokenHash, host: &Host, browser: TokenHash, since: Timestamp, child: TokenHash)
        -> Option<SessionId>;
    fn child_identity(child: TokenHash, host: &Host) -> Option<Identity>;
    fn sweep(sessions: Timestamp, idle: Timestamp, steps: Timestamp, budgets: Timestamp) -> ();
});

gated!(ReceiptStore {
    fn step_up_for(request: Fingerprint, session: SessionId, proof: Authentication, old: TokenHash, new: TokenHash) -> bool;
    fn receipt(session: SessionId, request: Fingerprint, since: Timestamp) -> Option<Receipt>;
    fn spend_receipt(session: SessionId, request: Fingerprint, since: Timestamp) -> Option<Spent>;
    fn sweep_receipts(before: Timestamp) -> ();
});

gated!(PasskeyStore {
    fn add_passkey(passkey: &PasskeyFactor) -> Added;
    fn add_first_passkey(passkey: &PasskeyFactor, now: Timestamp) -> Added;
    fn passkeys(user: UserId) -> Vec<PasskeyFactor>;
    fn passkey(credential_id: &[u8]) -> Option<PasskeyFactor>;
    fn use_passkey(passkey: FactorId, before: &str, after: &str, now: Timestamp) -> bool;
    fn open_ceremony(ceremony: &Ceremony) -> ();
    fn take_ceremony(token: TokenHash) -> Option<Ceremony>;
});

gated!(DeviceStore {
    fn remember_device(device: &Device, session: SessionId, old: Option<TokenHash>) -> bool;
    fn open_remembered_session(session: &Session, token: TokenHash, browser: TokenHash, since: Timestamp) -> bool;
    fn devices(user: UserId, since: Timestamp) -> Vec<Device>;
    fn rename_device(user: UserId, device: DeviceId, name: &str) -> bool;
    fn forget_device(user: UserId, device: DeviceId) -> bool;
    fn forget_devices(user: UserId) -> u64;
    fn open_undo(undo: &Undo) -> ();
    fn undo(token: TokenHash, since: Timestamp) -> Option<Undo>;
    fn take_undo(token: TokenHash, since: Timestamp) -> Option<Undo>;
    fn sweep_devices(browsers: Timestamp, devices: Timestamp, undos: Timestamp) -> ();
});

gated!(TraceStore {
    fn leave_trace(user: UserId, trace: &Trace) -> ();
    fn traces(user: UserId) -> Vec<Trace>;
    fn last_forgotten(user: UserId) -> Option<Timestamp>;
    fn sweep_traces(before: Timestamp) -> ();
});

gated!(InvitationStore {
    fn open_invitation(invitation: &Invitation) -> ();
    fn invitation(token: TokenHash, now: Timestamp) -> Option<Invitation>;
    fn redeem_invitation(token: TokenHash, now: Timestamp, account: &Account, contacts: &[Contact]) -> Redeemed;
    fn invitations(now: Timestamp) -> Vec<Invitation>;
    fn end_invitations(login_id: &LoginId) -> u64;
    fn sweep_invitations(now: Timestamp) -> ();
});

gated!(ContactStore {
    fn contacts(user: UserId) -> Vec<Contact>;
    fn use_contact(contact: FactorId, now: Timestamp) -> ();
    fn put_contact(contact: &Contact) -> ();
    fn put_first_contact(contact: &Contact, now: Timestamp) -> Added;
    fn remove_contact(removal: Removal) -> bool;
    fn put_code(code: &SentCode) -> ();
    fn code(browser: TokenHash, purpose: SentPurpose) -> Option<SentCode>;
    fn guess_code(code: &SentCode) -> bool;
    fn spend_code(code: &SentCode) -> bool;
});

gated!(PasswordStore {
    fn change_password(change: &PasswordChange<'_>) -> bool;
    fn open_reset(reset: &PasswordReset) -> ();
    fn reset_of(token: TokenHash, since: Timestamp) -> Option<UserId>;
    fn redeem_reset(token: TokenHash, since: Timestamp, password: &PasswordFactor) -> Option<UserId>;
    fn sweep_resets(before: Timestamp) -> ();
});

gated!(BudgetStore {
    fn charge(key: &BudgetKey, schedule: &Schedule, now: Timestamp) -> Charge;
    fn clear(key: &BudgetKey) -> ();
    fn refund(key: &BudgetKey) -> ();
    fn unlock(user: UserId) -> ();
});

gated!(HeldStore {
    fn hold(held: &Held, room: Room, since: Timestamp) -> bool;
    fn hold_more(token: TokenHash, size: u64, room: Room) -> bool;
    fn hold_part(token: TokenHash, number: u32, sealed: &[u8]) -> ();
    fn hold_whole(token: TokenHash, head: &[u8], size: u64, now: Timestamp) -> ();
    fn held(token: TokenHash, since: Timestamp) -> Option<FoundHeld>;
    fn take_held(claim: Claim, since: Timestamp, now: Timestamp) -> bool;
    fn held_part(token: TokenHash, number: u32) -> Option<Vec<u8>>;
    fn release_held(token: TokenHash) -> ();
    fn empty_held(token: TokenHash) -> ();
    fn drop_held(token: TokenHash, browser: TokenHash) -> bool;
    fn sweep_held(before: Timestamp) -> ();
});
