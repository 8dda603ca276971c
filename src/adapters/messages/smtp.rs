//! Letters to a mail server.
//!
//! Not lettre's own transport: its pool takes a connection back whose exchange was broken off half-way, so after a
//! timeout one letter's answer could be taken for another's. Here a connection is kept only after a clean end.

use super::{
    NoSender,
    settings::{Security, SmtpServer},
};
use crate::{adapters::upstream::Trust, ports::NotSent};
use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use std::{
    error::Error as _,
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// The way to one server.
pub(super) struct Smtp {
    server: SmtpServer,
    credentials: Option<Credentials>,
    tls: Option<TlsParameters>,
    /// As whom we greet.
    hello: ClientId,
    patience: Duration,
    /// At most one: codes come one by one, and greetings take long.
    kept: Mutex<Option<AsyncSmtpConnection>>,
}

impl Smtp {
    pub(super) fn new(server: SmtpServer, host: &str, patience: Duration) -> Result<Self, NoSender> {
        let tls = match server.security {
            Security::Plain => None,
            Security::Tls | Security::StartTls => Some(trusting(&server)?),
        };
        let credentials = server.login.as_ref().map(|login| {
            Credentials::new(login.user.clone(), String::from_utf8_lossy(login.password.expose()).into_owned())
        });
        let hello = ClientId::Domain(host.to_owned());
        Ok(Self { server, credentials, tls, hello, patience, kept: Mutex::default() })
    }

    /// Brings a letter to the server, within the patience there is.
    pub(super) async fn send(&self, letter: &Message) -> Result<(), NotSent> {
        let sending = async {
            let mut connection = self.connection().await?;
            connection.send(letter.envelope(), &letter.formatted()).await.map_err(|error| verdict(&error))?;
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
            Ok(())
        };
        let late = || NotSent::Unavailable(format!("the mail server took longer than {:?}", self.patience));
        timeout(self.patience, sending).await.unwrap_or_else(|_| Err(late()))
    }

    /// The one that was kept, if it still answers, or a new one. Nothing was sent yet, so a failure is tried again at
    /// once.
    async fn connection(&self) -> Result<AsyncSmtpConnection, NotSent> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut connection) = kept
            && connection.test_connected().await
        {
            return Ok(connection);
        }
        let first = self.connect().await;
        if first.is_ok() { first } else { self.connect().await }.map_err(|error| NotSent::Unavailable(told(&error)))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let SmtpServer { host, port, security, .. } = &self.server;
        let wrapped = self.tls.clone().filter(|_| *security == Security::Tls);
        let address = (host.trim_start_matches('[').trim_end_matches(']'), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.patience), &self.hello, wrapped, None).await?;
        if *security == Security::StartTls
            && let Some(tls) = &self.tls
        {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

fn trusting(server: &SmtpServer) -> Result<TlsParameters, NoSender> {
    let host = server.host.trim_start_matches('[').trim_end_matches(']');
    let builder = TlsParameters::builder(host.to_owned());
    let builder = match &server.trust {
        Trust::System => builder,
        Trust::Authorities(path) => {
            let pem = fs::read(path).map_err(|error| NoSender::Unreadable { path: path.clone(), error })?;
            let authorities = Certificate::from_pem(&pem)?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(authorities)
        }
    };
    Ok(builder.build()?)
}

/// What the server's answer to a letter means.
fn verdict(error: &Error) -> NotSent {
    // `Client` is an address or letter that this server can't carry, like one with letters beyond ASCII.
    if error.is_permanent() || error.is_client() {
        NotSent::Refused(told(error))
    } else {
        NotSent::Unavailable(told(error))
    }
}

/// An error without what the server wrote: servers repeat addresses, and some repeat what they did not like.
fn told(error: &Error) -> String {
    if let Some(code) = error.status() {
        let answer = error.source().map(ToString::to_string).unwrap_or_default();
        return match enhanced(&answer) {
            Some(status) => format!("the mail server answered {code} {status}"),
            None => format!("the mail server answered {code}"),
        };
    }
    if error.is_response() { "the mail server's answer makes no sense".to_owned() } else { error.to_string() }
}

/// The code of RFC 3463 that an answer may begin with: `5.1.1`.
fn enhanced(answer: &str) -> Option<&str> {
    let word = answer.split_whitespace().next()?;
    let parts: Vec<_> = word.split('.').collect();
    let short = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(short)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::enhanced;

    #[test]
    fn of_an_answer_only_its_code_is_repeated() {
        assert_eq!(enhanced("5.1.1 <ann@example.com>: no such user"), Some("5.1.1"));
        assert_eq!(enhanced("5.1.1.1 no"), None);
        assert_eq!(enhanced("ann@example.com is unknown"), None);
        assert_eq!(enhanced(""), None);
    }
}
