//! Hours of the week, by the clock on the wall of one place.

use crate::domain::time::Timestamp;
use jiff::{civil::Weekday, tz::TimeZone};

/// Minutes in a day.
pub const DAY: u16 = 24 * 60;

/// A span of each of some days. Where `to` is not after `from` it lasts until the next morning, and belongs to the day on
/// which it began.
///
/// The wall's clock decides: where it is set forward, the hour that is skipped never is; where it is set back, the hour that
/// comes twice counts twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Days on which it begins; never empty.
    pub days: Vec<Weekday>,
    /// Its first minute of the day.
    pub from: u16,
    /// The minute at which it is over, at most [`DAY`].
    pub to: u16,
    /// Whose clock.
    pub zone: TimeZone,
}

impl Hours {
    /// Whether `now` is within.
    pub fn include(&self, now: Timestamp) -> bool {
        // Only the ends of time are no instant, and then no hour of the week.
        let Ok(instant) = jiff::Timestamp::from_millisecond(now.as_millis()) else { return false };
        let local = self.zone.to_datetime(instant);
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute())).unwrap_or_default();
        let (today, begins_on) = (local.weekday(), |day| self.days.contains(&day));
        if self.from < self.to {
            return begins_on(today) && (self.from..self.to).contains(&minute);
        }
        (begins_on(today) && minute >= self.from) || (begins_on(today.previous()) && minute < self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    fn at(utc: &str) -> Timestamp {
        Timestamp::from_millis(utc.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn hours(days: &[Weekday], from: u16, to: u16) -> Hours {
        Hours { days: days.to_vec(), from, to, zone: TimeZone::get("Europe/Berlin").unwrap() }
    }

    #[test]
    fn the_wall_clock_decides_in_summer_and_in_winter() {
        let office = hours(&WEEK, 8 * 60, 18 * 60);

        // Friday 2026-02-06 is winter, UTC+1; Friday 2026-07-03 is summer, UTC+2.
        assert!(office.include(at("2026-02-06T07:00:00Z")) && !office.include(at("2026-02-06T06:59:59Z")));
        assert!(office.include(at("2026-07-03T06:00:00Z")) && !office.include(at("2026-07-03T05:59:59Z")));
        assert!(office.include(at("2026-07-03T15:59:59Z")) && !office.include(at("2026-07-03T16:00:00Z")));
        assert!(!office.include(at("2026-02-07T12:00:00Z")), "a Saturday");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began() {
        let night = hours(&[Weekday::Friday], 22 * 60, 6 * 60);

        assert!(night.include(at("2026-02-06T21:00:00Z")), "Friday 22:00");
        assert!(night.include(at("2026-02-07T04:59:00Z")), "Saturday 05:59");
        assert!(!night.include(at("2026-02-07T05:00:00Z")), "Saturday 06:00");
        assert!(!night.include(at("2026-02-06T04:00:00Z")), "Friday 05:00 is Thursday's night");
    }

    #[test]
    fn an_hour_that_is_skipped_never_is_and_one_that_comes_twice_counts_twice() {
        let small_hours = hours(&[Weekday::Sunday], 2 * 60, 3 * 60);

        // 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC. 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
        for minute in 0..180 {
            let day = at("2026-03-29T00:00:00Z") + std::time::Duration::from_mins(minute);
            assert!(!small_hours.include(day), "{minute}");
        }
        for (utc, within) in [
            ("2026-10-24T23:59:00Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:00:00Z", false),
        ] {
            assert_eq!(small_hours.include(at(utc)), within, "{utc}");
        }
    }

    #[test]
    fn a_whole_day_is_a_whole_day() {
        let friday = hours(&[Weekday::Friday], 0, DAY);

        assert!(friday.include(at("2026-02-05T23:00:00Z")) && friday.include(at("2026-02-06T22:59:59Z")));
        assert!(!friday.include(at("2026-02-06T23:00:00Z")));
    }
}
