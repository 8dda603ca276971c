//! `doorward check`: everything about a config file that can be known without starting.

use super::{Failure, config_file::ConfigFile, output};
use crate::config::Settings;
use clap::Args;
use serde_json::json;

/// Check a config file and run the tests in it
///
/// Reports every mistake at once, each where it stands. Warnings are told and stop nothing. What passes here is what
/// `serve` accepts.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward check\n  \
    doorward check -c /etc/doorward/config.toml && systemctl reload doorward")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let reading = arguments.config.check()?;
    let Settings { apps, policies, .. } = &reading.settings;
    let routes = apps.iter().map(|settings| settings.app.routes.len()).sum();
    // `public` and `deny` are there without being written.
    let policies = policies.len().saturating_sub(2);
    let (apps, tests, warnings) = (apps.len(), reading.cases.len(), reading.warnings.iter().count());
    if arguments.json {
        return output::print_json(&json!({
            "apps": apps, "routes": routes, "policies": policies, "tests": tests, "warnings": warnings,
        }));
    }
    let warned = match warnings {
        0 => String::new(),
        some => format!("; {}", output::count(some, "warning", "warnings")),
    };
    output::print(&format!(
        "{}: {}, {}, {}, {} passed{warned}",
        arguments.config.name(),
        output::count(apps, "app", "apps"),
        output::count(routes, "route", "routes"),
        output::count(policies, "policy", "policies"),
        output::count(tests, "test", "tests"),
    ))
}
