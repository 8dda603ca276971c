//! `/sign-up`: an account for whoever wants one, where the operator lets them.

use crate::{
    domain::throttle::LINKS,
    edge::http::{
        page::{Frame, Hidden},
        words::{Upcoming, filters},
    },
};
use askama::Template;
use std::time::Duration;

/// `GET /sign-up`, and the answer to `POST`. Posts `email` to `/sign-up`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/sign_up/ask.html")]
pub struct SignUpPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// How far it has gone.
    pub state: SigningUp<'a>,
}

/// How far it has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningUp<'a> {
    /// An address is asked for.
    Asking {
        /// The title of the application they were heading to.
        app: Option<&'a str>,
        /// Kept across a failed try.
        email: &'a str,
        /// Why the last try did not work.
        notice: Option<SignUpNotice>,
    },
    /// A letter is on its way, with a link or with the news that there is an account: this page knows no more than its
    /// reader.
    Sent {
        /// The address, as they typed it.
        email: &'a str,
        /// How long a link works.
        lifetime: Duration,
    },
    /// Operators invite people.
    ByInvitation,
    /// Operators make accounts.
    Closed,
}

/// Why no letter was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpNotice {
    /// That is no e-mail address.
    NotAnAddress,
    /// Too many were asked for.
    TooMany {
        /// When it can be tried again.
        again: Upcoming,
    },
    /// Something of ours failed.
    OurFault,
}

impl SignUpPage<'_> {
    const fn heading(&self) -> &'static str {
        match self.state {
            SigningUp::Asking { .. } => "Create an account",
            SigningUp::Sent { .. } => "Look into your mailbox",
            SigningUp::ByInvitation => "Accounts are by invitation",
            SigningUp::Closed => "Accounts are made for you",
        }
    }

    const fn has_error(&self) -> bool {
        matches!(self.state, SigningUp::Asking { notice: Some(_), .. })
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
        let page = |state| SignUpPage { frame: gallery::frame(Base::Portal), hidden: gallery::HIDDEN, state };
        let asking = |notice| page(SigningUp::Asking { app: Some("Payroll"), email: gallery::ANN, notice });
        let from_nowhere = SignUpPage {
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            ..page(SigningUp::Asking { app: None, email: "", notice: None })
        };
        let states = vec![
            ("asking", page(SigningUp::Asking { app: Some("Payroll"), email: "", notice: None })),
            ("from_nowhere", from_nowhere),
            ("not_an_address", asking(Some(SignUpNotice::NotAnAddress))),
            ("too_many", asking(Some(SignUpNotice::TooMany { again: gallery::in_five_minutes() }))),
            ("our_fault", asking(Some(SignUpNotice::OurFault))),
            ("sent", page(SigningUp::Sent { email: gallery::ANN, lifetime: Duration::from_hours(1) })),
            ("by_invitation", page(SigningUp::ByInvitation)),
            ("closed", page(SigningUp::Closed)),
        ];

        for (state, shown) in gallery::exhibit("sign_up", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
