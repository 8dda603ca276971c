//! Config files that are wrong, and what is said about them.
//!
//! Each `config/NAME.toml` has its drawing in `config/NAME.txt`. `UPDATE=1` writes the drawings anew; read the diff.

#![expect(clippy::unwrap_used, reason = "a test that can't read its files should stop there")]

use doorward::config::{self, Environment, Problems, Source, keys, reference, schema};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Knows one variable, and no file.
struct OneSecret;

impl Environment for OneSecret {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "SECRET").then(|| "hunter2-hunter2-hunter2-hunter2-".to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Everything that is said about a file: line and column of each problem, then the drawing.
fn report(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    let source = Source::new(&name, Source::load(path).unwrap().text());
    let problems = match config::read(&source, Path::new("/etc/doorward"), &OneSecret) {
        Err(problems) => problems,
        Ok(reading) => reading.run_tests().err().unwrap_or(reading.warnings),
    };
    let place = |problem| {
        let (line, column) = Problems::position(&problems, problem);
        format!("{line}:{column} {}\n", problem.code.id())
    };
    format!("{}\n{problems}\n", problems.iter().map(place).collect::<String>())
}

/// Compares a file with what it should be, or makes it so.
fn keep(path: &Path, expected: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, expected).unwrap();
    }
    match fs::read_to_string(path) {
        Ok(kept) if kept == expected => Ok(()),
        _ => Err(format!("{} should be:\n{expected}", path.display())),
    }
}

/// Row 15, row 27: every mistake and warning, a route that only password and mail could meet among them.
#[test]
fn every_mistake_is_drawn_where_it_stands() {
    let mut files: Vec<_> = fs::read_dir(at("tests/config")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 80, "{}", files.len());

    let wrong: Vec<_> =
        files.iter().filter_map(|path| keep(&path.with_extension("txt"), &report(path)).err()).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_drawing_holds_a_secret() {
    for entry in fs::read_dir(at("tests/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            assert!(!fs::read_to_string(&path).unwrap().contains("hunter2"), "{}", path.display());
        }
    }
}

#[test]
fn a_file_of_ten_mebibytes_is_refused_and_one_with_ten_thousand_routes_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "#".repeat(10 << 20)).unwrap();
    let why = Source::load(&path).unwrap_err().to_string();
    assert!(why.ends_with("config.toml is larger than 8 MiB; is it really the config file?"), "{why}");

    let route = |at| {
        format!(
            "[[app.route]]\npath = \"/accounts/department-{at}/index.php\"\nmethods = [\"POST\", \"PUT\", \"DELETE\"]\n\
             query = {{ action = \"transfer\", step = \"confirm\" }}\nlabel = \"transfers of the department {at}\"\n\
             networks = [\"office\"]\ngroups = [\"department-{at}\"]\npolicy = \"standard\"\n\n"
        )
    };
    let before = "[tls]\ncertificates = [{ cert = \"a.pem\", key = \"a.key\" }]\n[portal]\nurl = \"https://auth.example.com\"\n\
                  [networks]\noffice = [\"10.0.0.0/8\"]\n[policy.standard]\nlevel = \"mfa\"\n[[app]]\nname = \"payroll\"\n\
                  host = \"payroll.example.com\"\nupstream = [\"http://127.0.0.1:9000\"]\n";
    fs::write(&path, [before, &(0..10_000).map(route).collect::<String>()].concat()).unwrap();

    let reading = config::read(&Source::load(&path).unwrap(), Path::new("/"), &OneSecret);

    assert_eq!(reading.unwrap_or_else(|problems| panic!("{problems}")).settings.apps[0].app.routes.len(), 10_000);
}

#[test]
fn the_reference_is_what_the_reader_knows() {
    keep(&at("docs/config.md"), &reference::markdown()).unwrap_or_else(|diff| panic!("{diff}"));
}

#[test]
fn the_schema_is_what_the_reader_knows() {
    let schema = format!("{:#}\n", schema::json());
    keep(&at("docs/config.schema.json"), &schema).unwrap_or_else(|diff| panic!("{diff}"));
}

#[test]
fn the_shipped_file_shows_every_key() {
    let shipped = fs::read_to_string(at("config.toml")).unwrap();
    let shown = |name: &str| {
        shipped.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            let is_header = line.trim_start_matches('[').starts_with(name);
            is_header || line.contains(&format!("{name} = "))
        })
    };

    for shape in keys::ALL {
        for key in shape.keys {
            let header = if key.name == "route" { "app.route" } else { key.name };
            assert!(shown(key.name) || shown(header), "{} {}", shape.header, key.name);
        }
    }
}

/// Lines of the shipped file that are commented out, as they would be written, each with its table's header.
fn commented_out(shipped: &str) -> Vec<(&str, &str, &str)> {
    let mut header = "";
    let mut found = Vec::new();
    for line in shipped.lines().map(str::trim) {
        if line.starts_with('[') || line.starts_with("# [") {
            header = line.trim_start_matches("# ").split_whitespace().next().unwrap_or_default();
        }
        let Some((name, rest)) = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")) else { continue };
        if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            found.push((header, name, rest.split("   #").next().unwrap_or_default().trim()));
        }
    }
    found
}

#[test]
fn what_the_shipped_file_comments_out_is_the_default() {
    let shipped = fs::read_to_string(at("config.toml")).unwrap();
    let commented = commented_out(&shipped);
    assert!(commented.len() > 15);

    for (header, name, written) in commented {
        let named = |shape: &keys::Shape| shape.header.split_once("NAME").map(|(start, _)| start);
        let is_its = |shape: &&&keys::Shape| {
            header == shape.header || named(shape).is_some_and(|start| header.starts_with(start))
        };
        let shape = keys::ALL.iter().find(is_its).unwrap();
        let key = shape.keys.iter().find(|key| key.name == name).unwrap();
        if let keys::Fallback::Value(default) = key.fallback
            && default != "[]"
        {
            assert_eq!(written, default, "{header} {name}");
        }
    }
}

#[test]
fn what_the_shipped_file_comments_out_can_be_written() {
    let shipped = fs::read_to_string(at("config.toml")).unwrap();
    let mut text = shipped.replace("\n# [", "\n[");
    for (_, name, _) in commented_out(&shipped) {
        text = text.replace(&format!("# {name} = "), &format!("{name} = "));
    }
    text = text.replace("http://127.0.0.1:9000", "https://127.0.0.1:9000");

    let reading = config::read(&Source::new("config.toml", &text), Path::new("/"), &OneSecret);

    let warnings = reading.unwrap_or_else(|problems| panic!("{problems}")).warnings;
    assert!(warnings.is_empty(), "{warnings}");
}
