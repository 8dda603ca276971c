//! What people see and do, in a real browser.

#![cfg(test)]

mod account;
mod client_script;
mod demo_app;
mod devices;
mod enrolment;
mod front_door;
mod held;
mod house;
mod jupyter;
mod mail;
mod passkeys;
mod password;
mod phones;
mod recovery;
mod security_keys;
mod sign_up;
