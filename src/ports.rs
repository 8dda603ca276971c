//! What the flows and the edge need from outside: traits, no implementations.

pub mod upstream;
