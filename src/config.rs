//! Reads `config.toml`: every problem at once, each where it stands, with the key that was probably meant.
//!
//! [`read`] is pure: text in, [`Reading`] or [`Problems`] out; variables and secret files come through
//! [`Environment`]. Whether the files that it names are there, and hold what they must, is asked apart from that, by
//! [`Reading::check`] and [`Reading::check_whole`].
//!
//! The config as written is a [`toml`] tree that `reader` walks with the key list of [`keys`]; as run it is
//! [`Settings`]. Nothing in between leaves this module.
//!
//! # Invariants
//!
//! - A file with one error gives no settings.
//! - A key that nobody reads is an error.
//! - No problem that [`read`] reports repeats what was filled in from the environment or read from a secret's file.

mod apps;
mod cases;
mod conditions;
pub mod duration;
pub mod explain;
pub mod file;
mod files;
pub mod keys;
mod levels;
mod lints;
mod messages;
mod mfa;
mod offers;
mod people;
mod policies;
pub mod problem;
mod programs;
mod reader;
mod records;
pub mod reference;
pub mod replay;
mod risk;
mod routes;
pub mod schema;
mod sections;
pub mod settings;
mod suggest;
mod values;

pub use cases::{Case, Untested};
pub use file::{File, NotServable, Prints};
pub use files::{UnusableMark, read_mark};
pub use problem::{Problems, Source, Unreadable};
pub use settings::Settings;

use files::Named;
use problem::{Code, Problem, Severity};
use reader::{Reader, Section};
use std::{cell::RefCell, io, path::Path};
use toml::de::DeTable;

