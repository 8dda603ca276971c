//! `doorward schema`: what an editor needs to know about the config file.

use super::{Failure, output};
use crate::config::schema;
use clap::Args;

/// Print the JSON Schema of the config file
///
/// Editors complete and check keys with it. It says no more than what one key at a time can say: `doorward check` sees
/// the rest.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward schema > doorward.schema.json\n  \
    and in the first line of config.toml, for Taplo: #:schema ./doorward.schema.json")]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments) -> Result<(), Failure> {
    output::print_json(&schema::json())
}
