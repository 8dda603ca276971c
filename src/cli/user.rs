//! `doorward user`: accounts, as an operator manages them.

mod shown;

use super::{
    Failure,
    config_file::ConfigFile,
    output::{self, minute, rfc3339},
    password,
    totp::{grouped, qr},
};
use crate::{
    domain::{
        contact::{EmailAddress, PhoneNumber},
        user::LoginId,
    },
    flows::{
        World,
        administer::{self, NewUser},
        sign_up::{self, Invited, Letter, SignUpError},
    },
    ports::NotSent,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::IsTerminal as _;

/// Manage accounts
///
/// Works on the store that the config file names, whether the gateway runs or not. Passwords are read from standard
/// input: one line, or typed twice where that is a terminal.
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    after_long_help = "Examples:\n  \
    doorward user add ann --name 'Ann Example' --email ann@example.com --group finance\n  \
    pwgen -s 20 1 | doorward user set-password ann\n  \
    doorward user list --json | jq -r '.[] | select(.second_factors == 0).login_id'"
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
    /// Add an account; its password is read from standard input
    Add(New),
    /// Print a link, and mail it, with which somebody makes their account within a day
    Invite(Person),
    /// List the invitations that nobody has used
    Invitations,
    /// Take back an invitation before it is used
    Withdraw(Whose),
    /// List all accounts
    List,
    /// Show one account with its factors and sessions
    Show(Whose),
    /// Keep somebody out, and end their sessions
    Disable(Whose),
    /// Let somebody in again
    Enable(Whose),
    /// Delete an account and all that hangs on it
    Delete {
        #[command(flatten)]
        whose: Whose,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Set a password, read from standard input; ends the account's sessions
    SetPassword(Whose),
    /// Remove second factors and recovery codes, end all sessions; new ones within a day
    ResetMfa(Whose),
    /// Forget the browsers somebody has remembered: each asks for the second step again
    ForgetDevices(Whose),
    /// Forget failed tries, so that the next one is let through
    Unlock(Whose),
    /// Give somebody an authenticator app: prints its key, and a QR code on a terminal
    EnrollTotp {
        #[command(flatten)]
        whose: Whose,
        /// Draw the QR code wherever this is printed
        #[arg(long)]
        qr: bool,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// What they type to sign in
    #[arg(value_name = "LOGIN-ID", value_parser = LoginId::parse)]
    login_id: LoginId,
}

#[derive(Debug, Args)]
struct New {
    #[command(flatten)]
    person: Person,
    /// Leave them without a password: nobody can sign in until one is set
    #[arg(long)]
    no_password: bool,
}

#[derive(Debug, Args)]
struct Person {
    /// What they will type to sign in: a name or an e-mail address
    #[arg(value_name = "LOGIN-ID", value_parser = LoginId::parse)]
    login_id: LoginId,
    /// What people call them
    #[arg(long)]
    name: Option<String>,
    /// Their e-mail address, which applications are told: you vouch that it is theirs
    #[arg(long, value_parser = EmailAddress::parse)]
    email: Option<EmailAddress>,
    /// Their phone number, with the country: you vouch that it is theirs. It takes an e-mail address beside it
    #[arg(long, value_parser = PhoneNumber::parse)]
    phone: Option<PhoneNumber>,
    /// A group they are in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

impl From<Person> for NewUser {
    fn from(Person { login_id, name, email, phone, groups }: Person) -> Self {
        Self { login_id, name, email, phone, groups }
    }
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { verb, config, json } = arguments;
    let told = config.with_world(async |world| match verb {
        Verb::Add(new) => add(world, new).await,
        Verb::Invite(person) => invite(world, person).await,
        Verb::Invitations => Ok(shown::invitations(&sign_up::invitations(world).await.map_err(Failure::refused)?)),
        Verb::Withdraw(whose) => withdraw(world, &whose).await,
        Verb::List => shown::all(world).await,
        Verb::Show(Whose { login_id }) => shown::one(world, &login_id).await,
        Verb::Disable(whose) => {
            change(&whose, "disabled", administer::set_disabled(world, &whose.login_id, true).await)
        }
        Verb::Enable(whose) => change(&whose, "enabled", administer::set_disabled(world, &whose.login_id, false).await),
        Verb::Delete { whose, yes } => delete(world, &whose, yes).await,
        Verb::SetPassword(whose) => set_password(world, &whose).await,
        Verb::ResetMfa(whose) => reset_mfa(world, &whose).await,
        Verb::ForgetDevices(whose) => forget_devices(world, &whose).await,
        Verb::Unlock(whose) => change(&whose, "unlocked", administer::unlock(world, &whose.login_id).await),
        Verb::EnrollTotp { whose, qr } => enroll_totp(world, &whose, qr).await,
    })?;
    if json { output::print_json(&told.value) } else { output::print(&told.text) }
}

/// What came of it, for people and for programs.
struct Told {
    text: String,
    value: Value,
}

async fn add(world: &World, new: New) -> Result<Told, Failure> {
    let New { person, no_password } = new;
    let new = NewUser::from(person);
    // Before the password is asked for, not after it was typed twice.
    administer::may_add(world, &new).await.map_err(Failure::refused)?;
    let password = if no_password { None } else { Some(password::read_new(new.login_id.as_str())?) };
    let typed = password.as_ref().map(|password| password.as_str());
    let user = administer::add_user(world, new, typed).await.map_err(Failure::refused)?;
    let next = match password {
        Some(_) => "a second factor can be set up at the first sign-in, within a day",
        None => "nobody can sign in to it until `doorward user set-password` was run",
    };
    Ok(Told {
        text: format!("added {}: {next}", user.login_id),
        value: json!({ "id": user.id.0, "login_id": user.login_id.as_str(), "done": "added" }),
    })
}

async fn invite(world: &World, person: Person) -> Result<Told, Failure> {
    let login_id = person.login_id.clone();
    let Invited { url, ends_at, letter } =
        sign_up::invite(world, person.into()).await.map_err(|error| match error {
            SignUpError::NotOffered => Failure::refused(
                "`sign_up.mode` is \"closed\", so no link makes an account; write \"invite\" in the config",
            ),
            error => Failure::refused(error),
        })?;
    let (mailed, next) = match &letter {
        Some(Letter { to, sent: Ok(()) }) => (Some(to.as_str()), format!("mailed to {}", to.as_str())),
        Some(Letter { sent: Err(NotSent::NoChannel(_)), .. }) | None => (None, "give them this link".to_owned()),
        Some(Letter { sent: Err(error), .. }) => (None, format!("not mailed ({error}), so give them this link")),
    };
    Ok(Told {
        text: format!("invited {login_id} until {}; {next}\n{}", minute(ends_at), url.as_str()),
        value: json!({
            "login_id": login_id.as_str(),
            "done": "invited",
            "url": url.as_str(),
            "ends_at": rfc3339(ends_at),
            "mailed_to": mailed,
        }),
    })
}

async fn withdraw(world: &World, whose: &Whose) -> Result<Told, Failure> {
    let login_id = &whose.login_id;
    match sign_up::withdraw(world, login_id).await.map_err(Failure::refused)? {
        0 => Err(Failure::refused(format!("nobody is invited as `{login_id}`"))),
        _ => Ok(Told {
            text: format!("took back the invitation of {login_id}; its link no longer works"),
            value: json!({ "login_id": login_id.as_str(), "done": "withdrawn" }),
        }),
    }
}

async fn delete(world: &World, whose: &Whose, yes: bool) -> Result<Told, Failure> {
    let account = administer::account(world, &whose.login_id).await.map_err(Failure::refused)?;
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Misused("nobody is there to confirm it; add --yes".to_owned()));
        }
        let question = format!("Delete {} ({}), with factors and sessions?", account.user.login_id, account.user.name);
        if !password::is_confirmed(&output::plain(&question))? {
            return Err(Failure::refused("nothing was deleted"));
        }
    }
    change(whose, "deleted", administer::delete_user(world, &whose.login_id).await)
}

