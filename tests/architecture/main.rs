//! Keeps the house in shape: which layer may name which, how long a file may be, a template for each page.
//!
//! `ARCHITECTURE.md` says why. This is a reader of paths, not a compiler: it sees `use` trees and paths in code,
//! looks through no macro and no alias, and takes what follows `#[cfg(test)] mod …` as tests, which may reach outwards for
//! fakes.

#![cfg(test)]

mod paths;
mod rows;

use paths::{Module, code, paths};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The layers under `src/`, from the core outwards. A layer names only lower ones and itself.
const RANKS: &[(&str, u8)] = &[
    ("domain", 0),
    ("ports", 1),
    ("flows", 2),
    ("adapters", 3),
    ("edge", 3),
    ("config", 4),
    ("gateway", 5),
    ("cli", 6),
];

/// The modules of `domain`, in the order in which they may name one another.
const DOMAIN_ORDER: &[&str] = &[
    "time",
    "secret",
    "form",
    "password",
    "language",
    "spelling",
    "user",
    "factor",
    "contact",
    "place",
    "risk",
    "enrolment",
    "event",
    "session",
    "challenge",
    "throttle",
    "target",
    "policy",
    "change",
    "record",
    "assertion",
];

/// Dependencies that only compute. All others are kept out of `domain`, a new one too until it is named here.
const PURE_CRATES: &[&str] = &[
    "base64",
    "ipnet",
    "jiff",
    "serde",
    "subtle",
    "thiserror",
    "totp_rs",
    "unicode_normalization",
    "url",
    "uuid",
    "zeroize",
];

