//! The operator's file of breached passwords: SHA-1 hashes, one a line, sorted, as Have I Been Pwned hands them out.
//!
//! The whole list is some forty gigabytes. It is searched where it lies, a few dozen reads for each password.

use aws_lc_rs::digest;
use std::{cmp::Ordering, fs::File, io, os::unix::fs::FileExt as _, path::Path};

/// SHA-1 in hexadecimal.
const HASH_BYTES: usize = 40;

/// A line is a hash, a colon, a count and its end: nothing that fits is longer.
const LINE_BYTES_MAX: usize = 64;

/// The file.
#[derive(Debug)]
pub(super) struct Breached {
    file: File,
    length: u64,
}

/// A line of it.
struct Line {
    hash: [u8; HASH_BYTES],
    begins: u64,
    ends: u64,
}

impl Breached {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self { file, length: found.len() })
    }

    /// Whether the list holds this password.
    pub(super) fn holds(&self, password: &str) -> io::Result<bool> {
        let wanted = hash(password);
        // Its line, if there is one, begins between these.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let line = self.line_at(low + (high - low) / 2)?;
            match line.hash.cmp(&wanted) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => low = line.ends,
                Ordering::Greater => high = line.begins,
            }
        }
        Ok(false)
    }

    /// The line that this byte is in.
    fn line_at(&self, at: u64) -> io::Result<Line> {
        let from = at.saturating_sub(LINE_BYTES_MAX as u64);
        let mut window = [0; 2 * LINE_BYTES_MAX];
        let read = self.read(&mut window, from)?;
        let read = window.get(..read).unwrap_or_default();
        let inside = usize::try_from(at - from).unwrap_or_default();
        let (before, after) = read.split_at_checked(inside).ok_or_else(no_list)?;
        let begins = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if begins == 0 && from > 0 {
            return Err(no_list());
        }
        let ends = after.iter().position(|byte| *byte == b'\n').map_or(read.len(), |end| inside + end + 1);
        let text = read.get(begins..ends).and_then(|line| line.first_chunk::<HASH_BYTES>()).ok_or_else(no_list)?;
        if !text.iter().all(u8::is_ascii_hexdigit) || ends - begins > LINE_BYTES_MAX {
            return Err(no_list());
        }
        Ok(Line {
            hash: text.map(|digit| digit.to_ascii_uppercase()),
            begins: from + begins as u64,
            ends: from + ends as u64,
        })
    }

    /// Fills `window` as far as the file goes.
    fn read(&self, window: &mut [u8], from: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = window.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, from + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

fn hash(password: &str) -> [u8; HASH_BYTES] {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let nibbles = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = [0; HASH_BYTES];
    for (place, nibble) in text.iter_mut().zip(nibbles) {
        *place = b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or_default();
    }
    text
}

fn no_list() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of breached passwords is no list of SHA-1 hashes, one a line")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn file(text: &str) -> (TempDir, Breached) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached.txt");
        fs::write(&path, text).unwrap();
        let breached = Breached::open(&path).unwrap();
        (folder, breached)
    }

    fn lines(passwords: impl Iterator<Item = String>, end: &str) -> String {
        let mut lines: Vec<String> =
            passwords.enumerate().map(|(at, word)| format!("{}:{at}", str::from_utf8(&hash(&word)).unwrap())).collect();
        lines.sort();
        lines.join(end)
    }

    #[test]
    fn hashes_are_those_of_the_public_list() {
        assert_eq!(hash("password"), *b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
    }

    #[test]
    fn every_password_of_the_list_is_found_and_no_other() {
        for end in ["\n", "\r\n"] {
            for count in [0, 1, 2, 3, 1000] {
                let text = lines((0..count).map(|number| format!("old {number}")), end);
                for text in [text.clone(), format!("{text}{end}"), text.to_lowercase()] {
                    if text == end {
                        continue;
                    }
                    let (_folder, breached) = file(&text);
                    assert!((0..count).all(|number| breached.holds(&format!("old {number}")).unwrap()), "{count}");
                    assert!((0..100).all(|number| !breached.holds(&format!("new {number}")).unwrap()), "{count}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_list_is_an_error_and_never_an_answer() {
        for text in ["hunter2\n", &"x".repeat(5000), "\n\n\n", &format!("{}\n", "A".repeat(5000))] {
            let (_folder, breached) = file(text);
            assert_eq!(breached.holds("hunter2").unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
