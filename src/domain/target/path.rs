//! Paths: canonical or refused.

use std::borrow::Cow;

/// Why a path or query can't be forwarded as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// The path does not begin with a slash.
    #[error("the path does not begin with /")]
    NotRooted,
    /// A byte that does not belong into a target: a control, a space, one of `#` `\` `"` `<` `>`, in a path a backtick, or one
    /// beyond ASCII.
    #[error("the target holds a byte that must be percent-encoded")]
    RawByte,
    /// `%` without two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    BadEscape,
    /// An escape that servers read differently: of `/` `\` `%` `?` `#` `;` `.` or a control.
    #[error("the path holds an escape that servers read differently")]
    AmbiguousEscape,
    /// `;`, which some servers cut a segment at.
    #[error("the path holds a semicolon")]
    Semicolon,
    /// `.`, `..` or nothing between two slashes.
    #[error("the path has a segment that is empty or dots")]
    DotSegment,
    /// Some servers would take it for one of the gateway's own.
    #[error("some servers would read one of the gateway's own paths")]
    Reserved,
    /// The decoded path is not UTF-8.
    #[error("the decoded path is not UTF-8")]
    NotUtf8,
}

/// What one application's paths may hold beyond the safe set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// `;` as it is.
    pub semicolon: bool,
    /// `%2F`.
    pub encoded_slash: bool,
}

/// A path in the one form that rules are matched on and the application receives.
///
/// Escapes of unreserved characters are decoded once, other escapes are upper case, everything else is as it was
/// sent. There are no dot segments and no empty ones but a last one.
///
/// With a character that an application [allows](Allowed) there are servers that read another path than is written here:
/// [`readings`](Self::readings). None of those has dot segments either, and none is one of the gateway's own paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalPath<'a>(Cow<'a, str>);

impl<'a> CanonicalPath<'a> {
    /// Makes `raw` canonical, or says why that would be guessing. Borrows what is canonical already.
    pub fn parse(raw: &'a str, allowed: Allowed) -> Result<Self, NotCanonical> {
        if !raw.starts_with('/') {
            return Err(NotCanonical::NotRooted);
        }
        if !raw.bytes().all(is_path_byte) {
            return Err(NotCanonical::RawByte);
        }
        if !allowed.semicolon && raw.contains(';') {
            return Err(NotCanonical::Semicolon);
        }
        let path = if raw.contains('%') { Cow::Owned(settle_escapes(raw, allowed)?) } else { Cow::Borrowed(raw) };
        check_segments(&path)?;
        let path = Self(path);
        for reading in path.readings() {
            if reading.as_str().split('/').any(|segment| matches!(segment, "." | "..")) {
                return Err(NotCanonical::DotSegment);
            }
            if reading.below_reserved().is_some() && path.below_reserved().is_none() {
                return Err(NotCanonical::Reserved);
            }
        }
        Ok(path)
    }

    /// What other servers read there: Java's cut each segment at its `;`, others only the last one or the whole path, some
    /// decode before they cut, some take `%2F` for a slash, and some two slashes for one. Nothing for most paths.
    pub fn readings(&self) -> Vec<CanonicalPath<'static>> {
        if !self.0.contains(';') && !self.0.contains("%2F") && !self.0.contains("%3B") {
            return Vec::new();
        }
        let mut known = vec![self.0.clone().into_owned()];
        let mut next = 0;
        while let Some(path) = known.get(next) {
            for reading in OTHER_READINGS.map(|read| read(path)) {
                if !known.contains(&reading) {
                    known.push(reading);
                }
            }
            next += 1;
        }
        known.into_iter().skip(1).map(|path| CanonicalPath(Cow::Owned(path))).collect()
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows [`RESERVED`], if this is one of the gateway's own paths. Letter case does not matter: no application
    /// may ever be asked for one.
    pub fn below_reserved(&self) -> Option<&str> {
        let (head, rest) = self.0.split_at_checked(RESERVED.len())?;
        (head.eq_ignore_ascii_case(RESERVED) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
    }

    /// Whether this is the very text that was sent.
    pub fn is_as_sent(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }
}

/// What servers do to a path that others don't. Some do several, one after the other.
const OTHER_READINGS: [fn(&str) -> String; 6] = [
    |path| path.split('/').map(before_semicolon).collect::<Vec<_>>().join("/"),
    |path| match path.rsplit_once('/') {
        Some((rest, last)) => format!("{rest}/{}", before_semicolon(last)),
        None => path.to_owned(),
    },
    |path| before_semicolon(path).to_owned(),
    |path| path.replace("%2F", "/"),
    |path| path.replace("%3B", ";"),
    |path| {
        let segments: Vec<_> = path.split('/').skip(1).filter(|segment| !segment.is_empty()).collect();
        let last = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
        format!("/{}{last}", segments.join("/"))
    },
];

fn before_semicolon(text: &str) -> &str {
    text.split(';').next().unwrap_or_default()
}

/// What the paths begin with that the gateway keeps for itself on every app host (PA-13).
pub const RESERVED: &str = "/.doorward";

/// Whether a query (without its `?`) can be forwarded as it is.
pub fn check_query(query: &str) -> Result<(), NotCanonical> {
    if query.bytes().all(is_target_byte) { Ok(()) } else { Err(NotCanonical::RawByte) }
}

/// A segment with its escapes decoded once: what literal parts of a rule are compared with.
pub fn decode_segment(segment: &str) -> Cow<'_, [u8]> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment.as_bytes());
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        if let (b'%', [high, low, tail @ ..]) = (first, tail) {
            decoded.push(hex_pair(*high, *low).unwrap_or(b'%'));
            rest = tail;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(decoded)
}

/// Bytes that may stand in a target: visible ASCII but for what no URI has as it is (PA-02).
pub const fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>')
}

