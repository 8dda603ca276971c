//! How two globs lie to each other, whatever paths there are: what `check` tells authors of their routes.
//!
//! A glob is looked at as a row of letters, its segments, of which `**` stands for any row; a segment with stars is the same
//! once more, its letters bytes.

use super::{Compare, PathGlob, Segment, is_empty_segment};

impl PathGlob {
    /// Whether every path of `other`, compared as `its` says, is one of this glob's, compared as `own` says. May say no where
    /// it is so, never the reverse.
    pub fn covers(&self, own: Compare, other: &Self, its: Compare) -> bool {
        (own == Compare::Loosely || its == Compare::Exactly)
            && other.rows(its, own).all(|row| holds(self.compared(own), row, is_deep, |a, b| segment_covers(a, b, own)))
    }

    /// Whether some path is one of both globs', each compared as is said beside it. May say yes where none is, never the reverse.
    pub fn meets(&self, own: Compare, other: &Self, its: Compare) -> bool {
        let loosest = if own == its { own } else { Compare::Loosely };
        let meets = |row, other| touch(row, other, is_deep, |a, b| segments_meet(a, b, loosest));
        self.rows(own, its).any(|row| other.rows(its, own).any(|other| meets(row, other)))
    }

    /// Its segments where the paths of both are looked at without their last slash. For one that compares exactly, and in which
    /// a segment that may be nothing can be all that stands behind this slash, the segments before that too.
    fn rows(&self, own: Compare, with: Compare) -> impl Iterator<Item = &[Segment]> {
        let loosest = if own == with { own } else { Compare::Loosely };
        let short = (own != with && own == Compare::Exactly).then(|| self.before_last_slash()).flatten();
        [self.compared(loosest)].into_iter().chain(short)
    }

    /// What matches a path without its last slash where the last segment matches the nothing behind it, and any `**` at the
    /// end nothing at all.
    fn before_last_slash(&self) -> Option<&[Segment]> {
        let depths = self.segments.iter().rev().take_while(|segment| is_deep(segment)).count();
        match self.segments.split_at(self.segments.len() - depths).0 {
            [rest @ .., Segment::Pieces(last)] if !rest.is_empty() && last.iter().all(Vec::is_empty) => Some(rest),
            _ => None,
        }
    }

    /// The segments that a path, without its last slash where that does not matter, is compared with.
    pub(super) fn compared(&self, compare: Compare) -> &[Segment] {
        match self.segments.as_slice() {
            [rest @ .., Segment::Pieces(last)]
                if compare == Compare::Loosely && !rest.is_empty() && is_empty_segment(last) =>
            {
                rest
            }
            all => all,
        }
    }
}

const fn is_deep(segment: &Segment) -> bool {
    matches!(segment, Segment::AnyDepth)
}

/// The letters of a segment: bytes, and `None` for a star.
fn letters(pieces: &[Vec<u8>]) -> Vec<Option<u8>> {
    let mut letters = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        letters.extend((at > 0).then_some(None));
        letters.extend(piece.iter().copied().map(Some));
    }
    letters
}

fn same(one: Option<u8>, other: Option<u8>, compare: Compare) -> bool {
    one.zip(other).is_some_and(|(one, other)| match compare {
        Compare::Exactly => one == other,
        Compare::Loosely => one.eq_ignore_ascii_case(&other),
    })
}

/// The usual case: segments without stars, which take no lists of letters.
fn same_text(one: &[u8], other: &[u8], compare: Compare) -> bool {
    match compare {
        Compare::Exactly => one == other,
        Compare::Loosely => one.eq_ignore_ascii_case(other),
    }
}

fn segment_covers(own: &Segment, other: &Segment, compare: Compare) -> bool {
    match (own, other) {
        (Segment::Pieces(own), Segment::Pieces(other)) => match (own.as_slice(), other.as_slice()) {
            ([own], [other]) => same_text(own, other, compare),
            (own, other) => {
                holds(&letters(own), &letters(other), Option::is_none, |own, other| same(*own, *other, compare))
            }
        },
        _ => false,
    }
}

fn segments_meet(own: &Segment, other: &Segment, compare: Compare) -> bool {
    match (own, other) {
        (Segment::Pieces(own), Segment::Pieces(other)) => match (own.as_slice(), other.as_slice()) {
            ([own], [other]) => same_text(own, other, compare),
            (own, other) => {
                touch(&letters(own), &letters(other), Option::is_none, |own, other| same(*own, *other, compare))
            }
        },
        _ => false,
    }
}

/// Whether a row with stars holds every row that another one stands for: only a star holds a star. As in matching, a star takes
/// as little as it can, and on a mismatch the last star takes one more.
fn holds<T>(own: &[T], other: &[T], is_star: impl Fn(&T) -> bool, holds_one: impl Fn(&T, &T) -> bool) -> bool {
    let (mut own, mut other) = (own, other);
    let mut retry: Option<(&[T], &[T])> = None;
    loop {
        match (own, other) {
            ([], []) => return true,
            ([star, after @ ..], _) if is_star(star) => {
                retry = Some((after, other));
                own = after;
                continue;
            }
            ([one, after @ ..], [letter, rest @ ..]) if !is_star(letter) && holds_one(one, letter) => {
                (own, other) = (after, rest);
                continue;
            }
            _ => {}
        }
        let Some((after, [_, rest @ ..])) = retry else { return false };
        retry = Some((after, rest));
        (own, other) = (after, rest);
    }
}

