//! `/account/devices`: the browsers that spare their user the second step.

use crate::{
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
    flows::factors::NAME_CHARS_MAX,
};
use askama::Template;
use std::time::Duration;
use uuid::Uuid;

/// `GET /account/devices`. Posts `device`, or nothing for all of them, to `/account/devices/forget`, and `device` and `name`
/// to `/account/devices/rename`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/devices.html")]
pub struct DevicesPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Whose they are.
    pub login_id: &'a str,
    /// How long a browser is remembered; `None` where none is.
    pub lasts: Option<Duration>,
    /// The browsers, the last remembered first.
    pub devices: &'a [DeviceRow<'a>],
}

/// One remembered browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRow<'a> {
    /// What names it in forms.
    pub id: Uuid,
    /// What it is called, by its user or by itself.
    pub name: Option<&'a str>,
    /// Whether it is the one that shows the page.
    pub place: Place,
    /// How long ago it was remembered.
    pub added: Duration,
    /// How long ago it last spared a step, if ever.
    pub used: Option<Duration>,
}

/// Where a remembered browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It shows the page.
    Here,
    /// Somewhere else.
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::{assets::Base, gallery};

    #[test]
    fn every_state_is_worded() {
        let here = DeviceRow {
            id: Uuid::from_u128(1),
            name: Some("Firefox on Linux"),
            place: Place::Here,
            added: Duration::from_hours(24 * 3),
            used: Some(Duration::from_mins(41)),
        };
        let other = DeviceRow { id: Uuid::from_u128(2), name: None, place: Place::Elsewhere, used: None, ..here };
        let both = [here, other];
        let full = DevicesPage {
            frame: gallery::frame(Base::Portal),
            hidden: Hidden { to: None, ..gallery::HIDDEN },
            login_id: gallery::ANN,
            lasts: Some(Duration::from_hours(24 * 30)),
            devices: &both,
        };
        let states = vec![
            ("full", full),
            ("one", DevicesPage { devices: &both[..1], ..full }),
            ("none", DevicesPage { devices: &[], ..full }),
            ("switched_off", DevicesPage { devices: &[], lasts: None, ..full }),
        ];

        for (state, shown) in gallery::exhibit("devices", states) {
            insta::assert_snapshot!(state, shown);
        }
    }
}