/// Bytes that may stand in a target before its question mark. Parsers differ on the backtick.
pub const fn is_path_byte(byte: u8) -> bool {
    is_target_byte(byte) && byte != b'`'
}

fn settle_escapes(raw: &str, allowed: Allowed) -> Result<String, NotCanonical> {
    let mut settled = String::with_capacity(raw.len());
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            settled.push(char::from(*first));
            decoded.push(*first);
            rest = tail;
            continue;
        }
        let [high, low, tail @ ..] = tail else { return Err(NotCanonical::BadEscape) };
        let byte = hex_pair(*high, *low).ok_or(NotCanonical::BadEscape)?;
        match byte {
            b'/' if allowed.encoded_slash => settled.push_str("%2F"),
            b';' if allowed.semicolon => settled.push_str("%3B"),
            b'/' | b'\\' | b'%' | b'?' | b'#' | b';' | b'.' | 0..0x20 | 0x7f => {
                return Err(NotCanonical::AmbiguousEscape);
            }
            b'-' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => settled.push(char::from(byte)),
            _ => {
                settled.push('%');
                settled.push(char::from(high.to_ascii_uppercase()));
                settled.push(char::from(low.to_ascii_uppercase()));
            }
        }
        decoded.push(byte);
        rest = tail;
    }
    // `from_utf8` refuses overlong forms and surrogates.
    std::str::from_utf8(&decoded).map_err(|_| NotCanonical::NotUtf8)?;
    Ok(settled)
}

