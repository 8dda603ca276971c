//! Any text is read as a config, or answered with problems that can be drawn; nothing panics.
#![no_main]

use doorward::config::{Environment, Source, read};
use libfuzzer_sys::fuzz_target;
use std::{io, path::Path};

struct Nothing;

impl Environment for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fuzz_target!(|text: &str| {
    match read(&Source::new("config.toml", text), Path::new("/"), &Nothing) {
        Ok(reading) => drop(reading.run_tests()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
});
