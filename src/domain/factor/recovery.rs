//! Recovery codes: look-up secrets (SP 800-63B 3.1.2) on paper or in a password manager, for the day the phone is gone.
//!
//! A code is 80 random bits (RC-01) in sixteen letters of Crockford's alphabet, which has no look-alikes: whoever types an
//! O for a zero means the zero. What this never does: remember. That a code is used once is one conditional write of
//! the store.
//!
//! # How they are kept
//!
//! 80 bits are fewer than the 112 from which a plain hash would do, so each code is kept as a salted Argon2id hash (RC-02).
//! Trying ten hashes at each answer would make one guess as costly as ten sign-ins, so the first two letters
//! are kept beside the hash, as they are, and no two codes of a set share them: an answer is checked against the one
//! hash they lead to, or against nobody's, at the same cost. That gives 10 bits away to whoever steals the database; the 70
//! that are left are still more than the 64 that NIST asks for, and each guess at them takes a whole Argon2id.

use crate::domain::secret::Secret;
use zeroize::Zeroizing;

/// Random bytes of a code: 80 bits.
pub const RANDOM_BYTES: usize = 10;

/// Letters by which a code's hash is found.
const HEAD_LETTERS: usize = 2;

/// Letters of a code; each holds five bits.
const LETTERS: usize = RANDOM_BYTES * 8 / 5;

/// Letters between two hyphens.
const GROUP: usize = 4;

/// Digits and capitals without I, L, O, which look like digits, and without U, which makes words.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One recovery code, in its canonical spelling: sixteen letters of the alphabet. Only a hash of it is ever stored.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// The code of these random bytes.
    pub fn from_random(bytes: &[u8; RANDOM_BYTES]) -> Self {
        let mut bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        for _ in 0..LETTERS {
            letters.extend(ALPHABET.get((bits & 31) as usize).copied().map(char::from));
            bits >>= 5;
        }
        Self(letters)
    }

    /// Reads what was typed: in any case, with spaces and hyphens anywhere, look-alikes taken for what they look like.
    pub fn parse(typed: &str) -> Option<Self> {
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        for typed in typed.chars().filter(|typed| !is_gap(*typed)) {
            let letter = match typed.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                letter => letter,
            };
            let known = u8::try_from(letter).is_ok_and(|letter| ALPHABET.contains(&letter));
            if !known || letters.len() == LETTERS {
                return None;
            }
            letters.push(letter);
        }
        (letters.len() == LETTERS).then_some(Self(letters))
    }

    /// How it is shown: `XXXX-XXXX-XXXX-XXXX`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for (at, letter) in self.0.chars().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// Its first letters, by which its hash is found.
    pub fn head(&self) -> &str {
        // Every letter is one byte, and there are more of them.
        self.0.get(..HEAD_LETTERS).unwrap_or_default()
    }

    /// What is hashed: the whole of it.
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.as_bytes().to_vec())
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// What people and their editors put between letters: white space, and hyphens of every kind.
fn is_gap(typed: char) -> bool {
    typed.is_whitespace() || matches!(typed, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_code_is_four_groups_of_four() {
        let code = Code::from_random(&[0xff; RANDOM_BYTES]);
        assert_eq!(*code.to_text(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(*Code::from_random(&[0; RANDOM_BYTES]).to_text(), "0000-0000-0000-0000");
        assert_eq!((code.head(), code.secret().expose()), ("ZZ", &b"ZZZZZZZZZZZZZZZZ"[..]));
        assert_eq!(format!("{code:?}"), "Code(…)");
    }

    #[test]
    fn the_alphabet_holds_five_bits_and_no_look_alikes() {
        let letters: HashSet<u8> = ALPHABET.iter().copied().collect();
        assert_eq!(letters.len(), 32);
        assert!(b"ILOU".iter().all(|letter| !letters.contains(letter)));
        // RC-01: 80 bits in all, and the head leaves more than 64 of them.
        assert_eq!((LETTERS * 5, (LETTERS - HEAD_LETTERS) * 5), (80, 70));
    }

    #[test]
    fn look_alikes_are_taken_for_what_they_look_like() {
        let code = Code::parse("0011-1ABC-DEFG-HJKM").unwrap();
        for typed in ["Oo1lL-abc-defg-hjkm", "0oIi1abcdefghjkm", " 00 11–1A‑BC DEFG HJKM\n"] {
            assert_eq!(Code::parse(typed).map(|code| code.to_text()), Some(code.to_text()), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_a_code() {
        for typed in [
            "",
            "0011-1ABC-DEFG-HJK",
            "0011-1ABC-DEFG-HJKMM",
            "0011-1ABC-DEFG-HJKU",
            "００１１-1ABC-DEFG-HJKM",
            "123456",
        ] {
            assert!(Code::parse(typed).is_none(), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_code_is_that_code(
            bytes: [u8; RANDOM_BYTES],
            lower in prop::collection::vec(any::<bool>(), LETTERS),
            gaps in prop::collection::vec(prop::sample::select(&["", " ", "-", "  -"]), LETTERS),
        ) {
            let code = Code::from_random(&bytes);
            let mut typed = String::new();
            for ((letter, lower), gap) in code.0.chars().zip(lower).zip(gaps) {
                typed.push(if lower { letter.to_ascii_lowercase() } else { letter });
                typed.push_str(gap);
            }
            prop_assert_eq!(Code::parse(&typed).unwrap().0, code.0);
        }

        #[test]
        fn no_bit_is_lost(bytes: [u8; RANDOM_BYTES], at in 0usize..80) {
            let mut other = bytes;
            other[at / 8] ^= 1 << (at % 8);
            prop_assert_ne!(Code::from_random(&bytes).0, Code::from_random(&other).0);
        }
    }
}
