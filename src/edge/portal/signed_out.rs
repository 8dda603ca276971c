//! What is over after `/logout`.

use crate::edge::http::page::Frame;
use askama::Template;

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
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let page = |scope| SignedOutPage { frame: gallery::frame(Base::Portal), scope };
        let states = vec![
            ("this_browser", page(Scope::ThisBrowser)),
            ("everywhere", page(Scope::Everywhere)),
            ("nothing", page(Scope::Nothing)),
        ];

        for (state, shown) in gallery::exhibit("signed_out", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
