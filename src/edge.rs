//! What meets the network.
//!
//! `portal` and `proxy` never import each other: what they share is in `http`, and `gateway` joins them.

pub mod http;
pub mod portal;
pub mod proxy;
pub mod wire;
