//! `/enroll/reminder`: how long signing in still works without a second step.

use crate::edge::http::{
    page::{Frame, Hidden},
    words::Deadline,
};
use askama::Template;

/// `GET /enroll/reminder`, after a sign-in that grace let pass. Leads to `/enroll`, and on to where they were heading.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/enroll/reminder.html")]
pub struct EnrollReminderPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form to sign out carries unseen.
    pub hidden: Hidden<'a>,
    /// Who is reminded.
    pub login_id: &'a str,
    /// When grace ends.
    pub ends: Deadline,
    /// Who can set it up.
    pub setting_up: SettingUp,
}

/// Who can set up somebody's first second step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingUp {
    /// They themselves.
    Alone,
    /// They themselves, after a code from their mailbox.
    ByMail,
    /// They need an operator first (EN-04).
    WithHelp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};
    use std::time::Duration;

    #[test]
    fn every_state_is_worded() {
        let now = gallery::in_five_minutes().now;
        let alone = EnrollReminderPage {
            frame: gallery::frame(Base::Portal),
            hidden: gallery::HIDDEN,
            login_id: gallery::ANN,
            ends: Deadline { at: now + Duration::from_hours(5 * 24), now },
            setting_up: SettingUp::Alone,
        };
        let last_day = Deadline { at: now + Duration::from_hours(3), now };
        let states = vec![
            ("alone", alone),
            (
                "last_day",
                EnrollReminderPage { hidden: Hidden { to: None, ..gallery::HIDDEN }, ends: last_day, ..alone },
            ),
            ("by_mail", EnrollReminderPage { setting_up: SettingUp::ByMail, ..alone }),
            ("with_help", EnrollReminderPage { setting_up: SettingUp::WithHelp, ..alone }),
        ];

        for (state, shown) in gallery::exhibit("enroll.reminder", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
