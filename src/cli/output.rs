//! What is printed, and what never is: control characters that somebody put into a name.

use super::Failure;
use crate::domain::time::Timestamp;
use serde_json::Value;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Prints a result. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::refused(error)),
        _ => Ok(()),
    }
}

/// Prints a result for programs.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}"))
}

/// Says something beside the result.
pub(super) fn warn(text: &str) {
    // Where standard error is closed nobody wants to know.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// `error: …`, in colour where people look.
pub(super) fn error(text: &str) -> String {
    let word = if std::io::stderr().is_terminal() { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
    format!("{word}: {}", plain(text))
}

/// Text that a terminal prints and does not obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// `1 route`, `2 routes`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Columns under headings, as wide as what they hold.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<_> = std::iter::once(headings.map(str::to_owned)).chain(rows.iter().cloned()).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", plain(&cell.replace('\n', " ")))).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `2026-02-03 04:05 UTC`.
pub(super) fn minute(at: Timestamp) -> String {
    spell(at, "%Y-%m-%d %H:%M UTC")
}

/// `2026-02-03 04:05:06 UTC`.
pub(super) fn second(at: Timestamp) -> String {
    spell(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// As RFC 3339 has it, for programs.
pub(super) fn rfc3339(at: Timestamp) -> String {
    spell(at, "%Y-%m-%dT%H:%M:%SZ")
}

fn spell(at: Timestamp, format: &str) -> String {
    // Only the ends of time are out of range, and no account was made then.
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_names_obeyed_by_no_terminal() {
        let rows = [["ann".to_owned(), "Ann\u{1b}[2J".to_owned()], ["bartholomew".to_owned(), String::new()]];

        assert_eq!(table(["LOGIN", "NAME"], &rows), "LOGIN        NAME\nann          Ann\u{fffd}[2J\nbartholomew");
    }

    #[test]
    fn times_are_utc() {
        let at = Timestamp::from_millis(1_700_000_000_000);

        assert_eq!((minute(at), rfc3339(at)), ("2023-11-14 22:13 UTC".into(), "2023-11-14T22:13:20Z".into()));
    }
}
