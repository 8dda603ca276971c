//! `doorward check`: everything about a config file that can be known without starting.

use super::{
    Failure,
    config_file::ConfigFile,
    failure::drawing,
    output::{self, count},
};
use crate::config::{NotServable, Problems, Reading, Settings, Untested};
use clap::Args;
use serde_json::{Value, json};

/// Check a config file and run the tests in it
///
/// Reports every mistake at once, each where it stands: keys and values, files that are named, tests that fail. Warnings are
/// told and stop nothing, unless `--strict` is given. What passes here is what `serve` accepts, but for what only a start
/// can tell: free ports, the store and its key, room for records.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Exit codes: 0 no error, and with --strict no warning either; 1 errors; 2 wrong usage; 3 with --strict:\n\
    nothing but warnings.\n\n\
    Examples:\n  \
    doorward check\n  \
    doorward check --strict --json | jq '.problems[]'\n  \
    doorward check -c /etc/doorward/config.toml && systemctl reload doorward"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Let no warning pass
    #[arg(long)]
    strict: bool,
    /// List the routes that no test touches
    #[arg(long)]
    coverage: bool,
    /// Print everything as JSON, problems too
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (reading, errors) = match arguments.config.file().read() {
        Ok(reading) => {
            let errors = reading.check_whole().err();
            (Some(reading), errors)
        }
        Err(NotServable::Wrong(errors)) => (None, Some(errors)),
        Err(NotServable::Unreadable(why)) if arguments.json => {
            output::print_json(&json!({ "errors": 1, "warnings": 0, "problems": [why.listed()] }))?;
            return Err(Failure::Told);
        }
        Err(unreadable) => return Err(unreadable.into()),
    };
    let warnings = reading.as_ref().map_or(0, |reading| reading.warnings.iter().count());
    if arguments.json {
        output::print_json(&report(reading.as_ref(), errors.as_ref()))?;
        return match errors {
            Some(_) => Err(Failure::Told),
            None if arguments.strict && warnings > 0 => Err(Failure::Warned),
            None => Ok(()),
        };
    }
    if let Some(reading) = reading.as_ref().filter(|reading| !reading.warnings.is_empty()) {
        output::warn(&drawing(&reading.warnings));
    }
    match (reading, errors) {
        (Some(_), None) if arguments.strict && warnings > 0 => {
            let told = count(warnings, "warning", "warnings");
            output::warn(&output::error(&format!("the config file has {told}, and --strict lets none pass")));
            Err(Failure::Warned)
        }
        (Some(reading), None) => summary(arguments, &reading, warnings),
        (None, None) => Ok(()),
        (_, Some(errors)) => Err(Failure::Config(errors)),
    }
}

fn summary(arguments: &Arguments, reading: &Reading, warnings: usize) -> Result<(), Failure> {
    let Counts { apps, routes, policies, tests } = counts(reading);
    let warned = match warnings {
        0 => String::new(),
        some => format!("; {}", count(some, "warning", "warnings")),
    };
    let told = format!(
        "{}: {}, {}, {}, {} passed{warned}",
        arguments.config.file().name(),
        count(apps, "app", "apps"),
        count(routes, "route", "routes"),
        count(policies, "policy", "policies"),
        count(tests, "test", "tests"),
    );
    let lines = std::iter::once(told).chain(arguments.coverage.then(|| coverage(reading)).into_iter().flatten());
    output::print(&output::plain(&lines.collect::<Vec<_>>().join("\n")))
}

fn coverage(reading: &Reading) -> Vec<String> {
    let line = |place: Untested| {
        let route = place.route.unwrap_or_else(|| "its own policy, where no route fits".to_owned());
        format!("no test touches {}: {route}", place.app)
    };
    let lines: Vec<_> = reading.untested().into_iter().map(line).collect();
    if lines.is_empty() { vec!["every route is touched by a test".to_owned()] } else { lines }
}

struct Counts {
    apps: usize,
    routes: usize,
    policies: usize,
    tests: usize,
}

fn counts(reading: &Reading) -> Counts {
    let Settings { apps, policies, .. } = &reading.settings;
    Counts {
        apps: apps.len(),
        routes: apps.iter().map(|settings| settings.app.routes.len()).sum(),
        // `public` and `deny` are there without being written.
        policies: policies.len().saturating_sub(2),
        tests: reading.cases.len(),
    }
}

/// Everything, for programs.
fn report(reading: Option<&Reading>, errors: Option<&Problems>) -> Value {
    let warnings = reading.map(|reading| &reading.warnings);
    let problems: Vec<_> = errors.into_iter().chain(warnings).flat_map(Problems::listed).collect();
    let number =
        |severity: &str| problems.iter().filter(|problem| problem.get("severity") == Some(&json!(severity))).count();
    let (errors, warnings) = (number("error"), number("warning"));
    match reading {
        None => json!({ "errors": errors, "warnings": warnings, "problems": problems }),
        Some(reading) => {
            let Counts { apps, routes, policies, tests } = counts(reading);
            json!({
                "apps": apps, "routes": routes, "policies": policies, "tests": tests, "untested": reading.untested(),
                "errors": errors, "warnings": warnings, "problems": problems,
            })
        }
    }
}
