//! Time, chance, slow hashing, and sealing.

use crate::domain::{
    assertion::{Claims, bearer},
    secret::{Secret, Token},
    time::Timestamp,
};
use async_trait::async_trait;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant. It may jump; nothing may rely on it never going back.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` from a cryptographically secure source.
    fn fill(&self, bytes: &mut [u8]);

    /// A new token.
    fn token(&self) -> Token {
        let mut bytes = [0; Token::BYTES];
        self.fill(&mut bytes);
        Token::from_random(bytes)
    }

    /// A new key of `length` bytes.
    fn key(&self, length: usize) -> Secret {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        Secret::new(bytes)
    }

    /// A new id, version 7 (RFC 9562 5.7): ids made later sort later.
    fn id(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), &random).into_uuid()
    }
}

/// Hashes and checks passwords, off the threads that serve requests.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A salted hash in PHC string format.
    async fn hash(&self, password: Secret) -> Result<String, HasherBusy>;

    /// Whether `password` is the one behind `phc`. Without a `phc` it does the same work and says no, so that an
    /// unknown name costs what a known one does (PW-07).
    async fn verify(&self, password: Secret, phc: Option<String>) -> Result<bool, HasherBusy>;

    /// Whether `phc` was made in another way than new hashes are, so that it should be made anew (PW-06).
    fn is_outdated(&self, phc: &str) -> bool;
}

/// Too many hashes are waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many password checks are waiting")]
pub struct HasherBusy;

/// Seals what must not be read where it is kept: in the database, or in a link.
pub trait Vault: Send + Sync {
    /// Seals `plain` for one purpose. Only the same purpose opens it: name table, column and row, or the link's kind.
    fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8>;

    /// What was sealed for `purpose`; `None` if it was altered, or sealed for another purpose or with a lost key.
    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Secret>;
}

/// Signs what applications are told, and what programs bring in place of a cookie.
pub trait Signer: Send + Sync {
    /// A compact JWT (RFC 7519) of these claims.
    fn sign(&self, claims: &Claims) -> Result<String, SignError>;

    /// A compact JWT of these claims, of [its own type](bearer::TYPE).
    fn sign_session(&self, claims: &bearer::Claims) -> Result<String, SignError>;

    /// What a JWT of that type says; `None` if no key of ours has signed it. Whether it counts is for others to say.
    fn read_session(&self, token: &str) -> Option<bearer::Claims>;
}

/// The signature could not be made. Whoever gets this sends nothing upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be signed: {0}")]
pub struct SignError(pub String);