/// What `domain` may use of `std::net`: addresses are values.
const ADDRESSES: &[&str] = &["AddrParseError", "IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];

const LINES_MAX: usize = 600;

#[test]
fn imports_point_inwards() {
    let impure = impure_crates();
    let faults: Vec<String> =
        rust_files("src").iter().flat_map(|(path, text)| import_faults(path, text, &impure)).collect();

    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let faults: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(rust_files)
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{}: {lines} lines, at most {LINES_MAX}", path.display()))
        .collect();

    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Whoever says so makes an admission of a proof that may pay for another request still.
#[test]
fn only_a_store_says_that_a_receipt_was_spent() {
    let says = |(path, text): &(PathBuf, String)| {
        let may = path.starts_with("src/adapters/store") || path.ends_with("tests.rs");
        !may && text.contains("Spent::deleted")
    };
    let faults: Vec<_> = rust_files("src").into_iter().filter(says).map(|(path, _)| path).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_page_has_one_rust_file_and_one_template() {
    let sources = rust_files("src");
    let faults: Vec<String> = files_below(Path::new("templates/pages"), "html")
        .iter()
        .filter_map(|template| template_fault(template.strip_prefix("templates").unwrap(), &sources))
        .collect();

    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// What a file names that its place forbids.
fn import_faults(path: &Path, text: &str, impure: &[String]) -> Vec<String> {
    let Some(module) = Module::of(path) else { return Vec::new() };
    let Some(rank) = rank_of(module.layer()) else {
        return vec![format!("{}: {} is no layer that RANKS knows", path.display(), module.layer())];
    };
    let all = code(text);
    let mut faults = Vec::new();
    if paths(&all.everything).iter().any(|named| named.starts_with(&["super".into(), "super".into()])) {
        faults.push("climbs with super::super".to_owned());
    }
    if module.is_test() {
        return named_by(path, faults);
    }
    if module.layer() == "domain" && module.child().is_some_and(|child| !DOMAIN_ORDER.contains(&child)) {
        faults.push("is no module that DOMAIN_ORDER knows".to_owned());
    }
    for named in paths(&all.without_tests) {
        let Some(inside) = module.resolve(&named) else {
            if module.layer() == "domain" {
                faults.extend(outside_fault(&named, impure));
            }
            continue;
        };
        faults.extend(inside_fault(&module, rank, &inside));
    }
    faults.sort();
    faults.dedup();
    named_by(path, faults)
}

fn named_by(path: &Path, faults: Vec<String>) -> Vec<String> {
    faults.into_iter().map(|fault| format!("{}: {fault}", path.display())).collect()
}

/// A path into this crate, from a module of a layer of this rank.
fn inside_fault(module: &Module, rank: u8, inside: &[String]) -> Option<String> {
    let (own, target) = (module.layer(), inside.first()?.as_str());
    if own != target {
        let other = rank_of(target)?;
        return (other >= rank).then(|| format!("{own} imports {target}"));
    }
    let (child, other) = (module.child()?, inside.get(1)?.as_str());
    let sideways = match own {
        _ if child == other => false,
        "domain" => {
            let place = |name| DOMAIN_ORDER.iter().position(|known| *known == name);
            place(other).is_some_and(|other| place(child).is_some_and(|child| other > child))
        }
        "edge" => other != "http",
        _ => false,
    };
    sideways.then(|| format!("{own}::{child} imports {own}::{other}"))
}

/// A path out of this crate, from `domain`.
fn outside_fault(named: &[String], impure: &[String]) -> Option<String> {
    let segments: Vec<&str> = named.iter().map(String::as_str).collect();
    let allowed = match segments.as_slice() {
        ["std", "net"]
        | ["std", "time", "SystemTime" | "Instant", ..]
        | ["std", "fs" | "env" | "io" | "os" | "process" | "thread", ..] => false,
        ["std", "net", item, ..] => ADDRESSES.contains(item),
        // Its digests compute; its random source does not belong here.
        ["aws_lc_rs", item, ..] => *item == "digest",
        [first, ..] => !impure.iter().any(|name| name == first),
        [] => true,
    };
    (!allowed).then(|| format!("domain uses {}", segments.join("::")))
}

/// What is wrong with who renders this template, if anything.
fn template_fault(template: &Path, sources: &[(PathBuf, String)]) -> Option<String> {
    let quoted = format!("\"{}\"", template.display());
    let users: Vec<String> =
        sources.iter().filter(|(_, text)| text.contains(&quoted)).map(|(path, _)| path.display().to_string()).collect();
    match users.as_slice() {
        [_] => None,
        [] => Some(format!("{}: no page renders it", template.display())),
        several => Some(format!("{}: rendered by {}", template.display(), several.join(" and "))),
    }
}

fn rank_of(layer: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == layer).map(|(_, rank)| *rank)
}

/// Every dependency that [`PURE_CRATES`] does not name, as it is spelled in a path.
fn impure_crates() -> Vec<String> {
    let manifest: toml::Table = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .map(|name| name.replace('-', "_"))
        .filter(|name| !PURE_CRATES.contains(&name.as_str()))
        .collect()
}

fn rust_files(root: &str) -> Vec<(PathBuf, String)> {
    files_below(Path::new(root), "rs")
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The files with this extension below a folder; none where there is no such folder.
fn files_below(root: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|actual| actual == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_fault_is_seen_wherever_it_hides() {
    let impure = ["aws_lc_rs".to_owned(), "tokio".to_owned()];
    let cases: BTreeMap<(&str, &str), &[&str]> = BTreeMap::from([
        // Outwards, in every way it can be written.
        (("domain/user.rs", "use crate::ports::Clock;"), &["domain imports ports"][..]),
        (("domain/user.rs", "use crate::{domain::time::Timestamp, ports::{Clock}};"), &["domain imports ports"]),
        (("domain/user.rs", "use crate::{\n    // why\n    flows,\n};"), &["domain imports flows"]),
        (("ports.rs", "fn f() { crate::flows::g() }"), &["ports imports flows"]),
        (("domain/user.rs", "use super::super::ports;"), &["climbs with super::super"]),
        (("flows/sign_in.rs", "pub(crate) use crate::config as c;"), &["flows imports config"]),
        // Sideways.
        (("edge/proxy.rs", "use crate::adapters::store;"), &["edge imports adapters"]),
        (("edge/proxy/forward.rs", "use crate::edge::{http, portal::login};"), &["edge::proxy imports edge::portal"]),
        (("edge/proxy.rs", "use super::portal;"), &["edge::proxy imports edge::portal"]),
        (("edge/http.rs", "use crate::edge::wire::Guard;"), &["edge::http imports edge::wire"]),
        // The order inside the domain.
        (("domain/user.rs", "use crate::domain::session::Session;"), &["domain::user imports domain::session"]),
        (("domain/clocks.rs", ""), &["is no module that DOMAIN_ORDER knows"]),
        // A pure core.
        (("domain/user.rs", "use std::{fmt, fs};"), &["domain uses std::fs"]),
        (("domain/target.rs", "use std::net::{IpAddr, TcpStream};"), &["domain uses std::net::TcpStream"]),
        (("domain/time.rs", "fn f() { tokio::spawn(g()); }"), &["domain uses tokio::spawn"]),
        (("domain/secret.rs", "use aws_lc_rs::{digest, rand};"), &["domain uses aws_lc_rs::rand"]),
        (("domain/time.rs", "use std::time::{Duration, Instant};"), &["domain uses std::time::Instant"]),
        (("helpers/time.rs", ""), &["helpers is no layer that RANKS knows"]),
        // What is allowed.
        (("domain/session.rs", "use crate::domain::{time::Timestamp, user::User};"), &[]),
        (("domain/target.rs", "use std::net::{IpAddr, Ipv4Addr};\nuse url::Url;"), &[]),
        (("domain/policy/glob.rs", "use super::route::Route;"), &[]),
        (("edge/portal/login.rs", "use crate::{edge::http::Cookies, flows::sign_in, ports::Clock};"), &[]),
        (("flows/sign_in.rs", "use crate::ports;\n#[cfg(test)]\nmod tests { use crate::adapters::store; }"), &[]),
        (("flows/sign_in/tests.rs", "use crate::adapters::store;"), &[]),
        (("domain/user.rs", "/// Unlike [`crate::ports::Clock`].\nconst A: &str = \"crate::ports\";"), &[]),
        (("lib.rs", "pub mod ports;"), &[]),
    ]);
    for ((path, text), faults) in cases {
        let path = format!("src/{path}");
        let expected: Vec<String> = faults.iter().map(|fault| format!("{path}: {fault}")).collect();
        assert_eq!(import_faults(Path::new(&path), text, &impure), expected, "{text}");
    }
}

#[test]
fn a_template_without_a_page_or_with_two_is_seen() {
    let page = |name: &str| (PathBuf::from(name), "#[template(path = \"pages/login.html\")]".to_owned());
    let login = Path::new("pages/login.html");

    assert_eq!(template_fault(login, &[page("a.rs")]), None);
    assert_eq!(template_fault(login, &[]), Some("pages/login.html: no page renders it".to_owned()));
    assert_eq!(
        template_fault(login, &[page("a.rs"), page("b.rs")]),
        Some("pages/login.html: rendered by a.rs and b.rs".to_owned())
    );
}
