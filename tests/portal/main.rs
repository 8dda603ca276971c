//! The portal and the corner of every app host that is the gateway's, request by request.

#![cfg(test)]

mod account;
mod applications;
mod cookies;
mod devices;
mod enrolment;
mod forms;
mod house;
mod mail;
mod pages;
mod password;
mod phones;
mod policies;
mod programs;
mod records;
mod recovery;
mod returns;
mod risk;
mod sign_up;
