//! What is wrong with a config file, drawn where it stands.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::{io::Read as _, ops::Range, path::Path, sync::Arc};

/// A config file's text and the name it goes by in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

/// Why a config file can't even be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not there, or not ours to read.
    #[error("can't read {name}: {cause}")]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Surely not what was meant.
    #[error("{name} is larger than {} MiB; is it really the config file?", Source::BYTES_MAX >> 20)]
    TooLarge {
        /// The file.
        name: String,
    },
    /// TOML is UTF-8.
    #[error("{name}:{line}:{column}: not UTF-8; save the file as UTF-8 (UTF-16 and Latin-1 are not TOML)")]
    NotUtf8 {
        /// The file.
        name: String,
        /// Where the first byte stands that is not.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
}

impl Unreadable {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound)
    }

    /// The same for programs, as [`Problems::listed`] has it.
    pub fn listed(&self) -> Value {
        let (line, column) = match self {
            Self::NotUtf8 { line, column, .. } => (Some(line), Some(column)),
            Self::Io { .. } | Self::TooLarge { .. } => (None, None),
        };
        json!({
            "severity": "error", "code": Code::Unreadable.id(), "line": line, "column": column,
            "title": self.to_string(), "label": null, "help": null, "also": null,
        })
    }
}

impl Source {
    /// Larger files are refused: ten thousand routes with all that can be said of them take half of it.
    pub const BYTES_MAX: u64 = 8 << 20;

