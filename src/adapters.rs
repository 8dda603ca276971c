//! What the ports are in the real world.

pub mod upstream;
//! The ports, implemented: what is kept, and the machine.
pub mod store;
pub mod system;
