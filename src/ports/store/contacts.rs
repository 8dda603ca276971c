//! Where people are reached, and the codes and links that were sent there.

use super::{Added, Removal, StoreError};
use crate::domain::{
    contact::{Address, Contact, Kind},
    factor::{FactorId, Method},
    secret::TokenHash,
    time::Timestamp,
    user::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

/// A code or link that was sent. It serves the browser that asked, for one purpose, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCode {
    /// Hash of the portal token of the browser that asked (OB-02).
    pub browser: TokenHash,
    /// What it is for.
    pub purpose: SentPurpose,
    /// Whose proof it is.
    pub user: UserId,
    /// How it was sent.
    pub method: Method,
    /// Where to.
    pub address: Address,
    /// What the address is called in authentications.
    pub factor: FactorId,
    /// The code or link, sealed (OB-05).
    pub sealed: Vec<u8>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl SentCode {
    /// How long it may take to come back (OB-01).
    pub const LIFETIME: Duration = Duration::from_mins(10);
    /// How many answers are compared with it, whichever browsers they come from; then it is over.
    pub const GUESSES: u32 = 10;
}

/// What a code or link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentPurpose {
    /// To prove who is there.
    Prove,
    /// To show that an address is theirs.
    Verify(Kind),
    /// To open setting up the first second factor.
    SetUp,
}

impl SentPurpose {
    /// Every purpose.
    pub const ALL: &[Self] = &[Self::Prove, Self::Verify(Kind::Email), Self::Verify(Kind::Phone), Self::SetUp];

    /// The name in tables and seals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prove => "prove",
            Self::Verify(Kind::Email) => "verify-email",
            Self::Verify(Kind::Phone) => "verify-phone",
            Self::SetUp => "set-up",
        }
    }

    /// The purpose of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.name() == name)
    }
}

/// Contacts, and what is on its way to them.
///
/// A user's verified e-mail address is what [`User::email`](crate::domain::user::User::email) says, wherever a user is
/// found.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// The addresses of an account, e-mail first.
    async fn contacts(&self, user: UserId) -> Result<Vec<Contact>, StoreError>;
    /// Notes that something that was sent there has proven who is there. Never moves the note back.
    async fn use_contact(&self, contact: FactorId, now: Timestamp) -> Result<(), StoreError>;
    /// Keeps an address, in place of the account's other of that kind.
    async fn put_contact(&self, contact: &Contact) -> Result<(), StoreError>;
    /// Keeps the address that an account may enrol with its password alone, and closes the time for that, in one transaction
    /// that begins with closing it: [`Added::New`] for exactly one caller, while the time lasts at `now` and there is no
    /// second factor that is no address.
    async fn put_first_contact(&self, contact: &Contact, now: Timestamp) -> Result<Added, StoreError>;
    /// Removes an address of this account; `false` if it has none of that id, or if it stays: where it is the last second
    /// factor, an authenticator app, a passkey or, where those count, a verified phone must be there instead. Recovery codes go
    /// with the last second factor.
    async fn remove_contact(&self, removal: Removal) -> Result<bool, StoreError>;

    /// Keeps a code, in place of any other that this browser asked for to the same end.
    async fn put_code(&self, code: &SentCode) -> Result<(), StoreError>;
    /// The code that this browser asked for to this end, while there may be guesses at it.
    async fn code(&self, browser: TokenHash, purpose: SentPurpose) -> Result<Option<SentCode>, StoreError>;
    /// Counts a guess at exactly this code ahead of the check: `true` for [`SentCode::GUESSES`] callers, and only while no
    /// other took its place. One statement decides.
    async fn guess_code(&self, code: &SentCode) -> Result<bool, StoreError>;
    /// Uses up exactly this code: `true` for exactly one caller, and only while no other took its place. One statement
    /// decides.
    async fn spend_code(&self, code: &SentCode) -> Result<bool, StoreError>;
}
