//! What every part of the edge shares.
//!
//! Fields are read and written here so that no client and no application can speak in the gateway's name: folded names,
//! our cookies, the client's address, forwarding and hop-by-hop fields. Pages, their words and the files they need are
//! here where more than the portal shows them.

pub mod assets;
pub mod browser;
pub mod client;
pub mod cookies;
pub mod ended;
pub mod fold;
pub mod forwarded;
#[cfg(test)]
pub(in crate::edge) mod gallery;
pub mod hop;
pub mod page;
pub mod refusal;
pub mod request;
pub mod streams;
pub mod words;
