//! `[records]`.

use super::{
    keys,
    reader::Section,
    settings::{Keep, Records},
    values::{one_of, path, size},
};

pub(super) fn records(section: &Section<'_>) -> Option<Records> {
    use keys::records as key;
    let file = section.read(&key::FILE, path);
    let max = section.read(&key::MAX, size);
    let keep = section.read(&key::KEEP, |value| one_of(value, &[("all", Keep::All), ("refused", Keep::Refused)]));
    Some(Records { file: file?, max: max?, keep: keep? })
}
