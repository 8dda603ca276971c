//! Finds the few routes of many that a call can fit: by the segments that their globs begin with, by the one that they end in
//! where `**` stands before it, and then by the first parameter of the query that they ask for, since legacy applications put
//! everything behind one path.
//!
//! Letter case is ignored here, so that the index serves exact and loose routes alike: it proposes, the route decides.
//!
//! # Invariants
//!
//! - Whatever fits is proposed; so is whatever would fit if the query were read otherwise.

use super::{
    call::{
        Conditions, Wanted,
        query::{Part, Query, folded, folded_value, readings},
    },
    glob::{PathGlob, Step},
};
use crate::domain::target::{CanonicalPath, path::decode_segment};
use std::collections::HashMap;

/// A tree of segments. At each node stand the places of the globs that can be followed so far, in order.
#[derive(Debug, Default)]
pub struct Index {
    here: Bucket,
    /// Those of which a `**` follows, by the literal that they end in.
    tails: HashMap<Vec<u8>, Bucket>,
    below: HashMap<Vec<u8>, Index>,
    /// Below any segment.
    any: Option<Box<Index>>,
}

/// Places of one node.
#[derive(Debug, Default)]
struct Bucket {
    /// Those that ask for no parameter.
    plain: Vec<usize>,
    /// The others, by each folded reading of the name of the first one that they ask for, then by that name.
    by_name: HashMap<String, HashMap<String, Asking>>,
}

/// Places that ask first for one parameter.
#[derive(Debug, Default)]
struct Asking {
    all: Vec<usize>,
    /// Those that any value will do for.
    anything: Vec<usize>,
    /// The others, by the folded value.
    by_value: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Adds a route at this place. Places are added in order.
    pub fn add(&mut self, place: usize, glob: &PathGlob, conditions: &Conditions) {
        let mut node = self;
        for step in glob.steps() {
            node = match step {
                Step::Literal(segment) => node.below.entry(segment).or_default(),
                Step::Any => node.any.get_or_insert_default(),
            };
        }
        let bucket = match glob.tail() {
            Some(tail) => node.tails.entry(tail).or_default(),
            None => &mut node.here,
        };
        bucket.add(place, conditions);
    }

    /// Shows places of every route that can fit a call of this path and query, list by list.
    pub fn propose<'a>(&'a self, path: &CanonicalPath<'_>, query: &Query<'_>, see: &mut impl FnMut(&'a [usize])) {
        let path = path.as_str();
        // A last slash does not count.
        let end = path.strip_suffix('/').unwrap_or(path).rsplit('/').next().unwrap_or_default();
        self.follow(path.split('/').skip(1), end, query, see);
    }

    fn follow<'a, 'p>(
        &'a self,
        mut segments: impl Iterator<Item = &'p str> + Clone,
        end: &str,
        query: &Query<'_>,
        see: &mut impl FnMut(&'a [usize]),
    ) {
        self.here.propose(query, see);
        if !self.tails.is_empty()
            && let Some(bucket) = self.tails.get(&decode_segment(end).to_ascii_lowercase())
        {
            bucket.propose(query, see);
        }
        let Some(segment) = segments.next() else { return };
        if let Some(node) = self.literal(&decode_segment(segment)) {
            node.follow(segments.clone(), end, query, see);
        }
        if let Some(node) = &self.any {
            node.follow(segments, end, query, see);
        }
    }

    fn literal(&self, segment: &[u8]) -> Option<&Self> {
        if segment.iter().any(u8::is_ascii_uppercase) {
            return self.below.get(&segment.to_ascii_lowercase());
        }
        self.below.get(segment)
    }

    /// Shows places of every route that may take all that a route of this glob and these conditions is for.
    pub fn above<'a>(&'a self, glob: &PathGlob, conditions: &Conditions, see: &mut impl FnMut(&'a [usize])) {
        self.climb(&glob.steps().collect::<Vec<_>>(), glob.end().as_deref(), conditions, see);
    }

    fn climb<'a>(
        &'a self,
        steps: &[Step],
        end: Option<&[u8]>,
        conditions: &Conditions,
        see: &mut impl FnMut(&'a [usize]),
    ) {
        // What ends in a literal takes nothing that ends otherwise.
        let tail = end.and_then(|end| self.tails.get(end));
        [&self.here].into_iter().chain(tail).for_each(|bucket| bucket.above(conditions, see));
        let Some((step, rest)) = steps.split_first() else {
            // A last slash is a segment too, of which nothing is written.
            return self.any.iter().for_each(|node| node.here.above(conditions, see));
        };
        if let Step::Literal(segment) = step
            && let Some(node) = self.below.get(segment)
        {
            node.climb(rest, end, conditions, see);
        }
        if let Some(node) = &self.any {
            node.climb(rest, end, conditions, see);
        }
    }

    /// Shows places of every route whose paths may be some of this glob's, whatever they ask for beside.
    pub fn around<'a>(&'a self, glob: &PathGlob, see: &mut impl FnMut(&'a [usize])) {
        self.search(&glob.steps().collect::<Vec<_>>(), glob.goes_deeper(), glob.end().as_deref(), see);
    }

    fn search<'a>(&'a self, steps: &[Step], deeper: bool, end: Option<&[u8]>, see: &mut impl FnMut(&'a [usize])) {
        self.here.all(see);
        match end {
            Some(end) => self.tails.get(end).into_iter().for_each(|bucket| bucket.all(see)),
            None => self.tails.values().for_each(|bucket| bucket.all(see)),
        }
        let nodes = self.below.values().chain(self.any.as_deref());
        match steps.split_first() {
            None if deeper => nodes.for_each(|node| node.search(&[], deeper, end, see)),
            None => self.any.iter().for_each(|node| node.here.all(see)),
            Some((Step::Any, rest)) => nodes.for_each(|node| node.search(rest, deeper, end, see)),
            Some((Step::Literal(segment), rest)) => {
                let nodes = self.below.get(segment).into_iter().chain(self.any.as_deref());
                nodes.for_each(|node| node.search(rest, deeper, end, see));
            }
        }
    }
}

impl Bucket {
    fn add(&mut self, place: usize, conditions: &Conditions) {
        let Some(first) = conditions.query.first() else { return self.plain.push(place) };
        for reading in readings(&first.name) {
            let named = self.by_name.entry(folded(reading).collect()).or_default();
            named.entry(first.name.clone()).or_default().add(place, &first.wanted);
        }
    }