/// Whether two rows with stars stand for one row that is the same: asked of every pair of their ends, the shortest first.
fn touch<T>(own: &[T], other: &[T], is_star: impl Fn(&T) -> bool, touch_one: impl Fn(&T, &T) -> bool) -> bool {
    // `after[at]`: whether the end of `own` behind the present letter and the end of `other` from `at` on touch.
    let mut after: Vec<_> = (0..=other.len()).map(|at| other.iter().skip(at).all(&is_star)).collect();
    for letter in own.iter().rev() {
        let mut here = vec![is_star(letter) && after.last().copied().unwrap_or(false)];
        for (its, pair) in other.iter().zip(after.windows(2)).rev() {
            let (next, both) = (here.last().copied().unwrap_or(false), pair.last().copied().unwrap_or(false));
            let first = pair.first().copied().unwrap_or(false);
            here.push(match (is_star(letter), is_star(its)) {
                (true, _) | (_, true) => first || next,
                (false, false) => both && touch_one(letter, its),
            });
        }
        here.reverse();
        after = here;
    }
    after.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::{Allowed, CanonicalPath};
    use proptest::prelude::*;

    fn glob(text: &str) -> PathGlob {
        PathGlob::parse(text).unwrap()
    }

    #[test]
    fn a_glob_covers_what_is_narrower() {
        use Compare::*;
        for (wide, narrow) in [
            ("/api/**", "/api/admin/*"),
            ("/**", "/x"),
            ("/a", "/a"),
            ("/users/*", "/users/new"),
            ("/**/x", "/a/b/x"),
            ("/**/x", "/*/x"),
            ("/*.css", "/app-*.css"),
            ("/a/**/z", "/a/**/b/**/z"),
        ] {
            assert!(glob(wide).covers(Exactly, &glob(narrow), Exactly), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("/api/**", "/apis"),
            ("/a", "/a/b"),
            ("/a/**", "/**"),
            ("/a/*", "/a/**"),
            ("/a*", "/*a"),
            ("/**/x", "/**"),
        ] {
            assert!(!glob(wide).covers(Loosely, &glob(narrow), Loosely), "{wide} {narrow}");
        }
        assert!(glob("/a/").covers(Loosely, &glob("/A"), Exactly) && !glob("/a").covers(Exactly, &glob("/a"), Loosely));
        for below in ["/a/*", "/a/*/**"] {
            let below = glob(below);
            assert!(!below.covers(Loosely, &below, Exactly), "`/a/` is `/a` to the one, and below it to the other");
        }
    }

    #[test]
    fn globs_meet_where_some_path_is_of_both() {
        use Compare::*;
        for (one, other) in [
            ("/api/**", "/*/admin/**"),
            ("/api/**", "/**/admin"),
            ("/a*", "/*b"),
            ("/A", "/a/"),
            ("/a/*", "/a"),
            ("/a/*/**", "/a"),
        ] {
            assert!(glob(one).meets(Exactly, &glob(other), Loosely), "{one} {other}");
            assert!(glob(other).meets(Loosely, &glob(one), Exactly), "{other} {one}");
        }
        for (one, other) in [("/api/**", "/*.php"), ("/a", "/b"), ("/a/*", "/a/b/**/c"), ("/x-*", "/y-*")] {
            assert!(!glob(one).meets(Exactly, &glob(other), Loosely), "{one} {other}");
        }
    }

    fn any_glob() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(&["a", "A", "b", "*", "**", "a*", "*b", "a*b", "*a*"][..]);
        (prop::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, slash)| {
            format!("/{}{}", segments.join("/"), if slash && !segments.is_empty() { "/" } else { "" })
        })
    }

    fn any_path() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(&["a", "A", "b", "ab", "aXb", "c"][..]);
        (prop::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
            format!("/{}{}", segments.join("/"), if slash && !segments.is_empty() { "/" } else { "" })
        })
    }

    fn any_compare() -> impl Strategy<Value = Compare> {
        prop::sample::select(&[Compare::Exactly, Compare::Loosely][..])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn no_path_gainsays(
            (one, own) in (any_glob(), any_compare()),
            (other, its) in (any_glob(), any_compare()),
            path in any_path(),
        ) {
            let (one, other) = (glob(&one), glob(&other));
            let path = CanonicalPath::parse(&path, Allowed::default()).unwrap();
            let (is_one, is_other) = (one.matches(&path, own), other.matches(&path, its));
            prop_assert!(!one.covers(own, &other, its) || !is_other || is_one, "covers");
            prop_assert!(one.meets(own, &other, its) || !(is_one && is_other), "meets");
        }
    }
}
