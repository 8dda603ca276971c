//! What the ports are in the real world.

pub mod upstream;
