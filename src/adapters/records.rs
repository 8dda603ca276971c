//! Records of decisions, in a file: one line of JSON each.
//!
//! A thread of its own writes. Whoever decides hands a record over and never waits: where the thread can't keep up, or the
//! disk is full, records are dropped and counted. A file that has grown to its limit becomes `NAME.1`, in place of the one
//! before.

use crate::{
    domain::record::{Outcome, Record},
    ports::Records,
};
use prometheus_client::metrics::counter::Counter;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// Records that may wait to be written: a second of a busy gateway.
const WAITING_MAX: usize = 16 * 1024;
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 * 1024;

/// Where records are kept, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file.
    pub file: PathBuf,
    /// How long it may grow, in bytes.
    pub max: u64,
    /// Which decisions are recorded.
    pub keep: Keep,
}

/// Which decisions are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Each.
    All,
    /// Those that let nothing pass, and those that only a policy in report mode let pass.
    Refused,
}

/// The file that a file becomes when it has grown to its limit.
pub fn older(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(OsString::from(".1"));
    name.into()
}

/// Keeps records in a file.
pub struct FileRecords {
    keep: Keep,
    waiting: SyncSender<Waiting>,
    dropped: Counter,
}

enum Waiting {
    Record(Box<Record>),
    /// Somebody wants to know when everything before is written.
    Asked(SyncSender<()>),
}

impl FileRecords {
    /// Opens the file, or makes it, and starts to write. `dropped` counts what is not kept.
    pub fn open(settings: &Settings, dropped: Counter) -> io::Result<Self> {
        let log = Log::open(settings.file.clone(), settings.max)?;
        let (sender, waiting) = sync_channel(WAITING_MAX);
        let counter = dropped.clone();
        thread::Builder::new().name("records".to_owned()).spawn(move || write(log, &waiting, &counter))?;
        Ok(Self { keep: settings.keep, waiting: sender, dropped })
    }

    /// Waits until everything is written that was kept so far, but no longer than this.
    pub fn settle(&self, max: Duration) {
        let (asked, written) = sync_channel(1);
        if self.waiting.try_send(Waiting::Asked(asked)).is_err() || written.recv_timeout(max).is_err() {
            tracing::warn!("the last decisions may not be recorded");
        }
    }
}

impl Records for FileRecords {
    fn wants(&self, outcome: Outcome) -> bool {
        match self.keep {
            Keep::All => true,
            Keep::Refused => outcome != Outcome::Forward,
        }
    }

    fn keep(&self, record: Record) {
        if self.waiting.try_send(Waiting::Record(Box::new(record))).is_err() {
            // The thread says so in the log once it gets to it.
            self.dropped.inc();
        }
    }
}

/// Writes what comes until nobody can send any more.
fn write(mut log: Log, waiting: &Receiver<Waiting>, dropped: &Counter) {
    let (mut batch, mut known) = (Batch::default(), 0);
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        let mut asked = Vec::new();
        while let Some(one) = next {
            match one {
                Waiting::Record(record) => batch.add(&record),
                Waiting::Asked(by) => asked.push(by),
            }
            if batch.text.len() >= BATCH_BYTES {
                flush(&mut log, &mut batch, dropped);
            }
            next = waiting.try_recv().ok();
        }
        flush(&mut log, &mut batch, dropped);
        for by in asked {
            // Whoever asked may have gone.
            let _ = by.try_send(());
        }
        let lost = dropped.get();
        if lost > known {
            tracing::warn!(lost = lost - known, "decisions were not recorded");
            known = lost;
        }
    }
}

/// Lines that are about to be written.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    lines: u64,
}

impl Batch {
    fn add(&mut self, record: &Record) {
        // A record has no map with other keys than text, and memory takes all that is written to it.
        if serde_json::to_writer(&mut self.text, record).is_ok() {
            self.text.push(b'\n');
            self.lines += 1;
        }
    }
}

fn flush(log: &mut Log, batch: &mut Batch, dropped: &Counter) {
    if batch.lines > 0
        && let Err(error) = log.append(&batch.text)
    {
        tracing::error!(%error, file = %log.path.display(), "decisions can't be recorded");
        dropped.inc_by(batch.lines);
    }
    batch.text.clear();
    batch.lines = 0;
}

/// The file, and how long it is.
struct Log {
    path: PathBuf,
    max: u64,
    file: File,
    /// Which file of the disk it is.
    inode: u64,
    size: u64,
    /// Whether it may end within a line.
    torn: bool,
}

