//! Where addresses are: a file in `MaxMind`'s format, read into memory once.

use crate::{
    domain::risk::{Coordinates, Country, Whereabouts},
    ports::Geography,
};
use maxminddb::{MaxMindDbError, Reader, geoip2::City};
use std::{net::IpAddr, path::Path};

/// A database of countries or cities.
pub struct MaxMind(Reader<Vec<u8>>);

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NotAMap {
    /// It can't be read, or is in another format.
    #[error(transparent)]
    Unreadable(#[from] MaxMindDbError),
    /// It knows something else about addresses.
    #[error("it holds `{0}`, and a database of countries or cities is wanted")]
    OtherKind(String),
}

impl MaxMind {
    /// Reads the file.
    pub fn open(path: &Path) -> Result<Self, NotAMap> {
        let reader = Reader::open_readfile(path)?;
        let kind = &reader.metadata().database_type;
        if ["City", "Country", "Enterprise"].iter().any(|known| kind.contains(known)) {
            Ok(Self(reader))
        } else {
            Err(NotAMap::OtherKind(kind.clone()))
        }
    }

    /// A database of countries knows no city, and cities come without a point now and then.
    fn find(&self, address: IpAddr) -> Result<Option<Whereabouts>, MaxMindDbError> {
        let Some(City { country, location, .. }) = self.0.lookup(address.to_canonical())?.decode()? else {
            return Ok(None);
        };
        let point = location.latitude.zip(location.longitude);
        let coordinates = point.and_then(|(latitude, longitude)| Coordinates::near(latitude, longitude));
        Ok(country.iso_code.and_then(Country::parse).map(|country| Whereabouts { country, coordinates }))
    }
}

impl Geography for MaxMind {
    fn whereabouts(&self, address: IpAddr) -> Option<Whereabouts> {
        self.find(address).unwrap_or_else(|error| {
            tracing::warn!(%error, "the geo file is damaged: an address could not be looked up");
            None
        })
    }
}

/// No map at all.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Geography for Nowhere {
    fn whereabouts(&self, _: IpAddr) -> Option<Whereabouts> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
    }

    fn found(map: &MaxMind, address: &str) -> Option<(String, Option<Coordinates>)> {
        let there = map.whereabouts(address.parse().unwrap())?;
        Some((there.country.as_str().to_owned(), there.coordinates))
    }

    #[test]
    fn an_address_is_in_a_country_and_near_a_point() {
        let map = MaxMind::open(&data("GeoLite2-City-Test.mmdb")).unwrap();
        let near = |country: &str, latitude, longitude| {
            Some((country.to_owned(), Some(Coordinates::near(latitude, longitude).unwrap())))
        };

        assert_eq!(found(&map, "81.2.69.160"), near("GB", 51.5, -0.1));
        assert_eq!(found(&map, "::ffff:81.2.69.160"), near("GB", 51.5, -0.1));
        assert_eq!(found(&map, "89.160.20.128"), near("SE", 58.4, 15.6));
        assert_eq!(found(&map, "2001:218::1"), near("JP", 35.7, 139.8));
        assert_eq!(found(&map, "127.0.0.1"), None);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        assert!(matches!(MaxMind::open(&data("LICENSE-MIT")), Err(NotAMap::Unreadable(_))));
        assert!(matches!(MaxMind::open(&data("nowhere.mmdb")), Err(NotAMap::Unreadable(_))));
        assert_eq!(Nowhere.whereabouts([81, 2, 69, 160].into()), None);
    }
}
