//! `/enroll` for somebody who can't add a method by themselves now.

use crate::{
    domain::factor::KeyKind,
    edge::http::page::{Frame, Hidden},
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
    /// They have an authenticator app already.
    AlreadyThere,
    /// They have a key of this kind, which is stronger than an authenticator app.
    HasKey(KeyKind),
    /// The operator wants no keys of this kind.
    NotOffered(KeyKind),
}

impl WhyRefused {
    const fn heading(self) -> &'static str {
        match self {
            Self::NeedsOperator => "The first set-up needs some help",
            Self::AlreadyThere => "Your authenticator app is already set up",
            Self::HasKey(KeyKind::Passkey) => "You have a passkey already",
            Self::HasKey(KeyKind::SecurityKey) => "You have a security key already",
            Self::NotOffered(KeyKind::Passkey) => "Passkeys aren't used here",
            Self::NotOffered(KeyKind::SecurityKey) => "Security keys aren't used here",
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
            ("already_there", page(WhyRefused::AlreadyThere)),
            ("has_passkey", page(WhyRefused::HasKey(KeyKind::Passkey))),
            ("has_security_key", page(WhyRefused::HasKey(KeyKind::SecurityKey))),
            ("not_offered", page(WhyRefused::NotOffered(KeyKind::Passkey))),
            ("security_keys_not_offered", page(WhyRefused::NotOffered(KeyKind::SecurityKey))),
        ];

        for (state, shown) in gallery::exhibit("enroll.refused", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
