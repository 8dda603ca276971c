//! `/enroll`: what may be set up.

use crate::{
    domain::factor::Method,
    edge::{
        http::page::{Frame, Hidden},
        portal::challenge::{Asking, Kept, Reason},
    },
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
    pub necessity: Necessity<'a>,
}

/// Whether somebody can go on without a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Necessity<'a> {
    /// Signing in takes one.
    Required,
    /// It is up to them.
    Offered,
    /// An application asks for what they have not.
    Asked {
        /// What it asks for.
        reason: Reason<'a>,
        /// What waits for it.
        kept: Kept,
    },
}

impl EnrollChoicePage<'_> {
    /// What asks, and before what, where an application does.
    fn asking(&self) -> Option<(&str, Option<&str>)> {
        match self.necessity {
            Necessity::Asked { reason: Reason::App(Asking { app, before, .. }), .. } => Some((app, before)),
            Necessity::Asked { reason: Reason::SecondStep | Reason::Change, .. }
            | Necessity::Required
            | Necessity::Offered => None,
        }
    }

    const fn heading(&self) -> &'static str {
        match self.necessity {
            Necessity::Required | Necessity::Offered => "Set up a second step",
            Necessity::Asked { .. } => "One thing to set up first",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::session::Level,
        edge::{
            http::{assets::Base, gallery},
            portal::challenge::Clause,
        },
    };

    #[test]
    fn every_state_is_worded() {
        let required = EnrollChoicePage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            methods: &[Method::Passkey, Method::SecurityKey, Method::Totp],
            necessity: Necessity::Required,
        };
        let asked = |reason, kept| EnrollChoicePage { necessity: Necessity::Asked { reason, kept }, ..required };
        let asking = |before, clause| Reason::App(Asking { app: "Payroll", before, clause });
        let transfers = asking(Some("transfers"), Clause::Fresh { within: None, latest: None });
        let states = vec![
            ("required", required),
            ("phones", EnrollChoicePage { methods: &[Method::SmsCode, Method::VoiceCode], ..required }),
            ("offered", EnrollChoicePage { necessity: Necessity::Offered, ..required }),
            ("asked", asked(asking(None, Clause::Risk { reached: Some(Level::Login), latest: None }), Kept::Nothing)),
            ("asked_before_a_form", EnrollChoicePage { methods: &[Method::Totp], ..asked(transfers, Kept::Form) }),
        ];

        for (state, shown) in gallery::exhibit("enroll.choose", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
