//! Doorward: a reverse proxy that asks for fresh proof.
//!
//! ARCHITECTURE.md draws the house: which room holds what, and which way the arrows point
//! (`tests/architecture.rs` keeps them). Reading order for a newcomer: [`domain::policy`], where a request
//! is decided, then [`domain::session`], what it is decided on.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod domain;
pub mod edge;
pub mod flows;
pub mod gateway;
pub mod ports;