    /// A text under a name. A byte order mark is dropped, so that columns count from what people see.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.strip_prefix('\u{feff}').unwrap_or(text).into() }
    }

    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, Unreadable> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(Self::BYTES_MAX + 1).read_to_end(&mut bytes));
        match read {
            Err(cause) => return Err(Unreadable::Io { name, cause }),
            Ok(_) if bytes.len() as u64 > Self::BYTES_MAX => return Err(Unreadable::TooLarge { name }),
            Ok(_) => {}
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::new(&name, text)),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let (line, column) = end_of(&String::from_utf8_lossy(before));
                Err(Unreadable::NotUtf8 { name, line, column })
            }
        }
    }

    /// The same text with stars over these spans, so that it can be drawn. Every position stays where it is.
    pub(super) fn without(&self, secrets: &[Range<usize>]) -> Self {
        let secret = |at: usize| secrets.iter().any(|span| span.contains(&at));
        let masked = |(at, c): (usize, char)| match c {
            '"' | '\'' | '\n' | '\r' => c.to_string(),
            _ if secret(at) => "*".repeat(c.len_utf8()),
            _ => c.to_string(),
        };
        Self { name: Arc::clone(&self.name), text: self.text.char_indices().map(masked).collect::<String>().into() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Line and column of what follows this text.
fn end_of(before: &str) -> (usize, usize) {
    let last = before.rsplit('\n').next().unwrap_or_default();
    // A mark at the very beginning is no column.
    let last = last.strip_prefix('\u{feff}').unwrap_or(last);
    (before.split('\n').count(), last.chars().count() + 1)
}

/// What kind of problem it is. The ids are stable: people search for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Not TOML.
    Syntax,
    /// A key that nobody reads.
    UnknownKey,
    /// A key that must be there.
    MissingKey,
    /// A string where a list belongs, and the like.
    WrongType,
    /// Of the right type, and still not a value.
    BadValue,
    /// `${NAME}` that can't be filled in, or a `file:` that can't be read.
    Unfilled,
    /// A name that is taken.
    Duplicate,
    /// A name that nothing has.
    UnknownName,
    /// Values that are fine alone and make no sense together.
    Contradiction,
    /// A route that opens more than it can be seen to (PA-09).
    Unanchored,
    /// A route that opens what a later one protects (PA-10).
    Hidden,
    /// A file that is not there.
    MissingFile,
    /// A file that is there, and does not hold what it must.
    UnusableFile,
    /// A config file that can't even be looked at.
    Unreadable,
    /// A `[[test]]` whose request meets another fate.
    FailedTest,
    /// A route that asks for less than the operator's minimum.
    BelowMinimum,
    /// A policy that nothing points at.
    UnusedPolicy,
    /// A route that no request reaches.
    UnreachableRoute,
    /// Legal, and less safe than people may think.
    Lax,
    /// A policy that nobody can meet.
    Unmeetable,
    /// A route that opens, for some requests, what a later one protects.
    HiddenForSome,
    /// A route whose conditions are missed into the open.
    LetsBy,
    /// Something that reports and does not enforce.
    Reports,
}

/// Whether a problem stops the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

impl Code {
    /// The id that is printed.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Syntax => "C0001",
            Self::UnknownKey => "C0002",
            Self::MissingKey => "C0003",
            Self::WrongType => "C0004",
            Self::BadValue => "C0005",
            Self::Unfilled => "C0006",
            Self::Duplicate => "C0007",
            Self::UnknownName => "C0008",
            Self::Contradiction => "C0009",
            Self::Unanchored => "C0010",
            Self::Hidden => "C0011",
            Self::MissingFile => "C0012",
            Self::FailedTest => "C0013",
            Self::BelowMinimum => "C0014",
            Self::UnusableFile => "C0015",
            Self::Unreadable => "C0016",
            Self::UnusedPolicy => "C0101",
            Self::UnreachableRoute => "C0102",
            Self::Lax => "C0103",
            Self::Unmeetable => "C0104",
            Self::HiddenForSome => "C0105",
            Self::LetsBy => "C0106",
            Self::Reports => "C0107",
        }
    }

    /// Whether it stops the start.
    pub const fn severity(self) -> Severity {
        match self {
            Self::UnusedPolicy
            | Self::UnreachableRoute
            | Self::Lax
            | Self::Unmeetable
            | Self::HiddenForSome
            | Self::LetsBy
            | Self::Reports => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// One problem and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// One line that is readable alone. Never a value: it may come from the environment.
    pub title: String,
    /// Bytes of the source.
    pub at: Range<usize>,
    /// What stands beside the caret.
    pub label: String,
    /// Another place that matters.
    pub also: Option<(Range<usize>, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at one place.
    pub fn new(code: Code, title: impl Into<String>, at: Range<usize>, label: impl Into<String>) -> Self {
        Self { code, title: title.into(), at, label: label.into(), also: None, help: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Points at another place.
    #[must_use]
    pub fn also(self, at: Range<usize>, label: impl Into<String>) -> Self {
        Self { also: Some((at, label.into())), ..self }
    }
}

/// Problems of one file, in its order. `Display` draws them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.draw(&Renderer::plain()))]
pub struct Problems {
    file: Source,
    list: Vec<Problem>,
}

impl Problems {
    /// Problems of `file`, which are put into its order.
    pub fn new(file: Source, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| (problem.at.start, problem.code));
        Self { file, list }
    }

    /// Each problem.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Line and column of a problem, both from 1, the column in characters.
    pub fn position(&self, problem: &Problem) -> (usize, usize) {
        self.place(&problem.at)
    }

    /// Line and column of where a span begins.
    pub fn place(&self, at: &Range<usize>) -> (usize, usize) {
        end_of(self.file.text().get(..at.start).unwrap_or(self.file.text()))
    }

    /// Each problem, for programs.
    pub fn listed(&self) -> impl Iterator<Item = Value> {
        self.iter().map(|problem| {
            let (line, column) = self.position(problem);
            let severity = match problem.code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let also = problem.also.as_ref().map(|(at, label)| {
                let (line, column) = self.place(at);
                json!({ "line": line, "column": column, "label": label })
            });
            json!({
                "severity": severity, "code": problem.code.id(), "line": line, "column": column,
                "title": problem.title, "label": problem.label, "help": problem.help, "also": also,
            })
        })
    }

    /// The first problem in one line without a drawing, and how many there are besides.
    pub fn summary(&self) -> String {
        let Some(first) = self.list.first() else { return String::new() };
        let (line, column) = self.position(first);
        let more = match self.list.len() - 1 {
            0 => String::new(),
            1 => " (and 1 more)".to_owned(),
            more => format!(" (and {more} more)"),
        };
        format!("{}:{line}:{column}: {}: {}{more}", self.file.name, first.code.id(), first.title)
    }

    /// The drawing, for a terminal that shows colours.
    pub fn coloured(&self) -> String {
        self.draw(&Renderer::styled())
    }

    fn draw(&self, renderer: &Renderer) -> String {
        let drawings: Vec<_> = self.list.iter().map(|problem| renderer.render(&[self.group(problem)])).collect();
        drawings.join("\n\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let level = match problem.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut snippet = Snippet::source(self.file.text())
            .path(&*self.file.name)
            .annotation(AnnotationKind::Primary.span(self.within(&problem.at)).label(problem.label.as_str()));
        if let Some((at, label)) = &problem.also {
            snippet = snippet.annotation(AnnotationKind::Context.span(self.within(at)).label(label.as_str()));
        }
        let group = level.primary_title(problem.title.as_str()).id(problem.code.id()).element(snippet);
        match &problem.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    /// The part of a span that one line holds: a caret under ten lines says less than one under the first.
    fn within(&self, at: &Range<usize>) -> Range<usize> {
        let text = self.file.text();
        let start = text.floor_char_boundary(at.start);
        let end = text.ceil_char_boundary(at.end);
        let line_end =
            text.get(start..).and_then(|rest| rest.find(['\r', '\n'])).map_or(text.len(), |length| start + length);
        start..end.min(line_end).max(start)
    }
}
