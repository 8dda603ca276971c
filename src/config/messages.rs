//! `[mail]`, `[sms]` and `[voice]`.

use super::{
    files::Holds,
    keys::{self, Key},
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    values::{
        file, gives_away, one_of, secret, some_time, split_origin, tell_of_secret, text, text_or_file, verb, words,
    },
};
use crate::{
    adapters::{
        messages::settings::{
            BodyKind, HttpTemplate, Login, Mail, MailRoute, Phone, PhoneRoute, Security, SmtpServer, Twilio,
        },
        upstream::Trust,
    },
    domain::{contact::NumberPrefix, secret::Secret},
};
use http::{HeaderName, HeaderValue, Method};
use lettre::message::Mailbox;
use std::{net::IpAddr, path::PathBuf};
use url::Url;

/// Where Twilio's API is.
const TWILIO: &str = "https://api.twilio.com";

enum MailUrl {
    Smtp { security: Security, host: String, port: u16 },
    Outbox(PathBuf),
}

pub(super) fn mail(section: &Section<'_>) -> Option<Mail> {
    use keys::mail as key;
    hide(section, &[&key::PASSWORD]);
    if section.written(&key::URL).is_some_and(|value| value.as_str().is_some_and(|url| url.contains('@'))) {
        // No place for a password, and some will put it there.
        hide(section, &[&key::URL]);
    }
    let from = section.read(&key::FROM, mailbox);
    let url = section.read(&key::URL, mail_url);
    let user = section.maybe(&key::USER, words);
    let password = section.maybe(&key::PASSWORD, secret);
    let ca = section.maybe(&key::CA, file(Holds::Authorities));
    let note = section.maybe(&key::NOTE, words);
    let timeout = section.read(&key::TIMEOUT, some_time);
    let (url, ca) = (url?, ca?);
    let route = match url {
        MailUrl::Outbox(folder) => {
            needless(section, "an outbox", &[&key::USER, &key::PASSWORD, &key::CA])?;
            MailRoute::Outbox(folder)
        }
        MailUrl::Smtp { security, host, port } => {
            if security == Security::Plain {
                needless(section, "a server without TLS", &[&key::CA])?;
            }
            let login = match (user?, password?) {
                (Some(user), Some(password)) => Some(Login { user, password: Secret::new(password.into_bytes()) }),
                (None, None) => None,
                (Some(_), None) => return missing(section, &key::USER, "`user` needs a `password`"),
                (None, Some(_)) => return missing(section, &key::PASSWORD, "`password` needs a `user`"),
            };
            let trust = ca.map_or(Trust::System, Trust::Authorities);
            MailRoute::Smtp(SmtpServer { host, port, security, login, trust })
        }
    };
    Some(Mail { from: from?, route, note: note?, timeout: timeout? })
}

fn mailbox(value: &Value<'_>) -> Option<Mailbox> {
    let text = words(value)?;
    text.parse().ok().or_else(|| {
        value.fail(
            Fault::new("this is no address to send from", "expected a name and an address")
                .help("write for example \"Example Corp <no-reply@example.com>\""),
        )
    })
}

fn mail_url(value: &Value<'_>) -> Option<MailUrl> {
    if let Some(folder) = outbox(value)? {
        return Some(MailUrl::Outbox(folder));
    }
    let url = value.parsed(|text| {
        let unknown = || {
            Fault::new("this is no mail server", "expected `smtps://`, `smtp://`, `smtp+plain://` or `outbox:`")
                .help("write for example \"smtps://mail.example.com\"; login and password are keys of their own")
        };
        let (scheme, authority) = split_origin(text).map_err(|_| unknown())?;
        let (security, port) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _ => return Err(unknown()),
        };
        Ok((security, authority.host.to_string(), authority.port.unwrap_or(port)))
    });
    let (security, host, port) = url?;
    if security == Security::Plain && !is_loopback(&host) {
        let title = "codes and links leave this machine unencrypted";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "not a loopback address");
        value.reader.note(problem.help("write \"smtp://\" for STARTTLS or \"smtps://\" for TLS from the start"));
    }
    Some(MailUrl::Smtp { security, host, port })
}

enum PhoneUrl {
    Http(String),
    Outbox(PathBuf),
}