fn check_segments(path: &str) -> Result<(), NotCanonical> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // What some servers cut at the semicolon must not be dots either.
        let name = before_semicolon(segment);
        let is_last = segments.peek().is_none();
        if matches!(name, "." | "..") || (name.is_empty() && !(is_last && segment.is_empty())) {
            return Err(NotCanonical::DotSegment);
        }
    }
    Ok(())
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STRICT: Allowed = Allowed { semicolon: false, encoded_slash: false };

    fn canonical(raw: &str) -> Result<String, NotCanonical> {
        CanonicalPath::parse(raw, STRICT).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn ordinary_paths_stay_as_they_are() {
        for raw in [
            "/",
            "/a",
            "/a/",
            "/a/b.css",
            "/a/..b/...",
            "/~ann/x-y_z",
            "/a:b@c!$&'()*+,=",
            "/caf%C3%A9",
            "/a%20b",
            "/a|b^c",
        ] {
            assert_eq!(canonical(raw).as_deref(), Ok(raw));
        }
        assert!(CanonicalPath::parse("/a/b", STRICT).unwrap().is_as_sent());
    }

    #[test]
    fn unreserved_escapes_are_decoded_once_and_others_are_upper_case() {
        assert_eq!(canonical("/%61dmin").as_deref(), Ok("/admin"));
        assert_eq!(canonical("/%7eann%2D1").as_deref(), Ok("/~ann-1"));
        assert_eq!(canonical("/caf%c3%a9").as_deref(), Ok("/caf%C3%A9"));
        assert_eq!(canonical("/%3a").as_deref(), Ok("/%3A"));
    }

    #[test]
    fn what_would_be_guessing_is_refused() {
        use NotCanonical::*;
        for (raw, why) in [
            ("", NotRooted),
            ("a", NotRooted),
            ("*", NotRooted),
            ("/a b", RawByte),
            ("/a#b", RawByte),
            ("/a\\b", RawByte),
            ("/a\"b", RawByte),
            ("/a<b", RawByte),
            ("/a>b", RawByte),
            ("/a`b", RawByte),
            ("/a\u{7f}", RawByte),
            ("/é", RawByte),
            ("/a\0", RawByte),
            ("/a\tb", RawByte),
            ("/%", BadEscape),
            ("/%4", BadEscape),
            ("/%zz", BadEscape),
            ("/%+1", BadEscape),
            ("/%u0041", BadEscape),
            ("/a%2fb", AmbiguousEscape),
            ("/a%5Cb", AmbiguousEscape),
            ("/a%00", AmbiguousEscape),
            ("/a%3Bb", AmbiguousEscape),
            ("/a%25b", AmbiguousEscape),
            ("/a%3fb", AmbiguousEscape),
            ("/a%23b", AmbiguousEscape),
            ("/%2e%2e/a", AmbiguousEscape),
            ("/a%2eb", AmbiguousEscape),
            ("/a%0d%0ab", AmbiguousEscape),
            ("/a%7f", AmbiguousEscape),
            ("/%252e%252e/", AmbiguousEscape),
            ("/a;x=1", Semicolon),
            ("/..;/a", Semicolon),
            ("/../a", DotSegment),
            ("/a/..", DotSegment),
            ("/./a", DotSegment),
            ("/a/.", DotSegment),
            ("//a", DotSegment),
            ("/a//b", DotSegment),
            ("/a//", DotSegment),
            ("/%c0%af", NotUtf8),
            ("/%ff", NotUtf8),
            ("/%ed%a0%80", NotUtf8),
        ] {
            assert_eq!(canonical(raw), Err(why), "{raw:?}");
        }
    }

    #[test]
    fn a_query_holds_no_byte_that_no_uri_has() {
        for query in ["", "a=1&b={x}|y^z", "a=`", "a[]=1;b"] {
            assert_eq!(check_query(query), Ok(()), "{query:?}");
        }
        for query in ["a=\"", "a=<b", "a>b", "a b", "a#b", "a\\b", "\u{e9}", "\0"] {
            assert_eq!(check_query(query), Err(NotCanonical::RawByte), "{query:?}");
        }
    }

    #[test]
    fn an_application_can_allow_its_characters() {
        let lenient = Allowed { semicolon: true, encoded_slash: true };

        assert_eq!(CanonicalPath::parse("/a;v=1/b%2fc", lenient).unwrap().as_str(), "/a;v=1/b%2Fc");
        for raw in ["/..;/a", "/a/..;x/b", "/;/a", "/;"] {
            assert_eq!(CanonicalPath::parse(raw, lenient), Err(NotCanonical::DotSegment), "{raw}");
        }
    }

    #[test]
    fn what_an_application_allows_is_read_in_other_ways_by_other_servers() {
        let lenient = Allowed { semicolon: true, encoded_slash: true };
        let readings = |raw| {
            let path = CanonicalPath::parse(raw, lenient).unwrap();
            path.readings().iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(readings("/admin/users"), Vec::<String>::new());
        assert_eq!(readings("/admin;x=1/users"), ["/admin/users", "/admin"]);
        assert_eq!(readings("/admin%2fusers"), ["/admin/users"]);
        assert!(readings("/a;b%2Fc;d/e;f").contains(&"/a/c/e".to_owned()));
        assert!(readings("/admin%3Bx/users").contains(&"/admin/users".to_owned()));
        assert!(readings("/admin%2F%2Fusers").contains(&"/admin/users".to_owned()));
        for raw in ["/a%2F..%2Fadmin", "/a/..%2Fadmin", "/a/..%3Bx/admin", "/a/%2E%2e;x"] {
            assert!(CanonicalPath::parse(raw, lenient).is_err(), "{raw}");
        }
        for raw in ["/.doorward%2Fcallback", "/.doorward;x/callback", "/%2F.doorward/x", "/.DOORWARD%3B/x"] {
            assert_eq!(CanonicalPath::parse(raw, lenient), Err(NotCanonical::Reserved), "{raw}");
        }
    }

    #[test]
    fn no_spelling_of_the_reserved_prefix_is_an_applications() {
        let below = |raw| CanonicalPath::parse(raw, STRICT).unwrap().below_reserved().map(str::to_owned);

        assert_eq!(below("/.doorward/callback").as_deref(), Some("/callback"));
        for raw in ["/.doorward", "/.doorward/", "/.Doorward/x", "/.DOORWARD", "/.%64oorward/x"] {
            assert!(below(raw).is_some(), "{raw}");
        }
        for raw in ["/", "/.doorwards", "/x/.doorward/", "/doorward", "/.doorwar"] {
            assert!(below(raw).is_none(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_canonical(raw in "/[ -~]{0,24}") {
            if let Ok(once) = canonical(&raw) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
            }
        }

        /// What one server makes of another's reading is one of the readings, so that none is missed.
        #[test]
        fn no_server_reads_anything_else(raw in "/([a-b;/]|%2F|%3B|\\.){0,12}") {
            let Ok(path) = CanonicalPath::parse(&raw, Allowed { semicolon: true, encoded_slash: true }) else { return Ok(()) };
            let readings = path.readings();
            for reading in &readings {
                let further = reading.readings();
                prop_assert!(further.iter().all(|one| readings.contains(one) || *one == path));
            }
        }

        #[test]
        fn nothing_panics(raw in "\\PC{0,24}", semicolon: bool, encoded_slash: bool) {
            let _ = CanonicalPath::parse(&raw, Allowed { semicolon, encoded_slash });
            let _ = decode_segment(&raw);
        }
    }
}
