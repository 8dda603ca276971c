//! Walks the document as written, key by key, and notes every problem instead of stopping at the first.
//!
//! A reading function returns `None` where it has noted a problem; so a table is read whole before any `?`.

use super::{
    Environment,
    files::Named,
    keys::{self, Fallback, Key, Shape},
    problem::{Code, Problem},
    suggest::{listed, nearest},
};
use std::{cell::RefCell, ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What a reading needs and gathers.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) folder: &'a Path,
    pub(super) environment: &'a dyn Environment,
    pub(super) problems: RefCell<Vec<Problem>>,
    /// Files that must be there.
    pub(super) files: RefCell<Vec<Named>>,
    /// Values that must not be drawn.
    pub(super) secrets: RefCell<Vec<Range<usize>>>,
}

impl Reader<'_> {
    pub(super) fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

/// A table with the keys it may hold.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    table: Option<&'a DeTable<'a>>,
    /// Its header; where missing keys are missing.
    pub(super) at: Range<usize>,
    pub(super) shape: &'static Shape,
}

/// A value that was written, or a default that might have been.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) at: Range<usize>,
    written: &'a DeValue<'a>,
}

/// What is wrong with a text that has the right type. Says nothing of the text itself: it may be a secret.
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) title: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(title: impl Into<String>, label: impl std::fmt::Display) -> Self {
        Self { code: Code::BadValue, title: title.into(), label: label.to_string(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl<'a> Section<'a> {
    /// Opens a table; its unknown keys are noted here. `None` stands for a table that was not written.
    pub(super) fn open(
        reader: &'a Reader<'a>,
        shape: &'static Shape,
        table: Option<&'a DeTable<'a>>,
        at: Range<usize>,
    ) -> Self {
        for (key, _) in table.into_iter().flatten() {
            if shape.keys.iter().all(|known| known.name != key.get_ref()) {
                reader.note(unknown_key(shape, key));
            }
        }
        Self { reader, table, at, shape }
    }

    /// Reads a key that has a value in the end: its own, or its default.
    pub(super) fn read<T>(&self, key: &Key, parse: impl FnOnce(&Value<'_>) -> Option<T>) -> Option<T> {
        let value = self.maybe(key, parse)?;
        if value.is_none() {
            self.note_missing(key);
        }
        value
    }

    /// Reads a key that may be absent; `Some(None)` where it is.
    #[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
    pub(super) fn maybe<T>(&self, key: &Key, parse: impl FnOnce(&Value<'_>) -> Option<T>) -> Option<Option<T>> {
        if let Some(value) = self.written(key) {
            return parse(&value).map(Some);
        }
        let Fallback::Value(written) = key.fallback else { return Some(None) };
        let default = DeValue::parse(written).ok()?;
        parse(&Value { reader: self.reader, at: self.at.clone(), written: default.get_ref() }).map(Some)
    }

    /// The value of a key, if it is written.
    pub(super) fn written(&self, key: &Key) -> Option<Value<'a>> {
        let value = self.table?.get(key.name)?;
        Some(Value { reader: self.reader, at: value.span(), written: value.get_ref() })
    }

    /// Notes that a key is missing, unless an unknown one is probably that key.
    fn note_missing(&self, key: &Key) {
        let is_misspelt =
            self.table.into_iter().flatten().any(|(written, _)| self.meant(written.get_ref()) == Some(key.name));
        if !is_misspelt {
            self.reader.note(self.missing(key));
        }
    }

    /// The key that an unknown one was probably meant to be.
    fn meant(&self, name: &str) -> Option<&'static str> {
        let known = || self.shape.keys.iter().map(|known| known.name);
        nearest(name, known()).filter(|_| known().all(|known| known != name))
    }

    /// The complaint that a key is not written.
    pub(super) fn missing(&self, key: &Key) -> Problem {
        let what = if self.shape.header.is_empty() {
            let header =
                if key.takes.starts_with("list") { format!("[[{}]]", key.name) } else { format!("[{}]", key.name) };
            format!("there is no `{header}`")
        } else {
            format!("`{}` has no `{}`", self.shape.header, key.name)
        };
        Problem::new(Code::MissingKey, what, self.at.clone(), format!("expected `{}`: {}", key.name, key.takes))
            .help(key.doc)
    }
}

fn unknown_key(shape: &Shape, key: &Spanned<std::borrow::Cow<'_, str>>) -> Problem {
    let (name, known) = (key.get_ref(), || shape.keys.iter().map(|known| known.name));
    let place = if shape.header.is_empty() { "the file".to_owned() } else { format!("`{}`", shape.header) };
    let problem =
        Problem::new(Code::UnknownKey, format!("{place} has no key `{name}`"), key.span(), "nobody reads this");
    if let Some(near) = nearest(name, known()) {
        return problem.help(format!("did you mean `{near}`?"));
    }
    let elsewhere = keys::ALL.iter().find(|other| other.keys.iter().any(|known| known.name == name));
    problem.help(match elsewhere {
        Some(other) => format!("`{name}` is a key of `{}`", other.header),
        None => format!("the keys here are {}", listed(known())),
    })
}

impl<'a> Value<'a> {
    /// Notes what is wrong with this value.
    pub(super) fn fail<T>(&self, fault: Fault) -> Option<T> {
        let problem = Problem::new(fault.code, fault.title, self.at.clone(), fault.label);
        self.reader.note(Problem { help: fault.help, ..problem });
        None
    }

    fn wrong_type<T>(&self, expected: &str, help: &str) -> Option<T> {
        let found = match self.written {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let title = format!("expected {expected}, found {found}");
        self.fail(Fault { code: Code::WrongType, ..Fault::new(title, format!("expected {expected}")).help(help) })
    }

    /// A text, with `${NAME}` filled in.
    pub(super) fn text(&self) -> Option<String> {
        match self.written {
            DeValue::String(text) => self.fill_in(text),
            _ => self.wrong_type("a text", "write it in quotes: \"…\""),
        }
    }

    /// A text, read on by `parse`.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        let text = self.text()?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(fault) if self.as_str() == Some(&text) => self.fail(fault),
            Err(fault) => {
                let help = fault.help.as_deref().unwrap_or("look at the variable");
                let help = format!("{help}; `${{…}}` was filled in from the environment");
                self.fail(Fault { help: Some(help), ..fault })
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        match self.written {
            DeValue::Boolean(truth) => Some(*truth),
            _ => self.wrong_type("true or false", "write it without quotes: true"),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self) -> Option<u64> {
        match self.written {
            DeValue::Integer(digits) => match u64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Some(number),
                Err(_) => self.fail(Fault::new("this number is out of range", "expected a whole number, not negative")),
            },
            _ => self.wrong_type("a number", "write it without quotes: 4"),
        }
    }

    /// A list, each element read by `parse`. All are read, whatever is wrong with some.
    pub(super) fn list<T>(&self, mut parse: impl FnMut(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        let DeValue::Array(elements) = self.written else {
            return self.wrong_type("a list", "write it in brackets: [\"…\", \"…\"]");
        };
        let read: Vec<_> = elements
            .iter()
            .map(|element| parse(&Value { reader: self.reader, at: element.span(), written: element.get_ref() }))
            .collect();
        read.into_iter().collect()
    }

    /// A list that is not empty.
    pub(super) fn some<T>(&self, parse: impl FnMut(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        let list = self.list(parse)?;
        if list.is_empty() { self.fail(Fault::new("this list is empty", "expected at least one")) } else { Some(list) }
    }

    /// A table of that shape.
    pub(super) fn section(&self, shape: &'static Shape) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.written else {
            return self.wrong_type("a table", &format!("write {}", shape.header));
        };
        Some(Section::open(self.reader, shape, Some(table), self.at.clone()))
    }

    /// A list of tables of that shape.
    pub(super) fn sections(&self, shape: &'static Shape) -> Option<Vec<Section<'a>>> {
        let DeValue::Array(elements) = self.written else {
            return self.wrong_type("a list of tables", &format!("head it with double brackets: {}", shape.header));
        };
        let open = |element: &'a Spanned<DeValue<'a>>| {
            Value { reader: self.reader, at: element.span(), written: element.get_ref() }.section(shape)
        };
        Some(elements.iter().filter_map(open).collect())
    }

    /// Tables by name, each with where its name stands.
    pub(super) fn named(&self, shape: &'static Shape) -> Option<Vec<(&'a str, Range<usize>, Value<'a>)>> {
        match self.written {
            DeValue::Table(_) => self.entries(shape.header),
            _ => self.wrong_type("tables by name", &format!("write {}", shape.header)),
        }
    }

    /// A table whose keys are the operator's: each with where it stands, and its value.
    pub(super) fn entries(&self, write: &str) -> Option<Vec<(&'a str, Range<usize>, Value<'a>)>> {
        let DeValue::Table(table) = self.written else { return self.wrong_type("a table", &format!("write {write}")) };
        let entry = |(key, value): (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let value = Value { reader: self.reader, at: value.span(), written: value.get_ref() };
            (key.get_ref().as_ref(), key.span(), value)
        };
        Some(table.iter().map(entry).collect())
    }

    /// The same, to be complained about at another place.
    pub(super) fn placed(&self, at: Range<usize>) -> Self {
        Self { at, ..self.clone() }
    }

    /// Whether a list was written.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.written, DeValue::Array(_))
    }

    /// Whether a text was written, as opposed to a list or table.
    pub(super) fn as_str(&self) -> Option<&str> {
        self.written.as_str()
    }

    /// Fills in `${NAME}`; `$${` is a plain `${`.
    fn fill_in(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        let mut whole = Some(());
        while let Some(at) = rest.find("${") {
            let (before, tail) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                filled.push_str(before);
                filled.push_str("${");
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            filled.push_str(before);
            let Some((name, after)) = tail.get(2..).and_then(|tail| tail.split_once('}')) else {
                self.unfilled("${", "this `${` is never closed", "expected `${NAME}`; a plain `${` is written `$${`");
                return None;
            };
            if let Some(value) = self.reader.environment.variable(name) {
                filled.push_str(&value);
            } else {
                let title = format!("the environment variable `{name}` is not set");
                whole = self.unfilled(&format!("${{{name}}}"), &title, "nothing to fill in here");
            }
            rest = after;
        }
        filled.push_str(rest);
        whole.map(|()| filled)
    }

    /// Notes a problem at the first place in this value where `what` stands.
    fn unfilled(&self, what: &str, title: &str, label: &str) -> Option<()> {
        let offset = self.reader.text.get(self.at.clone()).and_then(|raw| raw.find(what));
        let at = offset.map_or(self.at.clone(), |offset| self.at.start + offset..self.at.start + offset + what.len());
        self.reader.note(Problem::new(Code::Unfilled, title, at, label));
        None
    }
}
