//! What every part of the edge shares: pages, their words, and the files they need.

pub mod assets;
#[cfg(test)]
pub(in crate::edge) mod gallery;
pub mod page;
pub mod refusal;
pub mod words;
