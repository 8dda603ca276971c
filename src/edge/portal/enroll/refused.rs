//! `/enroll` for somebody who can't add a method by themselves now.

use crate::{
    edge::http::page::{Frame, Hidden},
    flows::factors::SECOND_FACTORS_MAX,
};
use askama::Template;

/// Says who can help (EN-04).
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/refused.html")]
pub struct EnrollRefusedPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form to sign out carries unseen.
    pub hidden: Hidden<'a>,
    /// Who asked.
    pub login_id: &'a str,
    /// Why not.
    pub why: WhyRefused,
}

/// Why a method can't be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyRefused {
    /// A first second step is handed out by an operator, never on the word of a password alone.
    NeedsOperator,
    /// A phone number comes after an e-mail address that is known to be theirs.
    EmailFirst,
    /// The same, and they are not signed in far enough to add one.
    EmailFirstByOperator,
    /// They have as many as one can have.
    TooMany,
    /// The operator does not want this method.
    NotOffered,
}

impl WhyRefused {
    const fn heading(self) -> &'static str {
        match self {
            Self::NeedsOperator => "The first set-up needs some help",
            Self::EmailFirst | Self::EmailFirstByOperator => "An e-mail address comes first",
            Self::TooMany => "You have enough ways to sign in",
            Self::NotOffered => "That way to sign in isn't used here",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let page = |why| EnrollRefusedPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            why,
        };
        let states = vec![
            ("needs_operator", page(WhyRefused::NeedsOperator)),
            ("email_first", page(WhyRefused::EmailFirst)),
            ("email_first_by_operator", page(WhyRefused::EmailFirstByOperator)),
            ("too_many", page(WhyRefused::TooMany)),
            ("not_offered", page(WhyRefused::NotOffered)),
        ];

        for (state, shown) in gallery::exhibit("enroll.refused", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
