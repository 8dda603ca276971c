//! One request head, line by line.

use std::ops::Range;

use super::grammar::{self, folds_to};
use super::{Limits, Refusal};
use crate::{
    domain::target::{
        Authority,
        path::{is_path_byte, is_target_byte},
    },
    edge::http::request::is_never_served,
};

/// The longest method (PA-12).
const METHOD_BYTES_MAX: usize = 32;

/// `SP` twice, `HTTP/1.1` and CR LF.
const REST_OF_LINE_BYTES: usize = 12;

/// What is known of a head so far. Offsets count from its first byte.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where the first line begins that was not read yet.
    at: usize,
    /// How far its end was looked for.
    searched: usize,
    request: Option<RequestLine>,
    fields: usize,
    host: Option<Range<usize>>,
    length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
}

#[derive(Debug)]
struct RequestLine {
    version: Version,
    /// Of an absolute-form target.
    authority: Option<Range<usize>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// A head without fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) len: usize,
    pub(super) follows: Follows,
}

/// What comes after a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// The next head.
    Head,
    /// So many bytes of body.
    Length(u64),
    /// A chunked body.
    Chunks,
    /// Whatever the service decides.
    Upgrade,
}

impl Head {
    /// Reads on in `input`, which begins with the head's first byte and grows from call to call.
    pub(super) fn read(&mut self, input: &[u8], limits: &Limits) -> Result<Option<Passed>, Refusal> {
        loop {
            let unread = input.get(self.at..).unwrap_or_default();
            let Some(line) = grammar::line(unread, self.searched - self.at)? else {
                self.searched = input.len();
                // One byte more than allowed is there, and the line still has no end.
                return self.check_size(input.len() + 1, limits).map(|()| None);
            };
            let end = self.at + line.len;
            self.check_size(end, limits)?;
            if self.request.is_none() {
                self.request = Some(request_line(line.text, limits)?);
            } else if line.text.is_empty() {
                return self.finish(input, end).map(Some);
            } else {
                self.field(line.text, input, limits)?;
            }
            (self.at, self.searched) = (end, end);
        }
    }

    /// Whether a line may end at `end`.
    fn check_size(&self, end: usize, limits: &Limits) -> Result<(), Refusal> {
        if self.request.is_none() && end > METHOD_BYTES_MAX + limits.target_bytes + REST_OF_LINE_BYTES {
            return Err(Refusal::TargetTooLong);
        }
        if end > limits.head_bytes { Err(Refusal::FieldsTooLarge) } else { Ok(()) }
    }

    fn field(&mut self, line: &[u8], input: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let (name, value) = grammar::field(line)?;
        self.fields += 1;
        if self.fields > limits.fields {
            return Err(Refusal::FieldsTooLarge);
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host_field(value, input),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.has_upgrade = true;
                Ok(())
            }
            14 if folds_to(name, b"content-length") => self.length_field(name, value),
            17 if folds_to(name, b"transfer-encoding") => self.coding_field(name, value),
            _ => Ok(()),
        }
    }

    fn host_field(&mut self, value: &[u8], input: &[u8]) -> Result<(), Refusal> {
        if self.host.is_some() {
            return Err(Refusal::HostRepeated);
        }
        let start = value.as_ptr().addr() - input.as_ptr().addr();
        self.host = Some(start..start + value.len());
        Ok(())
    }

    fn length_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        if !name.eq_ignore_ascii_case(b"content-length") {
            return Err(Refusal::FramingLookalike);
        }
        if self.is_chunked {
            return Err(Refusal::Framing);
        }
        if self.length.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::ContentLength);
        }
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<i64>().ok());
        self.length = Some(length.map(i64::unsigned_abs).ok_or(Refusal::BodyTooLarge)?);
        Ok(())
    }

    fn coding_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        if !name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(Refusal::FramingLookalike);
        }
        let is_http10 = self.request.as_ref().is_some_and(|request| request.version == Version::Http10);
        if self.is_chunked || self.length.is_some() || is_http10 {
            return Err(Refusal::Framing);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::TransferCoding);
        }
        self.is_chunked = true;
        Ok(())
    }

    /// The empty line was read: the head must now be whole.
    fn finish(&self, input: &[u8], len: usize) -> Result<Passed, Refusal> {
        let host = self.host.clone().ok_or(Refusal::HostMissing)?;
        let host = authority(input, host).ok_or(Refusal::HostInvalid)?;
        if let Some(named) = self.request.as_ref().and_then(|request| request.authority.clone()) {
            let named = authority(input, named).ok_or(Refusal::TargetForm)?;
            if named != host {
                return Err(Refusal::HostMismatch);
            }
        }
        let has_body = self.is_chunked || self.length.is_some_and(|length| length > 0);
        let follows = match self.length {
            _ if self.has_upgrade && has_body => return Err(Refusal::UpgradeWithBody),
            _ if self.has_upgrade => Follows::Upgrade,
            _ if self.is_chunked => Follows::Chunks,
            Some(length) if length > 0 => Follows::Length(length),
            _ => Follows::Head,
        };
        Ok(Passed { len, follows })
    }
}

fn authority(input: &[u8], at: Range<usize>) -> Option<Authority> {
    Authority::parse(std::str::from_utf8(input.get(at)?).ok()?).map(Authority::over_https).ok()
}

fn request_line(line: &[u8], limits: &Limits) -> Result<RequestLine, Refusal> {
    if line.contains(&b'\r') {
        return Err(Refusal::LineEnd);
    }
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::RequestLine);
    };
    if method.len() > METHOD_BYTES_MAX || !grammar::is_token(method) {
        return Err(Refusal::Method);
    }
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    if is_never_served(method) {
        return Err(Refusal::MethodNotAllowed);
    }
    if target.len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    let authority = target_authority(target)?;
    let offset = method.len() + 1;
    Ok(RequestLine { version, authority: authority.map(|range| range.start + offset..range.end + offset) })
}

/// Where the authority stands in a target, if one stands there.
fn target_authority(target: &[u8]) -> Result<Option<Range<usize>>, Refusal> {
    let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
    if !path.iter().copied().all(is_path_byte) || !query.iter().copied().all(is_target_byte) {
        return Err(Refusal::TargetByte);
    }
    if target.starts_with(b"/") {
        return Ok(None);
    }
    let colon = memchr::memchr(b':', target).ok_or(Refusal::TargetForm)?;
    let (scheme, rest) = target.split_at_checked(colon).ok_or(Refusal::TargetForm)?;
    let rest = rest.strip_prefix(b"://").ok_or(Refusal::TargetForm)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Refusal::TargetForm);
    }
    let len = memchr::memchr(b'/', rest).ok_or(Refusal::TargetForm)?;
    let start = scheme.len() + 3;
    Ok(Some(start..start + len))
}
