//! Languages that people are written to in.

/// A language that we have words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

/// Most ranges of a header that are read.
const RANGES_MAX: usize = 32;

impl Language {
    /// Every one of them.
    pub const ALL: &[Self] = &[Self::English, Self::German, Self::French, Self::Spanish];

    /// Its tag (RFC 5646), as config files, the store and HTML say it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
        }
    }

    /// The one with this tag.
    pub fn by_tag(tag: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.tag().eq_ignore_ascii_case(tag))
    }

    /// What a browser asks for that we have (RFC 9110 12.5.4): the first of its ranges, the dearest first, that names one of
    /// ours, whatever country it names besides. `None` where it would take any, or has none of ours.
    pub fn preferred(accept_language: &str) -> Option<Self> {
        let ranges = accept_language.split(',').take(RANGES_MAX);
        let mut weighed: Vec<(u16, Self)> = ranges
            .filter_map(|range| {
                let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
                let primary = tag.trim().split('-').next().unwrap_or_default();
                Some((thousandths(weight)?, Self::by_tag(primary)?))
            })
            .filter(|(weight, _)| *weight > 0)
            .collect();
        weighed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        weighed.first().map(|(_, language)| *language)
    }
}

/// `q=0.8` as 800; `None` if it is no weight (RFC 9110 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (name, value) = weight.trim().split_once('=')?;
    let (whole, rest) = value.split_once('.').unwrap_or((value, ""));
    let is_weight = name.eq_ignore_ascii_case("q") && rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_digit());
    let rest: u16 = format!("{rest:0<3}").parse().ok().filter(|_| is_weight)?;
    match (whole, rest) {
        ("0", rest) => Some(rest),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_dearest_that_we_have_is_spoken() {
        for (asked, spoken) in [
            ("de", Some(Language::German)),
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("en;q=0.4, FR-ca;q=0.8", Some(Language::French)),
            ("nl, es-419;q=0.5, en;q=0.1", Some(Language::Spanish)),
            ("fr;q=1.000,de", Some(Language::French)),
            ("de;q=0, en-GB;q=0.001", Some(Language::English)),
        ] {
            assert_eq!(Language::preferred(asked), spoken, "{asked}");
        }
    }

    #[test]
    fn what_names_none_of_ours_decides_nothing() {
        for asked in
            ["", "*", "nl, *;q=0.5", "de;q=0", "de;q=2", "de;q=0.1234", "de;q=-1", "deutsch", "x-de", "de_AT", ";;,,"]
        {
            assert_eq!(Language::preferred(asked), None, "{asked}");
        }
    }

    #[test]
    fn each_is_found_by_its_tag() {
        for language in Language::ALL {
            assert_eq!(Language::by_tag(language.tag()), Some(*language));
        }
        assert_eq!(Language::by_tag("nl"), None);
    }

    proptest! {
        #[test]
        fn whatever_a_browser_says_it_is_read(asked in "[a-zA-Z*;=,. 0-9-]{0,200}|\\PC{0,60}") {
            let _ = Language::preferred(&asked);
        }
    }
}
