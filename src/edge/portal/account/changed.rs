//! `/account/changed`: after a change to how one signs in, the other sessions may be ended (EN-03).

use super::OtherRow;
use crate::edge::http::{
    page::{Frame, Hidden},
    words::filters,
};
use askama::Template;

/// `GET /account/changed` for somebody who is signed in elsewhere, too. Posts to `/account/sessions/end-others`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/account/changed.html")]
pub struct ChangedPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// The other sessions; never empty.
    pub others: &'a [OtherRow],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{
        http::{assets::Base, gallery},
        portal::account::tests::others,
    };

    #[test]
    fn every_state_is_worded() {
        let others = others();
        let several = ChangedPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            others: &others,
        };
        let one = ChangedPage { others: &others[..1], ..several };

        for (state, shown) in gallery::exhibit("account.changed", vec![("several", several), ("one", one)]) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
