//! The config file where it stands, and the files that it names: to read them, and to see that one has changed.

use super::{Environment, Problems, ProcessEnvironment, Reading, Source, Unreadable, read};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A config file of this machine.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
}

/// Why what a file says is not served.
#[derive(Debug, thiserror::Error)]
pub enum NotServable {
    /// It can't be looked at.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It has errors, or tests that fail.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

/// What the files of a config were like at one look. Two looks that differ say that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prints(BTreeMap<PathBuf, Option<Print>>);

/// A file that is put in another's place has another number, one that is written into has another time or size.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Print {
    number: (u64, u64),
    modified: Option<SystemTime>,
    length: u64,
}

impl File {
    /// The one at this path.
    pub const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// How it is called in messages.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads it.
    pub fn read(&self) -> Result<Reading, NotServable> {
        self.read_with(&ProcessEnvironment)
    }

    /// Reads it and makes sure of everything that can be before it is served. Says of every file that this took what it
    /// was like before; of a config that can't be read, of those that were come to.
    pub fn check(&self) -> (Result<Reading, NotServable>, Prints) {
        let mut prints = Prints::of([self.path.clone()]);
        let noting = Noting::default();
        let checked = self.read_with(&noting).and_then(|reading| {
            prints.0.extend(Prints::of(reading.files.iter().map(|file| file.path.clone())).0);
            reading.check()?;
            Ok(reading)
        });
        prints.0.extend(noting.0.into_inner().0);
        (checked, prints)
    }

    fn read_with(&self, environment: &dyn Environment) -> Result<Reading, NotServable> {
        let source = Source::load(&self.path)?;
        Ok(read(&source, self.folder(), environment)?)
    }

    /// Where relative paths in it begin.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

impl Prints {
    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), Print::of(&path))).collect())
    }

    /// Looks at the same files again.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::of(self.0.keys().cloned())
    }

    /// The folders that they are in.
    pub fn folders(&self) -> Vec<PathBuf> {
        let folder = |path: &PathBuf| match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut folders: Vec<_> = self.0.keys().map(folder).collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

impl Print {
    /// Of what a path leads to in the end: where a link is turned to another file, that file is another.
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { number: (found.dev(), found.ino()), modified: found.modified().ok(), length: found.len() })
    }
}

/// This process's environment, and what was read of it.
struct Noting(RefCell<Prints>);

impl Default for Noting {
    fn default() -> Self {
        Self(RefCell::new(Prints(BTreeMap::new())))
    }
}

impl Environment for Noting {
    fn variable(&self, name: &str) -> Option<String> {
        ProcessEnvironment.variable(name)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        self.0.borrow_mut().0.extend(Prints::of([path.to_owned()]).0);
        ProcessEnvironment.file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn differs(path: &Path, change: impl FnOnce()) -> bool {
        let before = Prints::of([path.to_owned()]);
        assert_eq!(before.again(), before);
        change();
        before.again() != before
    }

    #[test]
    fn however_a_file_is_changed_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("config.toml"), "one").unwrap();

        assert!(differs(&at("config.toml"), || fs::write(at("config.toml"), "three").unwrap()), "written into");
        fs::write(at("new"), "three").unwrap();
        assert!(differs(&at("config.toml"), || fs::rename(at("new"), at("config.toml")).unwrap()), "replaced");
        assert!(differs(&at("config.toml"), || fs::remove_file(at("config.toml")).unwrap()), "removed");
        // As Kubernetes mounts a ConfigMap.
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("config.toml"), "same").unwrap();
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/config.toml", at("config.toml")).unwrap();
        let turned = differs(&at("config.toml"), || {
            symlink("v2", at("next")).unwrap();
            fs::rename(at("next"), at("..data")).unwrap();
        });
        assert!(turned, "behind a link");
        assert!(!differs(&at("config.toml"), || fs::write(at("doorward.db"), "much").unwrap()), "its neighbours");
    }

    #[test]
    fn the_files_it_names_are_looked_at_even_where_one_of_them_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("config.toml"), "[networks]\noffice = [\"file:office.txt\"]\n").unwrap();
        fs::write(at("office.txt"), "no network").unwrap();

        let (checked, prints) = File::at(at("config.toml")).check();

        assert!(checked.is_err());
        assert_eq!(prints.0.keys().collect::<Vec<_>>(), [&at("config.toml"), &at("office.txt")]);
        assert_eq!(prints.folders(), [folder.path()]);
    }
}
