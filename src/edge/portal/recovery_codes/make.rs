//! `/recovery-codes`, before there is a new set: whether to make one.

use crate::edge::http::{
    page::{Frame, Hidden},
    words::Upcoming,
};
use askama::Template;

/// `GET /recovery-codes`, for whoever may make a set. Posts to the same place.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/recovery_codes/make.html")]
pub struct MakeCodesPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Whose they are.
    pub login_id: &'a str,
    /// When a set can be made again, where too many were made lately.
    pub again: Option<Upcoming>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let hidden = Hidden { to: None, ..gallery::HIDDEN };
        let asked = MakeCodesPage { frame: gallery::frame(Base::Portal), hidden, login_id: gallery::ANN, again: None };
        let too_many = MakeCodesPage { again: Some(gallery::in_five_minutes()), ..asked };

        let states = vec![("asked", asked), ("too_many", too_many)];
        for (state, shown) in gallery::exhibit("recovery_codes.make", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
