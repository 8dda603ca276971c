//! `/enroll/sms-code` and `/enroll/voice-code`: a phone number as the second step.

use crate::{
    domain::{contact::Kind, factor::Method},
    edge::{
        http::page::{Frame, Hidden},
        portal::{
            challenge::{ProofNotice, WhyNotSent},
            contact::Pending,
        },
    },
};
use askama::Template;

/// `GET /enroll/{method}`, and `POST` when it did not work. Posts `address` there, and `code` to `…/confirm`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/phone.html")]
pub struct EnrollPhonePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Whose number.
    pub login_id: &'a str,
    /// How the codes come.
    pub method: Method,
    /// The number that a code is on its way to.
    pub pending: Option<Pending<'a>>,
    /// Whether they could set up something stronger.
    pub has_stronger: bool,
    /// Kept across a failed try.
    pub typed: &'a str,
    /// What was wrong.
    pub notice: Option<PhoneNotice>,
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneNotice {
    /// It can't be a number.
    NotAnAddress,
    /// No code went out, or it is not the one.
    Proof(ProofNotice),
}

impl EnrollPhonePage<'_> {
    /// Where the forms go.
    fn action(&self) -> String {
        format!("/enroll/{}", self.method)
    }

    /// Whether a machine reads the code out.
    fn is_called(&self) -> bool {
        self.method == Method::VoiceCode
    }

    /// Whether a script counts down to the next code.
    pub(in crate::edge::portal) fn counts(&self) -> bool {
        self.pending.is_some_and(|pending| pending.sent.waits())
    }

    /// What is wrong with a code, for the words that all pages with codes share.
    fn proof_notice(&self) -> Option<ProofNotice> {
        match self.notice {
            Some(PhoneNotice::Proof(notice)) => Some(notice),
            Some(PhoneNotice::NotAnAddress) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{
        http::{assets::Base, gallery},
        portal::challenge::OnItsWay,
    };

    #[test]
    fn every_state_is_worded() {
        let blank = EnrollPhonePage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            method: Method::SmsCode,
            pending: None,
            has_stronger: true,
            typed: "",
            notice: None,
        };
        let sent = OnItsWay { ends: gallery::in_five_minutes(), again: Some(gallery::in_five_minutes()) };
        let pending = EnrollPhonePage { pending: Some(Pending { address: "+442079460000", sent }), ..blank };
        let country = PhoneNotice::Proof(ProofNotice::NotSent(WhyNotSent::Country));
        let states = vec![
            ("blank", blank),
            ("not_an_address", EnrollPhonePage { typed: "020", notice: Some(PhoneNotice::NotAnAddress), ..blank }),
            ("country", EnrollPhonePage { typed: "+1 202 555 0100", notice: Some(country), ..blank }),
            ("texted", pending),
            ("wrong", EnrollPhonePage { notice: Some(PhoneNotice::Proof(ProofNotice::Wrong)), ..pending }),
            ("to_call", EnrollPhonePage { has_stronger: false, method: Method::VoiceCode, ..blank }),
            ("called", EnrollPhonePage { method: Method::VoiceCode, ..pending }),
        ];

        for (state, shown) in gallery::exhibit("enroll.phone", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
