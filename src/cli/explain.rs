//! `doorward explain`: what becomes of one request.

use super::{Failure, config_file::ConfigFile, output};
use crate::{
    adapters::system::SystemClock,
    config::{
        duration,
        explain::{Did, Request, Who, explain, field, form_field, moment},
    },
    domain::{time::Timestamp, user::LoginId},
    ports::Clock as _,
};
use clap::Args;
use std::{net::IpAddr, time::Duration};

/// Say what becomes of one request, and why
///
/// Goes the way of the gateway itself: host, path, routes in order, policy, clause by clause. Nothing is sent, and no
/// account is looked up.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward explain GET https://payroll.example.com/\n  \
    doorward explain POST https://payroll.example.com/transfers/42 --user ann --group finance \\\n      \
    --did 'password 3h ago' --did 'totp 10m ago'")]
pub(super) struct Arguments {
    /// The method: GET, POST, …
    method: String,
    /// The whole URL, as a browser shows it
    url: String,
    /// Who sends it; without proofs of theirs nobody is known
    #[arg(long, value_name = "LOGIN-ID", value_parser = LoginId::parse, requires = "did")]
    user: Option<LoginId>,
    /// A group they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
    /// What they have proven, and when: 'totp 10m ago', 'password now'; may be repeated
    #[arg(long, value_name = "PROOF", value_parser = Did::parse)]
    did: Vec<Did>,
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// A header field: 'Accept: text/html'; may be repeated
    #[arg(long = "header", value_name = "FIELD", value_parser = field)]
    headers: Vec<(String, String)>,
    /// A field of the form in its body: 'op=transfer'; may be repeated
    #[arg(long = "form", value_name = "FIELD", value_parser = form_field)]
    form: Vec<(String, String)>,
    /// For how long nobody had used the browser: 12m
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "0s")]
    idle: Duration,
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
    let Arguments { method, url, user, groups, did, from, headers, form, idle, paid, at, config, json } = arguments;
    let request = Request::parse(&format!("{method} {url}"))
        .map_err(|why| Failure::Misused(format!("this is no request: {why}")))?;
    let (fields, form) = (headers.clone(), form.clone());
    let request = Request { client: *from, fields, form, idle: *idle, paid: *paid, ..request };
    let who = user.as_ref().map(|name| Who { name: name.clone(), groups: groups.clone() });
    let settings = config.read()?.settings;
    let told = explain(&settings, &request, who.as_ref(), did, at.unwrap_or_else(|| SystemClock.now()));
    if *json {
        return output::print_json(&serde_json::to_value(&told).map_err(Failure::refused)?);
    }
    output::print(&output::plain(&told.to_string()))
}
