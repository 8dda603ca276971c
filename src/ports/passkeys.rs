//! The arithmetic of passkeys (`WebAuthn` Level 3), over texts that nobody else reads.

use crate::domain::user::UserId;

/// What a ceremony begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// For the browser: JSON, as `PublicKeyCredential.parse…OptionsFromJSON` takes it.
    pub options: String,
    /// What the answer is held against; never shown.
    pub state: String,
}

/// A passkey that was just made.
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
    /// Begins to make a passkey for `user`, on none of the devices that hold one of `known`.
    fn begin_registration(&self, user: UserId, login_id: &str, known: &[Vec<u8>]) -> Result<Begun, PasskeyError>;
    /// Checks a new passkey: challenge, origin, algorithm, and that its device knew its user (WA-02, WA-05, WA-08).
    fn finish_registration(&self, state: &str, answer: &str) -> Result<Made, PasskeyError>;

    /// Asks for one of these credentials, or where there are none for any that says whose it is.
    fn begin_authentication(&self, credentials: &[String]) -> Result<Begun, PasskeyError>;
    /// Whose passkey an answer claims to be.
    fn claim(&self, answer: &str) -> Result<Claim, PasskeyError>;
    /// Checks an answer by `credential`, and returns the credential as it is from now on (WA-02, WA-05 to WA-07).
    fn finish_authentication(&self, state: &str, answer: &str, credential: &str) -> Result<String, PasskeyError>;
}
