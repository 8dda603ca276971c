//! Whatever the guard passes, hyper reads as the same requests, however the stream is cut.
#![no_main]

#[path = "../harness/wire.rs"]
mod harness;

use libfuzzer_sys::fuzz_target;

// The first byte is the size of the pieces.
fuzz_target!(|input: &[u8]| {
    if let [size, stream @ ..] = input {
        harness::compare(stream, usize::from(*size));
    }
});
