//! The parts of RFC 9110 and 9112 that heads and trailers share: lines, tokens, fields.

use super::Refusal;

/// A complete line without its CR LF, and how many bytes it takes with them.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) len: usize,
}

/// The line that `input` begins with; `None` while its end is not there. Nothing but CR LF ends a line.
///
/// The first `searched` bytes are known to hold no LF.
pub(super) fn line(input: &[u8], searched: usize) -> Result<Option<Line<'_>>, Refusal> {
    let unsearched = input.get(searched..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', unsearched).map(|at| at + searched) else { return Ok(None) };
    let text = input.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Refusal::LineEnd)?;
    Ok(Some(Line { text, len: end + 1 }))
}

/// Name and value of a field line, the value without the blanks around it.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.first().is_some_and(|&first| is_blank(first)) {
        return Err(Refusal::Folding);
    }
    let colon = line.iter().position(|&byte| !is_token_byte(byte)).ok_or(Refusal::FieldName)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(Refusal::FieldName)?;
    let value = rest.strip_prefix(b":").filter(|_| !name.is_empty()).ok_or(Refusal::FieldName)?;
    // Without a short circuit this runs in vector registers; valid values are the rule.
    if !value.iter().fold(true, |valid, &byte| valid & is_value_byte(byte)) {
        return Err(if value.contains(&b'\r') { Refusal::LineEnd } else { Refusal::FieldValue });
    }
    Ok((name, trim_blanks(value)))
}

pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `name` is `canonical` (lower case, with hyphens) as a server might fold it, separators included.
pub(super) fn folds_to(name: &[u8], canonical: &[u8]) -> bool {
    name.len() == canonical.len()
        && name
            .iter()
            .zip(canonical)
            .all(|(&byte, &own)| byte.eq_ignore_ascii_case(&own) || (own == b'-' && !byte.is_ascii_alphanumeric()))
}

fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn is_value_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
