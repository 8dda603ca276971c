//! Messages as files of a folder, for whoever looks there: a demo, a test, a mail program.

use super::letter::unguessable;
use crate::{
    domain::time::Timestamp,
    ports::{Entropy, NotSent},
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Puts a message into the folder, whole or not at all and for its owner only. Names sort by time.
pub(super) async fn put(
    folder: &Path,
    extension: &'static str,
    at: Timestamp,
    message: Vec<u8>,
    entropy: &dyn Entropy,
) -> Result<(), NotSent> {
    let folder = folder.to_owned();
    let name = format!("{:013}-{}", at.as_millis(), unguessable(entropy));
    let message = Zeroizing::new(message);
    let written = tokio::task::spawn_blocking(move || write(&folder, &name, extension, &message)).await;
    let trouble = |error: io::Error| NotSent::Unavailable(format!("the outbox can't be written: {error}"));
    written.map_err(io::Error::other).map_err(trouble)?.map_err(trouble)
}

fn write(folder: &Path, name: &str, extension: &str, message: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A leading dot: nobody takes it for a message before it is one.
    let draft: PathBuf = folder.join(format!(".{name}"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(message))
        .and_then(|()| fs::rename(&draft, folder.join(format!("{name}.{extension}"))));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&draft);
    }
    written
}
