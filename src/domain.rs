//! The core: values and decisions.
//!
//! Nothing here reads a clock, a file, a socket or a random source, logs, or knows an HTTP status. Time and
//! chance are arguments. Modules are listed in the order in which they may use one another.

pub mod assertion;
pub mod change;
pub mod contact;
pub mod enrolment;
pub mod event;
pub mod factor;
pub mod form;
pub mod language;
pub mod password;
pub mod place;
pub mod policy;
pub mod record;
pub mod risk;
pub mod secret;
pub mod session;
mod spelling;
pub mod target;
pub mod throttle;
pub mod time;
pub mod user;
