//! `/account/factors/{id}`: one second factor, and what can be done with it.

use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
    flows::factors::{NAME_CHARS_MAX, unnamed},
};
use askama::Template;
use std::time::Duration;
use uuid::Uuid;

/// `GET /account/factors/{id}`. Posts `name` to `…/rename`, and nothing to `…/primary` and `…/remove`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/account/factor.html")]
pub struct FactorPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// The factor.
    pub factor: FactorRow<'a>,
    /// Whether it is asked for first, and whether it could be.
    pub order: Order,
    /// Whether it may go.
    pub end: End,
}

/// One second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorRow<'a> {
    /// What names it in addresses.
    pub id: Uuid,
    /// What it is.
    pub method: Method,
    /// What its owner calls it.
    pub name: &'a str,
    /// How long ago it was added.
    pub added: Duration,
    /// How long ago it was last used, if ever.
    pub used: Option<Duration>,
    /// Whether its owner chose to be asked for it first.
    pub is_primary: bool,
}

/// Where a factor stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is the only one.
    Alone,
    /// Its owner chose to be asked for it first.
    First,
    /// There are others.
    AmongOthers,
}

impl Order {
    /// Of one of so many.
    pub const fn of(is_first: bool, count: usize) -> Self {
        match count {
            0 | 1 => Self::Alone,
            _ if is_first => Self::First,
            _ => Self::AmongOthers,
        }
    }
}

/// Whether a factor may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It may.
    MayGo,
    /// It is the last, and one is required.
    Stays,
    /// The same, and somebody wanted to remove it nevertheless.
    Stayed,
}

impl<'a> FactorRow<'a> {
    /// What its owner calls it, if that says more than what it is.
    pub(super) fn own_name(&self) -> Option<&'a str> {
        Some(self.name).filter(|name| *name != unnamed(self.method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let laptop = FactorRow {
            id: Uuid::from_u128(7),
            method: Method::Passkey,
            name: "Work laptop",
            added: Duration::from_hours(24 * 30),
            used: Some(Duration::from_mins(2)),
            is_primary: false,
        };
        let among = FactorPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            factor: laptop,
            order: Order::AmongOthers,
            end: End::MayGo,
        };
        let app = FactorRow { method: Method::Totp, name: "Authenticator app", used: None, is_primary: true, ..laptop };
        let states = vec![
            ("among_others", among),
            ("first", FactorPage { factor: app, order: Order::First, ..among }),
            ("last_may_go", FactorPage { order: Order::Alone, ..among }),
            ("last", FactorPage { order: Order::Alone, end: End::Stays, ..among }),
            ("stayed", FactorPage { order: Order::Alone, end: End::Stayed, ..among }),
            ("stayed_beside_mail", FactorPage { end: End::Stayed, ..among }),
        ];

        for (state, shown) in gallery::exhibit("account.factor", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
