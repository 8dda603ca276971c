//! Sign-ins: half done, done, and handed to apps.

use super::StoreError;
use crate::domain::{
    risk::Assessment,
    secret::TokenHash,
    session::{Authentication, Identity, Session, SessionId},
    target::Host,
    time::Timestamp,
    user::{LoginId, UserId},
};
use async_trait::async_trait;
use std::time::Duration;

/// A half session: the password was right, the second factor is still to come. It opens nothing else (SE-07).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Hash of the token in the portal cookie.
    pub token: TokenHash,
    /// Who it is, if the rest is right.
    pub user: UserId,
    /// What was proven so far.
    pub first: Authentication,
    /// How unlike their earlier sign-ins this one is.
    pub risk: Assessment,
}

impl Attempt {
    /// How long the second factor may take (TH-07).
    pub const LIFETIME: Duration = Duration::from_mins(10);
}

/// A sign-in on its way from the portal to an app host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// Hash of the one-time code in the link.
    pub code: TokenHash,
    /// The sign-in that is handed over.
    pub session: SessionId,
    /// The only host that may redeem it.
    pub host: Host,
    /// Hash of the cookie of the browser that set out from there.
    pub browser: TokenHash,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Handoff {
    /// How long the redirect may take.
    pub const LIFETIME: Duration = Duration::from_mins(1);
}

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// Whose it is, as they type it.
    pub login_id: LoginId,
    /// The session.
    pub session: Session,
}

/// Attempts, sessions, child sessions, handoffs.
///
/// A session is found by the hash of the portal's token, or of a child's token and the host the child belongs to
/// (SE-09). Whoever finds one must still look at [`Session::standing`].
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a half session.
    async fn open_attempt(&self, attempt: &Attempt) -> Result<(), StoreError>;
    /// The half session of this token, if it began after `since`.
    async fn attempt(&self, token: TokenHash, since: Timestamp) -> Result<Option<Attempt>, StoreError>;
    /// Ends a half session.
    async fn end_attempt(&self, token: TokenHash) -> Result<(), StoreError>;
    /// Turns a half session into a session under a new token, in one transaction that begins by deleting the half
    /// session: `false`, and nothing happens, for all but one caller.
    async fn promote(&self, attempt: TokenHash, session: &Session, token: TokenHash) -> Result<bool, StoreError>;

    /// Keeps a session that needed no second factor.
    async fn open_session(&self, session: &Session, token: TokenHash) -> Result<(), StoreError>;
    /// Who is signed in with this portal token. Nobody whose account is disabled.
    async fn identity(&self, token: TokenHash) -> Result<Option<Identity>, StoreError>;
    /// Adds an authentication (the latest of its factor stays) and rotates the portal token from `old` to `new`, in
    /// one transaction that begins with the rotation: `false`, and nothing happens, for all but one caller. Where it shows
    /// presence, no earlier quiet counts any more.
    async fn step_up(
        &self,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError>;
    /// Those of these sessions that exist, and who they are. Nobody whose account is disabled.
    async fn identities(&self, sessions: &[SessionId]) -> Result<Vec<Identity>, StoreError>;
    /// Notes that somebody used a session, and for how long nobody had. Never moves the note back.
    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError>;
    /// Notes that something of a session is open, so that it does not go idle. Nobody used it by that. Never moves the
    /// note back.
    async fn keep_open(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError>;
    /// Notes that a session is locked. Never moves the note back.
    async fn lock_session(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError>;
    /// Ends a session with all its children; `false` if there is none.
    async fn end_session(&self, session: SessionId) -> Result<bool, StoreError>;
    /// Ends all sessions of an account, its half sessions too, but for `spare`, and forgets its devices, in one
    /// transaction. Returns how many sessions ended.
    async fn end_sessions_of(&self, user: UserId, spare: Option<SessionId>) -> Result<u64, StoreError>;
    /// Sessions, of one account or of all, last used first.
    async fn sessions(&self, user: Option<UserId>) -> Result<Vec<SessionSummary>, StoreError>;

    /// Keeps a handoff.
    async fn open_handoff(&self, handoff: &Handoff) -> Result<(), StoreError>;
    /// Trades a handoff's code for a child session under `child`, in one transaction that begins by deleting the
    /// handoff: the session, for exactly one caller with the right host and browser, and only if the handoff was made after
    /// `since`. A wrong host or browser spends the code too. Older children of that session on that host end.
    async fn redeem_handoff(
        &self,
        code: TokenHash,
        host: &Host,
        browser: TokenHash,
        since: Timestamp,
        child: TokenHash,
    ) -> Result<Option<SessionId>, StoreError>;
    /// Who is signed in with this child token on this host. Nobody whose account is disabled.
    async fn child_identity(&self, child: TokenHash, host: &Host) -> Result<Option<Identity>, StoreError>;

    /// Forgets what is over: sessions that began before `sessions_before` or were last used before `idle_before`, attempts,
    /// handoffs, ceremonies and codes from before `steps_before`, and budgets untouched since `budgets_before`.
    async fn sweep(
        &self,
        sessions_before: Timestamp,
        idle_before: Timestamp,
        steps_before: Timestamp,
        budgets_before: Timestamp,
    ) -> Result<(), StoreError>;
}
