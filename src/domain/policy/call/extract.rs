//! What a record keeps of a request's query and header fields: what conditions name, and no more (LO-03).
//!
//! # Invariants
//!
//! - Every condition that was known when it was kept says of the extract what it said of the request.
//! - A value is kept only where a condition compares it with a text. Of everything else there is a name at most.

use super::{
    Conditions, Fields, Named, Wanted, folds_to_same,
    query::{decoded, is_read_as, loosely_same, readings},
};
use crate::domain::{policy::route::App, target::path::check_query};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Fields whose values are nobody's business, whatever a condition asks of them.
const SECRET: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Longest name of a parameter that is kept though no condition names it. Longer ones may be tokens.
const NAME_MAX: usize = 20;

/// What the conditions of an app name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    query: Vec<Read>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Read>,
}

/// Something that a condition names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Read {
    name: String,
    /// Whether some condition compares its value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    compared: bool,
}

/// What is kept of a request's query and fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extract {
    /// Parameters that are compared, as they were sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    query: String,
    /// Names of others, as they were sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    /// How many there were beside these.
    #[serde(skip_serializing_if = "is_none")]
    more: u32,
    /// Whether nothing could be kept, since the query holds what no query may.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    malformed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    /// What was looked for.
    #[serde(with = "shared", skip_serializing_if = "nothing_was")]
    reads: Arc<Reads>,
}

/// A header field that some condition names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Field {
    name: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Content {
    Value(String),
    /// It was there, and is not kept.
    Hidden(bool),
    /// It was no text.
    Unreadable(bool),
}

/// What an extract does not tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Untold {
    /// A parameter of the query.
    Parameter(String),
    /// A header field.
    Field(String),
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "the query parameter `{name}`"),
            Self::Field(name) => write!(f, "the header `{name}`"),
        }
    }
}

impl Reads {
    /// What the routes of `app` name.
    pub fn of(app: &App) -> Self {
        let mut reads = Self::default();
        for route in app.routes.iter() {
            reads.add(&route.conditions);
        }
        reads
    }

    fn add(&mut self, conditions: &Conditions) {
        for named in &conditions.query {
            note(&mut self.query, named, true);
        }
        for named in &conditions.fields {
            note(&mut self.fields, named, !SECRET.contains(&named.name.as_str()));
        }
    }

    /// What is kept of this query and these fields.
    pub fn extract(self: &Arc<Self>, query: Option<&str>, fields: &dyn Fields) -> Extract {
        let mut extract = Extract { reads: Arc::clone(self), ..Extract::default() };
        let query = query.unwrap_or_default();
        if check_query(query).is_err() {
            extract.malformed = true;
        } else if !query.is_empty() {
            self.keep_query(query, &mut extract);
        }
        if !self.fields.is_empty() {
            fields.each(&mut |name, value| extract.fields.extend(self.keep_field(name, value)));
        }
        extract
    }

    fn keep_query(&self, query: &str, extract: &mut Extract) {
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let kept = self.keep_part(part, query);
            if matches!(kept, Kept::Nothing | Kept::Part(_)) {
                extract.more = extract.more.saturating_add(1);
            }
            match kept {
                Kept::Whole => {
                    let and = if extract.query.is_empty() { "" } else { "&" };
                    extract.query.extend([and, part]);
                }
                Kept::Name(name) | Kept::Part(name) if !extract.names.contains(&name) => extract.names.push(name),
                Kept::Name(_) | Kept::Part(_) | Kept::Nothing => {}
            }
        }
    }

    fn keep_part(&self, part: &str, query: &str) -> Kept {
        // Where no text comes of it, nobody can say what it names: that is all there is to keep.
        let settle = |raw: &str| match decoded(raw) {
            None if self.query.is_empty() => None,
            None => Some("%".to_owned()),
            Some(name) if self.query.iter().any(|read| loosely_same(&name, &read.name)) => Some(raw.to_owned()),
            Some(_) => None,
        };
        if part.contains(';') {
            let pieces = part.split(';').count();
            let names: Vec<_> = part.split(';').filter_map(|piece| settle(name_of(piece))).collect();
            // The mark stays, for it is what makes such a part unclear.
            let joined = format!("{};", names.join(";"));
            return match names.len() {
                0 => Kept::Nothing,
                some if some == pieces => Kept::Name(joined),
                _ => Kept::Part(joined),
            };
        }
        let raw = name_of(part);
        let is_compared = |name: String| self.query.iter().any(|read| read.compared && read.name == name);
        if decoded(raw).is_some_and(is_compared) {
            return Kept::Whole;
        }
        match settle(raw) {
            Some(name) => Kept::Name(name),
            None if is_a_word(raw) && has_value(part, query) => Kept::Name(raw.to_owned()),
            None => Kept::Nothing,
        }
    }

    fn keep_field(&self, name: &str, value: &[u8]) -> Option<Field> {
        let mut reads = self.fields.iter().filter(|read| folds_to_same(name, &read.name)).peekable();
        reads.peek()?;
        let content = match std::str::from_utf8(value) {
            Err(_) => Content::Unreadable(true),
            Ok(text) if reads.any(|read| read.compared) => Content::Value(text.to_owned()),
            Ok(_) => Content::Hidden(true),
        };
        Some(Field { name: name.to_owned(), content })
    }
}

