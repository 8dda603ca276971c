//! What the operator sets up: by which way each channel goes.

use crate::{
    adapters::upstream::Trust,
    domain::{contact::NumberPrefix, secret::Secret},
};
use http::{HeaderName, HeaderValue, Method};
use lettre::message::Mailbox;
use std::{path::PathBuf, time::Duration};
use url::Url;

/// Every way that is set up, and who speaks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose messages these are.
    pub organisation: String,
    /// The portal's host: phones fill a code in there and nowhere else.
    pub host: String,
    /// `[mail]`.
    pub mail: Option<Mail>,
    /// `[sms]`.
    pub sms: Option<Phone>,
    /// `[voice]`.
    pub voice: Option<Phone>,
    /// How long a posted message waits after each try that failed; after the last one it is given up.
    pub pauses: Vec<Duration>,
}

/// How letters leave.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Who they are from.
    pub from: Mailbox,
    /// By which way.
    pub route: MailRoute,
    /// One line below every letter.
    pub note: Option<String>,
    /// How long one may take, from connecting to the server's last word.
    pub timeout: Duration,
}

/// By which way letters leave.
#[derive(Debug, Clone)]
pub enum MailRoute {
    /// To a mail server.
    Smtp(SmtpServer),
    /// Into a folder, for whoever looks there.
    Outbox(PathBuf),
}

/// A mail server that takes letters for the whole world.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Its name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What keeps others from reading along.
    pub security: Security,
    /// As whom we speak to it.
    pub login: Option<Login>,
    /// Who may vouch for it.
    pub trust: Trust,
}

/// What keeps others from reading letters on their way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after `STARTTLS`; a server that does not offer it gets nothing.
    StartTls,
    /// Nothing.
    Plain,
}

/// As whom we speak to a mail server.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// How text messages or calls leave.
#[derive(Debug, Clone)]
pub struct Phone {
    /// By which way.
    pub route: PhoneRoute,
    /// Whose numbers may be sent to; never empty.
    pub countries: Vec<NumberPrefix>,
    /// How many may go to one country in an hour.
    pub per_hour: u32,
    /// How long one may take.
    pub timeout: Duration,
}

/// By which way text messages or calls leave.
#[derive(Debug, Clone)]
pub enum PhoneRoute {
    /// By Twilio, or whoever speaks like it.
    Twilio(Twilio),
    /// By a request that the operator words.
    Http(HttpTemplate),
    /// Into a folder, for whoever looks there.
    Outbox(PathBuf),
}

/// An account at Twilio.
#[derive(Debug, Clone)]
pub struct Twilio {
    /// Where its API is.
    pub url: Url,
    /// The account.
    pub account: String,
    /// Its token.
    pub token: Secret,
    /// Our number or sender name there.
    pub from: String,
}

/// A request, with places for what differs between messages.
#[derive(Debug, Clone)]
pub struct HttpTemplate {
    /// Where to; `{to}`, `{text}` and `{code}` may stand in path and query.
    pub url: String,
    /// `POST`, mostly.
    pub method: Method,
    /// What else its head says; values are sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the body is.
    pub content: BodyKind,
    /// The body, with `{to}`, `{text}` and `{code}`.
    pub body: String,
}

/// What a body is, which decides how values are written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`; places stand inside quotes.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `text/plain`.
    Plain,
}

impl BodyKind {
    /// Its `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }
}
