//! Secrets at rest: AES-256-GCM-SIV under keys from a file that is not in the database (TO-07).
//!
//! A key file is text, one `id:key` a line, the id a number up to 255 and the key 32 bytes in base64. The first key
//! seals, all of them open: to rotate, put a new line on top. What is sealed is a version, the key's id, a nonce, then
//! ciphertext and tag; its purpose is authenticated with it.

use crate::{
    domain::secret::Secret,
    ports::{Entropy, Vault},
};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The layout of what is sealed.
const VERSION: u8 = 1;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// The id of the first key of a new file.
const FIRST_ID: u8 = 1;

/// A vault whose keys are in a file.
pub struct FileVault {
    /// The key that seals.
    newest: Key,
    /// Keys that only open.
    older: Vec<Key>,
}

struct Key {
    id: u8,
    key: RandomizedNonceKey,
}

/// Why there is no vault. Whoever reads this is the operator.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file can't be opened, read, or made.
    #[error("the key file {} can't be used: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others than its owner can read it.
    #[error("the key file {} can be read by others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line is no key. The line itself is not shown: it may be one, mistyped.
    #[error("line {line} of the key file {} is not an id up to 255, a colon, and 32 bytes in base64", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from one.
        line: usize,
    },
    /// Two keys with one id.
    #[error("the key file {} has two keys with the id {id}", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The id.
        id: u8,
    },
    /// No key at all.
    #[error("the key file {} holds no key", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl FileVault {
    /// Reads a key file. One that others can read is refused.
    pub fn read(path: &Path) -> Result<Self, VaultError> {
        let unusable = |error| VaultError::File { path: path.to_owned(), error };
        let mut file = File::open(path).map_err(unusable)?;
        let mode = file.metadata().map_err(unusable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(VaultError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(unusable)?;
        Self::parse(path, &text)
    }

    /// Makes a key file with one new key, readable by its owner only. A file that exists is left alone.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let unusable = |error| VaultError::File { path: path.to_owned(), error };
        let text = Zeroizing::new(format!("{FIRST_ID}:{}\n", *encoded(&entropy.key(KEY_BYTES))));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unusable)?;
        file.write_all(text.as_bytes()).map_err(unusable)?;
        // What will be sealed with it is lost without it.
        file.sync_all().map_err(unusable)?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, VaultError> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, content) in (1..).zip(text.lines()).filter(|(_, content)| !content.trim().is_empty()) {
            let key = Key::parse(content.trim()).ok_or_else(|| VaultError::Line { path: path.to_owned(), line })?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(VaultError::Twice { path: path.to_owned(), id: key.id });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or_else(|| VaultError::Empty { path: path.to_owned() })?;
        Ok(Self { newest, older: keys.collect() })
    }
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let (id, key) = line.split_once(':')?;
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(key).ok()?);
        Some(Self { id: id.parse().ok()?, key: RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).ok()? })
    }
}

fn encoded(key: &Secret) -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(key.expose()))
}

impl Vault for FileVault {
    /// # Panics
    ///
    /// If the system gives no random bytes for the nonce, or `plain` is longer than AES-GCM-SIV takes (64 GiB).
    fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        let nonce = self.newest.key.seal_in_place_append_tag(Aad::from(purpose), &mut body);
        let nonce = nonce.unwrap_or_else(|_| panic!("nothing can be sealed"));
        let mut sealed = vec![VERSION, self.newest.id];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        sealed
    }

    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Secret> {
        let (&[version, id], rest) = sealed.split_first_chunk()?;
        let (&nonce, body) = rest.split_first_chunk::<NONCE_LEN>()?;
        if version != VERSION {
            return None;
        }
        let key = std::iter::once(&self.newest).chain(&self.older).find(|key| key.id == id)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = key.key.open_in_place(Nonce::from(&nonce), Aad::from(purpose), &mut body).ok()?;
        Some(Secret::new(plain.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::system::SystemEntropy;
    use std::fs::{self, Permissions};
    use tempfile::TempDir;

    fn file(folder: &TempDir, text: &str, mode: u32) -> PathBuf {
        let path = folder.path().join("doorward.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn line(id: u8) -> String {
        format!("{id}:{}\n", BASE64_STANDARD.encode([id; KEY_BYTES]))
    }

    fn vault(text: &str) -> FileVault {
        FileVault::parse(Path::new("doorward.key"), text).unwrap()
    }

    #[test]
    fn only_the_same_purpose_opens() {
        let vault = vault(&line(7));

        let sealed = vault.seal("totp_factors.sealed_key/1", b"secret");

        assert_eq!(sealed.len(), 2 + 12 + 6 + 16);
        assert_ne!(sealed, vault.seal("totp_factors.sealed_key/1", b"secret"), "nonces differ");
        assert!(vault.open("totp_factors.sealed_key/1", &sealed).unwrap().matches(b"secret"));
        assert!(vault.open("totp_factors.sealed_key/2", &sealed).is_none());
    }

    #[test]
    fn nothing_altered_opens() {
        let vault = vault(&line(7));
        let sealed = vault.seal("x", b"secret");

        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(vault.open("x", &altered).is_none(), "byte {place}");
        }
        for length in 0..sealed.len() {
            assert!(vault.open("x", &sealed[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn a_new_key_on_top_seals_and_the_old_one_still_opens() {
        let old = vault(&line(1));
        let sealed = old.seal("x", b"secret");

        let rotated = vault(&format!("{}{}", line(2), line(1)));

        assert!(rotated.open("x", &sealed).unwrap().matches(b"secret"));
        assert!(old.open("x", &rotated.seal("x", b"secret")).is_none());
        assert!(vault(&line(2)).open("x", &sealed).is_none(), "a lost key");
    }

    #[test]
    fn a_new_file_is_private_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.key");

        let made = FileVault::create(&path, &SystemEntropy).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(FileVault::read(&path).unwrap().open("x", &made.seal("x", b"secret")).is_some());
        let before = fs::read(&path).unwrap();
        assert!(matches!(FileVault::create(&path, &SystemEntropy), Err(VaultError::File { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_bad_file_is_refused_and_its_keys_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |text: &str, mode| match FileVault::read(&file(&folder, text, mode)) {
            Ok(_) => panic!("{text:?} was accepted"),
            Err(error) => error.to_string().replace(folder.path().to_str().unwrap(), "…"),
        };

        assert_eq!(
            refusal(&line(1), 0o640),
            "the key file …/doorward.key can be read by others (mode 0640); run: chmod 600 …/doorward.key"
        );
        let no_line = "is not an id up to 255, a colon, and 32 bytes in base64";
        for text in ["1:c2hvcnQ=", "256:AAAA", "AAAA", "1:"] {
            assert_eq!(
                refusal(&format!("\n{text}\n"), 0o600),
                format!("line 2 of the key file …/doorward.key {no_line}")
            );
        }
        assert_eq!(
            refusal(&format!("{}{}", line(3), line(3)), 0o600),
            "the key file …/doorward.key has two keys with the id 3"
        );
        assert_eq!(refusal("\n", 0o600), "the key file …/doorward.key holds no key");
    }

    #[test]
    fn a_missing_file_says_so() {
        let error = FileVault::read(Path::new("/nowhere/doorward.key")).err().unwrap();
        assert!(
            error.to_string().starts_with("the key file /nowhere/doorward.key can't be used: No such file"),
            "{error}"
        );
    }
}
