//! `/enroll`: adding a way to prove who one is.

pub mod choose;
pub mod mailbox;
pub mod passkey;
pub mod phone;
pub mod refused;
pub mod reminder;
pub mod totp;
