//! `/reset`: another password in place of a forgotten one.

use super::PasswordNotice;
use crate::{
    edge::http::page::{Frame, Hidden},
    flows::password::SecondStep,
};
use askama::Template;

/// `GET /reset`, and the answer to `POST`. Posts `token` and `password` to `/reset`.
#[derive(Clone, Copy, Template)]
#[template(path = "pages/password/reset.html")]
pub struct ResetPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// How far it has gone.
    pub state: Resetting<'a>,
}

impl std::fmt::Debug for ResetPage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetPage(…)")
    }
}

/// How far it has gone.
#[derive(Clone, Copy)]
pub enum Resetting<'a> {
    /// A new password is asked for.
    Choosing {
        /// What the link carries.
        token: &'a str,
        /// Whose password it is.
        login_id: &'a str,
        /// Fewest characters of the new one.
        chars_min: usize,
        /// Why the last try did not work.
        notice: Option<PasswordNotice>,
    },
    /// It is set.
    Done {
        /// Whether its owner has a second step, which it took nothing from.
        second_step: SecondStep,
    },
    /// The link was used, is too old, or never was one.
    Over,
}

impl ResetPage<'_> {
    const fn heading(&self) -> &'static str {
        match self.state {
            Resetting::Choosing { .. } => "Choose a new password",
            Resetting::Done { .. } => "Your new password is set",
            Resetting::Over => "This link no longer works",
        }
    }

    const fn has_error(&self) -> bool {
        matches!(self.state, Resetting::Choosing { notice: Some(_), .. })
    }

    const fn is_scripted(&self) -> bool {
        matches!(self.state, Resetting::Choosing { .. })
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
        let page = |state| ResetPage { frame: gallery::frame(Base::Portal), hidden: gallery::HIDDEN, state };
        let choosing =
            |notice| page(Resetting::Choosing { token: "t0ken", login_id: gallery::ANN, chars_min: 8, notice });
        let done = Resetting::Done { second_step: SecondStep::AsBefore };
        let from_nowhere = ResetPage { hidden: Hidden { to: None, ..gallery::HIDDEN }, ..page(done) };
        let mut states = vec![
            ("choosing", choosing(None)),
            ("done", page(done)),
            ("done_without_a_second_step", page(Resetting::Done { second_step: SecondStep::None })),
            ("done_from_nowhere", from_nowhere),
            ("over", page(Resetting::Over)),
        ];
        states.extend(notices().into_iter().map(|(state, notice)| (state, choosing(Some(notice)))));

        for (state, shown) in gallery::exhibit("password.reset", states) {
            insta::assert_snapshot!(state, shown);
        }
        assert_eq!(format!("{:?}", choosing(None)), "ResetPage(…)");
    }
}
