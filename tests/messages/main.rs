//! The senders, before real servers: some that work, some that refuse, some that are slow or not there.

#![cfg(test)]

mod mail;
mod outbox;
mod phone;
mod posted;
mod service;

use doorward::{
    adapters::{
        messages::{
            Senders, Settings,
            settings::{Login, Mail, MailRoute, Phone, PhoneRoute, Security, SmtpServer},
        },
        system::SystemEntropy,
        upstream::Trust,
    },
    domain::{
        contact::{Address, Channel, EmailAddress, NumberPrefix, PhoneNumber},
        language::Language,
        secret::Secret,
        time::Timestamp,
    },
    ports::messages::{Asked, CodePurpose, Content, Message},
};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// How long a message may take in these tests. None waits as long unless the server lets it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Above it, and below what anybody would wait: how long a test may take that is about being too late.
const BOUND: Duration = Duration::from_secs(10);

const CODE: &str = "084213";

/// Nothing is set up.
fn nothing() -> Settings {
    Settings {
        organisation: "Example Corp".to_owned(),
        host: "auth.example.com".to_owned(),
        mail: None,
        sms: None,
        voice: None,
        pauses: vec![Duration::from_millis(50); 3],
    }
}

fn senders(settings: Settings) -> Senders {
    Senders::new(settings, Arc::new(SystemEntropy)).unwrap()
}

fn smtp(security: Security, port: u16, trust: Trust, login: Option<(&str, &str)>) -> SmtpServer {
    let login = login
        .map(|(user, password)| Login { user: user.to_owned(), password: Secret::new(password.as_bytes().to_vec()) });
    SmtpServer { host: "localhost".to_owned(), port, security, login, trust }
}

/// Letters are set up.
fn with_mail(route: MailRoute) -> Settings {
    let from = "no-reply@example.com".parse().unwrap();
    Settings { mail: Some(Mail { from, route, note: None, timeout: PATIENCE }), ..nothing() }
}

/// Text messages and calls are set up, to British numbers.
fn with_phone(route: PhoneRoute) -> Settings {
    let phone = Phone { route, countries: vec![NumberPrefix::parse("+44").unwrap()], per_hour: 300, timeout: PATIENCE };
    Settings { sms: Some(phone.clone()), voice: Some(phone), ..nothing() }
}

fn code() -> Content {
    Content::Code {
        code: Zeroizing::new(CODE.to_owned()),
        purpose: CodePurpose::Prove,
        lifetime: Duration::from_mins(10),
        asked: Asked { browser: None, address: None, at: Timestamp::from_millis(1_795_356_000_000) },
    }
}

/// A code by mail.
fn letter(to: &str) -> Message {
    let to = Address::Email(EmailAddress::parse(to).unwrap());
    Message { channel: Channel::Email, to, language: Language::English, content: code() }
}

/// A code to a phone.
fn call(channel: Channel, to: &str) -> Message {
    let to = Address::Phone(PhoneNumber::parse(to).unwrap());
    Message { channel, to, language: Language::English, content: code() }
}

/// Nothing in an error may be passed on that was passed to us in confidence.
fn keeps_quiet(error: &impl std::fmt::Debug, to: &str) {
    let error = format!("{error:?}");
    assert!(!error.contains(CODE) && !error.contains(to), "{error}");
}
