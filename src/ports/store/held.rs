//! Form submissions that wait while their sender proves something.

use super::StoreError;
use crate::domain::{
    secret::TokenHash,
    session::{Identity, SessionId},
    throttle::BudgetKey,
    time::Timestamp,
    user::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

/// What is known of a held request outside its seal. It is bound to all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Hash of the one-time token that delivers it.
    pub token: TokenHash,
    /// Hash of the app host and target that it was sent to.
    pub place: TokenHash,
    /// Hash of the cookie of the browser that sent it.
    pub browser: TokenHash,
    /// Who sent it; `None` where nobody was signed in.
    pub sender: Option<Sender>,
    /// Where it came from.
    pub address: BudgetKey,
    /// Bytes that are set aside for its body.
    pub size: u64,
    /// When it began to come.
    pub made_at: Timestamp,
}

impl Held {
    /// How long a request waits.
    pub const LIFETIME: Duration = Duration::from_mins(15);
    /// Bytes of a body in one part, before it is sealed.
    pub const PART_BYTES: usize = 60 * 1024;
}

/// Who was signed in when a request was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Whose request it is, for good.
    pub user: UserId,
    /// In which session, for the limits.
    pub session: SessionId,
}

impl From<&Identity> for Sender {
    fn from(identity: &Identity) -> Self {
        Self { user: identity.user.id, session: identity.session.id }
    }
}

/// How much may wait at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Requests of one session.
    pub of_session: u32,
    /// Requests from one address.
    pub of_address: u32,
    /// Bytes of all those.
    pub address_bytes: u64,
    /// Bytes of all.
    pub bytes: u64,
}

/// A held request as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundHeld {
    /// The whole of it waits.
    Waiting(WaitingHeld),
    /// It was taken for delivery, once and for all.
    Taken,
}

/// A held request that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingHeld {
    /// Whose it is.
    pub user: Option<UserId>,
    /// Hash of the browser's cookie.
    pub browser: TokenHash,
    /// Hash of host and target.
    pub place: TokenHash,
    /// What was sealed when the whole of it was there.
    pub head: Vec<u8>,
    /// When that was.
    pub made_at: Timestamp,
}

/// What whoever wants a held request brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The one-time token.
    pub token: TokenHash,
    /// Where they bring it.
    pub place: TokenHash,
    /// Their browser.
    pub browser: TokenHash,
    /// Who they are.
    pub user: Option<UserId>,
}

/// Held requests.
#[async_trait]
pub trait HeldStore: Send + Sync {
    /// Begins to keep a request, if there is room beside all that came after `since`: `false`, and nothing is kept, if
    /// not. Of those who ask at once no more are let in than there is room for.
    async fn hold(&self, held: &Held, room: Room, since: Timestamp) -> Result<bool, StoreError>;
    /// Sets `size` bytes aside for a request that is not whole yet, in place of what was, if there is room for it: `false`,
    /// and nothing changes, if not. Of those who ask at once no more are given any than there is room for.
    async fn hold_more(&self, token: TokenHash, size: u64, room: Room) -> Result<bool, StoreError>;
    /// Keeps the next part of its body, sealed.
    async fn hold_part(&self, token: TokenHash, number: u32, sealed: &[u8]) -> Result<(), StoreError>;
    /// Says that the whole of it is there, `size` bytes in all. Before that nobody finds it; it counts as having come `now`.
    async fn hold_whole(&self, token: TokenHash, head: &[u8], size: u64, now: Timestamp) -> Result<(), StoreError>;
    /// A request that came after `since`.
    async fn held(&self, token: TokenHash, since: Timestamp) -> Result<Option<FoundHeld>, StoreError>;
    /// Takes a request for delivery if it is whole, came after `since`, and `claim` fits: `true` for exactly one caller.
    /// One that was sent by nobody known may be taken by anybody in that browser.
    async fn take_held(&self, claim: Claim, since: Timestamp, now: Timestamp) -> Result<bool, StoreError>;
    /// A part of a body.
    async fn held_part(&self, token: TokenHash, number: u32) -> Result<Option<Vec<u8>>, StoreError>;
    /// Lets a request wait again that was taken, and then refused for want of a proof or not sent at all. For whoever took it.
    async fn release_held(&self, token: TokenHash) -> Result<(), StoreError>;
    /// Forgets the body of a request that was taken. That it was taken stays known.
    async fn empty_held(&self, token: TokenHash) -> Result<(), StoreError>;
    /// Forgets a request of this browser that was not taken; `false` if there is none.
    async fn drop_held(&self, token: TokenHash, browser: TokenHash) -> Result<bool, StoreError>;
    /// Forgets all that came before `before`.
    async fn sweep_held(&self, before: Timestamp) -> Result<(), StoreError>;
}
