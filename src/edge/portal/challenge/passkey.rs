//! `/challenge/passkey`: a passkey of one's own.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/passkey`, and `POST` when it did not work. Posts `challenge` and `credential` to
/// `/challenge/passkey`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/passkey.html")]
pub struct PasskeyPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Why a passkey is asked for.
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
        let first = PasskeyPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            reason: Reason::SecondStep,
            answerer: ANSWERER,
            notice: None,
        };
        let because = |reason| PasskeyPage { reason, ..first };
        let stale = because(fresh(Some((Method::Passkey, Duration::from_mins(12)))));
        let failed = |notice| PasskeyPage { notice: Some(notice), ..stale };
        let states = vec![
            ("second_step", first),
            ("level", because(Reason::Level { app: "Payroll" })),
            ("stale", stale),
            ("never_given", because(fresh(None))),
            ("change", because(Reason::Change)),
            (
                "with_other_ways",
                PasskeyPage {
                    answerer: Answerer {
                        back: Some("https://payroll.example.com/"),
                        others: &[Method::Totp, Method::Password],
                        ..ANSWERER
                    },
                    ..stale
                },
            ),
            ("wrong", failed(ProofNotice::Wrong)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("challenge.passkey", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
