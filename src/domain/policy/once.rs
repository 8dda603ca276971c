//! A proof that pays for one request: `once = true`.
//!
//! A policy with such a clause admits nobody by itself. Where all the rest of it is met, [`Policy::decide`](super::Policy::decide)
//! says what is [`Unpaid`]. Who then proves what the clause asks for, on the way that leads back to the request, gets a
//! [`Receipt`] for it. A store spends that, for one caller, and only what was [`Spent`] makes an [`Admission`].
//!
//! # Invariants
//!
//! - A receipt pays for the request that it was written for, in the session that it was written in, and for no other.
//! - What is paid with is gone before anything is admitted.
//! - A receipt from before a lock, from the future, or older than the clause allows pays for nothing.

use super::{Admission, CustomLevel, Decision, Freshness, Missing};
use crate::domain::{
    factor::Method,
    secret::sha256,
    session::{Identity, SessionId},
    target::Host,
    time::Timestamp,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Which request it was, to the last byte of its body. Not who sent it: what it pays for is kept by session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint([u8; 32]);

/// What a fingerprint is taken of.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// The method.
    pub method: &'a str,
    /// The app host.
    pub host: &'a Host,
    /// The path, canonical.
    pub path: &'a str,
    /// What follows the question mark, as it was sent.
    pub query: Option<&'a str>,
    /// How the body is to be read; empty where that is not said.
    pub content_type: &'a [u8],
    /// SHA-256 of the body.
    pub body: [u8; 32],
}

impl Fingerprint {
    /// The fingerprint of such a request.
    pub fn of(traits: &Traits<'_>) -> Self {
        let Traits { method, host, path, query, content_type, body } = traits;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut text = Vec::new();
        let parts =
            [method.as_bytes(), host.as_str().as_bytes(), path.as_bytes(), query.as_bytes(), content_type, body];
        for part in parts {
            // With its length each part ends where it ends, whatever it holds.
            text.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            text.extend(part);
        }
        Self(sha256(&text))
    }

    /// One that was written down.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is written down.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in base64url")]
pub struct NoFingerprint;

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        BASE64_URL_SAFE_NO_PAD.encode(fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NoFingerprint;

    fn try_from(text: String) -> Result<Self, NoFingerprint> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NoFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NoFingerprint)
    }
}

/// What a proof will pay for, if it is made by one of these methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The request.
    pub request: Fingerprint,
    /// The methods.
    pub any: Vec<Method>,
}

/// That a proof was made for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// In which session.
    pub session: SessionId,
    /// For which request.
    pub request: Fingerprint,
    /// By which method.
    pub method: Method,
    /// When.
    pub at: Timestamp,
}

impl Receipt {
    /// No receipt counts for longer: as long as a held request waits.
    pub const LIFETIME: Duration = Duration::from_mins(15);
}

/// A receipt that was there, and is no more.
///
/// It can't be copied, and what it pays for takes it away:
///
/// ```compile_fail,E0382
/// use doorward::domain::{policy::once::{Fingerprint, Spent, Unpaid}, time::Timestamp};
/// fn twice(one: Unpaid, other: Unpaid, request: Fingerprint, spent: Spent, now: Timestamp) {
///     let _ = one.admit(request, spent, now);
///     let _ = other.admit(request, spent, now);
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Spent(Receipt);

impl Spent {
    /// For stores alone: the receipt of a row that was deleted for this caller and for no other.
    pub const fn deleted(receipt: Receipt) -> Self {
        Self(receipt)
    }
}

/// A request that may pass once somebody has proven something for it alone. Everything else is met.
#[derive(Debug)]
#[must_use]
pub struct Unpaid {
    pub(super) identity: Arc<Identity>,
    pub(super) custom: Option<Arc<CustomLevel>>,
    pub(super) clause: Freshness,
}

impl Unpaid {
    /// The session that has to pay.
    pub fn session(&self) -> SessionId {
        self.identity.session.id
    }

    /// What is asked for.
    pub const fn clause(&self) -> &Freshness {
        &self.clause
    }

    /// The same, as what the session lacks.
    pub fn missing(&self, now: Timestamp) -> Missing {
        Missing::Fresh { wanted: self.clause.clone(), latest: self.clause.latest(&self.identity.session, now) }
    }

    /// Whether this receipt, spent now, would pay for this request.
    pub fn is_paid_by(&self, receipt: &Receipt, request: Fingerprint, now: Timestamp) -> bool {
        let session = &self.identity.session;
        receipt.request == request
            && receipt.session == session.id
            && self.clause.any.contains(&receipt.method)
            && receipt.at.age(now).is_some_and(|age| self.clause.within.includes(age))
            && session.locked_at.is_none_or(|locked_at| receipt.at > locked_at)
    }

    /// Lets the request pass, if what was spent pays for it. It is gone either way.
    pub fn admit(self, request: Fingerprint, Spent(receipt): Spent, now: Timestamp) -> Decision {
        if !self.is_paid_by(&receipt, request, now) {
            return Decision::StepUp(self.missing(now));
        }
        Decision::Admit(Admission { identity: Some(self.identity), custom: self.custom, instead: None })
    }
}

#[cfg(test)]
mod tests;
