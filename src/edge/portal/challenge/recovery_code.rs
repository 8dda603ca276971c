//! `/challenge/recovery-code`: one of the codes that were kept for this day.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/recovery-code`, and `POST` when it did not work. Posts `code` to `/challenge/recovery-code`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/recovery_code.html")]
pub struct RecoveryCodePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Why a proof is asked for.
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

    #[test]
    fn every_state_is_worded() {
        let first = RecoveryCodePage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            reason: Reason::SecondStep,
            answerer: Answerer { others: &[Method::Totp], ..ANSWERER },
            notice: None,
        };
        let because = |reason| RecoveryCodePage { reason, ..first };
        let failed = |notice| RecoveryCodePage { notice: Some(notice), ..first };
        let states = vec![
            ("second_step", first),
            ("level", because(Reason::Level { app: "Payroll" })),
            ("stale", because(fresh(None))),
            ("wrong", failed(ProofNotice::Wrong)),
            ("already_used", failed(ProofNotice::AlreadyUsed)),
            ("too_many", failed(ProofNotice::TooMany { again: gallery::in_five_minutes() })),
            ("locked", failed(ProofNotice::Locked)),
            ("our_fault", failed(ProofNotice::OurFault)),
        ];

        for (state, shown) in gallery::exhibit("challenge.recovery_code", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
