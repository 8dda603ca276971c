//! `doorward replay`: what a changed config would have made of recorded requests.

use super::{
    Failure,
    config_file::ConfigFile,
    output::{self, count, plain, table},
    records::{self, Broken},
};
use crate::config::replay::{Change, Counts, OfPerson, OfRoute, Replay, Report, Unknown, Unused};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// People that are listed; JSON has them all.
const PEOPLE_MAX: usize = 10;

/// Say what a changed config would have made of recorded requests
///
/// Decides each record again by the changed config: what would be decided otherwise, how often people would be asked to
/// sign in again or to step up, who they are, and which routes decided nothing. Whoever is asked is taken to answer at once.
/// Nothing is sent.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Exit codes: 0 done, whatever it says; 1 no records, or a config with errors; 2 wrong usage.\n\n\
    Examples:\n  \
    doorward replay decisions.jsonl --with new.toml\n  \
    zcat decisions-*.gz | doorward replay - --with new.toml --json | jq .step_ups"
)]
pub(super) struct Arguments {
    /// Files of records, oldest first; - for standard input
    #[arg(required = true, value_name = "RECORDS")]
    files: Vec<PathBuf>,
    /// The changed config
    #[arg(long, value_name = "PATH")]
    with: PathBuf,
    /// Compare with this config, not with what was decided then
    #[arg(short = 'c', long = "config", value_name = "PATH")]
    config: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { files, with, config, json } = arguments;
    let after = ConfigFile::at(with.clone()).read()?.settings;
    let before = config.clone().map(|path| ConfigFile::at(path).read()).transpose()?.map(|reading| reading.settings);
    let mut replay = Replay::new(&after, before.as_ref());
    let mut broken = Vec::new();
    for file in files {
        let found = records::each(file, |record| replay.see(record))?;
        broken.extend((found.lines > 0).then_some((file.as_path(), found)));
    }
    let report = replay.report();
    if report.requests == 0 {
        let lines: u64 = broken.iter().map(|(_, found)| found.lines).sum();
        let why = if lines == 0 { "there are no records" } else { "no line is a record" };
        return Err(Failure::refused(format!("{why} in {}", names(files))));
    }
    if *json {
        let mut value = serde_json::to_value(&report).map_err(Failure::refused)?;
        if let Some(members) = value.as_object_mut() {
            let lines: u64 = broken.iter().map(|(_, found)| found.lines).sum();
            members.insert("broken_lines".to_owned(), json!(lines));
        }
        return output::print_json(&value);
    }
    output::print(&text(&report, with, config.as_deref(), &broken))
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn text(report: &Report, with: &Path, config: Option<&Path>, broken: &[(&Path, Broken)]) -> String {
    let with = with.display().to_string();
    let mut parts = vec![head(report)];
    parts.push(decisions(&report.decisions, &with, config));
    parts.extend(prompts(report));
    parts.extend(unused(&report.unused, &with));
    parts.extend(undecided(&report.undecided));
    let lines = |(file, found): &(&Path, Broken)| {
        let are = if found.lines == 1 { "is no record" } else { "are no records" };
        let told = of(found.lines, "line", "lines");
        format!("{told} of {} {are}; the first is line {}.", file.display(), found.first)
    };
    parts.extend(broken.iter().map(lines));
    plain(&parts.join("\n\n"))
}

fn of(number: u64, one: &str, many: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), one, many)
}

fn head(report: &Report) -> String {
    let span = report.span.map(|(first, last)| format!(", {} to {}", output::minute(first), output::minute(last)));
    let people = count(report.people, "person", "people");
    format!("{} of {people}{}", of(report.requests, "request", "requests"), span.unwrap_or_default())
}

