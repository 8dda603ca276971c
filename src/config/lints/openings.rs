//! The routes that open something, as those that protect ask for them (PA-10): which of them may have paths in common.

use crate::domain::policy::{glob::PathGlob, index::Index, route::Route};
use std::collections::HashMap;

/// Routes that open something.
#[derive(Default)]
pub(super) struct Openings {
    all: Index,
    /// Those whose paths end in a literal, by that: nothing that ends otherwise has any of them.
    by_end: HashMap<Vec<u8>, Index>,
    endless: Index,
}

impl Openings {
    /// Adds a route at this place. Places are added in order.
    pub(super) fn add(&mut self, place: usize, route: &Route) {
        let by_end = match route.path.end() {
            Some(end) => self.by_end.entry(end).or_default(),
            None => &mut self.endless,
        };
        for index in [&mut self.all, by_end] {
            index.add(place, &route.path, &route.conditions);
        }
    }

    /// The places, in order, of every route whose paths may be some of this glob's.
    pub(super) fn around(&self, glob: &PathGlob) -> Vec<usize> {
        let mut places = Vec::new();
        let mut see = |some: &[usize]| places.extend(some);
        match glob.end() {
            Some(end) => [self.by_end.get(&end), Some(&self.endless)]
                .into_iter()
                .flatten()
                .for_each(|index| index.around(glob, &mut see)),
            None => self.all.around(glob, &mut see),
        }
        places.sort_unstable();
        places
    }
}
