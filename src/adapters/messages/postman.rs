//! Letters, to a server or into a folder.

use super::{
    NoSender, letter, outbox,
    settings::{Mail, MailRoute},
    smtp::Smtp,
    wording::Words,
};
use crate::{
    domain::{contact::EmailAddress, time::Timestamp},
    ports::{Entropy, NotSent},
};
use lettre::message::Mailbox;
use std::path::PathBuf;

/// What brings letters out.
pub(super) struct Postman {
    from: Mailbox,
    way: Way,
}

enum Way {
    Server(Box<Smtp>),
    Folder(PathBuf),
}

impl Postman {
    /// `host` is our own: servers like to know who greets them.
    pub(super) fn new(mail: &Mail, host: &str) -> Result<Self, NoSender> {
        let way = match &mail.route {
            MailRoute::Smtp(server) => Way::Server(Box::new(Smtp::new(server.clone(), host, mail.timeout)?)),
            MailRoute::Outbox(folder) => Way::Folder(folder.clone()),
        };
        Ok(Self { from: mail.from.clone(), way })
    }

    pub(super) async fn bring(
        &self,
        words: &Words,
        to: &EmailAddress,
        at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), NotSent> {
        let letter = letter::write(words, &self.from, to, at, entropy)
            .map_err(|error| NotSent::Refused(format!("it can't be written: {error}")))?;
        match &self.way {
            Way::Server(smtp) => smtp.send(&letter).await,
            Way::Folder(folder) => outbox::put(folder, "eml", at, letter.formatted(), entropy).await,
        }
    }
}
