//! `/recovery-codes`: a new set, shown once.

pub mod make;

use crate::edge::http::page::{Frame, Hidden};
use askama::Template;

/// The answer to a first enrolment, and to `POST /recovery-codes`. Posts `codes` to `/recovery-codes.txt`.
#[derive(Clone, Copy, Template)]
#[template(path = "pages/recovery_codes.html")]
pub struct RecoveryCodesPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Whose they are.
    pub login_id: &'a str,
    /// The codes, as they are shown.
    pub codes: &'a [&'a str],
}

impl std::fmt::Debug for RecoveryCodesPage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodesPage(…)")
    }
}

/// The same as a file, for a password manager or a printer.
#[derive(Clone, Copy, Template)]
#[template(path = "pages/recovery_codes.txt")]
pub struct RecoveryCodesFile<'a> {
    /// The organisation's name.
    pub organisation: &'a str,
    /// Whose they are.
    pub login_id: &'a str,
    /// The codes, as they are shown.
    pub codes: &'a [&'a str],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    const CODES: &[&str] = &[
        "0123-4567-89AB-CDEF",
        "GHJK-MNPQ-RSTV-WXYZ",
        "7Q2M-4KXB-90RT-ZC1D",
        "V8PA-J3WN-5HEG-6SFY",
        "1ZR0-TB7C-KQ9D-M2X4",
    ];

    #[test]
    fn every_state_is_worded() {
        let page = RecoveryCodesPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            codes: CODES,
        };
        let from_account = RecoveryCodesPage { hidden: Hidden { to: None, ..gallery::HIDDEN }, ..page };

        let states = vec![("heading_on", page), ("from_account", from_account)];
        for (state, shown) in gallery::exhibit("recovery_codes", states) {
            insta::assert_snapshot!(state, shown);
        }
        assert_eq!(format!("{page:?}"), "RecoveryCodesPage(…)");
    }

    #[test]
    fn the_file_says_whose_codes_it_holds() {
        let file = RecoveryCodesFile { organisation: "Example & Sons", login_id: gallery::ANN, codes: CODES };

        insta::assert_snapshot!(file.render().unwrap());
    }
}