/// Where `${NAME}` and `file:PATH` come from.
pub trait Environment {
    /// The variable of that name, if it is set.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of a secret's file.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The environment that this process was started with.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// A config file without errors.
#[derive(Debug)]
pub struct Reading {
    /// What it says.
    pub settings: Settings,
    /// What stops nothing and is still worth knowing.
    pub warnings: Problems,
    /// Its `[[test]]`s.
    pub cases: Vec<Case>,
    source: Source,
    files: Vec<Named>,
}

/// Reads a config file. Relative paths in it begin at `folder`.
pub fn read(source: &Source, folder: &Path, environment: &dyn Environment) -> Result<Reading, Problems> {
    let (document, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        return Err(Problems::new(source.clone(), errors.iter().map(syntax_problem).collect()));
    }
    let reader = Reader {
        text: source.text(),
        folder,
        environment,
        problems: RefCell::default(),
        files: RefCell::default(),
        secrets: RefCell::default(),
    };
    let read = settings(&Section::open(&reader, keys::root::SHAPE, Some(document.get_ref()), 0..0));
    let (warnings, errors): (Vec<_>, Vec<_>) =
        reader.problems.take().into_iter().partition(|problem| problem.code.severity() == Severity::Warning);
    let source = source.without(&reader.secrets.take());
    match read {
        Some((settings, cases)) if errors.is_empty() => Ok(Reading {
            settings,
            warnings: Problems::new(source.clone(), warnings),
            cases,
            source,
            files: reader.files.take(),
        }),
        // What is wrong may be why something else looks odd, so warnings wait.
        _ => Err(Problems::new(source, errors)),
    }
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    let title = format!("this is not TOML: {}", error.message());
    Problem::new(Code::Syntax, title, error.span().unwrap_or(0..0), "here")
}

fn settings(root: &Section<'_>) -> Option<(Settings, Vec<Case>)> {
    use keys::root as key;
    let or_default = |key: &keys::Key, shape| match root.written(key) {
        Some(value) => value.section(shape),
        None => Some(Section::open(root.reader, shape, None, 0..0)),
    };
    let server = or_default(&key::SERVER, keys::server::SHAPE).and_then(|section| sections::server(&section));
    let store = or_default(&key::STORE, keys::store::SHAPE).and_then(|section| sections::store(&section));
    let session = or_default(&key::SESSION, keys::session::SHAPE).and_then(|section| sections::session(&section));
    let has_mail = root.written(&key::MAIL).is_some();
    let mfa = or_default(&key::MFA, keys::mfa::SHAPE).and_then(|section| sections::mfa(&section, has_mail));
    let hold = or_default(&key::HOLD, keys::hold::SHAPE).and_then(|section| sections::hold(&section));
    let password = or_default(&key::PASSWORD, keys::password::SHAPE).and_then(|section| sections::password(&section));
    let tls = root.read(&key::TLS, |value| sections::tls(&value.section(keys::tls::SHAPE)?));
    let portal = root.read(&key::PORTAL, |value| sections::portal(&value.section(keys::portal::SHAPE)?));
    let levels = levels::Levels::read(root.written(&key::LEVEL).as_ref());
    let networks = root.maybe(&key::NETWORKS, conditions::networks);
    let listed = networks.as_ref().map(|networks| networks.as_deref().unwrap_or_default());
    let risk = root.maybe(&key::RISK, |value| risk::risk(&value.section(keys::risk::SHAPE)?, listed));
    let minimum = root.maybe(&key::MINIMUM, |value| levels::minimum(&value.section(keys::minimum::SHAPE)?, &levels));
    let policies = policies::Policies::read(root.written(&key::POLICY).as_ref(), &levels, session.as_ref());
    let around = apps::Around {
        policies: &policies,
        levels: &levels,
        networks: listed,
        minimum: minimum.as_ref().and_then(Option::as_ref),
        portal: portal.as_ref().map(|portal| &portal.url),
    };
    let apps = root.read(&key::APP, |value| apps::read(value, &around));
    let mail = root.maybe(&key::MAIL, |value| messages::mail(&value.section(keys::mail::SHAPE)?));
    let sms = root.maybe(&key::SMS, |value| messages::phone(&value.section(keys::sms::SHAPE)?));
    let voice = root.maybe(&key::VOICE, |value| messages::phone(&value.section(keys::voice::SHAPE)?));
    let records = root.maybe(&key::RECORDS, |value| records::records(&value.section(keys::records::SHAPE)?));
    let sign_up =
        or_default(&key::SIGN_UP, keys::sign_up::SHAPE).and_then(|section| sections::sign_up(&section, has_mail));
    offers::lint(root, mfa.as_ref(), &policies);
    levels.lint(root.reader);
    if let Some(risk) = &risk {
        risk::check_requirement(root, mfa.as_ref(), risk.as_ref());
        policies.check_risk(risk.as_ref(), root.reader);
    }
    let cases = root.maybe(&key::TEST, |value| {
        let sections = value.sections(keys::test::SHAPE)?;
        let cases: Vec<_> = sections.iter().map(|section| cases::case(section, &policies)).collect();
        cases.into_iter().collect::<Option<Vec<_>>>()
    });
    networks?;
    minimum?;
    let settings = Settings {
        server: server?,
        tls: tls?,
        portal: portal?,
        store: store?,
        session: session?,
        mfa: mfa?,
        risk: risk?,
        hold: hold?,
        password: password?,
        sign_up: sign_up?,
        mail: mail?,
        sms: sms?,
        voice: voice?,
        records: records?,
        policies: policies.all(),
        apps: apps?,
    };
    Some((settings, cases?.unwrap_or_default()))
}

impl Reading {
    /// Whether the files that must be there are, and can be opened, and every `[[test]]` holds.
    pub fn check(&self) -> Result<(), Problems> {
        let missing = self.files.iter().filter_map(Named::missing);
        self.problems(missing.chain(cases::run(&self.cases, &self.settings)).collect())
    }

    /// The same, and whether the files hold what they must. Left out where a gateway runs: it keeps what it has of a file that
    /// somebody is just writing.
    pub fn check_whole(&self) -> Result<(), Problems> {
        let file = |file: &Named| file.missing().or_else(|| file.unusable(&self.files));
        let files: Vec<_> = self.files.iter().filter_map(file).collect();
        self.problems(files.into_iter().chain(cases::run(&self.cases, &self.settings)).collect())
    }

    /// Whether every `[[test]]` holds.
    pub fn run_tests(&self) -> Result<(), Problems> {
        self.problems(cases::run(&self.cases, &self.settings))
    }

    /// Routes that no `[[test]]` is decided by.
    pub fn untested(&self) -> Vec<Untested> {
        cases::untested(&self.cases, &self.settings)
    }

    fn problems(&self, list: Vec<Problem>) -> Result<(), Problems> {
        if list.is_empty() { Ok(()) } else { Err(Problems::new(self.source.clone(), list)) }
    }
}

#[cfg(test)]
mod tests;