    /// Of those that ask for a parameter, the ones that the query does not surely gainsay.
    fn propose<'a>(&'a self, query: &Query<'_>, see: &mut impl FnMut(&'a [usize])) {
        see(&self.plain);
        if self.by_name.is_empty() {
            return;
        }
        for part in query.parts() {
            match part {
                Part::Pair(Some(name), value) => self.propose_by(name, value.as_deref(), see),
                Part::Pair(None, _) => self.all(see),
                Part::Names(names) => names.iter().for_each(|name| match name {
                    Some(name) => self.of(name).for_each(|(_, asking)| see(&asking.all)),
                    None => self.all(see),
                }),
            }
        }
    }

    fn propose_by<'a>(&'a self, name: &str, value: Option<&str>, see: &mut impl FnMut(&'a [usize])) {
        for (wanted, asking) in self.of(name) {
            match value {
                Some(value) if wanted == name => asking.with(&folded_value(value).collect::<String>(), see),
                // Nobody can tell what such a spelling says.
                _ => see(&asking.all),
            }
        }
    }

    fn above<'a>(&'a self, conditions: &Conditions, see: &mut impl FnMut(&'a [usize])) {
        see(&self.plain);
        for named in &conditions.query {
            let value = match &named.wanted {
                Wanted::Text(text) => Some(folded_value(text).collect::<String>()),
                Wanted::Anything => None,
            };
            for (_, asking) in self.of(&named.name).filter(|(name, _)| **name == named.name) {
                match &value {
                    Some(value) => asking.with(value, see),
                    None => see(&asking.anything),
                }
            }
        }
    }

    fn of(&self, name: &str) -> impl Iterator<Item = (&String, &Asking)> {
        readings(name).filter_map(|name| self.by_name.get(&folded(name).collect::<String>())).flatten()
    }

    fn all<'a>(&'a self, see: &mut impl FnMut(&'a [usize])) {
        see(&self.plain);
        self.by_name.values().flat_map(HashMap::values).for_each(|asking| see(&asking.all));
    }
}

impl Asking {
    fn add(&mut self, place: usize, wanted: &Wanted) {
        if self.all.last() == Some(&place) {
            // Its two readings are folded to one.
            return;
        }
        self.all.push(place);
        match wanted {
            Wanted::Anything => self.anything.push(place),
            Wanted::Text(text) => self.by_value.entry(folded_value(text).collect()).or_default().push(place),
        }
    }

