use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// Variables and files that exist only here.
#[derive(Default)]
struct Pretend {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<PathBuf, &'static str>,
}

impl Environment for Pretend {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(ToString::to_string)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).map(ToString::to_string).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const SHIPPED: &str = include_str!("../../config.toml");

fn read_with(text: &str, environment: &Pretend) -> Result<Reading, Problems> {
    read(&Source::new("config.toml", text), Path::new("/etc/doorward"), environment)
}

fn read_text(text: &str) -> Result<Reading, Problems> {
    read_with(text, &Pretend::default())
}

#[test]
fn the_shipped_file_is_right_and_its_tests_hold() {
    let reading = read_text(SHIPPED).unwrap_or_else(|problems| panic!("{problems}"));

    assert!(reading.warnings.is_empty(), "{}", reading.warnings);
    reading.run_tests().unwrap_or_else(|problems| panic!("{problems}"));
}
