//! Time-based one-time codes (RFC 6238): SHA-1, six digits, thirty seconds, as every authenticator app does them.
//!
//! What this never does: remember. That a step is spent only once is one conditional write of the store.

use crate::domain::{secret::Secret, time::Timestamp};
use subtle::ConstantTimeEq as _;
use totp_rs::{Algorithm, Builder, Totp};

/// Bytes of a key: 160 bits (RFC 4226 4, R6).
pub const KEY_BYTES: usize = 20;

/// How long a code is shown, in seconds (RFC 6238 5.2).
const STEP_SECONDS: u64 = 30;

/// Digits of a code.
const DIGITS: usize = 6;

/// Six digits, as typed: spaces between and around them are dropped before anything is compared (TO-05).
#[derive(Clone)]
pub struct Code(String);

impl Code {
    /// Reads what was typed. Anything but six ASCII digits is no code.
    pub fn parse(typed: &str) -> Option<Self> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        (digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit())).then_some(Self(digits))
    }
}

/// A key shared with somebody's authenticator app.
pub struct Key(Totp);

impl Key {
    /// The key of these bytes; `None` unless there are [`KEY_BYTES`].
    pub fn new(secret: &Secret, issuer: &str, account: &str) -> Option<Self> {
        if secret.expose().len() != KEY_BYTES {
            return None;
        }
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(STEP_SECONDS)
            // A colon separates issuer and account in the URI, so neither may hold one.
            .with_issuer(Some(issuer.replace(':', " ")))
            .with_account_name(account.replace(':', " "))
            .with_secret(totp_rs::Secret::from(secret.expose()))
            .build()
            .ok()
            .map(Self)
    }

    /// The step this code belongs to: the present one or the one before (TO-02), and later than `spent`, the last
    /// step that was used. A code from a step ahead is refused: clocks of phones are right, and a window is a gift.
    pub fn matched_step(&self, code: &Code, spent: Option<u64>, now: Timestamp) -> Option<u64> {
        let present = now.as_secs() / STEP_SECONDS;
        [present, present.saturating_sub(1)]
            .into_iter()
            .find(|&step| bool::from(self.code_at(step).as_bytes().ct_eq(code.0.as_bytes())))
            .filter(|&step| spent.is_none_or(|spent| step > spent))
    }

    /// The step this code belongs to, spent or not: to tell "already used" from "wrong".
    pub fn recognises(&self, code: &Code, now: Timestamp) -> bool {
        self.matched_step(code, None, now).is_some()
    }

    /// The code shown at `now`: what a person's phone computes. For tests and the demo.
    pub fn code_shown(&self, now: Timestamp) -> String {
        self.code_at(now.as_secs() / STEP_SECONDS)
    }

    /// The key in base32, for people who can't scan, in groups of four.
    pub fn to_base32(&self) -> String {
        self.0.secret().to_base32()
    }

    /// `otpauth://totp/…`, as authenticator apps read it.
    pub fn to_uri(&self) -> Option<String> {
        self.0.to_url().ok()
    }

    fn code_at(&self, step: u64) -> String {
        self.0.generate(step * STEP_SECONDS).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_010_000);
    const STEP: Duration = Duration::from_secs(STEP_SECONDS);

    fn key() -> Key {
        Key::new(&Secret::new(b"12345678901234567890".to_vec()), "Example Corp", "ann@example.com").unwrap()
    }

    fn code(at: Timestamp) -> Code {
        Code::parse(&key().code_shown(at)).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold() {
        // Appendix B, SHA-1; its eight digits end in our six.
        for (seconds, digits) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(key().code_shown(Timestamp::from_millis(seconds * 1000)), digits);
        }
    }

    #[test]
    fn the_present_and_the_previous_code_pass_and_no_other() {
        let step = NOON.as_secs() / STEP_SECONDS;

        assert_eq!(key().matched_step(&code(NOON), None, NOON), Some(step));
        assert_eq!(key().matched_step(&code(NOON - STEP), None, NOON), Some(step - 1));
        assert_eq!(key().matched_step(&code(NOON - 2 * STEP), None, NOON), None);
        assert_eq!(key().matched_step(&code(NOON + STEP), None, NOON), None);
    }

    #[test]
    fn a_spent_step_and_all_before_it_are_over() {
        let step = NOON.as_secs() / STEP_SECONDS;

        assert_eq!(key().matched_step(&code(NOON), Some(step), NOON), None);
        assert_eq!(key().matched_step(&code(NOON - STEP), Some(step), NOON), None);
        assert_eq!(key().matched_step(&code(NOON), Some(step - 1), NOON), Some(step));
        assert!(key().recognises(&code(NOON), NOON));
    }

    #[test]
    fn people_type_spaces_and_nothing_else_passes() {
        assert_eq!(Code::parse(" 123 456 ").unwrap().0, "123456");
        for typed in ["", "12345", "1234567", "12345a", "１２３４５６", "-12345", "123456\0"] {
            assert!(Code::parse(typed).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn the_uri_names_issuer_and_account() {
        let uri = key().to_uri().unwrap();
        assert!(uri.starts_with("otpauth://totp/Example%20Corp:ann%40example.com?secret=GEZDGNBVGY3TQOJQ"), "{uri}");
    }
}
