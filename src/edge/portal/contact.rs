//! `/account/email` and `/account/phone`: where one is reached.

use crate::{
    domain::{contact::Kind, factor::Method},
    edge::{
        http::page::{Frame, Hidden},
        portal::{
            account::factor::Order,
            challenge::{OnItsWay, ProofNotice, WhyNotSent},
        },
    },
};
use askama::Template;
use uuid::Uuid;

/// `GET /account/email`, and `POST` when it did not work. Posts `address` there, `code` to `…/confirm`, and to `…/remove`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/contact.html")]
pub struct ContactPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Whose address.
    pub login_id: &'a str,
    /// What kind of address.
    pub kind: Kind,
    /// The one there is, if it is known to be theirs.
    pub current: Option<&'a str>,
    /// Where that stands among their ways to sign in, and what names it in forms; nothing where no codes go there.
    pub place: Option<(Uuid, Order)>,
    /// The new one, while a code is on its way to it.
    pub pending: Option<Pending<'a>>,
    /// How a code comes there; nothing where none does any more.
    pub way: Option<Method>,
    /// Kept across a failed try.
    pub typed: &'a str,
    /// What they could set up instead that is stronger; the strongest first.
    pub stronger: &'a [Method],
    /// What was wrong.
    pub notice: Option<ContactNotice>,
}

/// An address that counts once a code comes back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The address.
    pub address: &'a str,
    /// The code.
    pub sent: OnItsWay,
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactNotice {
    /// It can't be an address.
    NotAnAddress,
    /// A phone number takes a verified e-mail address first.
    EmailFirst,
    /// The address stays: it is the last second factor.
    Kept,
    /// No code went out, or it is not the one.
    Proof(ProofNotice),
}

impl ContactPage<'_> {
    /// Where the forms go.
    fn action(&self) -> String {
        format!("/account/{}", self.kind.name())
    }

    /// Whether a machine reads the code out.
    fn is_called(&self) -> bool {
        self.way == Some(Method::VoiceCode)
    }

    /// Whether a script counts down to the next code.
    pub(in crate::edge::portal) fn counts(&self) -> bool {
        self.pending.is_some_and(|pending| pending.sent.waits())
    }

    /// What is wrong with a code, for the words that all pages with codes share.
    fn proof_notice(&self) -> Option<ProofNotice> {
        match self.notice {
            Some(ContactNotice::Proof(notice)) => Some(notice),
            Some(ContactNotice::NotAnAddress | ContactNotice::EmailFirst | ContactNotice::Kept) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let none = ContactPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            login_id: gallery::ANN,
            kind: Kind::Email,
            current: None,
            place: None,
            pending: None,
            way: Some(Method::EmailCode),
            typed: "",
            stronger: &[],
            notice: None,
        };
        let there = ContactPage { current: Some("ann@example.com"), ..none };
        let sent = OnItsWay { ends: gallery::in_five_minutes(), again: Some(gallery::in_five_minutes()) };
        let pending = ContactPage { pending: Some(Pending { address: "ann@example.org", sent }), ..there };
        let phone = ContactPage {
            kind: Kind::Phone,
            way: Some(Method::SmsCode),
            stronger: &[Method::Passkey, Method::SecurityKey, Method::Totp],
            ..none
        };
        let texted = ContactPage { pending: Some(Pending { address: "+442079460000", sent }), ..phone };
        let failed = |page, notice| ContactPage { notice: Some(notice), typed: "020 7946 0000", ..page };
        let states = vec![
            ("email_none", none),
            ("email_there", there),
            ("email_among_others", ContactPage { place: Some((Uuid::from_u128(7), Order::AmongOthers)), ..there }),
            ("email_first", ContactPage { place: Some((Uuid::from_u128(7), Order::First)), ..there }),
            ("email_pending", pending),
            ("email_wrong_code", failed(pending, ContactNotice::Proof(ProofNotice::Wrong))),
            ("email_over", failed(there, ContactNotice::Proof(ProofNotice::Over))),
            ("email_kept", failed(there, ContactNotice::Kept)),
            ("email_not_sent", failed(there, ContactNotice::Proof(ProofNotice::NotSent(WhyNotSent::Unavailable)))),
            ("phone_none", phone),
            ("phone_and_nothing_stronger", ContactPage { stronger: &[], ..phone }),
            ("phone_not_an_address", failed(phone, ContactNotice::NotAnAddress)),
            ("phone_email_first", failed(phone, ContactNotice::EmailFirst)),
            ("phone_country", failed(phone, ContactNotice::Proof(ProofNotice::NotSent(WhyNotSent::Country)))),
            ("phone_pending", texted),
            ("phone_to_call", ContactPage { way: Some(Method::VoiceCode), ..phone }),
            ("phone_called", ContactPage { way: Some(Method::VoiceCode), ..texted }),
        ];

        for (state, shown) in gallery::exhibit("contact", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
