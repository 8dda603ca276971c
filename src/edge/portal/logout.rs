//! `/logout`: are you sure, and it is done.

use crate::edge::http::page::{Frame, Hidden};
use askama::Template;

/// `GET /logout`, which changes nothing (CS-04). Posts `everywhere` (present or not) to `/logout`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/logout.html")]
pub struct LogoutPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Who is signed in.
    pub login_id: &'a str,
}

/// The answer to `POST /logout`, and to `GET` of somebody who is not signed in.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/signed_out.html")]
pub struct SignedOutPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What was ended.
    pub scope: Scope,
}

/// Which sessions were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The one of this browser.
    ThisBrowser,
    /// All of this person.
    Everywhere,
    /// None: there was none.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{gallery, http::assets::Base};

    #[test]
    fn every_state_is_worded() {
        let frame = gallery::frame(Base::Portal);
        let ask = LogoutPage { frame, hidden: gallery::HIDDEN, login_id: gallery::ANN };
        let done = |scope| SignedOutPage { frame, scope };
        let ends = vec![
            ("here", done(Scope::ThisBrowser)),
            ("everywhere", done(Scope::Everywhere)),
            ("nothing", done(Scope::Nothing)),
        ];

        let asked = gallery::exhibit("logout", vec![("ask", ask)]);
        for (state, shown) in asked.into_iter().chain(gallery::exhibit("signed_out", ends)) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
