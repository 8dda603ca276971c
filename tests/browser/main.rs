//! What people see and do, in a real browser.

#![cfg(test)]

mod demo_app;
mod front_door;
mod held;
mod house;
mod passkeys;
mod recovery;
