//! `doorward message`: whether messages arrive.

use super::{Failure, config_file::ConfigFile, logs, output};
use crate::{
    adapters::system::SystemClock,
    domain::contact::{Address, Channel, EmailAddress, PhoneNumber},
    gateway,
    ports::{
        Clock as _, Messenger as _,
        messages::{Asked, Content, Message},
    },
};
use clap::Args;

/// Send a trial message, and say what became of it
///
/// By mail to an address, as a text message to a phone number. Uses what `[mail]`, `[sms]` and `[voice]` of the config
/// file say; the store is not opened.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
    doorward message ann@example.com\n  \
    doorward message +442079460000\n  \
    doorward message +442079460000 --call")]
pub(super) struct Arguments {
    /// An e-mail address, or a phone number that begins with +
    #[arg(value_name = "ADDRESS")]
    to: String,
    /// Call the number instead of texting it
    #[arg(long)]
    call: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let misused = |error: &dyn std::error::Error| Failure::Misused(error.to_string());
    let (channel, to) = if arguments.to.contains('@') {
        (Channel::Email, Address::Email(EmailAddress::parse(&arguments.to).map_err(|error| misused(&error))?))
    } else {
        let number = PhoneNumber::parse(&arguments.to).map_err(|error| misused(&error))?;
        (if arguments.call { Channel::Voice } else { Channel::Sms }, Address::Phone(number))
    };
    if arguments.call && channel != Channel::Voice {
        return Err(Failure::Misused("only phone numbers can be called".to_owned()));
    }
    let settings = arguments.config.check()?.0.settings;
    logs::start_for_a_verb()?;
    super::config_file::runtime()?.block_on(async {
        let senders = gateway::senders(&settings).map_err(Failure::refused)?;
        let asked = Asked { browser: None, address: None, at: SystemClock.now() };
        let message = Message { channel, to, content: Content::Trial { asked } };
        senders.send(message).await.map_err(Failure::refused)
    })?;
    output::print(&format!("{channel}: handed over for {}", arguments.to.trim()))
}
