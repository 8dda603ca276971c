//! `/login`: who are you?

use crate::edge::http::{
    page::{Frame, Hidden},
    words::{Upcoming, filters},
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
    /// What there is to say first.
    pub notice: Option<LoginNotice>,
}

/// What a sign-in page says before it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginNotice {
    /// No such name, or another password.
    Mismatch,
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
            Self::Mismatch | Self::TooMany { .. } | Self::Locked | Self::Busy | Self::OurFault => true,
            Self::StaleForm | Self::Idle(_) | Self::TooOld(_) | Self::Ended => false,
        }
    }
}

impl LoginPage<'_> {
    fn has_error(&self) -> bool {
        self.notice.is_some_and(LoginNotice::is_error)
    }
}
