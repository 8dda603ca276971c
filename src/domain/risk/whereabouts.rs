//! Where sign-ins come from, as roughly as comparing them allows.

use crate::domain::{secret::TokenHash, time::Timestamp};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// The /24 of an IPv4 address or the /48 of an IPv6 address, by its first address: what one provider hands to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet(IpAddr);

impl Subnet {
    /// The subnet that an address is in.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (!0 << 8)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (!0 << 80)).into(),
        })
    }

    /// Its first address.
    pub const fn first(self) -> IpAddr {
        self.0
    }
}

/// A country, by its two letters (ISO 3166-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Country(String);

impl Country {
    /// Reads two capital letters.
    pub fn parse(code: &str) -> Option<Self> {
        (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| Self(code.to_owned()))
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A point on Earth, to a tenth of a degree: some ten kilometres, and no more than addresses tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coordinates {
    latitude: f64,
    longitude: f64,
}

impl Coordinates {
    /// The point nearest to these degrees; `None` if they are none.
    pub fn near(latitude: f64, longitude: f64) -> Option<Self> {
        let is_on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        let rounded = |degrees: f64| (degrees * 10.0).round() / 10.0;
        is_on_earth.then(|| Self { latitude: rounded(latitude), longitude: rounded(longitude) })
    }

    /// Degrees north of the equator.
    pub const fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub const fn longitude(self) -> f64 {
        self.longitude
    }

    /// The shortest way on the surface (haversine formula).
    fn kilometres_to(self, other: Self) -> f64 {
        let half_sine = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
        let parallels = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let square = half_sine(self.latitude, other.latitude) + parallels * half_sine(self.longitude, other.longitude);
        2.0 * EARTH_RADIUS_KM * square.sqrt().min(1.0).asin()
    }
}

const EARTH_RADIUS_KM: f64 = 6371.0;
/// Faster than airliners fly.
const SPEED_KM_PER_HOUR: f64 = 1000.0;
/// What addresses are placed wrongly by, at either end.
const SLACK_KM: f64 = 500.0;

/// Where an address is.
#[derive(Debug, Clone, PartialEq)]
pub struct Whereabouts {
    /// In which country.
    pub country: Country,
    /// And where there; not every source says so.
    pub coordinates: Option<Coordinates>,
}

/// What a sign-in leaves behind for later ones to be compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The mark that its browser has kept since.
    pub browser: TokenHash,
    /// From which network it came.
    pub subnet: Subnet,
    /// Where that was, if anybody could say.
    pub whereabouts: Option<Whereabouts>,
    /// When.
    pub at: Timestamp,
    /// From when on later sign-ins are compared with it. What was unusual, and no second factor has answered, waits: its
    /// owner has so long to say that it wasn't them.
    pub counts_from: Timestamp,
}

impl Trace {
    /// How long a trace is kept.
    pub const KEPT_FOR: Duration = Duration::from_hours(90 * 24);
    /// How long one waits that is in doubt.
    pub const DOUBTED_FOR: Duration = Duration::from_hours(7 * 24);

    /// Whether a sign-in is compared with it now: it counts, and is not too old.
    pub(super) fn is_compared(&self, now: Timestamp) -> bool {
        self.counts_from <= now && self.at + Self::KEPT_FOR >= now
    }
}

/// Whether nobody comes from that sign-in to this place in so little time.
pub(super) fn is_too_far(from: &Trace, to: Option<&Whereabouts>, within: Duration) -> bool {
    let from = from.whereabouts.as_ref().and_then(|there| there.coordinates);
    let to = to.and_then(|here| here.coordinates);
    from.zip(to).is_some_and(|(from, to)| from.kilometres_to(to) > reach(within))
}

/// How far apart two places may look that are this time apart.
fn reach(within: Duration) -> f64 {
    SLACK_KM + SPEED_KM_PER_HOUR * within.as_secs_f64() / 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(latitude: f64, longitude: f64) -> Coordinates {
        Coordinates::near(latitude, longitude).unwrap()
    }

    fn somewhere(coordinates: Coordinates) -> Whereabouts {
        Whereabouts { country: Country::parse("GB").unwrap(), coordinates: Some(coordinates) }
    }

    fn too_far(from: Coordinates, to: Coordinates, within: Duration) -> bool {
        let at = Timestamp::from_millis(0);
        let (browser, subnet) = (TokenHash::from_bytes([1; 32]), Subnet::of([192, 0, 2, 1].into()));
        let from = Trace { browser, subnet, whereabouts: Some(somewhere(from)), at, counts_from: at };
        is_too_far(&from, Some(&somewhere(to)), within)
    }

    #[test]
    fn a_subnet_is_what_neighbours_share() {
        let subnet = |text: &str| Subnet::of(text.parse().unwrap());

        assert_eq!(subnet("192.0.2.7"), subnet("::ffff:192.0.2.200"));
        assert_ne!(subnet("192.0.2.7"), subnet("192.0.3.7"));
        assert_eq!(subnet("2001:db8:1:2::3"), subnet("2001:db8:1:ffff::"));
        assert_ne!(subnet("2001:db8:1::"), subnet("2001:db8:2::"));
        assert_eq!(subnet("2001:db8:1:2::3").first().to_string(), "2001:db8:1::");
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        let (london, sydney) = (point(51.5, -0.1), point(-33.9, 151.2));

        assert!((london.kilometres_to(sydney) - 16_990.0).abs() < 50.0);
        assert!((point(0.0, -180.0).kilometres_to(point(0.0, 180.0))).abs() < 0.001);
        assert!(
            too_far(london, sydney, Duration::from_hours(16)) && !too_far(london, sydney, Duration::from_hours(17))
        );
        assert!(!too_far(london, point(48.9, 2.4), Duration::ZERO), "Paris may be London with a foreign provider");
    }

    #[test]
    fn what_is_no_country_and_no_point_is_refused() {
        assert_eq!(["", "g", "gb", "GBR", "G1", "Ö"].map(Country::parse), [const { None }; 6]);
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Coordinates::near(latitude, longitude), None);
        }
        assert_eq!(point(51.5142, -0.0931), point(51.46, -0.14));
    }

    fn any_point() -> impl Strategy<Value = Coordinates> {
        (-90.0..90.0, -180.0..180.0).prop_map(|(latitude, longitude)| point(latitude, longitude))
    }

    proptest! {
        #[test]
        fn the_way_back_is_as_far(from in any_point(), to in any_point(), minutes in 0u64..3000) {
            let within = Duration::from_mins(minutes);
            prop_assert_eq!(too_far(from, to, within), too_far(to, from, within));
        }

        #[test]
        fn more_time_never_makes_it_too_far(from in any_point(), to in any_point(), minutes in 0u64..3000, more in 0u64..3000) {
            let within = Duration::from_mins(minutes);
            prop_assert!(too_far(from, to, within) >= too_far(from, to, within + Duration::from_mins(more)));
            prop_assert!(!too_far(from, from, Duration::ZERO));
        }
    }
}
