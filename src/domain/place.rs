//! From where somebody did something: for its owner's eyes. Nothing is ever decided on it.

use std::net::IpAddr;

/// A browser and the address it came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// The browser, in words: "Firefox on Linux"; `None` where it does not say. What a browser says of itself can be a lie.
    pub browser: Option<String>,
    /// The address; `None` where an operator did it.
    pub address: Option<IpAddr>,
}
