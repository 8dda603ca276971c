//! `[level.NAME]`: levels of the operator's own; and `[minimum]`, what no route may go below.

use super::{
    keys,
    problem::{Code, Problem},
    reader::{Fault, Reader, Section, Value},
    suggest::{listed, nearest},
    values::{method, truth},
};
use crate::domain::{
    factor::Method,
    policy::{Access, CustomLevel, Policy, Strength},
    session::Level,
};
use std::{cell::Cell, ops::Range, sync::Arc};

/// Every level of the operator's own.
pub(super) struct Levels(Vec<Known>);

struct Known {
    name: String,
    at: Range<usize>,
    /// `None` if something is wrong with it, which has been noted.
    level: Option<Arc<CustomLevel>>,
    is_used: Cell<bool>,
}

/// What a policy's `level` says.
#[derive(Debug, Clone)]
pub(super) enum Demanded {
    Public,
    Deny,
    Require(Strength),
}

/// A part of a level as written.
enum Part {
    Any(Vec<Method>),
    Level(String, Range<usize>),
}

struct Written {
    name: String,
    at: Range<usize>,
    parts: Option<Vec<Part>>,
}

impl Levels {
    /// Reads the tables by name, then puts together what refers to what.
    pub(super) fn read(written: Option<&Value<'_>>) -> Self {
        let Some(value) = written else { return Self(Vec::new()) };
        let mut tables = Vec::new();
        for (name, at, table) in value.named(keys::level::SHAPE).unwrap_or_default() {
            if matches!(name, "public" | "deny") || Level::ALL.iter().any(|level| level.name() == name) {
                let title = format!("the level `{name}` exists already and can't be changed");
                value.reader.note(Problem::new(Code::Duplicate, title, at, "choose another name"));
                continue;
            }
            let parts = table
                .section(keys::level::SHAPE)
                .and_then(|section| section.read(&keys::level::ALL_OF, |value| value.some(part)));
            tables.push(Written { name: name.to_owned(), at, parts });
        }
        let known = |table: &Written| Known {
            name: table.name.clone(),
            at: table.at.clone(),
            level: put_together(&tables, table, &mut Vec::new(), value.reader).map(Arc::new),
            is_used: Cell::new(false),
        };
        Self(tables.iter().map(known).collect())
    }

    /// What a policy's `level` says.
    pub(super) fn demanded(&self, value: &Value<'_>) -> Option<Demanded> {
        match value.as_str() {
            Some("public") => Some(Demanded::Public),
            Some("deny") => Some(Demanded::Deny),
            _ => self.strength(value, &["public", "deny"]).map(Demanded::Require),
        }
    }

    /// The level of that name.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Strength> {
        self.strength(value, &[])
    }

    /// `None` inside is a level that has been complained about.
    fn strength(&self, value: &Value<'_>, besides: &[&str]) -> Option<Strength> {
        let found = value.parsed(|name| {
            if let Some(level) = Level::ALL.iter().find(|level| level.name() == name) {
                return Ok(Some(Strength::Level(*level)));
            }
            let names =
                || besides.iter().copied().chain(Level::ALL.iter().map(|level| level.name())).chain(self.names());
            match self.0.iter().find(|known| known.name == name) {
                Some(known) => {
                    known.is_used.set(true);
                    Ok(known.level.clone().map(Strength::Custom))
                }
                None => Err(unknown(name, names().collect())),
            }
        });
        found.flatten()
    }

    /// All of them, for an application that may ask for any.
    pub(super) fn own(&self) -> Vec<Arc<CustomLevel>> {
        self.0.iter().filter_map(|known| known.level.clone()).collect()
    }

    /// Takes note that any of them may be asked for.
    pub(super) fn may_be_used(&self) {
        self.0.iter().for_each(|known| known.is_used.set(true));
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|known| known.name.as_str())
    }

    /// Warns of levels that nothing asks for, and of those that look like more than they are.
    pub(super) fn lint(&self, reader: &Reader<'_>) {
        for known in &self.0 {
            let Some(level) = known.level.clone().filter(|level| level.all_of.len() > 1) else { continue };
            if Strength::Custom(level).floor() == Level::Login {
                let title = format!("the level `{}` amounts to no more than `login`", known.name);
                let problem = Problem::new(Code::Lax, title, known.at.clone(), "its weakest way is no two factors");
                reader.note(
                    problem.help("two methods of one kind, or of one mailbox, are one factor; name methods of two"),
                );
            }
        }
        for known in self.0.iter().filter(|known| known.level.is_some() && !known.is_used.get()) {
            let title = format!("no policy asks for the level `{}`", known.name);
            reader.note(Problem::new(Code::UnusedPolicy, title, known.at.clone(), "never used"));
        }
    }
}

