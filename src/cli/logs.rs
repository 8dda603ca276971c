//! Where log lines go, and which: standard error, and those that `DOORWARD_LOG` lets through.

use super::Failure;
use crate::config::settings::LogFormat;
use std::io::IsTerminal as _;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt,
    fmt::{FormatFields, MakeWriter, format::debug_fn},
    util::SubscriberInitExt as _,
};

/// Filters log lines, in the syntax of `tracing`: `info`, `doorward=debug,warn`.
const VARIABLE: &str = "DOORWARD_LOG";

/// For a process that serves.
pub(super) fn start(format: LogFormat, otherwise: Level) -> Result<(), Failure> {
    let is_colourful = std::io::stderr().is_terminal();
    lines(format, filter(otherwise)?, is_colourful, std::io::stderr).try_init().map_err(Failure::refused)
}

/// For a verb that ends: only what its user must know, without a time.
pub(super) fn start_for_a_verb() -> Result<(), Failure> {
    fmt()
        .with_env_filter(filter(Level::WARN)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .fmt_fields(on_one_line())
        .finish()
        .try_init()
        .map_err(Failure::refused)
}

/// Whoever writes the lines.
fn lines<W>(format: LogFormat, filter: EnvFilter, is_colourful: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Human => Box::new(lines.with_ansi(is_colourful).fmt_fields(on_one_line()).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}

/// Fields as people read them, with control characters escaped: what somebody sent must not look like a line of ours, nor
/// speak to a terminal (LO-02). JSON, which no terminal reads, escapes those of ASCII by itself.
fn on_one_line() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        for char in format!("{value:?}").chars() {
            if char.is_control() { write!(writer, "{}", char.escape_default())? } else { writer.write_char(char)? }
        }
        Ok(())
    })
    .delimited(" ")
}

fn filter(otherwise: Level) -> Result<EnvFilter, Failure> {
    match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::builder()
            .parse(text)
            .map_err(|error| Failure::refused(format!("{VARIABLE} is no log filter: {error}"))),
        _ => Ok(EnvFilter::default().add_directive(LevelFilter::from_level(otherwise).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Result, Write},
        sync::{Arc, Mutex},
    };

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, log: impl FnOnce()) -> String {
        let (kept, filter) = (Kept::default(), EnvFilter::new("info"));
        let writer = kept.clone();
        tracing::subscriber::with_default(lines(format, filter, false, move || writer.clone()), log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// LO-02: one line an event, whatever is in it.
    #[test]
    fn what_somebody_sent_stays_within_its_line() {
        let sent = "ann\r\n2026-01-01T00:00:00Z  INFO doorward: signed in\u{1b}[2J\u{9b}m\0";
        for format in [LogFormat::Human, LogFormat::Json] {
            let text = written(format, || {
                let _span = tracing::info_span!("request", path = %sent).entered();
                tracing::info!(plain = sent, shown = %sent, debugged = ?sent, "refused: {sent}");
            });

            assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text:?}");
            let speaks = |char: char| char.is_ascii_control() || (format == LogFormat::Human && char.is_control());
            assert!(!text.trim_end_matches('\n').contains(speaks), "{text:?}");
            assert!(text.contains("signed in"), "{text:?}");
        }
    }

    #[test]
    fn a_line_reads_as_ever() {
        let text = written(LogFormat::Human, || {
            tracing::info!(user.id = 7, method = %"totp", nobody = None::<u8>, "proof accepted");
        });

        assert!(text.ends_with("INFO doorward::cli::logs::tests: proof accepted user.id=7 method=totp\n"), "{text:?}");
    }
}
