//! Where HTTP comes in: the wire guard, the data plane, the pages and the API.
//!
//! Siblings never name each other; what they share stands in [`http`].

pub mod http;
pub mod proxy;
pub mod wire;