fn unknown(name: &str, names: Vec<&str>) -> Fault {
    let fault =
        Fault { code: Code::UnknownName, ..Fault::new("no level has this name", "expected the name of a level") };
    match nearest(name, names.iter().copied()) {
        Some(near) => fault.help(format!("did you mean \"{near}\"?")),
        None => fault.help(format!("the levels are {}; write a `[level.NAME]`", listed(names))),
    }
}

fn part(value: &Value<'_>) -> Option<Part> {
    use keys::part as key;
    let section = value.section(keys::part::SHAPE)?;
    let any = section.maybe(&key::ANY, |value| value.some(method));
    let level = section.maybe(&key::LEVEL, |value| Some(Part::Level(value.text()?, value.at.clone())));
    match (any?, level?) {
        (Some(any), None) => Some(Part::Any(any)),
        (None, Some(level)) => Some(level),
        _ => {
            let fault = Fault::new("a part of a level is methods or a level", "expected either `any` or `level`");
            value.fail(Fault { code: Code::Contradiction, ..fault.help("write for example `{ any = [\"passkey\"] }`") })
        }
    }
}

/// Follows what a level refers to. `path` is where we came from, so that a ring is seen.
fn put_together<'a>(
    tables: &'a [Written],
    table: &'a Written,
    path: &mut Vec<&'a str>,
    reader: &Reader<'_>,
) -> Option<CustomLevel> {
    path.push(&table.name);
    let mut level = CustomLevel { name: table.name.clone(), at_least: Level::Login, all_of: Vec::new() };
    let mut is_whole = true;
    for part in table.parts.iter().flatten() {
        match part {
            Part::Any(any) => level.all_of.push(any.clone()),
            Part::Level(name, at) => match Level::ALL.iter().find(|level| level.name() == name) {
                Some(built_in) => level.at_least = level.at_least.max(*built_in),
                None => match refer(tables, name, at, path, reader) {
                    Some(inner) => {
                        level.at_least = level.at_least.max(inner.at_least);
                        level.all_of.extend(inner.all_of);
                    }
                    None => is_whole = false,
                },
            },
        }
    }
    path.pop();
    (is_whole && table.parts.is_some()).then_some(level)
}

fn refer<'a>(
    tables: &'a [Written],
    name: &str,
    at: &Range<usize>,
    path: &mut Vec<&'a str>,
    reader: &Reader<'_>,
) -> Option<CustomLevel> {
    let Some(table) = tables.iter().find(|table| table.name == name) else {
        // Said once, where the level that names it is itself put together.
        if path.len() == 1 {
            let names =
                Level::ALL.iter().map(|level| level.name()).chain(tables.iter().map(|table| table.name.as_str()));
            let fault = unknown(name, names.collect());
            let problem = Problem::new(fault.code, fault.title, at.clone(), fault.label);
            reader.note(Problem { help: fault.help, ..problem });
        }
        return None;
    };
    if path.contains(&name) {
        if path.first() == Some(&name) {
            let ring: Vec<_> = path.iter().copied().chain([name]).collect();
            let title = format!("the level `{name}` is made of itself");
            reader.note(Problem::new(Code::Contradiction, title, at.clone(), ring.join(" → ")));
        }
        return None;
    }
    put_together(tables, table, path, reader)
}

/// What no route may go below, and where that is written.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    pub(super) level: Strength,
    pub(super) allows_public: bool,
    pub(super) at: Range<usize>,
}

/// Reads `[minimum]`, or an app's own.
pub(super) fn minimum(section: &Section<'_>, levels: &Levels) -> Option<Minimum> {
    let level = section.read(&keys::minimum::LEVEL, |value| Some((levels.find(value)?, value.at.clone())));
    let public = section.read(&keys::minimum::PUBLIC, truth);
    let (level, at) = level?;
    Some(Minimum { level, allows_public: public?, at })
}

/// Reads an app's `minimum`: a level, or a table like `[minimum]`.
pub(super) fn minimum_of_app(value: &Value<'_>, levels: &Levels) -> Option<Minimum> {
    match value.as_str() {
        Some(_) => Some(Minimum { level: levels.find(value)?, allows_public: false, at: value.at.clone() }),
        None => minimum(&value.section(keys::minimum::SHAPE)?, levels),
    }
}

impl Minimum {
    /// What is wrong with a route of this policy, if it goes below. Where a policy only reports, nothing is asked.
    pub(super) fn undercut_by(&self, policy: &Policy) -> Option<String> {
        let level = &self.level;
        match &policy.access {
            Access::Deny | Access::Require(_) if policy.opens() => {
                Some(format!("the policy `{}` only reports, and the minimum is {level}", policy.name))
            }
            Access::Public => (!self.allows_public).then(|| format!("this is public, and the minimum is {level}")),
            Access::Require(requirement) if !requirement.level.is_at_least(level) => {
                Some(format!("the policy `{}` asks for {}, and the minimum is {level}", policy.name, requirement.level))
            }
            Access::Deny | Access::Require(_) => None,
        }
    }
}
