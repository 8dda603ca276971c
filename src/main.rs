//! `doorward`: everything it does is in the library; here an exit code is picked.

use doorward::cli;
use std::process::ExitCode;

/// Costs a request less than the system's: docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Only ever the first call, so it can't find another provider in its place.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}
