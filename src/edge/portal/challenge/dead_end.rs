//! `/challenge` for somebody who has none of the methods that would do.

use super::{Answerer, Asking, Clause, Reason};
use crate::{
    domain::{factor::Method, session::Level},
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// Says what is needed, and where to get it.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/dead_end.html")]
pub struct DeadEndPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form to sign out carries unseen.
    pub hidden: Hidden<'a>,
    /// Why a proof is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// The methods that would do; never empty.
    pub needed: &'a [Method],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};
    use crate::edge::portal::challenge::{
        Kept,
        tests::{ANSWERER, asks, fresh},
    };
    use std::time::Duration;

    #[test]
    fn every_state_is_worded() {
        let stale = DeadEndPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            reason: fresh(None),
            answerer: ANSWERER,
            needed: &[Method::Totp],
        };
        let because = |reason| DeadEndPage { reason, ..stale };
        let states = vec![
            ("stale", stale),
            ("second_step", because(Reason::SecondStep)),
            ("level", because(asks(None, Clause::Level { reached: Some(Level::Login), latest: None }))),
            ("stronger", because(asks(Some("transfers"), Clause::Level { reached: Some(Level::Mfa), latest: None }))),
            ("risk", because(asks(None, Clause::Risk { reached: Some(Level::Login), latest: None }))),
            ("risk_stronger", because(asks(None, Clause::Risk { reached: Some(Level::Mfa), latest: None }))),
            ("spared", because(asks(Some("transfers"), Clause::SecondStep))),
            (
                "too_old",
                because(asks(Some("transfers"), Clause::TooOld { max_age: Duration::from_hours(8), latest: None })),
            ),
            ("change", because(Reason::Change)),
            ("once", because(asks(Some("transfers"), Clause::Once { latest: None }))),
            ("idle", because(asks(Some("transfers"), Clause::Idle { quiet: Duration::from_mins(12) }))),
            ("with_form", DeadEndPage { answerer: Answerer { kept: Kept::Form, ..ANSWERER }, ..stale }),
            (
                "with_way_back",
                DeadEndPage {
                    answerer: Answerer {
                        back: Some("https://payroll.example.com/"),
                        reference: Some("7F3K-9QXA-2MT4"),
                        ..ANSWERER
                    },
                    needed: Method::ALL,
                    ..stale
                },
            ),
        ];

        for (state, shown) in gallery::exhibit("challenge.dead_end", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
