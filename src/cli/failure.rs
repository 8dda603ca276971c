//! Why a verb did not do what it was asked, and how that is told.

use super::output;
use crate::config::Problems;
use std::{error::Error, io::IsTerminal as _, process::ExitCode};

/// Why a verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments make no sense, or ask for help or the version.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The arguments make no sense here and now.
    #[error("{0}")]
    Misused(String),
    /// It was refused, and what there is to say has been printed.
    #[error("refused")]
    Told,
    /// Nothing but warnings stand against it, none was to pass, and what there is to say has been printed.
    #[error("warnings")]
    Warned,
    /// The config file has errors.
    #[error(transparent)]
    Config(#[from] Problems),
    /// It can't be done.
    #[error(transparent)]
    Refused(Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub(super) fn refused(why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(why.into())
    }

    /// What the process ends with: 1 where it was refused, 2 where it was asked wrongly, 3 for nothing but warnings.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            // Asking for help is not wrong: clap answers 0 there.
            Self::Usage(error) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
            Self::Misused(_) => ExitCode::from(2),
            Self::Config(_) | Self::Refused(_) | Self::Told => ExitCode::FAILURE,
            Self::Warned => ExitCode::from(3),
        }
    }

    /// Tells people on standard error; help and version on standard output.
    pub fn report(&self) {
        match self {
            // Nothing is left to tell where these streams are closed.
            Self::Usage(error) => drop(error.print()),
            Self::Config(problems) => {
                output::warn(&drawing(problems));
                let errors = output::count(problems.iter().count(), "error", "errors");
                output::warn(&output::error(&format!("the config file has {errors}")));
            }
            Self::Told | Self::Warned => {}
            Self::Misused(why) => output::warn(&output::error(why)),
            Self::Refused(error) => output::warn(&causes(error.as_ref())),
        }
    }
}

/// Problems as a terminal, or a file, can show them.
pub(super) fn drawing(problems: &Problems) -> String {
    let text = if std::io::stderr().is_terminal() { problems.coloured() } else { problems.to_string() };
    format!("{text}\n")
}

/// One cause a line. A cause whose text ends what was said already says nothing new.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut lines = vec![output::error(&said)];
    for cause in std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            lines.push(format!("  caused by: {}", output::plain(&cause)));
            said = cause;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{says}")]
    struct Layer {
        says: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Option<Box<Layer>> {
        let (says, rest) = texts.split_first()?;
        Some(Box::new(Layer { says, source: layers(rest) }))
    }

    #[test]
    fn each_cause_has_a_line_and_none_is_said_twice() {
        let error = layers(&["no start: disk full", "disk full", "device \u{1b}[2J gone"]).unwrap();

        assert_eq!(causes(error.as_ref()), "error: no start: disk full\n  caused by: device \u{fffd}[2J gone");
    }
}
