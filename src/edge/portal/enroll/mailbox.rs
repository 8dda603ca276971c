//! `/enroll/mailbox`: a code from one's mailbox, before the first second step is set up, or an address changed that could open it.

use crate::{
    domain::contact::Kind,
    edge::{
        http::page::{Frame, Hidden},
        portal::challenge::{OnItsWay, ProofNotice, WhyNotSent},
    },
};
use askama::Template;

/// `GET /enroll/mailbox`, and `POST` when it did not work. Posts `code` there, and to `…/send`. Leads to `/enroll`, or back to
/// the address.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/mailbox.html")]
pub struct EnrollMailboxPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Who is asked.
    pub login_id: &'a str,
    /// What the code opens.
    pub opens: Opens,
    /// Where the code goes, masked.
    pub mailbox: &'a str,
    /// The code that was sent, while its time lasts.
    pub sent: Option<OnItsWay>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
}

/// What the code opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// The first second step.
    SecondStep,
    /// Another address of this kind.
    Address(Kind),
}

impl EnrollMailboxPage<'_> {
    /// Whether a script counts down to the next code.
    pub(in crate::edge::portal) fn counts(&self) -> bool {
        self.sent.is_some_and(OnItsWay::waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let unsent = EnrollMailboxPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            opens: Opens::SecondStep,
            mailbox: "a…@example.com",
            sent: None,
            notice: None,
        };
        let on_its_way = OnItsWay { ends: gallery::in_five_minutes(), again: Some(gallery::in_five_minutes()) };
        let sent = EnrollMailboxPage { sent: Some(on_its_way), ..unsent };
        let states = vec![
            ("unsent", unsent),
            ("sent", sent),
            ("wrong", EnrollMailboxPage { notice: Some(ProofNotice::Wrong), ..sent }),
            ("before_an_address", EnrollMailboxPage { opens: Opens::Address(Kind::Email), ..unsent }),
            ("before_a_number", EnrollMailboxPage { opens: Opens::Address(Kind::Phone), ..unsent }),
            ("not_sent", EnrollMailboxPage { notice: Some(ProofNotice::NotSent(WhyNotSent::Unavailable)), ..unsent }),
        ];

        for (state, shown) in gallery::exhibit("enroll.mailbox", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
