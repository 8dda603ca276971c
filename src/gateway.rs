//! Wiring: what the config says, made to run.

pub mod admin;
pub mod api;
pub mod assemble;
pub mod body;
pub mod chores;
pub mod front;
pub mod generation;
pub mod listen;
pub mod metrics;
pub mod redirect;
pub mod reload;
pub mod start;
pub mod tls;
pub mod watch;
pub mod world;

pub use crate::adapters::certificates::CertificateError;
pub use start::{Running, StartError, run, start};
pub use world::{OpenError, open_world, senders};
