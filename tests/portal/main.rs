//! The portal and the corner of every app host that is the gateway's, request by request.

#![cfg(test)]

mod applications;
mod cookies;
mod forms;
mod house;
mod pages;
mod policies;
mod programs;
mod recovery;
mod returns;
