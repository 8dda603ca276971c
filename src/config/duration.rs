//! Durations as people write them: `90s`, `5m`, `1h 30m`, `7d`.

use std::time::Duration;

/// Units, longest first. Months and years have no fixed length.
const UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotADuration {
    /// Nothing there.
    #[error("expected a number and a unit")]
    Empty,
    /// A number alone: nobody can know of what.
    #[error("the unit is missing: s, m, h or d")]
    NoUnit,
    /// Something that is neither a whole number nor a unit.
    #[error("expected whole numbers, each with ms, s, m, h or d")]
    Unknown,
    /// `30m 1h`, or a unit twice.
    #[error("units must go from long to short, each once")]
    Order,
    /// Beyond a century.
    #[error("that is more than a hundred years")]
    TooLong,
}

/// Reads a duration.
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(NotADuration::Empty);
    }
    let mut millis = 0u64;
    let mut units = UNITS;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(digits_end);
        if digits.is_empty() {
            return Err(NotADuration::Unknown);
        }
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if unit.is_empty() {
            return Err(if tail.is_empty() { NotADuration::NoUnit } else { NotADuration::Unknown });
        }
        let Some(at) = units.iter().position(|(name, _)| *name == unit) else {
            let known = UNITS.iter().any(|(name, _)| *name == unit);
            return Err(if known { NotADuration::Order } else { NotADuration::Unknown });
        };
        let (here, shorter) = units.split_at(at + 1);
        let length = here.last().map_or(0, |(_, length)| *length);
        millis = digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(length)?.checked_add(millis))
            .filter(|millis| *millis <= 36_525 * 86_400_000)
            .ok_or(NotADuration::TooLong)?;
        units = shorter;
        rest = tail.trim_start();
    }
    Ok(Duration::from_millis(millis))
}

/// Writes a duration as [`parse`] reads it: `1h 30m`.
pub fn spell(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        if millis >= *length {
            parts.push(format!("{}{unit}", millis / length));
            millis %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h 30m", 5400), ("1h30m", 5400), ("7d", 604_800), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_duration() {
        use NotADuration::*;
        for (text, why) in [
            ("", Empty),
            ("30", NoUnit),
            ("5 m", Unknown),
            ("1.5h", Unknown),
            ("-5m", Unknown),
            ("5 minutes", Unknown),
            ("5min", Unknown),
            ("30m 1h", Order),
            ("1h 1h", Order),
            ("99999999999999999999d", TooLong),
            ("40000d", TooLong),
        ] {
            assert_eq!(parse(text), Err(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_spelled_is_read_again(millis in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&spell(duration)), Ok(duration));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }
    }
}
