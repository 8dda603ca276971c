//! Where to go back to.

use std::str::FromStr;

/// A path and query on one host, to return to after signing in.
///
/// Parsing refuses anything a browser could read as another host (RE-01), so it can go into a `Location` field behind
/// that host as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPath(String);

/// Why a text is no way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReturnPath {
    /// It does not begin with exactly one slash.
    #[error("it does not begin with exactly one slash")]
    NotRooted,
    /// It holds a space, a control, a backslash, or a byte beyond ASCII.
    #[error("it holds a character that browsers read differently")]
    AmbiguousCharacter,
    /// Longer than [`ReturnPath::LENGTH_MAX`].
    #[error("it is too long")]
    TooLong,
}

impl ReturnPath {
    /// As long as a target may be.
    pub const LENGTH_MAX: usize = 8 * 1024;

    /// The start page.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path alone, where that has at most so many bytes.
    pub fn without_query(&self, length_max: usize) -> Option<Self> {
        let path = self.0.split(['?', '#']).next()?;
        (path.len() <= length_max).then(|| Self(path.to_owned()))
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReturnPath {
    type Err = NotAReturnPath;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        if !raw.starts_with('/') || raw.starts_with("//") {
            return Err(NotAReturnPath::NotRooted);
        }
        if !raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(NotAReturnPath::AmbiguousCharacter);
        }
        if raw.len() > Self::LENGTH_MAX {
            return Err(NotAReturnPath::TooLong);
        }
        Ok(Self(raw.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_text_that_leads_elsewhere_is_a_way_back() {
        for raw in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example/",
            "/é",
        ] {
            assert!(raw.parse::<ReturnPath>().is_err(), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn a_browser_stays_on_the_host(raw in "[/\\\\@:.?#%a-z\\t ]{0,16}") {
            if let Ok(path) = raw.parse::<ReturnPath>() {
                let base = url::Url::parse("https://app.example.com/x").unwrap();
                let joined = base.join(path.as_str()).unwrap();
                prop_assert_eq!(joined.host_str(), Some("app.example.com"));
            }
        }
    }
}
