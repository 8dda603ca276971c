//! `/account`: who one is, what one has, what is open.

use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::{Upcoming, filters},
    },
};
use askama::Template;
use std::time::Duration;
use uuid::Uuid;

/// `GET /account`. Posts `everywhere` (present or not) to `/logout`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/account.html")]
pub struct AccountPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Their name.
    pub name: &'a str,
    /// What they type to sign in.
    pub login_id: &'a str,
    /// What there is to say first.
    pub notice: Option<AccountNotice>,
    /// What people may enrol here.
    pub methods: &'a [Method],
    /// What they can prove with.
    pub factors: &'a [FactorRow<'a>],
    /// How many recovery codes they have left; `None` where they can't have any.
    pub recovery_codes: Option<u64>,
    /// What they can open.
    pub apps: &'a [AppRow<'a>],
    /// The session of this browser.
    pub session: SessionRow<'a>,
}

/// What just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNotice {
    /// An authenticator app was added.
    Enrolled,
    /// They signed in with a recovery code.
    Recovered {
        /// Whether that was a moment ago, so that the app may be set up again.
        reopened: bool,
    },
    /// A passkey stays: it is the last second factor.
    PasskeyKept,
    /// The password is another one.
    PasswordChanged,
}

/// One factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorRow<'a> {
    /// What it is.
    pub method: Method,
    /// What they call it.
    pub name: Option<&'a str>,
    /// How long ago it was added.
    pub added: Duration,
    /// How long ago it was last used, if ever.
    pub used: Option<Duration>,
    /// What names it where it can be removed.
    pub removable: Option<Uuid>,
}

/// One application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppRow<'a> {
    /// Its title.
    pub title: &'a str,
    /// Where it is.
    pub url: &'a str,
}

/// The session of this browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow<'a> {
    /// How long ago it began.
    pub age: Duration,
    /// When it ends, however busy.
    pub ends: Upcoming,
    /// What was proven, and how long ago; the latest first.
    pub proofs: &'a [(Method, Duration)],
}

impl AppRow<'_> {
    /// The part of its address that people recognise.
    fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

impl AccountPage<'_> {
    fn has(&self, method: Method) -> bool {
        self.factors.iter().any(|factor| factor.method == method)
    }

    fn offers(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    fn has_error(&self) -> bool {
        match self.notice {
            Some(AccountNotice::PasskeyKept) => true,
            Some(AccountNotice::Enrolled | AccountNotice::Recovered { .. } | AccountNotice::PasswordChanged) | None => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    const PASSWORD: FactorRow<'_> = FactorRow {
        method: Method::Password,
        name: None,
        added: Duration::from_hours(24 * 400),
        used: Some(Duration::from_mins(41)),
        removable: None,
    };
    const LAPTOP: FactorRow<'_> = FactorRow {
        method: Method::Passkey,
        name: Some("Work laptop"),
        added: Duration::from_hours(24 * 30),
        used: Some(Duration::from_mins(2)),
        removable: Some(Uuid::from_u128(7)),
    };
    const PHONE: FactorRow<'_> = FactorRow {
        method: Method::Totp,
        name: Some("Ann's phone"),
        added: Duration::from_hours(24 * 90),
        used: None,
        removable: None,
    };

    #[test]
    fn every_state_is_worded() {
        let full = AccountPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            name: "Ann Smith",
            login_id: gallery::ANN,
            notice: None,
            methods: &[Method::Passkey, Method::Totp],
            factors: &[PASSWORD, PHONE],
            recovery_codes: Some(10),
            apps: &[
                AppRow { title: "Payroll", url: "https://payroll.example.com/" },
                AppRow { title: "Wiki", url: "https://wiki.example.com:8443/start" },
            ],
            session: SessionRow {
                age: Duration::from_mins(41),
                ends: gallery::in_five_minutes(),
                proofs: &[(Method::Totp, Duration::from_mins(12)), (Method::Password, Duration::from_mins(41))],
            },
        };
        let bare = AccountPage {
            name: gallery::ANN,
            factors: &[PASSWORD],
            recovery_codes: None,
            apps: &[],
            session: SessionRow { proofs: &[(Method::Password, Duration::ZERO)], age: Duration::ZERO, ..full.session },
            ..full
        };
        let with_passkey = AccountPage { factors: &[PASSWORD, PHONE, LAPTOP], ..full };
        let kept = AccountPage { notice: Some(AccountNotice::PasskeyKept), factors: &[PASSWORD, LAPTOP], ..full };
        let enrolled = AccountPage { notice: Some(AccountNotice::Enrolled), ..full };

        let recovered = |reopened| AccountPage {
            notice: Some(AccountNotice::Recovered { reopened }),
            recovery_codes: Some(u64::from(reopened)),
            ..full
        };
        let states = vec![
            ("full", full),
            ("bare", bare),
            ("enrolled", enrolled),
            ("with_passkey", with_passkey),
            ("passkey_kept", kept),
            ("password_changed", AccountPage { notice: Some(AccountNotice::PasswordChanged), ..full }),
            ("recovered", recovered(true)),
            ("recovered_earlier", recovered(false)),
        ];

        for (state, shown) in gallery::exhibit("account", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