pub(super) fn phone(section: &Section<'_>) -> Option<Phone> {
    // The same keys in `[voice]`.
    use keys::sms as key;
    hide(section, &[&key::URL, &key::TOKEN, &key::HEADERS, &key::BODY]);
    let countries = section.read(&key::COUNTRIES, |value| value.some(prefix));
    let per_hour = section.read(&key::PER_HOUR, per_hour);
    let url = section.maybe(&key::URL, phone_url);
    let preset = section.maybe(&key::PRESET, |value| one_of(value, &[("twilio", ())]));
    let account = section.maybe(&key::ACCOUNT, words);
    let token = section.maybe(&key::TOKEN, secret);
    let from = section.maybe(&key::FROM, words);
    let method = section.read(&key::METHOD, |value| Method::from_bytes(verb(value)?.as_bytes()).ok());
    let headers = section.read(&key::HEADERS, |value| value.list(header));
    let content = section.read(&key::CONTENT_TYPE, |value| one_of(value, KINDS));
    let body = section.maybe(&key::BODY, text);
    for key in [&key::URL, &key::BODY] {
        section.written(key).iter().filter(|value| value.as_str().is_some_and(holds_secret)).for_each(tell_of_secret);
    }
    let timeout = section.read(&key::TIMEOUT, some_time);

    let preset_keys = [&key::ACCOUNT, &key::TOKEN, &key::FROM];
    let own_keys = [&key::METHOD, &key::HEADERS, &key::CONTENT_TYPE, &key::BODY];
    let route = match (url?, preset?) {
        (Some(PhoneUrl::Outbox(folder)), preset) => {
            let presets = needless(section, "an outbox", &preset_keys);
            needless(section, "an outbox", &own_keys).and(presets)?;
            preset.map_or(Some(()), |()| needless(section, "an outbox", &[&key::PRESET]))?;
            PhoneRoute::Outbox(folder)
        }
        (url, Some(())) => {
            needless(section, "a preset", &own_keys)?;
            let url = url.and_then(|url| if let PhoneUrl::Http(url) = url { Some(url) } else { None });
            let account = needed(section, &key::ACCOUNT, account?);
            let token = needed(section, &key::TOKEN, token?);
            let from = needed(section, &key::FROM, from?);
            let url = Url::parse(url.as_deref().unwrap_or(TWILIO)).ok()?;
            PhoneRoute::Twilio(Twilio { url, account: account?, token: Secret::new(token?.into_bytes()), from: from? })
        }
        (Some(PhoneUrl::Http(url)), None) => {
            needless(section, "no preset", &preset_keys)?;
            let (content, body) = (content?, needed(section, &key::BODY, body?)?);
            check_body(&section.written(&key::BODY)?, content, &url, &body)?;
            PhoneRoute::Http(HttpTemplate { url, method: method?, headers: headers?, content, body })
        }
        (None, None) => return needed(section, &key::URL, None),
    };
    Some(Phone { route, countries: countries?, per_hour: per_hour?, timeout: timeout? })
}

const KINDS: &[(&str, BodyKind)] = &[("json", BodyKind::Json), ("form", BodyKind::Form), ("plain", BodyKind::Plain)];

/// A key that must be written beside what else is.
fn needed<T>(section: &Section<'_>, key: &Key, value: Option<T>) -> Option<T> {
    value.or_else(|| section.read(key, |_| None))
}

fn header(value: &Value<'_>) -> Option<(HeaderName, HeaderValue)> {
    if value.as_str().and_then(|text| text.split_once(':')).is_some_and(|(name, content)| gives_away(name, content)) {
        tell_of_secret(value);
    }
    let text = text_or_file(value)?;
    let read = text.split_once(':').and_then(|(name, content)| {
        let mut content = HeaderValue::from_str(content.trim()).ok()?;
        content.set_sensitive(true);
        Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, content))
    });
    match read {
        Some((name, _)) if ["host", "content-length", "content-type", "transfer-encoding"].contains(&name.as_str()) => {
            value.fail(Fault::new("this header is written by the gateway itself", "expected another one"))
        }
        Some(read) => Some(read),
        None => value.fail(Fault::new("this is no header field", "expected a name, a colon and a value")),
    }
}

/// Whether JSON, a form or the query of a URL has a key of some service written out in it.
fn holds_secret(text: &str) -> bool {
    if let Ok(json) = serde_json::from_str(text) {
        return json_holds_secret(&json);
    }
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    query.split('&').filter_map(|part| part.split_once('=')).any(|(name, content)| gives_away(name, content))
}

