//! Values that must not be printed, and the tokens that browsers carry.

use aws_lc_rs::digest;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Bytes that are wiped on drop, compared in constant time, and never printed.
///
/// There is no `Display`, no `Serialize`, no `Deref` and no `PartialEq`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Whether `presented` is this secret, in time that does not depend on where they differ.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }

    /// The bytes themselves. Every call is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a browser or program presents to be recognised: 256 random bits. Only its [`TokenHash`] is ever stored.
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; Token::BYTES]>);

impl Token {
    /// 256 bits; SP 800-63B 5.1 asks for 64.
    pub const BYTES: usize = 32;

    /// A token of these random bytes.
    pub fn from_random(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads what a browser sent. Exactly one spelling of each token is accepted.
    pub fn parse(presented: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(presented, bytes.as_mut_slice()).ok()?;
        (length == Self::BYTES).then_some(Self(bytes))
    }

    /// The text that goes into a cookie or link: 43 characters of base64url.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What the store keeps.
    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(self.0.as_slice()))
    }
}

impl PartialEq for Token {
    /// In time that does not depend on where they differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Token {}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a [`Token`]: enough to find it by, useless to present. 256 random bits need no slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// A hash that the store kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, as the store keeps them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// SHA-256 of what comes part by part.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    /// Reads the next part.
    pub fn read(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The hash of all parts.
    pub fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling() {
        let token = Token::from_random([0xfb; 32]);
        let text = token.to_text();

        assert_eq!(Token::parse(&text).unwrap().hash(), token.hash());
        for other in ["", &text[1..], &format!("{}=", *text), &text.replace('-', "+"), &format!(" {}", *text)] {
            assert!(Token::parse(other).is_none(), "{other:?}");
        }
        // The last character carries two unused bits; setting them must not give a second spelling.
        let twin = format!("{}{}", &text[..42], char::from(text.as_bytes()[42] + 1));
        assert!(Token::parse(&twin).is_none(), "{twin}");
    }

    #[test]
    fn what_comes_in_parts_hashes_as_the_whole() {
        let mut parts = Sha256::default();
        parts.read(b"a ");
        parts.read(b"");
        parts.read(b"whole");

        assert_eq!(parts.finish(), sha256(b"a whole"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let secret = Secret::new(b"hunter2".to_vec());
        let token = Token::from_random([7; 32]);

        assert_eq!(format!("{secret:?} {token:?}"), "Secret(…) Token(…)");
        assert!(secret.matches(b"hunter2") && !secret.matches(b"hunter") && !secret.matches(b"hunter3"));
    }
}
