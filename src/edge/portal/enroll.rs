//! `/enroll`: adding a way to prove who one is.

pub mod refused;
pub mod totp;
