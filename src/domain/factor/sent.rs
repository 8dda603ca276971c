//! Codes and links that are sent: what goes out, and what comes back (SP 800-63B 3.1.3.2).
//!
//! What this never does: remember. The store keeps one of each, sealed, and spends it with one conditional write.

use crate::domain::secret::{Secret, Token};
use zeroize::Zeroizing;

/// Digits of a code (OB-01).
const DIGITS: usize = 6;

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// A code of six digits, or the token in a link.
#[derive(Clone)]
pub struct Sent(Zeroizing<String>);

impl Sent {
    /// The code that these random bits stand for; `None`, one time in four thousand, where they would make some codes
    /// likelier than others.
    pub fn code(random: u32) -> Option<Self> {
        let fair = u32::MAX - u32::MAX % CODES;
        (random < fair).then(|| Self(Zeroizing::new(format!("{:0DIGITS$}", random % CODES))))
    }

    /// The token in a link.
    pub fn link(token: &Token) -> Self {
        Self(token.to_text())
    }

    /// Reads a code as typed; spaces and hyphens between the digits are dropped before anything is compared.
    pub fn parse_code(typed: &str) -> Option<Self> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let is_code = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_code.then(|| Self(Zeroizing::new(digits)))
    }

    /// Reads the token of a link.
    pub fn parse_link(presented: &str) -> Option<Self> {
        Token::parse(presented).as_ref().map(Self::link)
    }

    /// As it is sent.
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.clone()
    }

    /// Whether this is what was kept.
    pub fn is(&self, kept: &Secret) -> bool {
        kept.matches(self.0.as_bytes())
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sent(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_type_codes_as_they_read_them() {
        for typed in ["042917", " 042 917 ", "042-917", "0 4 2 9 1 7\n"] {
            assert_eq!(Sent::parse_code(typed).unwrap().to_text().as_str(), "042917", "{typed:?}");
        }
        for wrong in ["", "42917", "0429170", "O42917", "०४२९१७"] {
            assert!(Sent::parse_code(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn every_code_is_as_likely_as_any_other() {
        assert_eq!(Sent::code(7).unwrap().to_text().as_str(), "000007");
        assert_eq!(Sent::code(4_293_999_999).unwrap().to_text().as_str(), "999999");
        assert!(Sent::code(4_294_000_000).is_none() && Sent::code(u32::MAX).is_none());
    }

    #[test]
    fn a_link_is_its_token() {
        let token = Token::from_random([7; 32]);
        let link = Sent::parse_link(&token.to_text()).unwrap();

        assert!(link.is(&Secret::new(token.to_text().as_bytes().to_vec())));
        assert!(Sent::parse_link("042917").is_none());
        assert_eq!(format!("{link:?}"), "Sent(…)");
    }

    proptest! {
        #[test]
        fn a_code_reads_as_itself(random in any::<u32>()) {
            if let Some(code) = Sent::code(random) {
                prop_assert_eq!(Sent::parse_code(&code.to_text()).unwrap().to_text(), code.to_text());
            }
        }
    }
}
