//! What people see and do, in a real browser.

#![cfg(test)]

mod demo_app;
mod front_door;
mod house;
mod passkeys;
mod password;
mod recovery;
