//! Passwords come from standard input: one line, or from people twice and unseen.

use super::Failure;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _, stdin};
use zeroize::Zeroizing;

/// A line longer than this holds no password.
const BYTES_MAX: u64 = 8 << 10;

/// A new password for `whom`.
pub(super) fn read_new(whom: &str) -> Result<Zeroizing<String>, Failure> {
    if !stdin().is_terminal() {
        let line = line().map_err(Failure::refused)?;
        return if line.is_empty() {
            Err(Failure::refused("there is no password on standard input"))
        } else {
            Ok(line)
        };
    }
    let first = ask(&format!("New password for {whom}: "))?;
    if *first == *ask("The same again: ")? {
        Ok(first)
    } else {
        Err(Failure::refused("these two are not the same; nothing was changed"))
    }
}

/// Asks people to confirm; `false` unless they say yes.
pub(super) fn is_confirmed(question: &str) -> Result<bool, Failure> {
    prompt(&format!("{question} [y/N] "))?;
    let answer = line().map_err(Failure::refused)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    let hidden = Hidden::begin().map_err(Failure::refused)?;
    prompt(question)?;
    let answer = line();
    drop(hidden);
    // The line that was not echoed.
    prompt("\n")?;
    answer.map_err(Failure::refused)
}

fn prompt(text: &str) -> Result<(), Failure> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).map_err(Failure::refused)
}

fn line() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    stdin().lock().take(BYTES_MAX).read_line(&mut line)?;
    let end = line.trim_end_matches('\n').trim_end_matches('\r').len();
    line.truncate(end);
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nothing better to do with a terminal that went away.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