async fn set_password(world: &World, whose: &Whose) -> Result<Told, Failure> {
    administer::account(world, &whose.login_id).await.map_err(Failure::refused)?;
    let password = password::read_new(whose.login_id.as_str())?;
    administer::set_password(world, &whose.login_id, &password).await.map_err(Failure::refused)?;
    Ok(Told {
        text: format!("set the password of {}; their sessions ended", whose.login_id),
        value: json!({ "login_id": whose.login_id.as_str(), "done": "password set" }),
    })
}

async fn reset_mfa(world: &World, whose: &Whose) -> Result<Told, Failure> {
    let removed = administer::reset_mfa(world, &whose.login_id).await.map_err(Failure::refused)?;
    let login_id = &whose.login_id;
    let factors = match usize::try_from(removed).unwrap_or(usize::MAX) {
        0 => format!("{login_id} had no second factor"),
        some => format!("removed {} of {login_id}", output::count(some, "second factor", "second factors")),
    };
    Ok(Told {
        text: format!("{factors}; their sessions ended, and a new one can be set up within a day"),
        value: json!({ "login_id": whose.login_id.as_str(), "done": "reset", "removed": removed }),
    })
}

async fn forget_devices(world: &World, whose: &Whose) -> Result<Told, Failure> {
    let count = administer::forget_devices(world, &whose.login_id).await.map_err(Failure::refused)?;
    let browsers = output::count(usize::try_from(count).unwrap_or(usize::MAX), "browser", "browsers");
    Ok(Told {
        text: format!("forgot {browsers} of {}", whose.login_id),
        value: json!({ "login_id": whose.login_id.as_str(), "done": "devices forgotten", "forgotten": count }),
    })
}

async fn enroll_totp(world: &World, whose: &Whose, always_qr: bool) -> Result<Told, Failure> {
    let key = administer::enroll_totp(world, &whose.login_id).await.map_err(Failure::refused)?;
    let uri = key.to_uri().ok_or_else(|| Failure::refused("the key has no URI"))?;
    let base32 = key.to_base32();
    let mut text = format!("Key  {}\nURI  {uri}", grouped(&base32));
    if always_qr || std::io::stdout().is_terminal() {
        text = format!("{text}\n\n{}", qr(&uri).map_err(Failure::refused)?);
    }
    Ok(Told { text, value: json!({ "login_id": whose.login_id.as_str(), "key": base32, "uri": uri }) })
}

fn change(whose: &Whose, done: &str, outcome: Result<(), administer::AdministerError>) -> Result<Told, Failure> {
    outcome.map_err(Failure::refused)?;
    Ok(Told {
        text: format!("{done} {}", whose.login_id),
        value: json!({ "login_id": whose.login_id.as_str(), "done": done }),
    })
}
