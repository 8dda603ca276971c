//! Passwords: changing one, and choosing another where it was forgotten.

pub mod change;
pub mod forgot;
pub mod reset;

use crate::{domain::password::Refusal, edge::http::words::Upcoming};
use std::fmt::{self, Display, Formatter};

/// Why a password can't be chosen, in words that its owner can do something with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhyNot(pub Refusal);

impl Display for WhyNot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Refusal::TooShort { chars_min } => {
                write!(f, "That is too short: a new password needs at least {chars_min} characters.")
            }
            Refusal::TooLong => f.write_str("That is too long: a password has at most 1,024 characters."),
            Refusal::Common => {
                f.write_str("Many people use that password, so it would be tried first. Choose another.")
            }
            Refusal::Personal => f.write_str(
                "That is mostly your name, or the name of something you sign in to. Choose one that others can't know.",
            ),
            Refusal::Guessable => f.write_str(
                "That is easy to guess. Make it longer, or take words that have nothing to do with one another.",
            ),
            Refusal::Breached => {
                f.write_str("That password is in a list of stolen ones. Choose one that you use nowhere else.")
            }
        }
    }
}

/// How a forgotten password is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// By a mailed link.
    Link,
    /// By the people who run sign-in.
    People,
}

/// Why a password was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordNotice {
    /// The new one can't be chosen.
    Refused(Refusal),
    /// The present one is another.
    Wrong,
    /// The budget is closed for a while.
    TooMany {
        /// When it opens.
        again: Upcoming,
    },
    /// The budget is closed until an operator opens it.
    Locked,
    /// Something of ours failed. Nothing was changed.
    OurFault,
}

impl PasswordNotice {
    /// Whether it is about the present password, not about the new one.
    const fn is_about_present(self) -> bool {
        match self {
            Self::Wrong => true,
            Self::Refused(_) | Self::TooMany { .. } | Self::Locked | Self::OurFault => false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{domain::password::CHARS_FLOOR, edge::http::gallery};

    /// Everything that can be wrong with a new password, and with the try to set it.
    pub(in crate::edge::portal) fn notices() -> Vec<(&'static str, PasswordNotice)> {
        vec![
            ("too_short", PasswordNotice::Refused(Refusal::TooShort { chars_min: CHARS_FLOOR })),
            ("too_long", PasswordNotice::Refused(Refusal::TooLong)),
            ("common", PasswordNotice::Refused(Refusal::Common)),
            ("personal", PasswordNotice::Refused(Refusal::Personal)),
            ("guessable", PasswordNotice::Refused(Refusal::Guessable)),
            ("breached", PasswordNotice::Refused(Refusal::Breached)),
            ("too_many", PasswordNotice::TooMany { again: gallery::in_five_minutes() }),
            ("locked", PasswordNotice::Locked),
            ("our_fault", PasswordNotice::OurFault),
        ]
    }
}