    fn with<'a>(&'a self, value: &str, see: &mut impl FnMut(&'a [usize])) {
        see(&self.anything);
        if let Some(places) = self.by_value.get(value) {
            see(places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        policy::{
            call::{Call, Form, Mismatch, Named, NoFields},
            glob::Compare,
        },
        target::Allowed,
        time::Timestamp,
    };
    use proptest::prelude::*;

    const MANY: usize = 10_000;

    /// How many of many routes are looked at for a request.
    fn looked_at(
        glob: impl Fn(usize) -> String,
        action: impl Fn(usize) -> Option<String>,
        path: &str,
        query: &str,
    ) -> usize {
        let mut index = Index::default();
        for place in 0..MANY {
            let named = |text| Named { name: "action".into(), wanted: Wanted::Text(text) };
            let conditions =
                Conditions { query: action(place).map(named).into_iter().collect(), ..Conditions::default() };
            index.add(place, &PathGlob::parse(&glob(place)).unwrap(), &conditions);
        }
        let path = CanonicalPath::parse(path, Allowed::default()).unwrap();
        let mut count = 0;
        index.propose(&path, &Query::of(Some(query)), &mut |places| count += places.len());
        count
    }

    #[test]
    fn few_of_many_routes_are_looked_at() {
        assert_eq!(looked_at(|at| format!("/api/v{at}/**"), |_| None, "/api/v77/x", ""), 1);
        assert_eq!(looked_at(|at| format!("/*/reports/v{at}"), |_| None, "/eu/reports/V77", ""), 1);
        for path in ["/eu/reports/V77", "/v%377/", "/eu/v77"] {
            assert_eq!(looked_at(|at| format!("/**/v{at}"), |_| None, path, ""), 1, "{path}");
        }
        let by_action = |query| looked_at(|_| "/index.php".into(), |at| Some(format!("a{at}")), "/index.php", query);
        assert_eq!((by_action("x=1&action=a77"), by_action("x=1"), by_action("action=a77&action=A78")), (1, 0, 2));
        assert_eq!(by_action("Action=a77"), MANY, "the first of them says that nobody can tell");
    }

    fn any_glob() -> impl Strategy<Value = PathGlob> {
        let segment = prop::sample::select(&["a", "A", "b", "*", "**", "a*", "*b"][..]);
        (prop::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, slash)| {
            let slash = if slash && !segments.is_empty() { "/" } else { "" };
            PathGlob::parse(&format!("/{}{slash}", segments.join("/"))).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// What no query can be denied to say is proposed, in whatever spelling it says so.
        #[test]
        fn a_route_is_shown_unless_the_query_surely_gainsays_it(
            wanted in prop::collection::vec((r"(a|A|b|_|\[|\]){1,3}", prop::sample::select(&["1", "K", "*"][..])), 1..6),
            query in r"((a|A|b|_|\.|\+|\[|%5[bD]|%|;){0,4}(|=1|=2|=k|=%E2%84%AA)&?){0,3}",
        ) {
            let mut index = Index::default();
            let named = |(name, text): &(String, &str)| {
                let wanted = if *text == "*" { Wanted::Anything } else { Wanted::Text((*text).to_owned()) };
                Conditions { query: vec![Named { name: name.clone(), wanted }], ..Conditions::default() }
            };
            let all: Vec<_> = wanted.iter().map(named).collect();
            for (place, conditions) in all.iter().enumerate() {
                index.add(place, &PathGlob::parse("/a").unwrap(), conditions);
            }
            let path = CanonicalPath::parse("/a", Allowed::default()).unwrap();
            let mut shown = Vec::new();
            index.propose(&path, &Query::of(Some(&query)), &mut |places| shown.extend(places));
            let (fields, form, now) = (&NoFields, Form::Unread, Timestamp::from_millis(0));
            let call = Call { method: "GET", path: &path, query: Some(&query), fields, client: None, form, visitor: None, now };
            for (place, conditions) in all.iter().enumerate() {
                prop_assert!(conditions.fit(&call) == Err(Mismatch::Query) || shown.contains(&place), "{conditions:?}");
            }
        }

        #[test]
        fn whatever_takes_all_or_some_of_a_glob_is_shown(
            globs in prop::collection::vec(any_glob(), 1..6),
            other in any_glob(),
            own in prop::sample::select(&[Compare::Exactly, Compare::Loosely][..]),
            its in prop::sample::select(&[Compare::Exactly, Compare::Loosely][..]),
        ) {
            let (mut index, conditions) = (Index::default(), Conditions::default());
            for (place, glob) in globs.iter().enumerate() {
                index.add(place, glob, &conditions);
            }
            let (mut above, mut around): (Vec<usize>, Vec<usize>) = Default::default();
            index.above(&other, &conditions, &mut |places| above.extend(places));
            index.around(&other, &mut |places| around.extend(places));
            for (place, glob) in globs.iter().enumerate() {
                prop_assert!(!glob.covers(own, &other, its) || above.contains(&place), "{glob:?} takes {other:?}");
                let is_hit = !glob.meets(own, &other, its) || around.contains(&place);
                prop_assert!(is_hit, "{glob:?} meets {other:?}");
                let ends = glob.end().zip(other.end());
                prop_assert!(ends.is_none_or(|(one, other)| one == other) || !glob.meets(own, &other, its), "{glob:?} {other:?}");
            }
        }
    }
}
