//! `/account`: who one is, what one has, what is open.

pub mod activity;
pub mod changed;
pub mod factor;

use crate::{
    domain::{contact::Kind, factor::Method, place::Place},
    edge::http::{
        page::{Frame, Hidden},
        words::{Deadline, Somewhere, Upcoming, filters},
    },
    edge::portal::enroll::reminder::SettingUp,
};
use activity::ActivityRow;
use askama::Template;
use factor::FactorRow;
use std::time::Duration;
use uuid::Uuid;

/// `GET /account`. Posts `session` to `/account/sessions/end`, nothing to `/account/sessions/end-others` and
/// `/account/lock`, and `everywhere` (present or not) to `/logout`.
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
    /// Their second factors.
    pub factors: &'a [FactorRow<'a>],
    /// Whether browsers may be remembered here.
    pub remembers: bool,
    /// Where codes and links go that they sign in with.
    pub sent: &'a [SentRow<'a>],
    /// Where they are reached.
    pub contacts: &'a [ContactRow<'a>],
    /// How many recovery codes they have left; `None` where they can't have any.
    pub recovery_codes: Option<u64>,
    /// How long ago their password was set, if they have one.
    pub password: Option<Duration>,
    /// What they can open.
    pub apps: &'a [AppRow<'a>],
    /// The session of this browser.
    pub session: SessionRow<'a>,
    /// Their other sessions.
    pub others: &'a [OtherRow],
    /// What happened last.
    pub activity: &'a [ActivityRow],
}

/// What just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNotice {
    /// They used a recovery code.
    Recovered {
        /// Until when they may replace what they lost; `None` if that is over.
        until: Option<Upcoming>,
    },
    /// The password is another one.
    PasswordChanged,
    /// They have no second step where one is required, and sign in without it for a while.
    Owed {
        /// Until when; `None` where that is over, and only the session goes on.
        ends: Option<Deadline>,
        /// Who can set one up.
        setting_up: SettingUp,
    },
}

/// An address where codes or links go that somebody signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentRow<'a> {
    /// What kind of address.
    pub kind: Kind,
    /// The address.
    pub address: &'a str,
    /// What comes there: one word of them will do.
    pub method: Method,
    /// How long ago it last proved who they are, if ever.
    pub used: Option<Duration>,
    /// Whether its owner chose to be asked for it first.
    pub is_primary: bool,
}

/// An address that they have, or could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactRow<'a> {
    /// What kind of address.
    pub kind: Kind,
    /// The address, if it is known to be theirs.
    pub address: Option<&'a str>,
    /// Whether they sign in with it, too.
    pub serves: Serves,
}

/// What an address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// To tell its owner what happens.
    Notices,
    /// To sign in, too.
    SigningIn,
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
#[derive(Debug, Clone, Copy)]
pub struct SessionRow<'a> {
    /// As the others are shown.
    pub here: &'a OtherRow,
    /// When it ends, however busy.
    pub ends: Upcoming,
    /// What was proven, and how long ago; the latest first.
    pub proofs: &'a [(Method, Duration)],
    /// How long ago it was locked, if nothing was proven since.
    pub locked: Option<Duration>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherRow {
    /// What names it in forms.
    pub id: Uuid,
    /// Where it was begun.
    pub place: Place,
    /// How long ago it began.
    pub began: Duration,
    /// How long ago it was last used.
    pub seen: Duration,
}

impl OtherRow {
    fn browser(&self) -> &str {
        Somewhere(&self.place).browser()
    }

    /// The address, to stand before the times.
    fn address(&self) -> String {
        self.place.address.map(|address| format!("{address} · ")).unwrap_or_default()
    }
}

impl AppRow<'_> {
    /// The part of its address that people recognise.
    fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

impl AccountPage<'_> {
    fn offers(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }
}

