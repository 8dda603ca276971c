//! `/invite`: the account that a link makes.

use crate::{
    domain::enrolment::Inviter,
    edge::{
        http::page::{Frame, Hidden},
        portal::password::PasswordNotice,
    },
};
use askama::Template;

/// `GET /invite`, and the answer to `POST`. Posts `token`, `name` and `password` to `/invite`.
#[derive(Clone, Copy, Template)]
#[template(path = "pages/sign_up/invite.html")]
pub struct InvitePage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// How far it has gone.
    pub state: Inviting<'a>,
}

impl std::fmt::Debug for InvitePage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InvitePage(…)")
    }
}

/// How far it has gone.
#[derive(Clone, Copy)]
pub enum Inviting<'a> {
    /// A name and a password are asked for.
    Choosing {
        /// What the link carries.
        token: &'a str,
        /// On whose word the account is made.
        inviter: Inviter,
        /// What they will sign in with.
        login_id: &'a str,
        /// What they are called, as far as we know.
        name: &'a str,
        /// Fewest characters of the password.
        chars_min: usize,
        /// Why the last try did not work.
        notice: Option<PasswordNotice>,
    },
    /// There is an account of that name by now.
    Taken {
        /// The name.
        login_id: &'a str,
    },
    /// The link was used, is too old, or never was one.
    Over,
}

impl InvitePage<'_> {
    const fn heading(&self) -> &'static str {
        match self.state {
            Inviting::Choosing { .. } => "Make your account",
            Inviting::Taken { .. } => "You have an account already",
            Inviting::Over => "This link no longer works",
        }
    }

    const fn has_error(&self) -> bool {
        matches!(self.state, Inviting::Choosing { notice: Some(_), .. })
    }

    const fn is_scripted(&self) -> bool {
        matches!(self.state, Inviting::Choosing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{
        http::{assets::Base, gallery},
        portal::password::tests::notices,
    };

    #[test]
    fn every_state_is_worded() {
        let page = |state| InvitePage { frame: gallery::frame(Base::Portal), hidden: gallery::HIDDEN, state };
        let choosing = |inviter, name, notice| {
            page(Inviting::Choosing { token: "t0ken", inviter, login_id: gallery::ANN, name, chars_min: 8, notice })
        };
        let mut states = vec![
            ("invited", choosing(Inviter::Operator, "", None)),
            ("invited_by_name", choosing(Inviter::Operator, "Ann Example", None)),
            ("by_oneself", choosing(Inviter::Oneself, "", None)),
            ("taken", page(Inviting::Taken { login_id: gallery::ANN })),
            ("over", page(Inviting::Over)),
        ];
        let failed = |(state, notice)| (state, choosing(Inviter::Operator, "Ann Example", Some(notice)));
        states.extend(notices().into_iter().map(failed));

        for (state, shown) in gallery::exhibit("invite", states) {
            insta::assert_snapshot!(state, shown);
        }
        assert_eq!(format!("{:?}", page(Inviting::Over)), "InvitePage(…)");
    }
}
