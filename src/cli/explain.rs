//! `doorward explain`: what becomes of one request.

use super::{Failure, config_file::ConfigFile, output, records};
use crate::{
    adapters::{
        records::{Keep, older},
        system::SystemClock,
    },
    config::{
        duration,
        explain::{
            Did, Explanation, Halfway, Request, Risk, Undecided, Who, again, explain, field, form_field, moment,
        },
    },
    domain::{record::Record, time::Timestamp, user::LoginId},
    ports::Clock as _,
};
use clap::Args;
use http::{HeaderName, HeaderValue};
use serde_json::json;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Say what becomes of one request, and why
///
/// Goes the way of the gateway itself: host, path, routes in order, policy, clause by clause. Nothing is sent, and no
/// account is looked up. With `--id` the request is one that was recorded, and the config decides it again.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Exit codes: 0 explained, whatever becomes of it; 1 no such record, or a config with errors; 2 wrong usage.\n\n\
    Examples:\n  \
    doorward explain GET https://payroll.example.com/\n  \
    doorward explain POST https://payroll.example.com/transfers/42 --user ann --group finance \\\n      \
    --did 'password 3h ago' --did 'totp 10m ago'\n  \
    doorward explain --id 7F3K-9QXA-2MT4"
)]
pub(super) struct Arguments {
    /// The method: GET, POST, …
    #[arg(required_unless_present = "id")]
    method: Option<String>,
    /// The whole URL, as a browser shows it
    #[arg(required_unless_present = "id")]
    url: Option<String>,
    /// A recorded request instead: the reference on its page, or `request.id` in the log
    #[arg(long, value_name = "ID", conflicts_with_all = [
        "method", "url", "user", "groups", "did", "risk", "from", "headers", "form", "idle", "remembered", "paid", "at",
    ])]
    id: Option<String>,
    /// Where it is recorded, if not in the file that the config names
    #[arg(long, value_name = "FILE", requires = "id")]
    records: Option<PathBuf>,
    /// Who sends it; without proofs of theirs nobody is known
    #[arg(long, value_name = "LOGIN-ID", value_parser = LoginId::parse, requires = "did")]
    user: Option<LoginId>,
    /// A group they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
    /// What they have proven, and when: 'totp 10m ago', 'password now'; may be repeated
    #[arg(long, value_name = "PROOF", value_parser = Did::parse)]
    did: Vec<Did>,
    /// How risky their sign-in was: a score, or signals: 'new-device,new-country'
    #[arg(long, value_name = "RISK", value_parser = Risk::parse, requires = "did")]
    risk: Option<Risk>,
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// A header field: 'Accept: text/html'; may be repeated
    #[arg(long = "header", value_name = "FIELD", value_parser = field)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// A field of the form in its body: 'op=transfer'; may be repeated
    #[arg(long = "form", value_name = "FIELD", value_parser = form_field)]
    form: Vec<(String, String)>,
    /// For how long nobody had used the browser: 12m
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "0s")]
    idle: Duration,
    /// That a remembered browser spared the second step of their sign-in
    #[arg(long, requires = "did")]
    remembered: bool,
    /// A proof that was made for this very request: 'passkey now'
    #[arg(long, value_name = "PROOF", value_parser = Did::parse)]
    paid: Option<Did>,
    /// When, if not now: 2026-02-06T09:00:00Z, 2026-02-06T09:00[Europe/Berlin]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { method, url, user, groups, did, risk, from, headers, form, .. } = arguments;
    let Arguments { idle, remembered, paid, at, config, json, .. } = arguments;
    let (Some(method), Some(url)) = (method, url) else { return recorded(arguments) };
    let request = Request::parse(&format!("{method} {url}"))
        .map_err(|why| Failure::Misused(format!("this is no request: {why}")))?;
    let (fields, form) = (headers.iter().cloned().collect(), form.clone());
    let request = Request { client: *from, fields, form, idle: *idle, remembered: *remembered, paid: *paid, ..request };
    let who = user.as_ref().map(|name| Who { name: name.clone(), groups: groups.clone() });
    let settings = config.read()?.settings;
    let told = explain(&settings, &request, who.as_ref(), did, risk.as_ref(), at.unwrap_or_else(|| SystemClock.now()));
    if *json {
        return output::print_json(&serde_json::to_value(&told).map_err(Failure::refused)?);
    }
    output::print(&output::plain(&told.to_string()))
}

/// Explains a recorded request.
fn recorded(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { id, records, config, json, .. } = arguments;
    // People read it out, and write it down.
    let id = id.as_deref().unwrap_or_default().trim().to_uppercase();
    let settings = config.read()?.settings;
    let file = records.clone().or_else(|| Some(settings.records.as_ref()?.file.clone())).ok_or_else(|| {
        Failure::Misused(
            "this config records no decisions: name a file with --records, or write `[records]`".to_owned(),
        )
    })?;
    let record = match records::find(&file, &id)? {
        Some(record) => record,
        None => records::find(&older(&file), &id)?.ok_or_else(|| {
            let passed = settings.records.as_ref().is_some_and(|records| records.keep == Keep::Refused);
            let which = if passed { "requests to applications that did not pass" } else { "requests to applications" };
            Failure::refused(format!(
                "{} has no record of {id}; only {which} are recorded, and the log says what else was refused",
                file.display()
            ))
        })?,
    };
    let told = again(&settings, &record);
    if *json {
        return output::print_json(&as_json(&record, &told)?);
    }
    output::print(&output::plain(&text(&record, &told)))
}

fn as_json(record: &Record, told: &Result<Explanation, Box<Halfway>>) -> Result<serde_json::Value, Failure> {
    let (explanation, halfway) = (told.as_ref().ok(), told.as_ref().err());
    let value = json!({
        "record": serde_json::to_value(record).map_err(Failure::refused)?,
        "explanation": explanation.map(serde_json::to_value).transpose().map_err(Failure::refused)?,
        "so_far": halfway.map(|halfway| serde_json::to_value(&halfway.way)).transpose().map_err(Failure::refused)?,
        "not_recorded": halfway.map(|halfway| halfway.why.to_string()),
        "same": explanation.map(|told| told.outcome == record.outcome),
    });
    Ok(value)
}

fn text(record: &Record, told: &Result<Explanation, Box<Halfway>>) -> String {
    let Record { id, outcome, client, .. } = record;
    let head = format!("{id}, {}, from {client}", output::second(record.at));
    let by = match (&record.route, &record.policy) {
        (Some(route), Some(policy)) => format!(", by the route {route} and the policy `{policy}`"),
        (None, Some(policy)) => format!(", by the app's own policy `{policy}`"),
        (_, None) => String::new(),
    };
    let instead = record.instead.map(|instead| format!("; enforced: {instead}")).unwrap_or_default();
    let then = match record.demand {
        Some(_) => format!("{outcome}, which the application asked for; it got the request{by}"),
        None => format!("{outcome}{by}{instead}"),
    };
    match told {
        Ok(told) if told.outcome == *outcome => format!("{head}\n{told}\n\nDecided the same then: {then}."),
        Ok(told) => {
            let now = told.outcome;
            format!("{head}\n{told}\n\nDecided OTHERWISE then: {then}. This config says {now}.")
        }
        Err(halfway) => match &halfway.why {
            Undecided::Hitch(hitch) => format!(
                "{head}\n{}\n\nNot decided then: {hitch}, and the request was refused. No config can decide it now.",
                halfway.way
            ),
            why => format!(
                "{head}\n{}\n\nDecided then: {then}.\n\
                 This config can't decide it again. It asks for what is not recorded: {why}.",
                halfway.way
            ),
        },
    }
}
