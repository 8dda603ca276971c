//! What meets the network.

pub mod http;
pub mod portal;
