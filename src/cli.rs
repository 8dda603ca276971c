//! The command line: one file a verb.
//!
//! A verb reads its arguments, calls one flow or the gateway, and prints what came of it. Results go to standard
//! output, everything else to standard error. A secret is never an argument: the process list shows those.

mod check;
mod config_file;
pub mod demo;
mod explain;
mod failure;
mod logs;
mod message;
mod output;
mod password;
mod records;
mod replay;
mod schema;
mod serve;
mod session;
mod totp;
mod user;

pub use failure::Failure;

use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// Asks for fresh proof: multi-factor sign-in in front of applications that have none
#[derive(Debug, Parser)]
#[command(
    name = "doorward",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Start with `doorward demo`. `doorward VERB --help` says more.\n\
                  Exit codes: 0 done, 1 refused or not found, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Their texts are at the arguments of each.
#[derive(Debug, Subcommand)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
enum Verb {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Replay(replay::Arguments),
    Schema(schema::Arguments),
    User(user::Arguments),
    Session(session::Arguments),
    Message(message::Arguments),
}

/// Does what these arguments say, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match Cli::try_parse_from(arguments)?.verb {
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Replay(arguments) => replay::run(&arguments),
        Verb::Schema(arguments) => schema::run(&arguments),
        Verb::User(arguments) => user::run(arguments),
        Verb::Session(arguments) => session::run(&arguments),
        Verb::Message(arguments) => message::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_has_no_contradiction() {
        Cli::command().debug_assert();
    }
}
