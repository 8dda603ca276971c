//! The portal: the only origin that ever sees a credential.
//!
//! One page a file, each beside a template of the same name: the types choose the words, the templates hold them, and
//! neither reads a request or a store. That is for the handlers in [`serve`].

pub mod account;
pub mod challenge;
pub mod contact;
pub mod devices;
pub mod enroll;
pub mod invite;
pub mod login;
pub mod logout;
pub mod message;
pub mod not_me;
pub mod password;
pub mod recovery_codes;
pub mod serve;
pub mod sign_up;
pub mod signed_out;
