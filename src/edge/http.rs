//! What every part of the edge needs to know about HTTP fields.
//!
//! Nothing here decides who may pass. It reads and writes fields so that no client and no application can speak in the
//! gateway's name: folded names, our cookies, the client's address, forwarding and hop-by-hop fields.

pub mod client;
pub mod cookies;
pub mod fold;
pub mod forwarded;
pub mod hop;
