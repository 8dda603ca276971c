//! What every part of the edge shares: pages, their words, and the files they need.

pub mod assets;
pub mod page;
pub mod refusal;
pub mod words;
