//! The files that a config names: whether they are there, and hold what they must.

use super::problem::{Code, Problem};
use crate::{
    adapters::{
        certificates::{self, CertificateError},
        geography::MaxMind,
        upstream::Trust,
    },
    edge::http::assets::{Asset, MARK_BYTES_MAX, NotAMark},
};
use std::{
    fs,
    io::{self, Read as _},
    ops::Range,
    path::{Path, PathBuf},
};

/// A file, and where it is named.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) at: Range<usize>,
    pub(super) holds: Holds,
}

/// What a file must hold.
#[derive(Debug, Clone)]
pub(super) enum Holds {
    /// Nothing that could be told before it is used.
    Anything,
    /// The key of the certificate in this file.
    KeyOf(PathBuf),
    /// Where addresses are.
    Map,
    /// Certificates of authorities.
    Authorities,
    /// The picture beside the house's name.
    Mark,
}

/// Why a file can't be the mark.
#[derive(Debug, thiserror::Error)]
pub enum UnusableMark {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is no picture that pages can show.
    #[error(transparent)]
    Unshowable(#[from] NotAMark),
}

/// The mark in this file.
pub fn read_mark(file: &Path) -> Result<Asset, UnusableMark> {
    let mut bytes = Vec::new();
    // One more than it may have, so that a longer one is told from it, and a huge one is not read.
    fs::File::open(file)?.take(MARK_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Asset::mark(bytes)?)
}

impl Named {
    /// What is wrong where it is not there, or can't be opened.
    pub(super) fn missing(&self) -> Option<Problem> {
        let error = openable(&self.path).err()?;
        let title = format!("this file can't be opened: {error}");
        Some(
            Problem::new(Code::MissingFile, title, self.at.clone(), "expected a file that can be read")
                .help("relative paths begin at the config file's folder"),
        )
    }

    /// What is wrong with what it holds; of a certificate and its key, which are looked at together, where the one to blame
    /// among `all` is named.
    pub(super) fn unusable(&self, all: &[Self]) -> Option<Problem> {
        match &self.holds {
            Holds::Anything => None,
            Holds::KeyOf(chain) => {
                // Where the other is not there, that is what is told.
                openable(chain).ok()?;
                let error = certificates::read(chain, &self.path).err()?;
                let blamed = all.iter().find(|file| file.path == error.path() && self.path != error.path());
                Some(blamed.unwrap_or(self).holds_other(expected(&error), &error))
            }
            Holds::Map => {
                let error = MaxMind::open(&self.path).err()?;
                Some(self.holds_other("expected a database of countries or cities in MaxMind's format", &error))
            }
            Holds::Authorities => {
                let error = Trust::Authorities(self.path.clone()).check().err()?;
                Some(self.holds_other("expected certificates of authorities, as PEM", &error))
            }
            Holds::Mark => {
                let error = read_mark(&self.path).err()?;
                Some(self.holds_other("expected SVG or PNG", &error))
            }
        }
    }

    fn holds_other(&self, expected: &str, error: &dyn std::error::Error) -> Problem {
        Problem::new(Code::UnusableFile, format!("this file can't be used: {error}"), self.at.clone(), expected)
    }
}

const fn expected(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::File { .. } | CertificateError::NoKey(_) => "expected PEM",
        CertificateError::NoHost(_) => "expected a certificate chain as PEM, leaf first, that names its hosts",
        CertificateError::OtherKey(_) | CertificateError::Key { .. } => {
            "expected the private key that belongs to `cert`"
        }
    }
}

/// A folder can be opened too, on some systems, and is no certificate.
fn openable(path: &Path) -> io::Result<()> {
    let found = fs::File::open(path)?.metadata()?;
    if found.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
}
