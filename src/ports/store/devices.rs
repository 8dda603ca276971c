//! Browsers that their users chose to have remembered, and sign-ins that can be undone by a link.

use super::StoreError;
use crate::domain::{
    secret::TokenHash,
    session::{Session, SessionId},
    time::Timestamp,
    user::UserId,
};
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

/// Names a device in lists. Not a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub Uuid);

/// A browser that one user chose to have remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name in lists.
    pub id: DeviceId,
    /// Whose choice it was.
    pub user: UserId,
    /// Hash of the token in the browser's device cookie.
    pub browser: TokenHash,
    /// What its user calls it, or what the browser called itself, in words.
    pub name: Option<String>,
    /// When it was remembered. How long that lasts is the operator's choice, so it is not kept here.
    pub created_at: Timestamp,
    /// When it last spared its user the second step.
    pub used_at: Option<Timestamp>,
}

/// A sign-in on a new browser, which its owner can end by the link they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Hash of the token in the link.
    pub token: TokenHash,
    /// Whose account.
    pub user: UserId,
    /// The sign-in.
    pub session: SessionId,
    /// What the browser called itself, in words.
    pub browser: Option<String>,
    /// When the sign-in was.
    pub made_at: Timestamp,
}

impl Undo {
    /// How long the link works.
    pub const LIFETIME: Duration = Duration::from_hours(7 * 24);
}

/// Remembered devices and undoable sign-ins.
///
/// Whatever ends what an account has proven takes the account's turn first, so that of a sign-in that a device spares a
/// step and a change that forgets the device, one comes wholly before the other.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Remembers a device while `session` lasts, in one transaction; `false`, and nothing happens, if that has ended. What
    /// is known of the browser under `old`, its token until now, is known under the device's from then on.
    async fn remember_device(
        &self,
        device: &Device,
        session: SessionId,
        old: Option<TokenHash>,
    ) -> Result<bool, StoreError>;
    /// Keeps a session that needs no second factor because its user had this browser remembered after `since`, and notes
    /// that, in one transaction; `false`, and nothing happens, if they had not.
    async fn open_remembered_session(
        &self,
        session: &Session,
        token: TokenHash,
        browser: TokenHash,
        since: Timestamp,
    ) -> Result<bool, StoreError>;
    /// The devices of an account that were remembered after `since`, newest first.
    async fn devices(&self, user: UserId, since: Timestamp) -> Result<Vec<Device>, StoreError>;
    /// Calls a device of this account something else; `false` if it has none of that id.
    async fn rename_device(&self, user: UserId, device: DeviceId, name: &str) -> Result<bool, StoreError>;
    /// Forgets one device of this account; `false` if it has none of that id.
    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError>;
    /// Forgets all devices of an account (RD-03). Returns how many.
    async fn forget_devices(&self, user: UserId) -> Result<u64, StoreError>;

    /// Keeps an undoable sign-in.
    async fn open_undo(&self, undo: &Undo) -> Result<(), StoreError>;
    /// The undoable sign-in of this link, if it was made after `since`.
    async fn undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError>;
    /// Undoes a sign-in that was made after `since`: ends the session, forgets the account's devices and known browsers,
    /// and the traces that did not count before, in one transaction that begins by deleting the link. What it was, for exactly one caller.
    async fn take_undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError>;

    /// Forgets browsers not seen since `browsers_before`, devices remembered before `devices_before`, and links made before
    /// `undos_before`.
    async fn sweep_devices(
        &self,
        browsers_before: Timestamp,
        devices_before: Timestamp,
        undos_before: Timestamp,
    ) -> Result<(), StoreError>;
}