fn json_holds_secret(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Object(fields) => fields.iter().any(|(name, content)| match content.as_str() {
            Some(text) => gives_away(name, text),
            None => json_holds_secret(content),
        }),
        serde_json::Value::Array(list) => list.iter().any(json_holds_secret),
        _ => false,
    }
}

fn check_body(value: &Value<'_>, content: BodyKind, url: &str, body: &str) -> Option<()> {
    let holds = |place: &str| body.contains(place) || url.contains(place);
    if !holds("{to}") || !(holds("{text}") || holds("{code}")) {
        return value.fail(Fault::new("this says nothing to anybody", "expected `{to}`, and `{text}` or `{code}`"));
    }
    let filled = body.replace("{to}", "").replace("{text}", "").replace("{code}", "");
    if content == BodyKind::Json && serde_json::from_str::<serde_json::Value>(&filled).is_err() {
        let fault = Fault::new("this is no JSON", "expected JSON with its places inside quotes");
        return value.fail(fault.help(r#"write for example '{ "to": "{to}", "message": "{text}" }'"#));
    }
    Some(())
}

fn phone_url(value: &Value<'_>) -> Option<PhoneUrl> {
    if let Some(folder) = outbox(value)? {
        return Some(PhoneUrl::Outbox(folder));
    }
    let fault = || {
        Fault::new("this is no URL to ask", "expected `https://…` or `outbox:FOLDER`")
            .help("login and password go into `headers`; `{to}` may stand in path and query")
    };
    let (text, url) = value.parsed(|text| {
        let url = Url::parse(text).map_err(|_| fault())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let sound = plain && url.host_str().is_some_and(|host| !host.contains('{'));
        if sound && ["https", "http"].contains(&url.scheme()) { Ok((text.to_owned(), url)) } else { Err(fault()) }
    })?;
    if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
        let title = "codes, and what we log in with, leave this machine unencrypted";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "not a loopback address");
        value.reader.note(problem.help("write \"https://\""));
    }
    Some(PhoneUrl::Http(text))
}

fn per_hour(value: &Value<'_>) -> Option<u32> {
    let most = u32::try_from(value.number()?).ok().filter(|most| *most > 0);
    most.or_else(|| value.fail(Fault::new("this is no number of messages", "expected 1 or more")))
}

fn prefix(value: &Value<'_>) -> Option<NumberPrefix> {
    let prefix = value.parsed(|text| {
        NumberPrefix::parse(text).ok_or_else(|| {
            Fault::new("this is no beginning of phone numbers", "expected + and digits")
                .help("write for example \"+44\"")
        })
    })?;
    if prefix.is_everywhere() {
        let title = "every phone number of the world may be reached";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "some of them are dear on purpose");
        value.reader.note(problem.help("name the countries where your people are: \"+44\", \"+353\""));
    }
    Some(prefix)
}

/// The folder of `outbox:FOLDER`; `Some(None)` for anything else.
#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
fn outbox(value: &Value<'_>) -> Option<Option<PathBuf>> {
    value.parsed(|text| match text.strip_prefix("outbox:") {
        Some("") => Err(Fault::new("this outbox has no folder", "expected `outbox:FOLDER`")),
        Some(folder) => Ok(Some(value.reader.folder.join(folder))),
        None => Ok(None),
    })
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Keeps these values out of drawings.
fn hide(section: &Section<'_>, keys: &[&Key]) {
    let spans = keys.iter().filter_map(|key| section.written(key)).map(|value| value.at);
    section.reader.secrets.borrow_mut().extend(spans);
}

/// Notes keys that would be read by nobody.
fn needless(section: &Section<'_>, beside: &str, keys: &[&Key]) -> Option<()> {
    let written: Vec<_> = keys.iter().filter_map(|key| Some((key.name, section.written(key)?))).collect();
    for (name, value) in &written {
        let title = format!("`{name}` means nothing with {beside}");
        section.reader.note(Problem::new(Code::Contradiction, title, value.at.clone(), "nobody reads this"));
    }
    written.is_empty().then_some(())
}

fn missing<T>(section: &Section<'_>, key: &Key, title: &str) -> Option<T> {
    let at = section.written(key).map_or(section.at.clone(), |value| value.at);
    section.reader.note(Problem::new(Code::Contradiction, title, at, "one without the other"));
    None
}
