//! Messages to people, by whatever the operator has set up: SMTP, an HTTP API, or a folder.
//!
//! # Invariants
//!
//! - No code, link or whole address is logged or put into an error (LO-03): not ours, and not a server's echo of it.
//! - TLS to a server is verified always, and `STARTTLS` is never optional.
//! - Nobody waits longer than the operator allows, whatever the server does.

mod http;
mod letter;
mod outbox;
mod phone;
mod postman;
pub mod settings;
mod smtp;
mod wording;

pub use settings::Settings;

use crate::{
    adapters::upstream::NotTrusted,
    domain::contact::{Address, Channel},
    ports::{Entropy, Messenger, NotSent, messages::Message},
};
use async_trait::async_trait;
use phone::Caller;
use postman::Postman;
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use wording::Words;

/// Most messages that wait at once; more are dropped, for something is wrong.
const WAITING_MAX: u32 = 1000;
/// Most posted messages that are on their way at once.
const AT_ONCE: usize = 4;

/// Why a channel that is set up could carry nothing. Stops the start.
#[derive(Debug, thiserror::Error)]
pub enum NoSender {
    /// No server could ever be trusted.
    #[error("messages: {0}")]
    Trust(#[from] NotTrusted),
    /// The authorities of the mail server can't be read.
    #[error("can't read the mail server's authorities in {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// TLS to the mail server can't be set up.
    #[error("TLS to the mail server can't be set up: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

/// One sender for each channel that is set up.
#[derive(Clone)]
pub struct Senders(Arc<Office>);

struct Office {
    settings: Settings,
    mail: Option<Postman>,
    sms: Option<Caller>,
    voice: Option<Caller>,
    entropy: Arc<dyn Entropy>,
    queue: Arc<Queue>,
}

/// What was posted and is not gone yet. It outlives the settings, so that whoever waits for its end waits for all.
struct Queue {
    /// Where posted messages are brought out.
    runtime: Handle,
    /// One for each message that waits.
    slots: Arc<Semaphore>,
    /// One for each that is on its way.
    ways: Semaphore,
    /// Whether nobody is to wait for another try any more.
    closing: watch::Sender<bool>,
}

impl Senders {
    /// Senders for what is set up. Connects to nothing yet. To be called on the runtime that is to bring posted messages
    /// out.
    pub fn new(settings: Settings, entropy: Arc<dyn Entropy>) -> Result<Self, NoSender> {
        let queue = Queue {
            runtime: Handle::current(),
            slots: Arc::new(Semaphore::new(WAITING_MAX as usize)),
            ways: Semaphore::new(AT_ONCE),
            closing: watch::Sender::new(false),
        };
        Self::with(settings, entropy, Arc::new(queue))
    }

    /// Senders for what is set up now. What was posted before goes the way that it was posted for.
    pub fn next(&self, settings: Settings) -> Result<Self, NoSender> {
        Self::with(settings, Arc::clone(&self.0.entropy), Arc::clone(&self.0.queue))
    }

    fn with(settings: Settings, entropy: Arc<dyn Entropy>, queue: Arc<Queue>) -> Result<Self, NoSender> {
        let caller = |channel, phone: &Option<settings::Phone>| match phone {
            Some(phone) => Caller::new(channel, phone.clone()).map(Some),
            None => Ok(None),
        };
        Ok(Self(Arc::new(Office {
            mail: settings.mail.as_ref().map(|mail| Postman::new(mail, &settings.host)).transpose()?,
            sms: caller(Channel::Sms, &settings.sms)?,
            voice: caller(Channel::Voice, &settings.voice)?,
            settings,
            entropy,
            queue,
        })))
    }
}

#[async_trait]
impl Messenger for Senders {
    fn reaches(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.0.mail.is_some(),
            Channel::Sms => self.0.sms.is_some(),
            Channel::Voice => self.0.voice.is_some(),
        }
    }

    async fn send(&self, message: Message) -> Result<(), NotSent> {
        self.0.bring(&message).await
    }

    fn post(&self, message: Message) {
        let Ok(slot) = Arc::clone(&self.0.queue.slots).try_acquire_owned() else {
            let (channel, to) = (message.channel, message.to.masked());
            tracing::error!(%channel, to, "a message was dropped: too many wait already");
            return;
        };
        let office = Arc::clone(&self.0);
        self.0.queue.runtime.spawn(async move {
            office.keep_trying(&message).await;
            drop(slot);
        });
    }

    async fn settle(&self, patience: Duration) {
        let Queue { slots, closing, .. } = &*self.0.queue;
        closing.send_replace(true);
        if timeout(patience, slots.acquire_many(WAITING_MAX)).await.is_err() {
            let left = WAITING_MAX as usize - slots.available_permits();
            tracing::error!(left, "messages were still on their way at the end, and may be lost");
        }
    }
}

impl Office {
    /// Brings a message out, now or never.
    async fn bring(&self, message: &Message) -> Result<(), NotSent> {
        let at = message.content.asked().at;
        let words = Words::of(&message.content, message.language, &self.settings);
        let caller = match (message.channel, &message.to) {
            (Channel::Email, Address::Email(to)) => {
                let postman = self.mail.as_ref().ok_or(NotSent::NoChannel(Channel::Email))?;
                return postman.bring(&words, to, at, self.entropy.as_ref()).await;
            }
            (Channel::Sms, Address::Phone(to)) => self.sms.as_ref().map(|caller| (caller, to)),
            (Channel::Voice, Address::Phone(to)) => self.voice.as_ref().map(|caller| (caller, to)),
            _ => return Err(NotSent::Refused("an address of another kind".to_owned())),
        };
        let (caller, to) = caller.ok_or(NotSent::NoChannel(message.channel))?;
        caller.send(&words, to, at, self.entropy.as_ref()).await
    }

    /// Brings a message out, with pauses as long as it is worth something.
    async fn keep_trying(&self, message: &Message) {
        let (channel, to) = (message.channel, message.to.masked());
        let mut closing = self.queue.closing.subscribe();
        let mut pauses = self.settings.pauses.iter();
        let mut waited = Duration::ZERO;
        loop {
            let way = self.queue.ways.acquire().await;
            // Looked at before the try, so that one that the end overtakes is not the last.
            let is_closing = *closing.borrow_and_update();
            let Err(error) = self.bring(message).await else { return };
            drop(way);
            let is_worth = |pause: &&Duration| message.content.lifetime().is_none_or(|life| waited + **pause < life);
            let again = matches!(error, NotSent::Unavailable(_)) && !is_closing;
            let Some(pause) = pauses.next().filter(is_worth).filter(|_| again) else {
                tracing::error!(%channel, to, %error, "a message was given up");
                return;
            };
            tracing::warn!(%channel, to, %error, ?pause, "a message could not be sent, and is tried again");
            waited += *pause;
            tokio::select! {
                () = sleep(*pause) => {}
                // Nobody is left who could close it.
                _ = closing.changed() => {}
            }
        }
    }
}
