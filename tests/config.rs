//! Config files that are wrong, and what is said about them.
//!
//! Each `config/NAME.toml` has its drawing in `config/NAME.txt`. `UPDATE=1` writes the drawings anew; read the diff. What it
//! does not write are the marks: under each mistake stands a line `#   ^`, set by hand.

#![expect(clippy::unwrap_used, reason = "a test that can't read its files should stop there")]

use doorward::config::{self, Environment, Problems, Source, keys, reference, schema};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use support::certificates::Authority;
use tempfile::TempDir;

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

/// Everything that is said about a file: line and column of each problem, then the drawing. `folder` is where the files are
/// that it names; whether they are there, and what they hold, is asked of those configs alone that are about that.
fn report(path: &Path, folder: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy();
    let source = match Source::load(path) {
        Ok(source) => Source::new(&name, source.text()),
        Err(unreadable) => {
            let (told, listed) = (unreadable.to_string(), unreadable.listed());
            let number = |name| listed.get(name).and_then(serde_json::Value::as_u64);
            let place = number("line").zip(number("column"));
            let place = place.map(|(line, column)| format!("{line}:{column} C0016\n\n")).unwrap_or_default();
            return format!("{place}{}\n", told.replace(&*path.to_string_lossy(), &name));
        }
    };
    let problems = match config::read(&source, folder, &OneSecret) {
        Err(problems) => problems,
        Ok(reading) if name.starts_with("files_") => reading.check_whole().unwrap_err(),
        Ok(reading) => reading.run_tests().err().unwrap_or(reading.warnings),
    };
    let place = |problem| {
        let (line, column) = Problems::position(&problems, problem);
        format!("{line}:{column} {}\n", problem.code.id())
    };
    let told = format!("{}\n{problems}\n", problems.iter().map(place).collect::<String>());
    told.replace(&*folder.to_string_lossy(), FOLDER)
}

/// What the folder of named files is called in every drawing.
const FOLDER: &str = "/etc/doorward";

/// A folder with files to name: a certificate with its key, the key of another one, and something that is none of it.
fn named_files() -> TempDir {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::default());
    let (site, other) = (authority.issue(&["auth.example.com"]), authority.issue(&["other.example.com"]));
    for (name, text) in [
        ("site.pem", site.chain_pem.as_str()),
        ("site.key", &site.key_pem),
        ("other.key", &other.key_pem),
        ("notes.txt", "Call Ann about the certificates.\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Where marks point to: a line of nothing but `#` and carets marks columns of the line above it, `#<` its first.
fn marked(text: &str) -> Vec<(usize, usize)> {
    let (mut above, mut marked) = (1, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let marks = line.strip_prefix('#').filter(|rest| rest.contains(['^', '<']));
        match marks.filter(|rest| rest.chars().all(|c| matches!(c, ' ' | '^' | '<'))) {
            None => above = number,
            Some(marks) => marked.extend((2..).zip(marks.chars()).filter_map(|(column, c)| match c {
                '<' => Some((above, 1)),
                '^' => Some((above, column)),
                _ => None,
            })),
        }
    }
    marked
}

/// Where the problems of a report stand; several may stand at one place.
fn told(report: &str) -> Vec<(usize, usize)> {
    let place = |line: &str| {
        let (place, _) = line.split_once(' ')?;
        let (line, column) = place.split_once(':')?;
        Some((line.parse().ok()?, column.trim_end_matches(':').parse().ok()?))
    };
    let mut told: Vec<_> = report.lines().map_while(place).collect();
    told.sort_unstable();
    told.dedup();
    told
}

fn wrong_files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(at("tests/config")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
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
    let (files, folder) = (wrong_files(), named_files());
    assert!(files.len() >= 80, "{}", files.len());

    let keep = |path: &PathBuf| keep(&path.with_extension("txt"), &report(path, folder.path())).err();
    let wrong: Vec<_> = files.iter().filter_map(keep).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The marks are set by hand where the mistake is, so what is told is compared with what somebody saw.
#[test]
fn line_and_column_are_those_that_are_marked_in_the_file() {
    let folder = named_files();
    let wrong = wrong_files().into_iter().filter_map(|path| {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (marked, told) = (marked(&text), told(&report(&path, folder.path())));
        (marked != told).then(|| format!("{}: marked {marked:?}, told {told:?}", path.display()))
    });
    let wrong: Vec<_> = wrong.collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Larger than anything that people write, and not kept among the others for that.
#[test]
fn a_file_of_ten_megabytes_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "# much\n".repeat(10 << 20 >> 3)).unwrap();

    assert_eq!(report(&path, folder.path()), "config.toml is larger than 8 MiB; is it really the config file?\n");
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
fn a_file_with_ten_thousand_routes_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
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