fn decisions(changes: &[Change], with: &str, config: Option<&Path>) -> String {
    let sum = |is_same: bool| {
        let chosen = changes.iter().filter(|change| (change.before == change.after) == is_same);
        chosen.map(|change| change.requests).sum::<u64>()
    };
    let (same, other) = (sum(true), sum(false));
    let than = config.map_or("as before".to_owned(), |config| format!("as {} does", config.display()));
    if (same, other) == (0, 0) {
        return format!("{with} can decide none of them.");
    }
    if other == 0 {
        return format!("{with} decides all {same} {than}.");
    }
    let mut rows: Vec<_> = changes.iter().filter(|change| change.before != change.after).collect();
    rows.sort_by_key(|change| std::cmp::Reverse(change.requests));
    let rows: Vec<_> = rows
        .into_iter()
        .map(|change| [change.before.to_string(), change.after.to_string(), change.requests.to_string()])
        .collect();
    let rows = numbers(["BEFORE", "AFTER", "REQUESTS"], rows);
    format!("{with} decides {same} {than}, and {} otherwise:\n\n{rows}", of(other, "request", "requests"))
}

fn prompts(report: &Report) -> Option<String> {
    let told = [(report.sign_ins, "further sign-in", "further sign-ins"), (report.step_ups, "step-up", "step-ups")]
        .into_iter()
        .filter(|(counts, ..)| *counts != Counts::default())
        .map(|(Counts { before, after }, one, many)| {
            let change = match after.cmp(&before) {
                std::cmp::Ordering::Less => format!("{} fewer", before - after),
                std::cmp::Ordering::Equal => "as many".to_owned(),
                std::cmp::Ordering::Greater => format!("{} more", after - before),
            };
            format!("{} before, {after} after: {change}.", of(before, one, many))
        });
    let told: Vec<_> = told.collect();
    if told.is_empty() {
        return None;
    }
    let person = |OfPerson { user, asked }: &OfPerson| row(user.clone(), *asked);
    let shown = report.by_person.iter().take(PEOPLE_MAX);
    let people = numbers(["WHO", "BEFORE", "AFTER"], shown.map(person).collect());
    let rest = report.by_person.len().saturating_sub(PEOPLE_MAX);
    let rest = if rest > 0 { format!("\nand {}", count(rest, "other", "others")) } else { String::new() };
    let is_asked = |route: &&OfRoute| route.asked != Counts::default();
    let route = |route: &OfRoute| row(name(&route.app, route.route.as_deref()), route.asked);
    let routes = numbers(["ROUTE", "BEFORE", "AFTER"], report.by_route.iter().filter(is_asked).map(route).collect());
    Some(format!("{}\n\n{people}{rest}\n\n{routes}", told.join("\n")))
}

fn row(first: String, asked: Counts) -> [String; 3] {
    [first, asked.before.to_string(), asked.after.to_string()]
}

fn name(app: &str, route: Option<&str>) -> String {
    format!("{app}: {}", route.unwrap_or("its own policy"))
}

fn unused(unused: &[Unused], with: &str) -> Option<String> {
    let lines: Vec<_> = unused.iter().map(|one| format!("  {}", name(&one.app, one.route.as_deref()))).collect();
    (!lines.is_empty()).then(|| format!("Routes of {with} that decided none of them:\n{}", lines.join("\n")))
}

fn undecided(unknown: &[Unknown]) -> Option<String> {
    let all: u64 = unknown.iter().map(|one| one.requests).sum();
    let width = unknown.iter().map(|one| one.requests.to_string().len()).max()?;
    let lines: Vec<_> = unknown.iter().map(|one| format!("  {:width$}  {}", one.requests, one.asks)).collect();
    let told = of(all, "request", "requests");
    Some(format!("{told} can't be decided again. What is not recorded of them:\n{}", lines.join("\n")))
}

/// A table whose numbers stand one under the other.
fn numbers<const N: usize>(headings: [&str; N], mut rows: Vec<[String; N]>) -> String {
    for (at, heading) in headings.iter().enumerate() {
        let is_number = |row: &[String; N]| row.get(at).is_some_and(|cell| cell.parse::<u64>().is_ok());
        if !rows.iter().all(is_number) {
            continue;
        }
        let width = rows.iter().filter_map(|row| row.get(at)).map(String::len).chain([heading.len()]).max();
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
            *cell = format!("{cell:>width$}", width = width.unwrap_or_default());
        }
    }
    table(headings, &rows)
}
