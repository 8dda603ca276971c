//! A TOTP key as people take it over: to scan, to type, or as a URI.

use qrcode::{QrCode, render::unicode::Dense1x2, types::QrError};
use std::io::IsTerminal as _;

/// In groups of four, so that nobody loses their place.
pub(super) fn grouped(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    characters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

/// On a terminal dark on light, whatever its colours are: some scanners read no inverted codes.
pub(super) fn qr(uri: &str) -> Result<String, QrError> {
    let picture = QrCode::new(uri)?.render::<Dense1x2>().quiet_zone(true).build();
    if !std::io::stdout().is_terminal() {
        return Ok(picture);
    }
    let line = |line: &str| format!("\u{1b}[30;107m{line}\u{1b}[0m");
    Ok(picture.lines().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn a_key_is_grouped_by_four() {
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(grouped(""), "");
    }
}
