//! `/enroll`: what may be set up.

use crate::{
    domain::factor::Method,
    edge::http::page::{Frame, Hidden},
};
use askama::Template;

/// `GET /enroll`. Leads to `/enroll/{method}`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/choose.html")]
pub struct EnrollChoicePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form to sign out carries unseen.
    pub hidden: Hidden<'a>,
    /// Who is to have one.
    pub login_id: &'a str,
    /// What may be set up, strongest first; never empty.
    pub methods: &'a [Method],
    /// Whether they can't go on without one.
    pub necessity: Necessity,
}

/// Whether somebody can go on without a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Necessity {
    /// Signing in takes one.
    Required,
    /// It is up to them.
    Offered,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let required = EnrollChoicePage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            methods: &[Method::Passkey, Method::SecurityKey, Method::Totp],
            necessity: Necessity::Required,
        };
        let states =
            vec![("required", required), ("offered", EnrollChoicePage { necessity: Necessity::Offered, ..required })];

        for (state, shown) in gallery::exhibit("enroll.choose", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
