//! `/logout`: are you sure?

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let ask = LogoutPage { frame: gallery::frame(Base::Portal), hidden: gallery::HIDDEN, login_id: gallery::ANN };

        for (state, shown) in gallery::exhibit("logout", vec![("ask", ask)]) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