impl Log {
    fn open(path: PathBuf, max: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Whoever reads it learns who was where.
        let mut file = options.create(true).append(true).read(true).mode(0o600).open(&path)?;
        let found = file.metadata()?;
        let torn = found.len() > 0 && {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            last != *b"\n"
        };
        Ok(Self { path, max, file, inode: found.ino(), size: found.len(), torn })
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let is_full = self.size > 0 && self.size.saturating_add(text.len() as u64) > self.max;
        if is_full {
            fs::rename(&self.path, older(&self.path))?;
        }
        // Somebody else may have moved it, too.
        if is_full || fs::metadata(&self.path).map_or(true, |found| found.ino() != self.inode) {
            *self = Self::open(self.path.clone(), self.max)?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(text)?;
        self.torn = false;
        self.size = self.size.saturating_add(text.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        policy::call::{extract::Extract, verdicts::Verdicts},
        time::Timestamp,
    };

    fn record(number: u32) -> Record {
        Record {
            id: number.to_string(),
            at: Timestamp::from_millis(1_700_000_000_000),
            app: "payroll".into(),
            host: "payroll.example.com".into(),
            method: "GET".into(),
            path: "/a\nb".into(),
            extract: Extract::default(),
            client: [192, 0, 2, 7].into(),
            sender: None,
            form: Verdicts::default(),
            foreign: false,
            paid: false,
            demand: None,
            hitch: None,
            outcome: Outcome::Forward,
            instead: None,
            route: None,
            policy: Some("public".into()),
        }
    }

    fn settings(folder: &Path, max: u64) -> Settings {
        Settings { file: folder.join("decisions.jsonl"), max, keep: Keep::All }
    }

    fn kept(path: &Path) -> Vec<u32> {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str::<Record>(line).unwrap().id.parse().unwrap()).collect()
    }

    fn settled(records: &FileRecords) {
        records.settle(Duration::from_secs(10));
    }

    #[test]
    fn a_record_is_a_line_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20);
        let records = FileRecords::open(&settings, Counter::default()).unwrap();

        (0..3).for_each(|number| records.keep(record(number)));
        settled(&records);

        assert_eq!(kept(&settings.file), [0, 1, 2]);
        assert_eq!(fs::metadata(&settings.file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(records.wants(Outcome::Forward));
    }

    #[test]
    fn a_full_file_makes_room_and_one_that_was_moved_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 500);
        let records = FileRecords::open(&settings, Counter::default()).unwrap();
        let keep = |number| {
            records.keep(record(number));
            settled(&records);
        };

        (0..7).for_each(keep);
        let (new, old) = (kept(&settings.file), kept(&older(&settings.file)));
        assert!(!new.is_empty() && !old.is_empty() && new.len() + old.len() < 7, "{old:?} {new:?}");
        assert!(fs::metadata(&settings.file).unwrap().len() <= 500);
        assert_eq!(new.last(), Some(&6));

        fs::rename(&settings.file, folder.path().join("moved")).unwrap();
        keep(7);
        assert_eq!(kept(&settings.file), [7]);
    }

    #[test]
    fn a_line_that_broke_off_spoils_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20);
        fs::write(&settings.file, "{\"id\":\"half").unwrap();

        let records = FileRecords::open(&settings, Counter::default()).unwrap();
        records.keep(record(1));
        settled(&records);

        let text = fs::read_to_string(&settings.file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "{\"id\":\"half");
        assert_eq!(serde_json::from_str::<Record>(lines[1]).unwrap(), record(1));
    }

    #[test]
    fn what_can_not_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 10);
        fs::create_dir(older(&settings.file)).unwrap();
        let dropped = Counter::default();
        let records = FileRecords::open(&settings, dropped.clone()).unwrap();

        (0..2).for_each(|number| {
            records.keep(record(number));
            settled(&records);
        });

        assert_eq!((kept(&settings.file), dropped.get()), (vec![0], 1), "a folder stands where the old one goes");
    }

    #[test]
    fn nobody_waits_for_a_thread_that_is_behind() {
        let (sender, waiting) = sync_channel(2);
        let records = FileRecords { keep: Keep::Refused, waiting: sender, dropped: Counter::default() };

        (0..5).for_each(|number| records.keep(record(number)));

        assert_eq!(records.dropped.get(), 3);
        assert_eq!(waiting.try_iter().count(), 2);
        assert!(!records.wants(Outcome::Forward) && records.wants(Outcome::Report));
    }
}
