//! Finds the few routes of many that a path can fit, by the literal segments that their globs begin with.
//!
//! Letter case is ignored here, so that the index serves exact and loose routes alike: it proposes, the glob decides.

use super::glob::PathGlob;
use crate::domain::target::{CanonicalPath, path::decode_segment};
use std::collections::HashMap;

/// A tree of segments. At each node stand the places of the globs whose literal beginning ends there, in order.
#[derive(Debug, Default)]
pub struct Index {
    here: Vec<usize>,
    below: HashMap<Vec<u8>, Index>,
}

impl Index {
    /// Adds the glob at this place. Lists are in the order in which places come.
    pub fn add(&mut self, place: usize, glob: &PathGlob) {
        glob.literal_prefix().fold(self, |node, segment| node.below.entry(segment).or_default()).here.push(place);
    }

    /// Places of every glob that can fit `path`, a list for each segment that it shares.
    pub fn candidates<'a>(&'a self, path: &CanonicalPath<'_>) -> impl Iterator<Item = &'a [usize]> {
        let mut segments = path.as_str().split('/').skip(1);
        let step = move |node: &&'a Self| {
            let segment = segments.next()?;
            let decoded = decode_segment(segment);
            if decoded.iter().any(u8::is_ascii_uppercase) {
                return node.below.get(&decoded.to_ascii_lowercase());
            }
            node.below.get(decoded.as_ref())
        };
        std::iter::successors(Some(self), step).map(|node| node.here.as_slice())
    }

    /// Places of every glob that may cover `glob`, a list for each literal segment that they share.
    pub fn above(&self, glob: &PathGlob) -> impl Iterator<Item = &[usize]> {
        let mut prefix: Vec<_> = glob.literal_prefix().collect();
        prefix.reverse();
        std::iter::successors(Some(self), move |node| node.below.get(&prefix.pop()?)).map(|node| node.here.as_slice())
    }
}
