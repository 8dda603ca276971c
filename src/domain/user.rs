//! People with an account.

use crate::domain::{language::Language, spelling, time::Timestamp};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

/// Names an account for ever; never shown to people, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub Uuid);

/// What a person types to say who they are: an e-mail address, a phone number or any unique name, in its one canonical form.
///
/// Case, width and composition, the many ways to write a domain, and what people put between the digits of a number are
/// folded here and nowhere else, so that no two spellings are two accounts or two throttling budgets (TH-05). A number
/// begins with `+`: what begins with `00` may be somebody's number in a payroll.
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

    /// Canonical form of what was typed: trimmed, NFKC, lower case; a domain in ASCII (IDNA), a phone number without
    /// anything between its digits (E.164).
    pub fn parse(typed: &str) -> Result<Self, NotALoginId> {
        let composed: String = typed.trim().nfkc().collect();
        let written = composed.trim();
        if let Some(number) = spelling::number(written) {
            return Ok(Self(number));
        }
        // A domain has rules of its own for what is the same letter, so it is read before anything is folded.
        let folded = match written.rsplit_once('@') {
            Some((local, domain)) => match spelling::domain(domain) {
                Some(domain) => format!("{}@{domain}", folded(local)),
                None => folded(written),
            },
            None => folded(written),
        };
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

/// Lower-casing can undo normalisation and the other way round: twice is stable.
fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
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
    fn every_spelling_of_a_domain_and_of_a_number_is_one_account() {
        let read = |typed| LoginId::parse(typed).unwrap();

        for spelling in ["Ann@BÜCHER.example", "ann@xn--bcher-kva.example", "ann＠bu\u{308}cher.example."] {
            assert_eq!(read(spelling).as_str(), "ann@xn--bcher-kva.example", "{spelling}");
        }
        for spelling in ["+44 20 7946-0000", "+44 (20) 79460000", "＋442079460000"] {
            assert_eq!(read(spelling).as_str(), "+442079460000", "{spelling}");
        }
        // Names that only look like one.
        for name in ["0044207946000", "ann@192.0.2.1", "@example.com", "+ann", "a@b@exa%mple"] {
            assert_eq!(read(name).as_str(), name);
        }
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
        fn the_canonical_form_is_canonical(typed in "\\PC{0,40}|\\PC{0,8}@\\PC{0,16}|[+＋][0-9 ().-]{6,24}") {
            if let Ok(id) = LoginId::parse(&typed) {
                prop_assert_eq!(LoginId::parse(id.as_str()), Ok(id));
            }
        }

        /// Whoever signs up by a spelling of their address signs in by it, and by every other.
        #[test]
        fn no_two_spellings_of_an_address_are_two_budgets(
            local in "[a-zA-ZäÖé.]{1,8}",
            domain in "[a-zA-ZäöüßéÉçñΣσςİıﬁ日本]{1,6}",
            number in "[1-9][0-9]{8,12}",
            gaps in prop::collection::vec(prop::sample::select(&["", " ", "-", ".", "(", ")", "/"][..]), 13),
        ) {
            use crate::domain::contact::EmailAddress;
            use crate::domain::throttle::BudgetKey;
            let budget = |typed: &str| LoginId::parse(typed).map(|id| BudgetKey::password_of_nobody(&id));
            let typed = format!("{local}@{domain}.example");
            if let Ok(address) = EmailAddress::parse(&typed) {
                let spellings = [
                    address.as_str().to_owned(),
                    format!(" {typed}. "),
                    typed.nfd().collect(),
                    format!("{}@{domain}.EXAMPLE", local.to_uppercase().to_lowercase()),
                ];
                for spelling in spellings {
                    prop_assert_eq!(budget(&spelling), budget(&typed), "{}", spelling);
                }
            }
            let spaced: String = number.chars().zip(&gaps).flat_map(|(digit, gap)| [digit.to_string(), (*gap).to_owned()]).collect();
            prop_assert_eq!(budget(&format!("+{spaced}")), budget(&format!("+{number}")));
        }
    }
}
