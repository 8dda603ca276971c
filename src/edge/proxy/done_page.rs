//! `/.doorward/done`: the end of a step-up that a page of the application waits for.

use crate::edge::http::page::Frame;
use askama::Template;

/// `GET /.doorward/done`. Its script tells the page that waits, and closes the window.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/done.html")]
pub struct DonePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// The application's title.
    pub app: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let page = DonePage { frame: gallery::frame(Base::App), app: "Payroll" };

        for (state, shown) in gallery::exhibit("done", vec![("done", page)]) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
