//! Messages to people, by whatever the operator has set up.

use crate::{
    domain::contact::Channel,
    ports::{Messenger, NotSent, messages::Message},
};
use async_trait::async_trait;

/// One sender for each channel that is set up.
#[derive(Debug, Clone, Default)]
pub struct Senders {}

#[async_trait]
impl Messenger for Senders {
    fn reaches(&self, _channel: Channel) -> bool {
        false
    }

    async fn send(&self, message: Message) -> Result<(), NotSent> {
        Err(NotSent::NoChannel(message.channel))
    }

    fn post(&self, message: Message) {
        tracing::debug!(channel = %message.channel, "a message has no way to go");
    }
}
