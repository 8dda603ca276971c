//! The JSON Schema of the config file, for editors: read off the key list, so that it can't know another file than the
//! reader does.
//!
//! It understands what a key takes by the words that the reference prints. A word it does not know it lets pass: an editor
//! that complains of a good file is worse than one that is silent.

use super::keys::{ALL, Fallback, Key, Shape, root};
use serde_json::{Map, Value, json};
use toml::Table;

/// The schema.
pub fn json() -> Value {
    let tables: Map<_, _> =
        ALL.iter().filter(|shape| !shape.header.is_empty()).map(|shape| (name(shape), table(shape))).collect();
    let about = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Doorward's config file")),
        ("$defs", Value::Object(tables)),
    ];
    with(table(root::SHAPE), about)
}

/// A schema and what else is to be said of it.
fn with<const N: usize>(schema: Value, more: [(&str, Value); N]) -> Value {
    let Value::Object(mut map) = schema else { return schema };
    map.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(map)
}

/// What a table is called among the definitions: its header without what only TOML needs.
fn name(shape: &Shape) -> String {
    shape.header.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).collect()
}

fn table(shape: &Shape) -> Value {
    if shape.keys.is_empty() {
        return lists_by_name(shape.doc);
    }
    let properties: Map<_, _> = shape.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let is_required = |key: &&Key| matches!(key.fallback, Fallback::Required);
    let required: Vec<_> = shape.keys.iter().filter(is_required).map(|key| key.name).collect();
    json!({
        "type": "object", "description": shape.doc, "additionalProperties": false,
        "properties": properties, "required": required,
    })
}

fn lists_by_name(doc: &str) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({ "type": "object", "description": doc, "additionalProperties": texts })
}

fn property(key: &Key) -> Value {
    let schema = with(taken(key.takes, key.name), [("description", json!(key.doc))]);
    let Fallback::Value(written) = key.fallback else { return schema };
    let default = format!("value = {written}").parse::<Table>().ok();
    match default.and_then(|table| serde_json::to_value(table.get("value")?).ok()) {
        Some(default) => with(schema, [("default", default)]),
        None => schema,
    }
}

/// What the words of `takes` mean.
fn taken(takes: &str, key: &str) -> Value {
    let headed = |header: String| ALL.iter().find(|shape| shape.header == header).map(|shape| reference(shape));
    match takes {
        "true or false" => return json!({ "type": "boolean" }),
        "number" => return json!({ "type": "integer", "minimum": 0 }),
        "{ name = \"value\" }" => return json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        "table" | "lists by name" => {
            let inside =
                || ALL.iter().find(|shape| shape.header.ends_with(&format!(".{key}]"))).map(|shape| reference(shape));
            return headed(format!("[{key}]")).or_else(inside).unwrap_or(json!({ "type": "object" }));
        }
        "tables by name" => {
            let inner = headed(format!("[{key}.NAME]")).unwrap_or(json!({ "type": "object" }));
            return json!({ "type": "object", "additionalProperties": inner });
        }
        "list of tables" => {
            let inner = headed(format!("[[{key}]]")).or_else(|| headed(format!("[[app.{key}]]")));
            return json!({ "type": "array", "items": inner.unwrap_or(json!({ "type": "object" })) });
        }
        _ => {}
    }
    if let Some(other) = takes.strip_prefix("number or ") {
        return json!({ "anyOf": [taken("number", key), taken(other, key)] });
    }
    if let Some(of_each) = takes.strip_prefix("table: group = ") {
        return json!({ "type": "object", "additionalProperties": taken(of_each, key) });
    }
    if let Some(one) = takes.strip_prefix("list of ") {
        return json!({ "type": "array", "items": taken(one, key) });
    }
    if let Some(inline) = inline_table(takes) {
        let others = match () {
            () if takes.ends_with("or a list of them") => json!({ "type": "array", "items": inline }),
            () if takes.starts_with('{') => return inline,
            () => json!({ "type": "string" }),
        };
        return json!({ "anyOf": [inline, others] });
    }
    text(takes)
}

/// The table that is meant by `{ any, within }`: the one with just these keys.
fn inline_table(takes: &str) -> Option<Value> {
    let names: Vec<_> = takes.split_once('{')?.1.split_once('}')?.0.split(',').map(str::trim).collect();
    let fits = |shape: &&&Shape| shape.keys.iter().map(|key| key.name).eq(names.iter().copied());
    ALL.iter().find(fits).map(|shape| reference(shape))
}

