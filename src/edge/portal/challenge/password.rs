//! `/challenge/password`: the password once more.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/password`, and `POST` when it did not work. Posts `password` to `/challenge/password`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/password.html")]
pub struct PasswordPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Why the password is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};
    use crate::edge::portal::challenge::tests::{ANSWERER, fresh};
    use std::time::Duration;

    #[test]
    fn every_state_is_worded() {
        let stale = PasswordPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            reason: fresh(Some((Method::Password, Duration::from_hours(3)))),
            answerer: ANSWERER,
            notice: None,
        };
        let failed = |notice| PasswordPage { notice: Some(notice), ..stale };
        let states = vec![
            ("stale", stale),
            ("change", PasswordPage { reason: Reason::Change, ..stale }),
            ("with_other_ways", PasswordPage { answerer: Answerer { others: &[Method::Totp], ..ANSWERER }, ..stale }),
            ("wrong", failed(ProofNotice::Wrong)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("locked", failed(ProofNotice::Locked)),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("challenge.password", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
