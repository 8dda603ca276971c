//! `docs/config.md`: the key list, printed for people.

use super::keys::{ALL, Fallback, Shape};
use std::fmt::Write as _;

/// What `docs/config.md` must be.
pub fn markdown() -> String {
    let mut page = String::from(
        "# The config file, key by key\n\n\
         Printed from the list that the reader itself works with; a test keeps it true. `config.toml` shows the same\n\
         keys in use.\n\n\
         - Unknown keys are errors. `doorward check` reports every problem at once.\n\
         - `${NAME}` in a text is filled in from the environment; a plain `${` is written `$${`.\n\
         - Relative paths begin at the config file's folder.\n\
         - Durations: `90s`, `5m`, `1h 30m`, `7d`. Sizes: `64KiB`, `100MiB`, `1GiB`.\n",
    );
    for shape in ALL.iter().filter(|shape| !shape.header.is_empty()) {
        table(&mut page, shape);
    }
    page
}

fn table(page: &mut String, shape: &Shape) {
    // Writing to a String can't fail.
    let _ =
        write!(page, "\n## `{}`\n\n{}\n\n| key | takes | default | |\n|---|---|---|---|\n", shape.header, shape.doc);
    for key in shape.keys {
        let default = match key.fallback {
            Fallback::Required => "**required**".to_owned(),
            Fallback::Absent(meaning) => meaning.to_owned(),
            Fallback::Value(written) => format!("`{written}`"),
        };
        let _ = writeln!(page, "| `{}` | {} | {default} | {} |", key.name, key.takes, key.doc);
    }
}
