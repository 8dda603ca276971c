//! Wiring: what the config says, made to run.

pub mod world;

pub use world::{OpenError, open_world};
