//! The arithmetic of passkeys and security keys (`WebAuthn` Level 3), over texts that nobody else reads.

use crate::domain::{factor::KeyKind, user::UserId};

/// What a ceremony begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// For the browser: JSON, as `PublicKeyCredential.parse…OptionsFromJSON` takes it.
    pub options: String,
    /// What the answer is held against; never shown.
    pub state: String,
}

/// A passkey or security key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name among all passkeys.
    pub credential_id: Vec<u8>,
    /// Its public key, counter and flags.
    pub credential: String,
}

/// What an answer says of itself, before anything of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose passkey it claims to be, if it says so.
    pub user: Option<UserId>,
    /// With which passkey.
    pub credential_id: Vec<u8>,
}

/// Why a ceremony came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The answer is not what was asked for.
    #[error("the passkey's answer is refused: {0}")]
    Refused(String),
    /// The counter did not grow: there may be two of what there should be one of (WA-07).
    #[error("the passkey's counter did not grow: it may have been copied")]
    Copied,
    /// No ceremony is possible here.
    #[error("passkeys don't work here: {0}")]
    Unavailable(String),
}

/// Makes challenges, and checks answers to them. It remembers nothing: that a challenge is answered once is for the
/// store to see to.
pub trait PasskeyVerifier: Send + Sync {
    /// Begins to make a key for `user`, on none of the devices that hold one of `known`.
    fn begin_registration(
        &self,
        kind: KeyKind,
        user: UserId,
        login_id: &str,
        known: &[Vec<u8>],
    ) -> Result<Begun, PasskeyError>;
    /// Checks a new key: challenge, origin, algorithm, that somebody was present, and for a passkey that its device knew
    /// its user (WA-02, WA-05, WA-08).
    fn finish_registration(&self, state: &str, answer: &str) -> Result<Made, PasskeyError>;

    /// Asks for any passkey that says whose it is.
    fn begin_discovery(&self) -> Result<Begun, PasskeyError>;
    /// Asks for one of these credentials, all of one kind. That there are none is an error: a browser would offer any
    /// it finds (WA-04).
    fn begin_authentication(&self, kind: KeyKind, credentials: &[String]) -> Result<Begun, PasskeyError>;
    /// Whose passkey an answer claims to be.
    fn claim(&self, answer: &str) -> Result<Claim, PasskeyError>;
    /// Checks an answer by `credential`, which is of the kind that was asked for, and returns the credential as it is
    /// from now on (WA-02, WA-05 to WA-07).
    fn finish_authentication(&self, state: &str, answer: &str, credential: &str) -> Result<String, PasskeyError>;
}
