//! `/enroll/passkey`: setting up a passkey.

use crate::{
    domain::factor::Method,
    edge::{
        http::page::{Frame, Hidden},
        portal::challenge::{ProofNotice, WhyNotSent},
    },
};
use askama::Template;

/// `GET /enroll/passkey`, and `POST` when it did not work. Posts `name`, `challenge` and `credential` to
/// `/enroll/passkey`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/passkey.html")]
pub struct EnrollPasskeyPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Whose passkey it will be.
    pub login_id: &'a str,
    /// What they can set up instead.
    pub other: Option<Method>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
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
            login_id: gallery::ANN,
            other: None,
            notice: None,
        };
        let failed = |notice| EnrollPasskeyPage { notice: Some(notice), ..empty };
        let states = vec![
            ("empty", empty),
            ("first", EnrollPasskeyPage { other: Some(Method::Totp), ..empty }),
            ("wrong", failed(ProofNotice::Wrong)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("enroll.passkey", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
