//! Accounts and what proves their owners; and the gateway's own keys.

use super::StoreError;
use crate::domain::{
    factor::FactorId,
    language::Language,
    secret::TokenHash,
    session::SessionId,
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use async_trait::async_trait;

/// An account with its password, as sign-in needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub user: User,
    /// Their password; an account may have none yet.
    pub password: Option<PasswordFactor>,
    /// Whose word lets them enrol their first second factor with no proof but the password (EN-04).
    pub approval: Option<Approval>,
}

/// Leave to enrol the first second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// Until when.
    pub until: Timestamp,
    /// Whose leave it is: of one portal token, where that brought a code from the mailbox (OB-02); of whoever knows the password,
    /// where an operator gave it, or a link made the account.
    pub holder: Option<Holder>,
}

impl Approval {
    /// Of whoever knows the password.
    pub const fn of_password(until: Timestamp) -> Self {
        Self { until, holder: None }
    }
}

/// Who holds a portal token, as long as it lasts: the token of a session is another one after each proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A half session, which has no name but its token.
    Half(TokenHash),
    /// A session.
    Session(SessionId),
}

/// A memorised secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFactor {
    /// Its name in authentications.
    pub id: FactorId,
    /// Argon2id, in PHC string format.
    pub phc: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

/// Somebody's authenticator app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpFactor {
    /// Its name in authentications, and in the seal of its key.
    pub id: FactorId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The key, sealed.
    pub sealed_key: Vec<u8>,
    /// The last step that was used; codes of it and before are over.
    pub spent_step: u64,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it last proved something.
    pub used_at: Option<Timestamp>,
}

/// A key of the gateway's own, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Its public name (`kid`).
    pub id: String,
    /// The private key, sealed.
    pub sealed: Vec<u8>,
    /// When it was made; the newest signs.
    pub created_at: Timestamp,
}

/// What became of something that may be there only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Added {
    /// It was added.
    New,
    /// It was there before; nothing changed.
    Taken,
}

/// Accounts, factors, known browsers, signing keys.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Adds an account, unless its id or login id is taken. Its addresses are added for themselves.
    async fn add_account(&self, account: &Account) -> Result<Added, StoreError>;
    /// The account with this login id.
    async fn account_by_login(&self, login_id: &LoginId) -> Result<Option<Account>, StoreError>;
    /// The account with this id.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError>;
    /// Every account, by login id.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;
    /// Disables or enables an account; `false` if there is none. Disabling ends its sessions, and links to choose a
    /// password, and forgets its devices, in the same transaction.
    async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<bool, StoreError>;
    /// Notes in which language somebody is written to.
    async fn set_language(&self, user: UserId, language: Language) -> Result<(), StoreError>;
    /// Deletes an account and all that hangs on it; `false` if there is none.
    async fn delete_account(&self, user: UserId) -> Result<bool, StoreError>;
    /// Sets the password; `false` if there is no such account. Ends its sessions and its links to choose a password, and
    /// forgets its devices and browsers, in the same transaction.
    async fn set_password(&self, user: UserId, password: &PasswordFactor) -> Result<bool, StoreError>;
    /// Replaces the hash of the very same password, unless it was changed meanwhile.
    async fn rehash_password(&self, user: UserId, old_phc: &str, new_phc: &str) -> Result<(), StoreError>;
    /// Opens or closes the time in which the first second factor may be enrolled, for whoever knows the password; `false` if
    /// there is no such account.
    async fn set_enrol_until(&self, user: UserId, until: Option<Timestamp>) -> Result<bool, StoreError>;
    /// Opens it to one portal token, in place of another's. An operator's word that lasts at `now` stays.
    async fn open_enrolment(
        &self,
        user: UserId,
        holder: Holder,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Adds an authenticator app, unless its id is taken (an enrolment is confirmed once).
    async fn add_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError>;
    /// Adds the authenticator app that an account may enrol with its password alone, and closes the time for that, in one
    /// transaction that begins with closing it: [`Added::New`] for exactly one caller, while the time lasts at `now` and
    /// there is no second factor of any kind.
    async fn add_first_totp(&self, factor: &TotpFactor, now: Timestamp) -> Result<Added, StoreError>;
    /// The authenticator apps of an account, oldest first.
    async fn totp_factors(&self, user: UserId) -> Result<Vec<TotpFactor>, StoreError>;
    /// Adds an authenticator app in place of all others of its account, in one transaction, unless its id is taken.
    async fn replace_totp(&self, factor: &TotpFactor) -> Result<Added, StoreError>;
    /// Spends a TOTP step, so that a code works once: `true` for exactly one caller, and only if the step is later than
    /// all that were spent. One statement decides.
    async fn spend_totp_step(&self, factor: FactorId, step: u64, now: Timestamp) -> Result<bool, StoreError>;
    /// Removes all second factors of an account, passkeys, phone number and recovery codes too, ends its sessions and
    /// forgets its devices and browsers, in one transaction. Returns how many factors there were, recovery codes not
    /// counted; where there was one, grace is over ([`GraceStore`](super::GraceStore)). The e-mail address stays: its owner is
    /// told of what happens there.
    async fn remove_second_factors(&self, user: UserId) -> Result<u64, StoreError>;

    /// Notes that this user has signed in with this browser.
    async fn know_browser(&self, browser: TokenHash, user: UserId, now: Timestamp) -> Result<(), StoreError>;
    /// Whether this user has signed in with this browser since `since`.
    async fn knows_browser(&self, browser: TokenHash, user: UserId, since: Timestamp) -> Result<bool, StoreError>;

    /// Adds a signing key, unless there is one made after `unless_after`: nodes that start together agree on one.
    async fn add_signing_key(&self, key: &SealedKey, unless_after: Timestamp) -> Result<Added, StoreError>;
    /// Every signing key, newest first.
    async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError>;
}
