//! Files of decision records, line by line: they may be larger than memory.

use super::Failure;
use crate::domain::record::Record;
use memchr::{memchr, memmem::Finder};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind},
    path::Path,
};

/// Longest line that can be a record: a target and fields of the longest kind, each byte escaped.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A line of a file, but for its end.
enum Line {
    /// It is in the buffer.
    Whole,
    /// It is longer than any record.
    TooLong,
}

/// Lines of a file that are no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Broken {
    /// How many.
    pub(super) lines: u64,
    /// The first.
    pub(super) first: u64,
}

/// Reads the records of a file, `-` for standard input, in their order. Lines that are none are counted.
pub(super) fn each(path: &Path, mut see: impl FnMut(&Record)) -> Result<Broken, Failure> {
    let mut broken = Broken::default();
    let told = |error| Failure::refused(format!("can't read {}: {error}", path.display()));
    let mut reader: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(open(path).map_err(told)?),
    };
    lines(&mut reader, |number, line| {
        if let Some(record) = line.and_then(|line| serde_json::from_slice::<Record>(line).ok()) {
            see(&record);
        } else {
            broken.first = if broken.lines == 0 { number } else { broken.first };
            broken.lines += 1;
        }
    })
    .map_err(told)?;
    Ok(broken)
}

/// The record of this id in a file; no file is an empty one. Of several it is the last: what an application asked for in its
/// answer comes after what let the request pass.
pub(super) fn find(path: &Path, id: &str) -> Result<Option<Record>, Failure> {
    let told = |error| Failure::refused(format!("can't read {}: {error}", path.display()));
    let mut reader = match open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(told)?,
    };
    let (mut found, finder) = (None, Finder::new(id.as_bytes()));
    lines(&mut reader, |_, line| {
        // Few lines hold it; only those are read.
        let line = line.filter(|line| finder.find(line).is_some());
        let record = line.and_then(|line| serde_json::from_slice::<Record>(line).ok());
        found = record.filter(|record| record.id == id).or_else(|| found.take());
    })
    .map_err(told)?;
    Ok(found)
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(256 * 1024, File::open(path)?))
}

/// Shows each line that is not empty, with its number; `None` where it is too long.
fn lines(reader: &mut impl BufRead, mut see: impl FnMut(u64, Option<&[u8]>)) -> io::Result<()> {
    let (mut buffer, mut number) = (Vec::new(), 0);
    while let Some(line) = next(reader, &mut buffer)? {
        number += 1;
        let line = match line {
            Line::Whole if buffer.is_empty() => continue,
            Line::Whole => Some(buffer.as_slice()),
            Line::TooLong => None,
        };
        see(number, line);
    }
    Ok(())
}

/// Reads the next line into `buffer`, as far as it has room.
fn next(reader: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<Option<Line>> {
    buffer.clear();
    let (mut is_there, mut fits) = (false, true);
    loop {
        let read = match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let end = memchr(b'\n', read);
        let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
        is_there |= !read.is_empty();
        fits &= buffer.len() + part.len() <= LINE_BYTES_MAX;
        if fits {
            buffer.extend_from_slice(part);
        }
        let (is_last, used) = (read.is_empty(), part.len() + usize::from(end.is_some()));
        reader.consume(used);
        if end.is_some() || is_last {
            return Ok(is_there.then_some(if fits { Line::Whole } else { Line::TooLong }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_one_by_one_and_none_fills_memory() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let text = format!("one\n\n{long}\ntwo\r\nlast");
        // A small buffer, so that lines come in parts.
        let mut reader = BufReader::with_capacity(7, text.as_bytes());
        let mut seen = Vec::new();

        lines(&mut reader, |number, line| {
            seen.push((number, line.map(|line| String::from_utf8_lossy(line).into_owned())));
        })
        .unwrap();

        let whole = |text: &str| Some(text.to_owned());
        assert_eq!(seen, [(1, whole("one")), (3, None), (4, whole("two\r")), (5, whole("last"))]);
    }
}
