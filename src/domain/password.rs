//! What makes a password good enough to be chosen (SP 800-63B 3.1.1.2).
//!
//! Length, what everybody chooses, and what others know about its owner are judged here. How hard the rest is to guess, and
//! whether it was stolen somewhere, is for a port to say; [`Policy::weigh`] decides what that means. There are no rules of
//! composition, and no password expires (PW-03).
//!
//! # Invariants
//!
//! - All of a password counts, in one normal form (PW-05).
//! - No password in `common.txt` is chosen, in any case or width (PW-04).
//! - A longer minimum never lets more through.

use crate::domain::secret::Secret;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Longest password, in code points of its normal form (PW-02).
pub const CHARS_MAX: usize = 1024;

/// No policy asks for less (PW-01), and so much must be left of a password without the words that others know.
pub const CHARS_FLOOR: usize = 8;

/// Shorter words stand in many passwords by chance.
const WORD_CHARS_MIN: usize = 3;

/// What many people have chosen, sorted.
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("password/common.txt").lines().collect());

/// A password as somebody typed it, in its one normal form: NFKC, otherwise unchanged (PW-05).
#[derive(Clone)]
pub struct Typed(Zeroizing<String>);

impl Typed {
    /// Reads all of what was typed; `None` if it is longer than anybody's is.
    pub fn read(typed: &str) -> Option<Self> {
        let normal: Zeroizing<String> = Zeroizing::new(typed.nfkc().take(CHARS_MAX + 1).collect());
        normal.chars().nth(CHARS_MAX).is_none().then_some(Self(normal))
    }

    /// What is hashed.
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.as_bytes().to_vec())
    }

    /// The text itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// How hard a password is to guess: from 0, among the first that are tried, to 4, never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u8);

impl Score {
    /// The best there is.
    pub const MAX: Self = Self(4);

    /// The score of this number; anything beyond the best is the best.
    pub fn new(number: u8) -> Self {
        Self(number.min(Self::MAX.0))
    }
}

/// Whether a password is known to have been stolen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// It is in no list, or there is none.
    Unknown,
    /// It is in the operator's list of stolen ones.
    Breached,
}

/// Whether a password is all that one signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A second factor is always asked for.
    OneOfTwo,
    /// It may be enough.
    Alone,
}

/// What the operator asks of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Fewest characters where a second factor is always asked for.
    pub chars_min: usize,
    /// Fewest characters where the password may be enough.
    pub chars_min_alone: usize,
    /// What its score must reach.
    pub score_min: Score,
}

impl Default for Policy {
    /// PW-01, and a million guesses: far more than throttling allows anybody.
    fn default() -> Self {
        Self { chars_min: CHARS_FLOOR, chars_min_alone: 15, score_min: Score(2) }
    }
}

/// Why a password can't be chosen (PW-04: whoever chooses it is told).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has too few characters.
    #[error("a password needs at least {chars_min} characters")]
    TooShort {
        /// How many it needs.
        chars_min: usize,
    },
    /// It has more than [`CHARS_MAX`] characters.
    #[error("a password has at most {CHARS_MAX} characters")]
    TooLong,
    /// Many people have chosen it.
    #[error("that password is one of the most used")]
    Common,
    /// It is little more than what others know about its owner.
    #[error("that password is little more than the name of its owner or of something they sign in to")]
    Personal,
    /// Its score is too low.
    #[error("that password is easy to guess: make it longer, or take words that have nothing to do with one another")]
    Guessable,
    /// It was stolen somewhere.
    #[error("that password is in the list of breached ones")]
    Breached,
}

impl Policy {
    /// Fewest characters of a password in this role.
    pub const fn chars_min(&self, role: Role) -> usize {
        match role {
            Role::OneOfTwo => self.chars_min,
            Role::Alone => self.chars_min_alone,
        }
    }

    /// Judges what needs no knowledge of the world but the words that others know.
    pub fn check(&self, password: &Typed, role: Role, words: &Words) -> Result<(), Refusal> {
        let chars_min = self.chars_min(role);
        if password.expose().chars().nth(chars_min.saturating_sub(1)).is_none() {
            return Err(Refusal::TooShort { chars_min });
        }
        let folded = folded(password.expose());
        if is_common(&folded) {
            return Err(Refusal::Common);
        }
        let rest = words.taken_out_of(&folded);
        if rest.len() < folded.len() && rest.chars().nth(CHARS_FLOOR - 1).is_none() {
            return Err(Refusal::Personal);
        }
        Ok(())
    }

    /// Judges what the world knows about it.
    pub fn weigh(&self, score: Score, exposure: Exposure) -> Result<(), Refusal> {
        match exposure {
            Exposure::Breached => Err(Refusal::Breached),
            Exposure::Unknown if score < self.score_min => Err(Refusal::Guessable),
            Exposure::Unknown => Ok(()),
        }
    }
}

/// Whether many people have chosen this, or this with some digits and signs around it that would not be a password alone.
fn is_common(folded: &str) -> bool {
    let word = folded.trim_matches(|c: char| !c.is_alphabetic());
    let around = folded.chars().count() - word.chars().count();
    let known = |text: &str| COMMON.binary_search(&text).is_ok();
    known(folded) || (around < CHARS_FLOOR && known(word))
}

/// Words that others know or guess first: of the owner, of the organisation, of what one signs in to. Each as a whole and in
/// its obvious parts, folded, the longest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words in these texts: names, login ids, e-mail addresses.
    pub fn in_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<String> = Vec::new();
        for text in texts {
            let text = folded(text);
            // Whoever has an address is known by what stands before the `@`.
            let own = text.split('@').next().unwrap_or_default();
            words.extend(own.split(|c: char| !c.is_alphanumeric()).map(str::to_owned));
            words.extend([own.to_owned(), own.split_whitespace().collect()]);
            words.push(text.to_string());
        }
        words.retain(|word| word.chars().nth(WORD_CHARS_MIN - 1).is_some());
        words.sort_by(|a, b| (b.len(), a).cmp(&(a.len(), b)));
        words.dedup();
        Self(words)
    }

    /// Each word.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What is left of a folded text without these words.
    pub fn taken_out_of(&self, folded: &str) -> Zeroizing<String> {
        self.iter().fold(Zeroizing::new(folded.to_owned()), |rest, word| Zeroizing::new(rest.replace(word, "")))
    }
}

/// In the one case and width in which words are compared.
pub fn folded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().flat_map(char::to_lowercase).nfkc().collect())
}

#[cfg(test)]
mod tests;
