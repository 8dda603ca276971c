//! Reads the paths that a Rust file names.

use std::path::Path;

/// Where a file stands in the crate: `src/edge/portal/login.rs` is `["edge", "portal", "login"]`.
pub(crate) struct Module(Vec<String>);

impl Module {
    /// `None` for the roots of the crate, which name every layer.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let inside = path.strip_prefix("src").ok()?.with_extension("");
        let names: Vec<String> = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        (names != ["lib"] && names != ["main"]).then_some(Self(names))
    }

    pub(crate) fn layer(&self) -> &str {
        &self.0[0]
    }

    /// The module of the layer that this file belongs to; none for the layer's own file.
    pub(crate) fn child(&self) -> Option<&str> {
        self.0.get(1).map(String::as_str)
    }

    pub(crate) fn is_test(&self) -> bool {
        self.0.iter().any(|name| name == "tests")
    }

    /// A named path as seen from the root of the crate; `None` where it leads out of it or to an item in scope.
    pub(crate) fn resolve(&self, named: &[String]) -> Option<Vec<String>> {
        let (first, rest) = named.split_first()?;
        let base = match first.as_str() {
            "crate" => &[][..],
            "self" => &self.0[..],
            "super" => &self.0[..self.0.len() - 1],
            _ => return None,
        };
        Some([base, rest].concat())
    }
}

/// A file without its comments and the insides of its strings.
pub(crate) struct Code {
    pub(crate) everything: String,
    pub(crate) without_tests: String,
}

pub(crate) fn code(text: &str) -> Code {
    let mut everything = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string_len(rest),
            'r' if raw_string_hashes(rest).is_some() && !everything.ends_with(is_name) => raw_string_len(rest),
            // A quote as a character would open a string that never ends.
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\\"'") => 4,
            _ => 0,
        };
        if skipped == 0 {
            everything.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            everything.push(' ');
            rest = &rest[skipped..];
        }
    }
    let tests = everything.match_indices("#[cfg(test)]").find(|(start, mark)| {
        let after = everything[start + mark.len()..].trim_start();
        after.starts_with("mod ") && after.find('{').is_some_and(|open| after.find(';').is_none_or(|end| open < end))
    });
    let without_tests = everything[..tests.map_or(everything.len(), |(start, _)| start)].to_owned();
    Code { everything, without_tests }
}

fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How many `#` a raw string opens with, where one starts here.
fn raw_string_hashes(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn raw_string_len(text: &str) -> usize {
    let hashes = raw_string_hashes(text).unwrap_or_default();
    let opening = hashes + 2;
    let closing = format!("\"{}", "#".repeat(hashes));
    text[opening..].find(&closing).map_or(text.len(), |end| opening + end + closing.len())
}

/// Every path in the code, `use` trees spread out: `a::{b, c::d}` is `a::b` and `a::c::d`.
pub(crate) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut reader = Reader { rest: code, found: Vec::new() };
    while let Some(next) = reader.rest.chars().next() {
        if is_name(next) {
            reader.tree(&[]);
        } else {
            reader.rest = &reader.rest[next.len_utf8()..];
        }
    }
    reader.found
}

struct Reader<'a> {
    rest: &'a str,
    found: Vec<Vec<String>>,
}

impl Reader<'_> {
    /// Reads one tree below a prefix. Names that stand alone at the top are no paths.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix('{') {
                self.rest = rest;
                return self.branches(&path);
            }
            let end = self.rest.find(|next| !is_name(next)).unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            if !name.is_empty() && name != "self" || path.is_empty() {
                path.push(name.to_owned());
            }
            match self.rest.trim_start().strip_prefix("::") {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        if path.len() > 1 {
            self.found.push(path);
        }
    }

    fn branches(&mut self, prefix: &[String]) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None => return,
                Some('}') => {
                    self.rest = &self.rest[1..];
                    return;
                }
                // `name as other`: the other name is no path.
                Some(_) if self.rest.starts_with("as ") => {
                    let alias = self.rest[2..].trim_start();
                    self.rest = alias.trim_start_matches(is_name);
                }
                Some(next) if is_name(next) => self.tree(prefix),
                Some('*') => {
                    self.found.push(prefix.to_vec());
                    self.rest = &self.rest[1..];
                }
                Some(next) => self.rest = &self.rest[next.len_utf8()..],
            }
        }
    }
}

fn is_name(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}
