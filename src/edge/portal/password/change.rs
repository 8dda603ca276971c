//! `/account/password`: another password, for somebody signed in.

use super::PasswordNotice;
use crate::edge::http::page::{Frame, Hidden};
use askama::Template;

/// `GET /account/password`, and `POST` when it did not work. Posts `present`, `password` and `everywhere` (present or
/// not) to `/account/password`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/password/change.html")]
pub struct ChangePasswordPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Whose password it is.
    pub login_id: &'a str,
    /// Whether they have one already.
    pub present: Present,
    /// Fewest characters of the new one.
    pub chars_min: usize,
    /// Why the last try did not work.
    pub notice: Option<PasswordNotice>,
}

/// Whether there is a password to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// There is, and it is typed with the change.
    Typed,
    /// There is none.
    None,
}

impl ChangePasswordPage<'_> {
    const fn heading(&self) -> &'static str {
        match self.present {
            Present::Typed => "Change your password",
            Present::None => "Set a password",
        }
    }

    /// Where typing starts: where there is something to mend, at the first field otherwise.
    fn starts_at_new(&self) -> bool {
        self.present == Present::None
    }

    fn present_is_wrong(&self) -> bool {
        self.notice.is_some_and(PasswordNotice::is_about_present)
    }

    fn new_is_wrong(&self) -> bool {
        self.notice.is_some() && !self.present_is_wrong()
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
        let empty = ChangePasswordPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            login_id: gallery::ANN,
            present: Present::Typed,
            chars_min: 8,
            notice: None,
        };
        let failed = |notice| ChangePasswordPage { notice: Some(notice), ..empty };
        let first = ChangePasswordPage { present: Present::None, chars_min: 15, ..empty };
        let mut states = vec![("empty", empty), ("first", first), ("wrong", failed(PasswordNotice::Wrong))];
        states.extend(notices().into_iter().map(|(state, notice)| (state, failed(notice))));

        for (state, shown) in gallery::exhibit("password.change", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
