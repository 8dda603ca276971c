//! Where HTTP comes in.

pub mod proxy;