/// A text: one of some words where those are all there are, or a duration. Any text may be filled in from the environment.
fn text(takes: &str) -> Value {
    let quoted: Vec<_> = takes.split('"').skip(1).step_by(2).collect();
    let between: String = takes.split('"').step_by(2).collect();
    let filled_in = json!({ "type": "string", "pattern": "\\$\\{" });
    match takes {
        "duration" => json!({ "type": "string", "pattern": "^\\s*(\\d+(ms|[smhd])\\s*)+$|\\$\\{" }),
        _ if !quoted.is_empty() && matches!(between.replace([',', ' '], "").as_str(), "" | "or" | "and") => {
            json!({ "anyOf": [{ "enum": quoted }, filled_in] })
        }
        _ => json!({ "type": "string" }),
    }
}

fn reference(shape: &Shape) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name(shape)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Problems, Reading, Source, problem::Code, read};
    use std::{fs, io, path::Path};

    /// As much of JSON Schema as this one uses.
    fn fits(schema: &Value, whole: &Value, value: &Value) -> Result<(), String> {
        let fault = || Err(format!("{value} does not fit {schema}"));
        if let Some(path) = schema["$ref"].as_str() {
            return fits(whole.pointer(path.trim_start_matches('#')).ok_or(path)?, whole, value);
        }
        if let Some(several) = schema["anyOf"].as_array() {
            return if several.iter().any(|one| fits(one, whole, value).is_ok()) { Ok(()) } else { fault() };
        }
        if let Some(words) = schema["enum"].as_array() {
            return if words.contains(value) { Ok(()) } else { fault() };
        }
        match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(map)) => {
                for required in schema["required"].as_array().into_iter().flatten() {
                    map.get(required.as_str().unwrap()).ok_or_else(|| format!("{required} is missing"))?;
                }
                map.iter().try_for_each(|(name, value)| {
                    let inner = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                    if *inner == json!(false) { Err(format!("{name} is unknown")) } else { fits(inner, whole, value) }
                })
            }
            (Some("array"), Value::Array(list)) => list.iter().try_for_each(|one| fits(&schema["items"], whole, one)),
            (Some("string"), Value::String(_))
            | (Some("boolean"), Value::Bool(_))
            | (Some("integer"), Value::Number(_)) => Ok(()),
            _ => fault(),
        }
    }

    fn document(text: &str) -> Value {
        serde_json::to_value(text.parse::<Table>().unwrap()).unwrap()
    }

    #[test]
    fn the_shipped_files_fit() {
        let schema = json();

        for text in [include_str!("../../config.toml"), include_str!("../cli/demo/config.toml")] {
            fits(&schema, &schema, &document(text)).unwrap();
        }
    }

    #[test]
    fn a_misspelt_key_and_a_wrong_type_do_not() {
        let schema = json();
        let shipped = include_str!("../../config.toml");

        for (right, wrong) in [
            ("title = ", "titel = "),
            ("policy = \"standard\" ", "policy = 1 "),
            ("level = \"login\"\npublic = true", "level = \"login\"\npublic = \"yes\""),
            ("within = \"session\" }]", "withn = \"session\" }]"),
            ("[portal]", "[portl]"),
        ] {
            assert!(shipped.contains(right), "{right}");
            let text = shipped.replacen(right, wrong, 1);
            assert!(fits(&schema, &schema, &document(&text)).is_err(), "{wrong}");
        }
    }

    /// Knows every variable, and no file.
    struct Filled;

    impl crate::config::Environment for Filled {
        fn variable(&self, _: &str) -> Option<String> {
            Some("value-value-value-value-value-val".to_owned())
        }

        fn file(&self, _: &Path) -> io::Result<String> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    /// The config files that `tests/config.rs` reads: text, name, and what the reader says.
    fn drawn() -> impl Iterator<Item = (String, String, Result<Reading, Problems>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.filter_map(|path| {
            let source = Source::load(&path).ok()?;
            let read = read(&source, Path::new("/"), &Filled);
            Some((source.text().to_owned(), path.display().to_string(), read))
        })
    }

    #[test]
    fn whatever_is_read_without_an_error_fits() {
        let (schema, mut seen) = (json(), 0);

        for (text, name, _) in drawn().filter(|(.., read)| read.is_ok()) {
            fits(&schema, &schema, &document(&text)).unwrap_or_else(|why| panic!("{name}: {why}"));
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn no_unknown_key_and_no_wrong_type_fits() {
        let (schema, mut seen) = (json(), 0);
        let is_plain = |problems: &Problems| {
            problems.iter().any(|problem| matches!(problem.code, Code::UnknownKey | Code::WrongType))
        };

        for (text, name, _) in drawn().filter(|(.., read)| read.as_ref().is_err_and(is_plain)) {
            assert!(fits(&schema, &schema, &document(&text)).is_err(), "{name}");
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
    }

    #[test]
    fn every_table_is_reached_from_another() {
        let text = json().to_string();

        for shape in ALL.iter().filter(|shape| !shape.header.is_empty()) {
            assert!(text.contains(&format!("#/$defs/{}\"", name(shape))), "{}", shape.header);
        }
    }
}
