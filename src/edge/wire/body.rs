//! A chunked body, scanned where it lies (FR-05, FR-09 to FR-11).

use super::grammar::{self, folds_to};
use super::{Limits, Refusal};

/// More digits than any 64-bit size has.
const SIZE_DIGITS_MAX: u8 = 16;

/// Trailers that would frame, route or nominate.
const NEVER_TRAILERS: [&[u8]; 6] =
    [b"connection", b"content-length", b"host", b"trailer", b"transfer-encoding", b"upgrade"];

/// How far a chunked body was read.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    extension_bytes: usize,
    trailer_bytes: usize,
    trailers: usize,
}

#[derive(Debug)]
enum At {
    /// In the digits of a size.
    Size { value: u64, digits: u8 },
    /// In an extension; the size still holds.
    Extension { size: u64 },
    /// Behind the CR of a size line.
    SizeEnd { size: u64 },
    /// In data.
    Data { left: u64 },
    /// Behind data, in front of its CR.
    DataCr,
    /// Behind the CR of data.
    DataLf,
    /// In the trailer section: lines pass whole.
    Trailers,
}

impl Default for At {
    fn default() -> Self {
        Self::Size { value: 0, digits: 0 }
    }
}

/// How much of the input is good, and what comes then.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) good: usize,
    pub(super) then: Then,
}

/// What comes behind the good bytes.
#[derive(Debug)]
pub(super) enum Then {
    /// More of this body, when more bytes are there.
    More,
    /// The next head.
    Head,
    /// A fault.
    Fault(Refusal),
}

impl Chunks {
    /// Reads on in `input`, which begins behind the bytes that were good before.
    pub(super) fn scan(&mut self, input: &[u8], limits: &Limits) -> Scanned {
        let mut good = 0;
        while let Some(rest) = input.get(good..).filter(|rest| !rest.is_empty()) {
            let step = match self.at {
                At::Data { left } => Ok(self.data(left, rest)),
                At::Trailers => self.trailer(rest, limits),
                _ => self.framing(rest, limits).map(|()| Step::Good(1)),
            };
            match step {
                Ok(Step::Good(len)) => good += len,
                Ok(Step::More) => break,
                Ok(Step::End(len)) => return Scanned { good: good + len, then: Then::Head },
                Err(refusal) => return Scanned { good, then: Then::Fault(refusal) },
            }
        }
        Scanned { good, then: Then::More }
    }

    fn data(&mut self, left: u64, rest: &[u8]) -> Step {
        let here = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let left = left - here as u64;
        self.at = if left == 0 { At::DataCr } else { At::Data { left } };
        Step::Good(here)
    }

    /// One byte that is not data.
    fn framing(&mut self, rest: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let byte = rest.first().copied().ok_or(Refusal::Chunk)?;
        self.at = match (&self.at, byte) {
            (At::Size { digits: 1.., value }, b'\r') => At::SizeEnd { size: *value },
            (At::Size { digits: 1.., value }, b';') => At::Extension { size: *value },
            (At::Size { value, digits }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(Refusal::Chunk)?;
                if *digits == SIZE_DIGITS_MAX {
                    return Err(Refusal::Chunk);
                }
                let value = value << 4 | u64::from(digit);
                if i64::try_from(value).is_err() {
                    return Err(Refusal::BodyTooLarge);
                }
                At::Size { value, digits: digits + 1 }
            }
            (At::Extension { size }, b'\r') => At::SizeEnd { size: *size },
            (At::Extension { size }, _) => {
                self.extension_bytes += 1;
                if self.extension_bytes > limits.extension_bytes || byte.is_ascii_control() {
                    return Err(Refusal::ChunkExtension);
                }
                At::Extension { size: *size }
            }
            (At::SizeEnd { size: 0 }, b'\n') => At::Trailers,
            (At::SizeEnd { size }, b'\n') => At::Data { left: *size },
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::default(),
            (At::SizeEnd { .. } | At::DataLf, _) => return Err(Refusal::LineEnd),
            (At::DataCr | At::Data { .. } | At::Trailers, _) => return Err(Refusal::Chunk),
        };
        Ok(())
    }

    fn trailer(&mut self, rest: &[u8], limits: &Limits) -> Result<Step, Refusal> {
        let Some(line) = grammar::line(rest, 0)? else {
            let is_full = self.trailer_bytes + rest.len() >= limits.trailer_bytes;
            return if is_full { Err(Refusal::FieldsTooLarge) } else { Ok(Step::More) };
        };
        self.trailer_bytes += line.len;
        self.trailers += 1;
        if line.text.is_empty() {
            return Ok(Step::End(line.len));
        }
        if self.trailer_bytes > limits.trailer_bytes || self.trailers > limits.fields {
            return Err(Refusal::FieldsTooLarge);
        }
        let (name, _) = grammar::field(line.text)?;
        if NEVER_TRAILERS.iter().any(|never| folds_to(name, never)) {
            return Err(Refusal::TrailerName);
        }
        Ok(Step::Good(line.len))
    }
}

enum Step {
    Good(usize),
    More,
    End(usize),
}
