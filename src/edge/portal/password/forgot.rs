//! `/forgot`: a link to choose another password.

use super::PasswordNotice;
use crate::{
    domain::throttle::LINKS,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
    ports::store::PasswordReset,
};
use askama::Template;
use std::time::Duration;

/// `GET /forgot`, and the answer to `POST`. Posts `login_id` to `/forgot`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/password/forgot.html")]
pub struct ForgotPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Kept across a failed try.
    pub login_id: &'a str,
    /// How far it has gone.
    pub state: Forgot,
}

/// How far it has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgot {
    /// Nobody has asked yet, or it did not work.
    Asking(Option<PasswordNotice>),
    /// A link was sent, or nobody was there to send it to: this page knows no more than its reader.
    Sent,
    /// No mail is set up here.
    NoMail,
}

impl ForgotPage<'_> {
    const fn heading(&self) -> &'static str {
        match self.state {
            Forgot::Asking(_) | Forgot::NoMail => "Forgot your password?",
            Forgot::Sent => "Look into your mailbox",
        }
    }

    const fn notice(&self) -> Option<PasswordNotice> {
        match self.state {
            Forgot::Asking(notice) => notice,
            Forgot::Sent | Forgot::NoMail => None,
        }
    }

    const fn lifetime() -> &'static Duration {
        &PasswordReset::LIFETIME
    }

    const fn again() -> &'static Duration {
        &LINKS.delay_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let (frame, hidden) = (gallery::frame(Base::Portal), gallery::HIDDEN);
        let page = |state| ForgotPage { frame, hidden, login_id: "", state };
        let failed = |notice| ForgotPage { login_id: gallery::ANN, ..page(Forgot::Asking(Some(notice))) };
        let states = vec![
            ("asking", page(Forgot::Asking(None))),
            ("too_many", failed(PasswordNotice::TooMany { again: gallery::in_five_minutes() })),
            ("our_fault", failed(PasswordNotice::OurFault)),
            ("sent", page(Forgot::Sent)),
            ("no_mail", page(Forgot::NoMail)),
        ];

        for (state, shown) in gallery::exhibit("password.forgot", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
