//! What the world knows about passwords.

use crate::domain::password::{Exposure, Score, Typed, Words};
use async_trait::async_trait;

/// Knows how people choose passwords, and which were stolen.
#[async_trait]
pub trait PasswordLore: Send + Sync {
    /// How hard a password is to guess for somebody who knows these words, and whether it was stolen. It runs off the
    /// threads that serve requests.
    async fn assess(&self, password: &Typed, words: &Words) -> Result<(Score, Exposure), LoreError>;
}

/// Nothing can be said about a password; whoever gets this takes none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("new passwords can't be checked: {0}")]
pub struct LoreError(pub String);
