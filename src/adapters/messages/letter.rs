//! A message as a letter: plain text and HTML that say the same.

use super::wording::{Cargo, Words};
use crate::{domain::contact::EmailAddress, domain::time::Timestamp, ports::Entropy};
use askama::Template;
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

/// Says that nobody wrote this, so that nobody's machine answers (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// The plain text.
#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none", whitespace = "preserve")]
pub(super) struct Plain<'a> {
    pub(super) words: &'a Words,
}

/// The HTML. No image and nothing else from elsewhere: opening it tells nobody.
#[derive(Template)]
#[template(path = "mail/letter.html")]
pub(super) struct Html<'a> {
    pub(super) words: &'a Words,
}

/// Why words are no letter.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLetter {
    #[error(transparent)]
    Template(#[from] askama::Error),
    #[error(transparent)]
    Address(#[from] lettre::address::AddressError),
    #[error(transparent)]
    Parts(#[from] lettre::error::Error),
}

/// Writes these words to `to`.
pub(super) fn write(
    words: &Words,
    from: &Mailbox,
    to: &EmailAddress,
    at: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Message, NoLetter> {
    let id = format!("<{}@{}>", unguessable(entropy), from.email.domain());
    let sender = from.name.clone().unwrap_or_else(|| words.organisation.clone());
    let date = UNIX_EPOCH + Duration::from_secs(at.as_secs());
    Ok(Message::builder()
        .from(Mailbox::new(Some(sender), from.email.clone()))
        .to(Mailbox::new(None, to.as_str().parse()?))
        .subject(words.subject())
        .date(date)
        .message_id(Some(id))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(Plain { words }.render()?, Html { words }.render()?))?)
}

/// A name that nobody else gives.
pub(super) fn unguessable(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
