//! The ports, implemented: what is kept, and the machine.

pub mod store;
pub mod system;
