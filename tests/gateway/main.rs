//! Doorward as a program, attacked over real sockets. The rules that tests name are those of the safety checklist.

#![cfg(test)]

mod bearer;
mod conformance;
mod cors;
mod cuts;
mod deliveries;
mod demands;
mod explained;
mod floods;
mod forms;
mod grpc;
mod handshakes;
mod held;
mod hosts;
mod http2;
mod http2_upstream;
mod identity;
mod idle;
mod matching;
mod memory;
mod once;
mod operations;
mod recorder;
mod reload;
mod store;
mod storm;
mod streams;
mod tabs;
mod talkers;
mod upgrades;
mod wire;
mod world;
