//! Path globs: `*` is within one segment, `**` is any depth, `/a/**` matches `/a` too.
//!
//! Matching is on decoded segments: `%3A` in a request is the `:` of a rule, since an application reads it so.

mod relations;

use crate::domain::target::path::{Allowed, CanonicalPath, NotCanonical, decode_segment};

/// A glob over canonical paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathGlob {
    written: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`.
    AnyDepth,
    /// Literal pieces between stars; one piece where there is no star.
    Pieces(Vec<Vec<u8>>),
}

/// Why a text is no glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAGlob {
    /// No request could ever have such a path.
    #[error(transparent)]
    Path(#[from] NotCanonical),
    /// `**` stands beside something else in a segment.
    #[error("`**` must stand alone between two slashes")]
    StarStar,
}

/// How letters compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Byte for byte, and a last slash counts: for rules that open something (PA-07).
    Exactly,
    /// Without regard to ASCII case or a last slash: for rules that protect something (PA-07).
    Loosely,
}

impl PathGlob {
    /// Reads a glob. Its literal parts are made canonical like a request's.
    pub fn parse(written: &str) -> Result<Self, NotAGlob> {
        let lenient = Allowed { semicolon: true, encoded_slash: true };
        let path = CanonicalPath::parse(written, lenient)?;
        let segments = path.as_str().split('/').skip(1).map(|segment| match segment {
            "**" => Ok(Segment::AnyDepth),
            _ if segment.contains("**") => Err(NotAGlob::StarStar),
            _ => Ok(Segment::Pieces(segment.split('*').map(|piece| decode_segment(piece).into_owned()).collect())),
        });
        Ok(Self { written: written.to_owned(), segments: segments.collect::<Result<_, _>>()? })
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether `path` is meant.
    pub fn matches(&self, path: &CanonicalPath<'_>, compare: Compare) -> bool {
        let mut text = path.as_str();
        if compare == Compare::Loosely && text.len() > 1 {
            text = text.strip_suffix('/').unwrap_or(text);
        }
        matches_from(self.compared(compare), text.strip_prefix('/').unwrap_or(text), compare)
    }

    /// Whether this is a literal path, or a literal path and everything below it: the only forms a rule that opens
    /// something may have (PA-09).
    pub fn is_anchored(&self) -> bool {
        let literal = |segment: &Segment| matches!(segment, Segment::Pieces(pieces) if pieces.len() == 1);
        match self.segments.as_slice() {
            [rest @ .., Segment::AnyDepth] => rest.iter().all(literal),
            all => all.iter().all(literal),
        }
    }

    /// What it begins with, segment by segment, as far as an index can follow: to a `**`, or a last slash.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        self.segments.iter().map_while(|segment| match segment {
            Segment::Pieces(pieces) => match pieces.as_slice() {
                [only] if only.is_empty() => None,
                [only] => Some(Step::Literal(only.to_ascii_lowercase())),
                _ => Some(Step::Any),
            },
            Segment::AnyDepth => None,
        })
    }

    /// The literal that its paths end in, in lower case, where they all do; a last slash does not count.
    pub fn end(&self) -> Option<Vec<u8>> {
        match self.compared(Compare::Loosely).last()? {
            Segment::Pieces(pieces) => match pieces.as_slice() {
                [only] if !only.is_empty() => Some(only.to_ascii_lowercase()),
                _ => None,
            },
            Segment::AnyDepth => None,
        }
    }

    /// The same where a `**` stands before it, so that its [`steps`](Self::steps) don't get there.
    pub fn tail(&self) -> Option<Vec<u8>> {
        if self.segments.contains(&Segment::AnyDepth) { self.end() } else { None }
    }

    /// Whether there may be segments behind its [`steps`](Self::steps).
    pub fn goes_deeper(&self) -> bool {
        self.steps().count() < self.segments.len()
    }
}

/// One segment, as an index sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This, in lower case.
    Literal(Vec<u8>),
    /// Something with a star.
    Any,
}

/// Matches like a shell does: a star takes as little as it can, and on a mismatch the last star takes one more. That
/// is linear in patterns times segments, whatever a client sends.
fn matches_from(pattern: &[Segment], path: &str, compare: Compare) -> bool {
    let (mut pattern, mut rest) = (pattern, Some(path));
    let mut retry: Option<(&[Segment], Option<&str>)> = None;
    loop {
        match (pattern, rest) {
            ([], None) => return true,
            ([Segment::AnyDepth, after @ ..], _) => {
                if after.is_empty() {
                    return true;
                }
                retry = Some((after, rest));
                pattern = after;
                continue;
            }
            ([Segment::Pieces(pieces), after @ ..], Some(text)) => {
                let (segment, next) = first_segment(text);
                if pieces_match(pieces, &decode_segment(segment), compare) {
                    (pattern, rest) = (after, next);
                    continue;
                }
            }
            _ => {}
        }
        let Some((after, Some(text))) = retry else { return false };
        let next = first_segment(text).1;
        retry = Some((after, next));
        (pattern, rest) = (after, next);
    }
}

fn first_segment(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((segment, rest)) => (segment, Some(rest)),
        None => (text, None),
    }
}

fn is_empty_segment(pieces: &[Vec<u8>]) -> bool {
    matches!(pieces, [only] if only.is_empty())
}

fn pieces_match(pieces: &[Vec<u8>], segment: &[u8], compare: Compare) -> bool {
    let same = |a: &[u8], b: &[u8]| match compare {
        Compare::Exactly => a == b,
        Compare::Loosely => a.eq_ignore_ascii_case(b),
    };
    let (first, rest) = match pieces {
        [] => return false,
        [only] => return same(only, segment),
        [first, rest @ ..] => (first, rest),
    };
    let Some((start, mut text)) = segment.split_at_checked(first.len()) else { return false };
    if !same(first, start) {
        return false;
    }
    let Some((last, middle)) = rest.split_last() else { return false };
    for piece in middle {
        let Some(at) =
            (0..=text.len()).find(|&at| text.get(at..at + piece.len()).is_some_and(|part| same(piece, part)))
        else {
            return false;
        };
        text = text.get(at + piece.len()..).unwrap_or_default();
    }
    text.len() >= last.len() && same(last, text.get(text.len() - last.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(glob: &str, path: &str, compare: Compare) -> bool {
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        PathGlob::parse(glob).unwrap().matches(&path, compare)
    }

    #[test]
    fn stars_know_their_place() {
        for (glob, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a", "/a/b", false),
            ("/", "/", true),
            ("/", "/a", false),
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b/c", false),
            ("/a/*", "/a", false),
            ("/a/*", "/a/", true),
            ("/a/**", "/a", true),
            ("/a/**", "/a/", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/ab", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/**/c", "/c", true),
            ("/**/c", "/a/b/c", true),
            ("/**/c", "/a/b/cd", false),
            ("/a/**/z", "/a/z", true),
            ("/a/**/z", "/a/b/z/y/z", true),
            ("/a/**/z", "/a/b", false),
            ("/*.css", "/x.css", true),
            ("/*.css", "/x.cssx", false),
            ("/v*/a*b*c", "/v1/aXbYc", true),
            ("/v*/a*b*c", "/v1/ac", false),
        ] {
            assert_eq!(matches(glob, path, Compare::Exactly), expected, "{glob} {path}");
        }
    }

    #[test]
    fn protecting_rules_are_loose_and_opening_rules_exact() {
        for path in ["/Admin", "/admin/", "/ADMIN", "/%61dmin"] {
            assert!(matches("/admin", path, Compare::Loosely), "{path}");
        }
        assert!(matches("/admin/", "/admin", Compare::Loosely));
        assert!(
            !matches("/healthz", "/Healthz", Compare::Exactly) && !matches("/healthz", "/healthz/", Compare::Exactly)
        );
    }

    #[test]
    fn an_escape_is_the_character_it_stands_for() {
        assert!(
            matches("/a:b/**", "/a%3Ab/c", Compare::Exactly) && matches("/caf%C3%A9", "/caf%c3%a9", Compare::Exactly)
        );
        assert!(matches("/a%3Ab", "/a:b", Compare::Exactly));
    }

    #[test]
    fn what_is_no_glob() {
        assert_eq!(PathGlob::parse("/a**"), Err(NotAGlob::StarStar));
        assert_eq!(PathGlob::parse("a"), Err(NotAGlob::Path(NotCanonical::NotRooted)));
        assert_eq!(PathGlob::parse("/a/../b"), Err(NotAGlob::Path(NotCanonical::DotSegment)));
    }

    #[test]
    fn what_opens_something_is_anchored() {
        let is_anchored = |text| PathGlob::parse(text).unwrap().is_anchored();

        assert!(is_anchored("/a/b") && is_anchored("/a/**") && !is_anchored("/*.css") && !is_anchored("/**/a"));
    }

    /// What a glob means, written for clarity: every split of the path is tried.
    fn naive(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            (["**", rest @ ..], _) => (0..=path.len()).any(|n| naive(rest, &path[n..])),
            ([first, rest @ ..], [segment, tail @ ..]) => (*first == "*" || first == segment) && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_naive_meaning(
            glob in prop::collection::vec(prop::sample::select(&["a", "b", "*", "**"][..]), 1..6),
            path in prop::collection::vec(prop::sample::select(&["a", "b", "c"][..]), 1..7),
        ) {
            let (glob_text, path_text) = (format!("/{}", glob.join("/")), format!("/{}", path.join("/")));
            prop_assert_eq!(matches(&glob_text, &path_text, Compare::Exactly), naive(&glob, &path));
        }
    }
}
