//! Passkeys and security keys, and the ceremonies that make and use them.

use super::{Added, StoreError};
use crate::domain::{
    factor::{FactorId, KeyKind},
    secret::TokenHash,
    time::Timestamp,
    user::UserId,
};
use async_trait::async_trait;
use std::time::Duration;

/// Somebody's passkey or security key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyFactor {
    /// Its name in authentications.
    pub id: FactorId,
    /// Whose it is.
    pub user: UserId,
    /// What it was made for.
    pub kind: KeyKind,
    /// What its owner calls it.
    pub name: String,
    /// Its name among all passkeys of all users (WA-08).
    pub credential_id: Vec<u8>,
    /// Its public key, counter and flags, as the verifier wrote them.
    pub credential: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last proved something.
    pub used_at: Option<Timestamp>,
}

/// A challenge that was sent out, and what its answer is held against. It serves one purpose, for one browser, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// Hash of the token that comes back with the answer.
    pub token: TokenHash,
    /// What it is for.
    pub purpose: Purpose,
    /// Hash of the portal token of the browser that asked.
    pub browser: TokenHash,
    /// Whose passkey it is about; `None` where it is to say who is there.
    pub user: Option<UserId>,
    /// The verifier's own.
    pub state: String,
    /// When the challenge was made.
    pub made_at: Timestamp,
}

impl Ceremony {
    /// How long an answer may take (WA-01).
    pub const LIFETIME: Duration = Duration::from_mins(5);
}

/// What a ceremony is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find out who is there.
    SignIn,
    /// One more proof by somebody known, with a key of this kind.
    Prove(KeyKind),
    /// A new key of this kind.
    Enroll(KeyKind),
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &[Self] = &[
        Self::SignIn,
        Self::Prove(KeyKind::Passkey),
        Self::Prove(KeyKind::SecurityKey),
        Self::Enroll(KeyKind::Passkey),
        Self::Enroll(KeyKind::SecurityKey),
    ];

    /// The name in tables and forms.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Prove(KeyKind::Passkey) => "prove",
            Self::Prove(KeyKind::SecurityKey) => "prove-security-key",
            Self::Enroll(KeyKind::Passkey) => "enroll",
            Self::Enroll(KeyKind::SecurityKey) => "enroll-security-key",
        }
    }

    /// The purpose of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.name() == name)
    }
}

/// Passkeys and ceremonies.
#[async_trait]
pub trait PasskeyStore: Send + Sync {
    /// Adds a passkey, unless its id or its credential's is taken, whosever it is.
    async fn add_passkey(&self, passkey: &PasskeyFactor) -> Result<Added, StoreError>;
    /// Adds the passkey that an account may enrol with its password alone, and closes the time for that, in one
    /// transaction that begins with closing it: [`Added::New`] for exactly one caller, while the time lasts at `now` and
    /// there is no second factor of any kind.
    async fn add_first_passkey(&self, passkey: &PasskeyFactor, now: Timestamp) -> Result<Added, StoreError>;
    /// The passkeys of an account, oldest first.
    async fn passkeys(&self, user: UserId) -> Result<Vec<PasskeyFactor>, StoreError>;
    /// The passkey with this credential.
    async fn passkey(&self, credential_id: &[u8]) -> Result<Option<PasskeyFactor>, StoreError>;
    /// Notes a use, and what the credential is from now on: `true` for exactly one of those who used it as it was
    /// `before`. One statement decides, so that of two copies one is noticed.
    async fn use_passkey(
        &self,
        passkey: FactorId,
        before: &str,
        after: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Keeps a ceremony.
    async fn open_ceremony(&self, ceremony: &Ceremony) -> Result<(), StoreError>;
    /// Takes a ceremony away, whatever comes of it: `Some` for exactly one caller.
    async fn take_ceremony(&self, token: TokenHash) -> Result<Option<Ceremony>, StoreError>;
}
