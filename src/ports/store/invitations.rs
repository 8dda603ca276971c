//! Accounts that somebody may make.

use super::{Account, StoreError};
use crate::domain::{
    contact::{Contact, EmailAddress, PhoneNumber},
    enrolment::Inviter,
    secret::TokenHash,
    time::Timestamp,
    user::LoginId,
};
use async_trait::async_trait;

/// A link that lets somebody make an account, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Hash of the token in the link.
    pub token: TokenHash,
    /// On whose word.
    pub inviter: Inviter,
    /// The login id of the account.
    pub login_id: LoginId,
    /// What its owner is called, if that is known.
    pub name: Option<String>,
    /// Their e-mail address. It is theirs once the account is made.
    pub email: Option<EmailAddress>,
    /// Their phone number; likewise.
    pub phone: Option<PhoneNumber>,
    /// The groups that they will be in.
    pub groups: Vec<String>,
    /// When the link ends.
    pub ends_at: Timestamp,
}

/// What became of an invitation that somebody used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Redeemed {
    /// The account is made.
    Made,
    /// The login id, or the account's id, is taken. Nothing changed.
    Taken,
    /// The invitation was used, or has ended. Nothing changed.
    Gone,
}

/// Invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Keeps an invitation, beside others for the same login id.
    async fn open_invitation(&self, invitation: &Invitation) -> Result<(), StoreError>;
    /// The invitation of this token, if it has not ended at `now`.
    async fn invitation(&self, token: TokenHash, now: Timestamp) -> Result<Option<Invitation>, StoreError>;
    /// Makes an account with its contacts, and ends every invitation for its login id, in one transaction:
    /// [`Redeemed::Made`] for exactly one caller, and only if the invitation has not ended at `now`.
    async fn redeem_invitation(
        &self,
        token: TokenHash,
        now: Timestamp,
        account: &Account,
        contacts: &[Contact],
    ) -> Result<Redeemed, StoreError>;
    /// The invitations on an operator's word that have not ended at `now`, those that end first first.
    async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, StoreError>;
    /// Ends every invitation for this login id. Returns how many.
    async fn end_invitations(&self, login_id: &LoginId) -> Result<u64, StoreError>;
    /// Forgets invitations that have ended at `now`.
    async fn sweep_invitations(&self, now: Timestamp) -> Result<(), StoreError>;
}