#[cfg(test)]
pub(in crate::edge::portal) mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    const LAPTOP: FactorRow<'_> = FactorRow {
        id: Uuid::from_u128(7),
        method: Method::Passkey,
        name: "Work laptop",
        added: Duration::from_hours(24 * 30),
        used: Some(Duration::from_mins(2)),
        is_primary: false,
    };
    const KEY: FactorRow<'_> =
        FactorRow { id: Uuid::from_u128(9), method: Method::SecurityKey, name: "Key ring", ..LAPTOP };
    const PROOFS: &[(Method, Duration)] =
        &[(Method::Totp, Duration::from_mins(12)), (Method::Password, Duration::from_mins(41))];
    const SENT: &[SentRow<'_>] = &[
        SentRow { kind: Kind::Email, address: gallery::ANN, method: Method::EmailCode, used: None, is_primary: false },
        SentRow {
            kind: Kind::Phone,
            address: "+442079460000",
            method: Method::SmsCode,
            used: Some(Duration::from_mins(2)),
            is_primary: true,
        },
    ];
    const PHONE: FactorRow<'_> = FactorRow {
        id: Uuid::from_u128(8),
        method: Method::Totp,
        name: "Authenticator app",
        added: Duration::from_hours(24 * 90),
        used: None,
        is_primary: false,
    };

    /// Where Ann is signed in, too.
    pub(in crate::edge::portal) fn others() -> Vec<OtherRow> {
        let row = |id, browser: Option<&str>, hours| OtherRow {
            id: Uuid::from_u128(id),
            place: Place { browser: browser.map(ToOwned::to_owned), address: Some([198, 51, 100, 9].into()) },
            began: Duration::from_hours(hours),
            seen: Duration::from_mins(3),
        };
        vec![row(20, Some("Safari on iPhone"), 5), row(21, None, 11)]
    }

    fn full<'a>(here: &'a OtherRow, others: &'a [OtherRow], activity: &'a [ActivityRow]) -> AccountPage<'a> {
        AccountPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            name: "Ann Smith",
            login_id: gallery::ANN,
            notice: None,
            methods: &[Method::Passkey, Method::SecurityKey, Method::Totp],
            remembers: true,
            factors: &[LAPTOP, KEY, FactorRow { is_primary: true, ..PHONE }],
            sent: &[],
            contacts: &[],
            recovery_codes: Some(10),
            password: Some(Duration::from_hours(24 * 400)),
            apps: &[
                AppRow { title: "Payroll", url: "https://payroll.example.com/" },
                AppRow { title: "Wiki", url: "https://wiki.example.com:8443/start" },
            ],
            session: SessionRow { here, ends: gallery::in_five_minutes(), proofs: PROOFS, locked: None },
            others,
            activity,
        }
    }

    /// Somebody who has nothing but a password.
    fn bare<'a>(full: &AccountPage<'a>) -> AccountPage<'a> {
        AccountPage {
            name: gallery::ANN,
            remembers: false,
            factors: &[],
            recovery_codes: None,
            apps: &[],
            session: SessionRow { proofs: &[(Method::Password, Duration::ZERO)], ..full.session },
            others: &[],
            activity: &[],
            ..*full
        }
    }

    /// Somebody whose second steps are sent to them.
    fn sent<'a>(full: &AccountPage<'a>) -> AccountPage<'a> {
        AccountPage {
            factors: &[],
            sent: SENT,
            contacts: &[
                ContactRow { kind: Kind::Email, address: Some(gallery::ANN), serves: Serves::SigningIn },
                ContactRow { kind: Kind::Phone, address: Some("+442079460000"), serves: Serves::SigningIn },
            ],
            recovery_codes: Some(0),
            ..*full
        }
    }

    #[test]
    fn every_state_is_worded() {
        let here = OtherRow {
            id: Uuid::from_u128(19),
            place: Place { browser: Some("Firefox on Linux".to_owned()), address: Some([192, 0, 2, 7].into()) },
            began: Duration::from_mins(41),
            seen: Duration::ZERO,
        };
        let (others, activity) = (others(), activity::tests::rows());
        let full = full(&here, &others, &activity[..3]);
        let bare = bare(&full);
        let locked =
            AccountPage { session: SessionRow { locked: Some(Duration::from_mins(1)), ..full.session }, ..full };
        let reached = AccountPage {
            contacts: &[
                ContactRow { kind: Kind::Email, address: Some(gallery::ANN), serves: Serves::Notices },
                ContactRow { kind: Kind::Phone, address: None, serves: Serves::Notices },
            ],
            ..full
        };
        let owed = |ends, setting_up| AccountPage { notice: Some(AccountNotice::Owed { ends, setting_up }), ..bare };
        let now = gallery::in_five_minutes().now;
        let deadline = Some(Deadline { at: now + Duration::from_hours(5 * 24), now });
        let recovered = |until: Option<Upcoming>| AccountPage {
            notice: Some(AccountNotice::Recovered { until }),
            recovery_codes: Some(u64::from(until.is_some())),
            factors: &[LAPTOP],
            ..bare
        };
        let states = vec![
            ("full", full),
            ("bare", bare),
            ("locked", locked),
            ("reached", reached),
            ("sent", sent(&full)),
            ("owed", owed(deadline, SettingUp::Alone)),
            ("owed_with_help", owed(deadline, SettingUp::WithHelp)),
            ("owed_no_longer", owed(None, SettingUp::WithHelp)),
            ("password_changed", AccountPage { notice: Some(AccountNotice::PasswordChanged), ..full }),
            ("recovered", recovered(Some(gallery::in_five_minutes()))),
            ("recovered_earlier", recovered(None)),
        ];

        for (state, shown) in gallery::exhibit("account", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
