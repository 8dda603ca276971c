//! The data plane: from an admitted request to the application and back.
//!
//! [`outgoing`] makes what the application receives, [`incoming`] what the browser receives, [`websocket`] joins the
//! two where the protocol changes, and [`failure`] says what an exchange that did not happen looks like.

pub mod body;
pub mod failure;
pub mod incoming;
pub mod outgoing;
pub mod websocket;
