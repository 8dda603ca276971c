//! What the product promises, row by row, and the tests that prove it: `docs/rows.md`.
//!
//! A test says what it proves: `/// Row 6, row 11: a lost passkey is replaced.` Only tests that run the program itself, or the
//! part of it that the row is about, are asked. `UPDATE=1` writes them into the page.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

const PAGE: &str = "docs/rows.md";

/// Where tests stand that go through the program.
const THROUGH_THE_PROGRAM: &[&str] =
    &["browser", "command_line", "config", "demo", "forwarding", "gateway", "messages", "portal"];

/// Begins the lines below a row that says what of it is not there.
const NOT_YET: &str = "Not yet";

/// Each test that proves a row: `portal::sign_up::name`, and what it says.
type Proofs = BTreeMap<u8, Vec<String>>;

#[test]
fn every_row_is_proven_or_says_what_is_missing() {
    let mut proofs = Proofs::new();
    for (path, text) in super::rust_files("tests") {
        if let Some(place) = place(&path) {
            collect(&place, &text, &mut proofs);
        }
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let (written, faults) = written(&page, proofs);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(PAGE, &written).unwrap();
    }
    assert!(page == written || std::env::var_os("UPDATE").is_some(), "{PAGE} is out of date: run this with UPDATE=1");
}

/// What a test in this file is called from the top: `portal::sign_up`.
fn place(path: &Path) -> Option<String> {
    let below = path.strip_prefix("tests").ok()?.with_extension("");
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    THROUGH_THE_PROGRAM.contains(&parts.first()?.as_str()).then(|| parts.join("::"))
}

/// Notes what the tests of a file say that they prove.
fn collect(place: &str, text: &str, proofs: &mut Proofs) {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        let Some((rows, says)) = line.strip_prefix("/// Row ").and_then(|rest| rest.split_once(": ")) else { continue };
        let rest = lines.iter().skip(number + 1);
        let more = rest.clone().map_while(|line| line.strip_prefix("/// "));
        let says = [says].into_iter().chain(more).collect::<Vec<_>>().join(" ");
        let is_head = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
        let name = rest.clone().find(|line| !is_head(line)).and_then(|line| line.split_once("fn "));
        let (_, name) = name.unwrap_or_else(|| panic!("{place}: no test follows {line:?}"));
        let name = name.split(['(', '<']).next().unwrap_or_default();
        for row in rows.split(", row ") {
            let row = row.parse().unwrap_or_else(|_| panic!("{place}: no row: {row:?} in {line:?}"));
            proofs.entry(row).or_default().push(format!("- `{place}::{name}`: {says}"));
        }
    }
}

/// The page with these proofs below its rows, and what is wrong with it.
fn written(page: &str, mut proofs: Proofs) -> (String, Vec<String>) {
    let (mut text, mut faults) = (String::new(), Vec::new());
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let _ = writeln!(text, "{line}");
        let Some(row) = line.strip_prefix("### ").and_then(|rest| rest.split_once(". ")) else { continue };
        let row: u8 = row.0.parse().unwrap_or_else(|_| panic!("{PAGE}: no row: {line:?}"));
        let mut below = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            below.push(line);
        }
        let missing: Vec<_> = below.into_iter().filter(|line| line.starts_with(NOT_YET)).collect();
        let mut proven = proofs.remove(&row).unwrap_or_default();
        proven.sort();
        if proven.is_empty() && missing.is_empty() {
            faults.push(format!("{PAGE}: row {row} is proven by no test, and does not say what is missing"));
        }
        let blocks = [missing.join("\n"), proven.join("\n")];
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            let _ = write!(text, "\n{block}\n");
        }
        if lines.peek().is_some() {
            text.push('\n');
        }
    }
    faults.extend(proofs.into_keys().map(|row| format!("{PAGE} knows no row {row} that a test proves")));
    (text, faults)
}

#[test]
fn a_row_that_nothing_proves_is_seen() {
    let page = "# Rows\n\nWhy.\n\n### 1. Signs up.\n\n- `gone::test`: old\n\n### 2. Signs in.\n\nNot yet: by fax.\n";
    let mut proofs = Proofs::new();
    collect(
        "portal::a",
        "/// Row 1, row 3: so it is,\n/// always.\n#[tokio::test]\nasync fn it_is() {}\n",
        &mut proofs,
    );

    let (written, faults) = written(page, proofs);

    assert!(written.contains("### 1. Signs up.\n\n- `portal::a::it_is`: so it is, always.\n\n### 2."), "{written}");
    assert!(written.ends_with("### 2. Signs in.\n\nNot yet: by fax.\n"), "{written}");
    assert_eq!(faults, ["docs/rows.md knows no row 3 that a test proves"]);
    let (_, faults) = super::rows::written("### 1. Signs up.\n", Proofs::new());
    assert_eq!(faults, ["docs/rows.md: row 1 is proven by no test, and does not say what is missing"]);
}
