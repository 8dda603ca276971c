//! What the tests of the running gateway share.
//!
//! Everything here is real: processes, sockets, certificates, a browser. Each is held by a handle and ended when that is
//! dropped, each gets free ports and a folder of its own, and each waits for an answer instead of for a time.
//! `scripts/test` installs the programs; where one is missing, the test that needs it fails and says so.

pub mod applications;
pub mod browser;
pub mod certificates;
pub mod client;
pub mod gateway;
pub mod grpc;
pub mod mail_server;
pub mod outbox;
pub mod person;
pub mod phone_service;
pub mod postgres;
pub mod process;
pub mod raw;

/// Where the build and the tests put what they make.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

#[cfg(test)]
mod tests;
