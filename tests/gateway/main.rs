//! Doorward as a program, attacked over real sockets.

#![cfg(test)]

mod identity;
