//! `/enroll/passkey` and `/enroll/security-key`: setting up a key.

use crate::{
    domain::factor::{KeyKind, Method},
    edge::{
        http::{
            page::{Frame, Hidden},
            words::method_proof,
        },
        portal::challenge::{ProofNotice, WhyNotSent},
    },
};
use askama::Template;

/// `GET`, and `POST` when it did not work. Posts `name`, `challenge` and `credential` to where it is.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/passkey.html")]
pub struct EnrollPasskeyPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// What is made.
    pub kind: KeyKind,
    /// Whose it will be.
    pub login_id: &'a str,
    /// What they can set up instead.
    pub other: Option<Method>,
    /// What they call it, kept across a failed try.
    pub name: &'a str,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
}

impl EnrollPasskeyPage<'_> {
    const fn called(&self) -> &'static str {
        method_proof(self.kind.method())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let empty = EnrollPasskeyPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            kind: KeyKind::Passkey,
            login_id: gallery::ANN,
            other: None,
            name: "",
            notice: None,
        };
        let failed = |notice| EnrollPasskeyPage { name: "My “own”", notice: Some(notice), ..empty };
        let states = vec![
            ("empty", empty),
            ("first", EnrollPasskeyPage { other: Some(Method::Totp), ..empty }),
            ("wrong", failed(ProofNotice::Wrong)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("our_fault", failed(ProofNotice::OurFault)),
            ("security_key", EnrollPasskeyPage { kind: KeyKind::SecurityKey, ..empty }),
            (
                "first_security_key",
                EnrollPasskeyPage { kind: KeyKind::SecurityKey, other: Some(Method::Totp), ..empty },
            ),
        ];

        for (state, shown) in gallery::exhibit("enroll.passkey", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
