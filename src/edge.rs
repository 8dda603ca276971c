//! What meets the network.

#[cfg(test)]
mod gallery;
pub mod http;
pub mod portal;
