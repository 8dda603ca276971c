//! `doorward session`: who is signed in, and no longer.

use super::{
    Failure,
    config_file::ConfigFile,
    output::{self, minute, rfc3339},
};
use crate::{
    config::duration::spell,
    domain::{
        session::{Level, SessionId, Standing},
        time::Timestamp,
        user::LoginId,
    },
    flows::{World, administer},
    ports::store::SessionSummary,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// List and end sessions
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_long_help = "Examples:\n  \
    doorward session list --user ann\n  \
    doorward session revoke --user ann"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
enum Verb {
    /// List live sessions, last used first
    List {
        /// Only those of this account
        #[arg(long, value_name = "LOGIN-ID", value_parser = LoginId::parse)]
        user: Option<LoginId>,
    },
    /// End one session, or all of an account
    Revoke(Revoked),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Revoked {
    /// The session, as `session list` shows it
    #[arg(value_name = "ID")]
    session: Option<Uuid>,
    /// All sessions of this account
    #[arg(long, value_name = "LOGIN-ID", value_parser = LoginId::parse)]
    user: Option<LoginId>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.config.with_world(async |world| match &arguments.verb {
        Verb::List { user } => list(world, user.as_ref(), arguments.json).await,
        Verb::Revoke(revoked) => revoke(world, revoked, arguments.json).await,
    })
}

async fn list(world: &World, user: Option<&LoginId>, json: bool) -> Result<(), Failure> {
    let (sessions, now) = live(world, user).await?;
    if json {
        return output::print_json(&sessions.iter().map(|summary| as_json(summary, now)).collect());
    }
    if sessions.is_empty() {
        output::warn("nobody is signed in");
        return Ok(());
    }
    let rows: Vec<_> = sessions.iter().map(|summary| row(summary, now)).collect();
    output::print(&output::table(["ID", "LOGIN ID", "LEVEL", "PROVEN", "SIGNED IN", "LAST USED"], &rows))
}

/// Sessions that still count, and when that was found out: the store also holds some that are over and not yet swept.
pub(super) async fn live(world: &World, user: Option<&LoginId>) -> Result<(Vec<SessionSummary>, Timestamp), Failure> {
    let mut sessions = administer::sessions(world, user).await.map_err(Failure::refused)?;
    let now = world.clock.now();
    sessions.retain(|summary| summary.session.standing(world.settings.limits, now) == Standing::Live);
    Ok((sessions, now))
}

async fn revoke(world: &World, revoked: &Revoked, json: bool) -> Result<(), Failure> {
    let ended = match (&revoked.session, &revoked.user) {
        (Some(id), _) => administer::revoke_session(world, SessionId(*id)).await.map(|()| 1),
        (None, Some(user)) => administer::revoke_sessions_of(world, user).await,
        (None, None) => Ok(0),
    }
    .map_err(Failure::refused)?;
    if json {
        return output::print_json(&json!({ "ended": ended }));
    }
    output::print(&match ended {
        1 => "ended 1 session".to_owned(),
        _ => format!("ended {ended} sessions"),
    })
}

fn row(SessionSummary { login_id, session }: &SessionSummary, now: Timestamp) -> [String; 6] {
    let level = Level::reached(&session.authentications, now);
    let proven: Vec<_> =
        session.authentications.iter().map(|proof| format!("{} {}", proof.method, ago(proof.at, now))).collect();
    [
        session.id.0.to_string(),
        login_id.to_string(),
        level.map_or("none", Level::name).to_owned(),
        proven.join(", "),
        minute(session.started_at),
        ago(session.seen_at, now),
    ]
}

/// For programs.
pub(super) fn as_json(SessionSummary { login_id, session }: &SessionSummary, now: Timestamp) -> Value {
    let proofs: Value = session
        .authentications
        .iter()
        .map(|proof| json!({ "method": proof.method.name(), "at": rfc3339(proof.at) }))
        .collect();
    json!({
        "id": session.id.0,
        "login_id": login_id.as_str(),
        "level": Level::reached(&session.authentications, now).map(Level::name),
        "authentications": proofs,
        "started_at": rfc3339(session.started_at),
        "seen_at": rfc3339(session.seen_at),
    })
}

/// To the minute: it is read by people.
fn ago(at: Timestamp, now: Timestamp) -> String {
    match at.age(now) {
        None => "in the future".to_owned(),
        Some(age) if age < Duration::from_mins(1) => "just now".to_owned(),
        Some(age) => format!("{} ago", spell(Duration::from_secs(age.as_secs() / 60 * 60))),
    }
}