/// What is kept of a part of a query.
enum Kept {
    Whole,
    Name(String),
    /// Some of its names.
    Part(String),
    Nothing,
}

fn note(reads: &mut Vec<Read>, named: &Named, may_be_kept: bool) {
    let compared = may_be_kept && matches!(named.wanted, Wanted::Text(_));
    match reads.iter_mut().find(|read| read.name == named.name) {
        Some(read) => read.compared |= compared,
        None => reads.push(Read { name: named.name.clone(), compared }),
    }
}

fn name_of(part: &str) -> &str {
    part.split('=').next().unwrap_or_default()
}

/// Whether it looks like a parameter's name, and not like a token that stands where names do.
fn is_a_word(raw: &str) -> bool {
    raw.len() <= NAME_MAX
        && raw.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte))
}

/// Whether a part is a name with a value. A query that is one word and signs of equality may be a padded token.
fn has_value(part: &str, query: &str) -> bool {
    part.split_once('=').is_some_and(|(_, value)| part.len() < query.len() || value.bytes().any(|byte| byte != b'='))
}

impl Extract {
    /// A query of which every known condition says what it said of the one that was sent.
    pub fn query(&self) -> String {
        if self.malformed {
            // Stands for whatever it was.
            return "#".to_owned();
        }
        let whole = Some(&self.query).filter(|query| !query.is_empty());
        whole.into_iter().chain(&self.names).map(String::as_str).collect::<Vec<_>>().join("&")
    }

    /// The same for people: what is left out is an ellipsis.
    pub fn shown(&self) -> String {
        let whole = Some(self.query.clone()).filter(|query| !query.is_empty());
        let names = self.names.iter().map(|name| format!("{name}=…"));
        let more = (self.malformed || self.more > 0).then(|| "…".to_owned());
        let parts: Vec<_> = whole.into_iter().chain(names).chain(more).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// Whether nothing is kept and nothing is left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first thing that these conditions ask for and this does not tell.
    pub fn untold(&self, conditions: &Conditions) -> Option<Untold> {
        let parameter = conditions.query.iter().find(|named| !self.tells_parameter(named));
        let field = || conditions.fields.iter().find(|named| !self.tells_field(named));
        parameter
            .map(|named| Untold::Parameter(named.name.clone()))
            .or_else(|| field().map(|named| Untold::Field(named.name.clone())))
    }

    /// Those of the conditions that this can answer.
    #[must_use]
    pub fn told(&self, conditions: &Conditions) -> Conditions {
        let mut told = conditions.clone();
        told.query.retain(|named| self.tells_parameter(named));
        told.fields.retain(|named| self.tells_field(named));
        told
    }

    fn tells_parameter(&self, named: &Named) -> bool {
        // What would have been kept for one reading of its name might not for the other.
        let was_read =
            readings(&named.name).all(|reading| self.reads.query.iter().any(|read| is_read_as(&read.name, reading)));
        let is_hidden = || {
            // Of a name that some servers take for this one, the value does not matter.
            let is_it = |raw: &String| !raw.contains(';') && decoded(raw).as_ref() == Some(&named.name);
            self.names.iter().any(is_it)
        };
        (self.more == 0 || was_read) && (named.wanted == Wanted::Anything || !is_hidden())
    }

    fn tells_field(&self, named: &Named) -> bool {
        let was_read = self.reads.fields.iter().any(|read| folds_to_same(&read.name, &named.name));
        let is_hidden = || {
            let is_it = |field: &Field| field.name.eq_ignore_ascii_case(&named.name);
            self.fields.iter().any(|field| is_it(field) && matches!(field.content, Content::Hidden(_)))
        };
        was_read && (named.wanted == Wanted::Anything || !is_hidden())
    }
}

impl Fields for Extract {
    fn each(&self, see: &mut dyn FnMut(&str, &[u8])) {
        for Field { name, content } in &self.fields {
            match content {
                Content::Value(text) => see(name, text.as_bytes()),
                Content::Hidden(_) => see(name, b""),
                Content::Unreadable(_) => see(name, &[0xff]),
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}

fn nothing_was(reads: &Arc<Reads>) -> bool {
    **reads == Reads::default()
}

/// What is shared while it is made, and read alone.
mod shared {
    use super::Reads;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(reads: &Arc<Reads>, serializer: S) -> Result<S::Ok, S::Error> {
        reads.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Reads>, D::Error> {
        Reads::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests;
