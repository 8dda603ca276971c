//! People with an account.

use crate::domain::{language::Language, time::Timestamp};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

/// Names an account for ever; never shown to people, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub Uuid);

/// What a person types to say who they are: an e-mail address or any unique name, in its one canonical form.
///
/// Case, width and composition are folded here and nowhere else, so that no two spellings are two accounts or
/// two throttling budgets (TH-05).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginId(String);

/// Why a text is no login id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALoginId {
    /// Nothing was left after trimming.
    #[error("a login id can't be empty")]
    Empty,
    /// Longer than [`LoginId::CHARS_MAX`].
    #[error("a login id has at most {} characters", LoginId::CHARS_MAX)]
    TooLong,
    /// White space or a control character inside.
    #[error("a login id has no spaces or control characters")]
    Space,
}

impl LoginId {
    /// Longest login id, in characters: the longest e-mail address (RFC 5321 4.5.3.1).
    pub const CHARS_MAX: usize = 254;

    /// Canonical form of what was typed: trimmed, NFKC, lower case.
    pub fn parse(typed: &str) -> Result<Self, NotALoginId> {
        // Lower-casing can undo normalisation and the other way round: twice is stable.
        let folded: String = typed.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect();
        if folded.is_empty() {
            return Err(NotALoginId::Empty);
        }
        if folded.chars().nth(Self::CHARS_MAX).is_some() {
            return Err(NotALoginId::TooLong);
        }
        if folded.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(NotALoginId::Space);
        }
        Ok(Self(folded))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LoginId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account, without anything that proves its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Stable id; `sub` in assertions.
    pub id: UserId,
    /// What its owner types.
    pub login_id: LoginId,
    /// Shown to people and sent to applications; the login id where none was given.
    pub name: String,
    /// Their e-mail address, where it is known to be theirs; sent to applications.
    pub email: Option<String>,
    /// What policies ask for, sorted, each once.
    pub groups: Vec<String>,
    /// In which language they are written to, where that is known.
    pub language: Option<Language>,
    /// A disabled user has no live session and can't sign in.
    pub disabled: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_is_one_account() {
        let ann = LoginId::parse("ann@example.com").unwrap();

        for spelling in ["ANN@example.com", " Ann@Example.COM ", "ａｎｎ@example.com", "ann@EXAMPLE.com"] {
            assert_eq!(LoginId::parse(spelling).as_ref(), Ok(&ann), "{spelling}");
        }
        assert_eq!(LoginId::parse("José"), LoginId::parse("JOSE\u{301}"));
    }

    #[test]
    fn what_is_no_login_id() {
        assert_eq!(LoginId::parse("  "), Err(NotALoginId::Empty));
        assert_eq!(LoginId::parse("ann smith"), Err(NotALoginId::Space));
        assert_eq!(LoginId::parse("ann\0"), Err(NotALoginId::Space));
        assert_eq!(LoginId::parse(&"a".repeat(255)), Err(NotALoginId::TooLong));
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_canonical(typed in "\\PC{0,40}") {
            if let Ok(id) = LoginId::parse(&typed) {
                prop_assert_eq!(LoginId::parse(id.as_str()), Ok(id));
            }
        }
    }
}
