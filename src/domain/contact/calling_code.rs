//! Which country, or group of countries, a phone number belongs to, by how it begins (ITU-T E.164, list of assigned codes).

use super::PhoneNumber;

/// Codes of two digits. Those of one are 1 and 7, all others have three; no code begins like another.
const OF_TWO_DIGITS: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51",
    "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90",
    "91", "92", "93", "94", "95", "98",
];

impl PhoneNumber {
    /// `+44`; `+1` for all of North America, where area codes tell the countries apart.
    pub fn calling_code(&self) -> &str {
        let digits = self.as_str().trim_start_matches('+');
        let length = if digits.starts_with(['1', '7']) {
            1
        } else if OF_TWO_DIGITS.iter().any(|code| digits.starts_with(code)) {
            2
        } else {
            3
        };
        self.as_str().get(..=length).unwrap_or(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_country() {
        for (number, code) in [
            ("+442079460000", "+44"),
            ("+12025550123", "+1"),
            ("+18765550123", "+1"),
            ("+79161234567", "+7"),
            ("+353871234567", "+353"),
            ("+3725123456", "+372"),
            ("+37062345678", "+370"),
            ("+881612345678", "+881"),
            ("+21612345678", "+216"),
            ("+2012345678", "+20"),
        ] {
            assert_eq!(PhoneNumber::parse(number).unwrap().calling_code(), code);
        }
    }
}
