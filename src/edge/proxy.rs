//! The data plane: requests to app hosts.
//!
//! [`serve`] takes one request from its head to its answer, `forward` one that may pass to the application and back.
//! [`outgoing`] makes what the application receives, [`incoming`] what the browser receives, [`websocket`] joins the two
//! where the protocol changes, [`answer`] words what a request gets that may not pass, [`head`] says what a request is before
//! anybody looks who sends it, `form_action` lets forms lead there, `rule` has policy decide, [`beforehand`] reads of a body
//! what that takes, `pace` says how slowly that may come, `hold` keeps forms until they may, `deliver` sends them on as
//! `carried` gives them, `cut` says what an exchange gets that its session did not outlive, and [`failure`] says what an
//! exchange that did not happen looks like.
//!
//! # Invariants
//!
//! - Nothing is sent to an application without an [`Admission`](crate::domain::policy::Admission).
//! - The path that policy saw is the path the application receives, and of header fields it saw none that the application does not.
//! - What only the gateway may say is removed from every request, whatever route it takes.

pub mod answer;
pub mod assertions;
pub mod bearer;
pub mod beforehand;
pub mod body;
mod carried;
mod challenge;
pub mod cors;
mod cut;
mod deliver;
mod demand;
pub mod done_page;
pub mod failure;
pub mod fields;
mod form_action;
mod forward;
pub mod grpc;
pub mod head;
pub mod held_page;
mod hold;
pub mod incoming;
pub mod kind;
mod obedience;
pub mod outgoing;
mod pace;
mod records;
pub mod reports;
mod reserved;
mod rule;
pub mod serve;
pub mod shelf;
pub mod tether;
pub mod tie;
pub mod tokens;
pub mod trailers;
pub mod visitors;
pub mod websocket;

pub use obedience::Latest;
pub use serve::{Arrival, Proxy, Reply, Served, Speaks};
use serve::{Asked, Passage};
