//! Changes of passwords, and the links that allow one.

use super::{PasswordFactor, StoreError};
use crate::domain::{factor::FactorId, secret::TokenHash, session::SessionId, time::Timestamp, user::UserId};
use async_trait::async_trait;
use std::time::Duration;

/// A change by somebody who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct PasswordChange<'a> {
    /// Whose password it is.
    pub user: UserId,
    /// The password that they have until then, if they have one.
    pub before: Option<FactorId>,
    /// The password that they have from then on.
    pub after: &'a PasswordFactor,
    /// The session that stays.
    pub session: SessionId,
    /// Its token until then.
    pub old: TokenHash,
    /// Its token from then on.
    pub new: TokenHash,
    /// What becomes of the other sessions (EN-03).
    pub others: OtherSessions,
}

/// What becomes of somebody's other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSessions {
    /// They end.
    End,
    /// They stay.
    Stay,
}

/// A link that lets somebody choose a new password, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordReset {
    /// Hash of the token in the link.
    pub token: TokenHash,
    /// Whose password; `None` where nobody may choose one, and the row is there to cost what any other does.
    pub user: Option<UserId>,
    /// When it was made.
    pub made_at: Timestamp,
}

impl PasswordReset {
    /// How long it can be used (RC-04).
    pub const LIFETIME: Duration = Duration::from_mins(15);
}

/// Changes and resets of passwords. An operator's are [`AccountStore::set_password`](super::AccountStore::set_password),
/// which ends what links there are, and so does disabling an account.
#[async_trait]
pub trait PasswordStore: Send + Sync {
    /// Changes a password, and rotates the session's token, in one transaction: `true` for exactly one caller, and only
    /// while the password is still the one `before`. The session gains the new password as a proof; half sessions,
    /// known browsers, links to choose a password and, if so wished, the other sessions end.
    async fn change_password(&self, change: &PasswordChange<'_>) -> Result<bool, StoreError>;

    /// Keeps a link.
    async fn open_reset(&self, reset: &PasswordReset) -> Result<(), StoreError>;
    /// Whose password a link that was made after `since` lets them choose. Nobody's, once the e-mail address that the account
    /// had then is its no more: whoever reads that mailbox may not be its owner.
    async fn reset_of(&self, token: TokenHash, since: Timestamp) -> Result<Option<UserId>, StoreError>;
    /// Sets a password by a link, and deletes the link, in one transaction: its owner, for exactly one caller, and only if
    /// [`reset_of`](Self::reset_of) finds them. All that [`set_password`](super::AccountStore::set_password) ends, ends.
    async fn redeem_reset(
        &self,
        token: TokenHash,
        since: Timestamp,
        password: &PasswordFactor,
    ) -> Result<Option<UserId>, StoreError>;
    /// Forgets links that were made before `before`.
    async fn sweep_resets(&self, before: Timestamp) -> Result<(), StoreError>;
}
