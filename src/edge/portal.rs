//! What people see of the portal: one page a file, each beside a template of the same name.
//!
//! The types choose the words, the templates hold them. Nothing here reads a request or a store.

pub mod account;
pub mod challenge;
pub mod enroll;
pub mod login;
pub mod logout;
pub mod message;
pub mod signed_out;
