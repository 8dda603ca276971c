//! `/login`: who are you?

use crate::{
    domain::{enrolment::SignUp, factor::Method},
    edge::{
        http::{
            page::{Frame, Hidden},
            words::{Upcoming, filters},
        },
        portal::{challenge::Kept, password::Remedy},
    },
};
use askama::Template;
use std::time::Duration;

/// `GET /login`, and `POST /login` when it did not work. Posts `login_id` and `password` to `/login`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/login.html")]
pub struct LoginPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// The title of the application they were heading to.
    pub app: Option<&'a str>,
    /// Kept across a failed try. The password never is.
    pub login_id: &'a str,
    /// What people may enrol here.
    pub methods: &'a [Method],
    /// What waits for them to be signed in.
    pub kept: Kept,
    /// How a forgotten password is replaced here.
    pub remedy: Remedy,
    /// Who may make an account.
    pub sign_up: SignUp,
    /// What there is to say first.
    pub notice: Option<LoginNotice>,
}

/// What a sign-in page says before it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginNotice {
    /// No such name, or another password.
    Mismatch,
    /// The passkey proves nothing, or is nobody's.
    Passkey,
    /// The budget is closed for a while.
    TooMany {
        /// When it opens.
        again: Upcoming,
    },
    /// The budget is closed until an operator opens it.
    Locked,
    /// More people sign in than can be served at once.
    Busy,
    /// Something of ours failed. Nothing was checked.
    OurFault,
    /// The form's token was not the one we gave this browser. Nothing was checked.
    StaleForm,
    /// Nobody used the session for this long.
    Idle(Duration),
    /// The session was this old.
    TooOld(Duration),
    /// The session is over, and it was not this browser that ended it.
    Ended,
}

impl LoginNotice {
    /// Whether it answers what was just typed.
    const fn is_error(self) -> bool {
        match self {
            Self::Mismatch | Self::Passkey | Self::TooMany { .. } | Self::Locked | Self::Busy | Self::OurFault => true,
            Self::StaleForm | Self::Idle(_) | Self::TooOld(_) | Self::Ended => false,
        }
    }
}

impl LoginPage<'_> {
    fn offers_passkeys(&self) -> bool {
        self.methods.contains(&Method::Passkey)
    }

    fn has_error(&self) -> bool {
        self.notice.is_some_and(LoginNotice::is_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let empty = LoginPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            app: None,
            login_id: "",
            methods: &[Method::Passkey, Method::Totp],
            kept: Kept::Nothing,
            remedy: Remedy::People,
            sign_up: SignUp::Closed,
            notice: None,
        };
        let heading_on = LoginPage { app: Some("Payroll"), ..empty };
        let failed = |notice| LoginPage { login_id: gallery::ANN, notice: Some(notice), ..heading_on };
        let back = |notice| LoginPage { notice: Some(notice), ..heading_on };
        let long = LoginPage {
            app: Some("Bundesanstalt für Straßenwesen-Reisekostenabrechnungsverwaltungsportal"),
            login_id: "wolfeschlegelsteinhausenbergerdorff.hubert.blaine@subdomain.of.a.rather.long.example.com",
            notice: Some(LoginNotice::Mismatch),
            ..empty
        };
        let states = vec![
            ("empty", empty),
            ("heading_on", heading_on),
            ("with_a_form_kept", LoginPage { kept: Kept::Form, ..heading_on }),
            ("without_passkeys", LoginPage { methods: &[Method::Totp], ..empty }),
            ("with_mail", LoginPage { remedy: Remedy::Link, ..heading_on }),
            ("open_to_all", LoginPage { remedy: Remedy::Link, sign_up: SignUp::Open, ..heading_on }),
            ("passkey", failed(LoginNotice::Passkey)),
            ("mismatch", failed(LoginNotice::Mismatch)),
            ("too_many", failed(LoginNotice::TooMany { again: gallery::in_five_minutes() })),
            ("locked", failed(LoginNotice::Locked)),
            ("busy", failed(LoginNotice::Busy)),
            ("our_fault", failed(LoginNotice::OurFault)),
            ("stale_form", failed(LoginNotice::StaleForm)),
            ("idle", back(LoginNotice::Idle(Duration::from_mins(30)))),
            ("too_old", back(LoginNotice::TooOld(Duration::from_hours(12)))),
            ("ended", back(LoginNotice::Ended)),
            ("long_names", long),
        ];

        for (state, shown) in gallery::exhibit("login", states) {
            insta::assert_snapshot!(state, shown);
        }
    }

    #[test]
    fn what_was_typed_is_text_and_never_markup() {
        let page = LoginPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            app: Some("<b>"),
            login_id: "\"><script>alert(1)</script>",
            methods: &[],
            kept: Kept::Nothing,
            remedy: Remedy::Link,
            sign_up: SignUp::Closed,
            notice: None,
        };

        let html = page.render().unwrap();

        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    }
}
