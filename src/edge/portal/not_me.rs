//! `/not-me`: the link in a message about a sign-in on a new browser.

use crate::edge::http::{
    page::{Frame, Hidden},
    words::filters,
};
use askama::Template;
use std::time::Duration;

/// `GET /not-me`, and the answer to its form. Posts `link` to `/not-me`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/not_me.html")]
pub struct NotMePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// How far it has come.
    pub state: NotMe<'a>,
}

/// How far the owner of an account has come with ending a sign-in that was not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMe<'a> {
    /// They are asked: opening the link has ended nothing.
    Asked {
        /// What the link says.
        link: &'a str,
        /// What the browser called itself.
        browser: Option<&'a str>,
        /// How long ago the sign-in was.
        age: Duration,
    },
    /// It has ended.
    Ended,
    /// The link was used, is too old, or never was one.
    Over,
}

impl NotMe<'_> {
    const fn heading(self) -> &'static str {
        match self {
            Self::Asked { .. } => "Was that you?",
            Self::Ended => "That sign-in has ended",
            Self::Over => "This link no longer works",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let page = |state| NotMePage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            state,
        };
        let age = Duration::from_mins(12);
        let states = vec![
            ("asked", page(NotMe::Asked { link: "t0ken", browser: Some("Firefox on Linux"), age })),
            ("asked_unnamed", page(NotMe::Asked { link: "t0ken", browser: None, age })),
            ("ended", page(NotMe::Ended)),
            ("over", page(NotMe::Over)),
        ];

        for (state, shown) in gallery::exhibit("not_me", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
