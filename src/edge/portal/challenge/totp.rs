//! `/challenge/totp`: a code from an authenticator app.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/totp`, and `POST` when it did not work. Posts `code` to `action`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/totp.html")]
pub struct TotpPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Where the form goes: to `/challenge/totp`, or to the change that waits for the code.
    pub action: &'a str,
    /// Why a code is asked for.
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
    use crate::edge::portal::challenge::Kept;
    use crate::edge::portal::challenge::tests::{ANSWERER, fresh};
    use std::time::Duration;

    #[test]
    fn every_state_is_worded() {
        let first = TotpPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            action: "/challenge/totp",
            reason: Reason::SecondStep,
            answerer: ANSWERER,
            notice: None,
        };
        let because = |reason| TotpPage { reason, ..first };
        let stale = because(fresh(Some((Method::Totp, Duration::from_mins(12)))));
        let failed = |notice| TotpPage { notice: Some(notice), ..stale };
        let states = vec![
            ("second_step", first),
            ("level", because(Reason::Level { app: "Payroll" })),
            ("stale", stale),
            ("never_given", because(fresh(None))),
            ("other_method_stale", because(fresh(Some((Method::Password, Duration::from_hours(3)))))),
            (
                "unlabelled",
                because(Reason::Fresh { app: "Payroll", before: None, within: Duration::from_mins(1), latest: None }),
            ),
            ("change", because(Reason::Change)),
            ("with_a_form_kept", TotpPage { answerer: Answerer { kept: Kept::Form, ..ANSWERER }, ..stale }),
            ("second_step_with_a_form_kept", TotpPage { answerer: Answerer { kept: Kept::Form, ..ANSWERER }, ..first }),
            (
                "with_other_ways",
                TotpPage {
                    answerer: Answerer {
                        back: Some("https://payroll.example.com/"),
                        others: &[Method::Password],
                        ..ANSWERER
                    },
                    ..stale
                },
            ),
            ("wrong", failed(ProofNotice::Wrong)),
            ("already_used", failed(ProofNotice::AlreadyUsed)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("locked", failed(ProofNotice::Locked)),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("challenge.totp", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
