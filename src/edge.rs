//! What meets the network.

pub mod http;
pub mod portal;
//! Where HTTP comes in.
pub mod proxy;
