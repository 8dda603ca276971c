//! What a route asks of a request beside method and path, and `[networks]`.

use super::{
    apps::Around,
    keys, people,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    suggest::{listed, nearest},
    values::{network, words},
};
use crate::{
    domain::policy::{
        call::{Conditions, Named, Network, Wanted},
        hours::{self, Hours},
    },
    edge::http::{
        fold::{StripList, fold},
        hop,
    },
};
use ipnet::IpNet;
use jiff::{civil::Weekday, tz::TimeZone};
use std::sync::Arc;

/// Reads `[networks]`.
pub(super) fn networks(value: &Value<'_>) -> Option<Vec<Network>> {
    let read = |(name, _, value): (&str, _, Value<'_>)| {
        let nets: Vec<IpNet> = value.some(nets)?.into_iter().flatten().collect();
        if nets.is_empty() {
            let title = format!("no address is in the network `{name}`");
            let problem = Problem::new(Code::Lax, title, value.at.clone(), "routes for it are never reached");
            value.reader.note(problem.help("its files hold nothing but remarks"));
        }
        Some(Network { name: name.to_owned(), nets: Arc::new(nets.into_iter().collect()) })
    };
    let read: Vec<_> = value.entries("[networks]")?.into_iter().map(read).collect();
    read.into_iter().collect()
}

/// One network, or those of a file.
fn nets(value: &Value<'_>) -> Option<Vec<IpNet>> {
    let Some(name) = value.as_str().and_then(|text| text.strip_prefix("file:")) else {
        return network(value).map(|net| vec![net]);
    };
    let text = match value.reader.environment.file(&value.reader.folder.join(name)) {
        Ok(text) => text,
        Err(error) => {
            let fault = Fault::new(format!("this file can't be read: {error}"), "expected one network a line");
            return value.fail(Fault { code: Code::Unfilled, ..fault });
        }
    };
    let mut nets = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let address = |_| line.parse::<std::net::IpAddr>().map(IpNet::from);
        let Ok(net) = line.parse::<IpNet>().or_else(address) else {
            let fault = Fault::new(format!("line {} of this file is no network", at + 1), "expected one a line");
            return value.fail(fault.help("write for example 10.0.0.0/8 or 192.0.2.7; # begins a remark"));
        };
        nets.push(net);
    }
    Some(nets)
}

/// Reads the conditions of a route.
pub(super) fn conditions(section: &Section<'_>, around: &Around<'_>, stripped: &StripList) -> Option<Conditions> {
    use keys::route as key;
    let query = section.maybe(&key::QUERY, |value| named(value, "query = { action = \"delete\" }", parameter));
    let fields = section.maybe(&key::HEADERS, |value| {
        named(value, "headers = { accept = \"text/html\" }", |name| field(name, stripped))
    });
    let form = section.maybe(&key::FORM, |value| named(value, "form = { op = \"transfer\" }", parameter));
    let networks = section.read(&key::NETWORKS, |value| value.list(|value| network_named(value, around.networks)));
    let hours = section.maybe(&key::HOURS, hours);
    let who = people::named(section, &key::GROUPS, &key::USERS);
    Some(Conditions {
        query: query?.unwrap_or_default(),
        fields: fields?.unwrap_or_default(),
        form: form?.unwrap_or_default(),
        networks: networks?,
        hours: hours?,
        who: who?,
    })
}

fn named(value: &Value<'_>, write: &str, name_of: impl Fn(&str) -> Result<String, Fault>) -> Option<Vec<Named>> {
    let read = |(name, at, value): (&str, std::ops::Range<usize>, Value<'_>)| {
        let name = match name_of(name) {
            Ok(name) => Some(name),
            Err(fault) => value.placed(at).fail(fault),
        };
        let wanted = value.parsed(|text| match text {
            "*" => Ok(Wanted::Anything),
            _ if text.chars().any(char::is_control) => {
                Err(Fault::new("no request can hold this", "expected text without control characters"))
            }
            _ => Ok(Wanted::Text(text.to_owned())),
        });
        Some(Named { name: name?, wanted: wanted? })
    };
    let read: Vec<_> = value.entries(write)?.into_iter().map(read).collect();
    if read.is_empty() {
        return value.fail(Fault::new("this asks for nothing", format!("expected for example `{write}`")));
    }
    read.into_iter().collect()
}

fn parameter(name: &str) -> Result<String, Fault> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Fault::new("no parameter is called so", "expected a name"));
    }
    Ok(name.to_owned())
}

/// Fields that say how a body is framed, that the gateway writes itself, or that hold its own cookie.
const NOT_ASKED_FOR: &[&str] = &[
    "content-length",
    "cookie",
    "host",
    "traceparent",
    "tracestate",
    // What decides about protection must not be a word that every client makes up (PA-14).
    "user-agent",
];

/// A field that reaches the application as a client sends it. What is removed from every request is never there.
fn field(name: &str, stripped: &StripList) -> Result<String, Fault> {
    let name = name.to_ascii_lowercase();
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(Fault::new("this is no header name", "expected letters, digits and hyphens"));
    }
    let folded = fold(&name);
    if NOT_ASKED_FOR.contains(&&*folded) || hop::is_of_connection(&folded) || stripped.has(&folded) {
        let fault =
            Fault::new("routes can't ask for this header", "it is the gateway's, the connection's, or anybody's");
        return Err(fault.help("a client's address is `networks`, its host is `hosts`"));
    }
    Ok(name)
}

/// A list of `[networks]`, by its name.
pub(super) fn network_named(value: &Value<'_>, networks: Option<&[Network]>) -> Option<Network> {
    let networks = networks?;
    value.parsed(|name| {
        let names = || networks.iter().map(|network| network.name.as_str());
        networks.iter().find(|network| network.name == name).cloned().ok_or_else(|| {
            let fault = Fault::new("no network has this name", "expected a name of `[networks]`");
            let fault = Fault { code: Code::UnknownName, ..fault };
            match nearest(name, names()) {
                Some(near) => fault.help(format!("did you mean \"{near}\"?")),
                None => fault.help(format!("the networks are {}", listed(names()))),
            }
        })
    })
}

fn hours(value: &Value<'_>) -> Option<Hours> {
    use keys::hours as key;
    let section = value.section(keys::hours::SHAPE)?;
    let days = section.read(&key::DAYS, |value| value.some(days));
    let from = section.read(&key::FROM, minute);
    let to = section.read(&key::TO, minute);
    let zone = section.read(&key::ZONE, zone);
    let (days, from, to, zone) = (days?, from?, to?, zone?);
    if from == to || from == hours::DAY {
        let fault = Fault::new("these hours never begin, or never end", "expected `from` and `to` to differ");
        return value.fail(Fault { code: Code::Contradiction, ..fault.help("leave both out for whole days") });
    }
    let days = WEEK.iter().map(|(_, day)| *day).filter(|day| days.iter().any(|span| span.contains(day))).collect();
    Some(Hours { days, from, to, zone })
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `mon`, or `mon-fri`. A span may go over the weekend: `sat-mon`.
fn days(value: &Value<'_>) -> Option<Vec<Weekday>> {
    value.parsed(|text| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let place = |name: &str| WEEK.iter().position(|(day, _)| *day == name);
        let (Some(first), Some(last)) = (place(first), place(last)) else {
            let fault = Fault::new("this is no day", "expected `mon` to `sun`, or a span like `mon-fri`");
            return Err(match nearest(text, WEEK.map(|(day, _)| day)) {
                Some(near) => fault.help(format!("did you mean \"{near}\"?")),
                None => fault,
            });
        };
        let length = (last + WEEK.len() - first) % WEEK.len() + 1;
        Ok(WEEK.iter().cycle().skip(first).take(length).map(|(_, day)| *day).collect())
    })
}

/// A minute of the day.
fn minute(value: &Value<'_>) -> Option<u16> {
    value.parsed(|text| {
        let two = |digits: &str| match digits.len() {
            2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u16>().ok(),
            _ => None,
        };
        let time = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        time.filter(|(hour, minute)| *minute < 60 && hour * 60 + minute <= hours::DAY)
            .map(|(hour, minute)| hour * 60 + minute)
            .ok_or_else(|| {
                Fault::new("this is no time of day", "expected hours and minutes, 00:00 to 24:00")
                    .help("write for example \"08:30\"")
            })
    })
}

fn zone(value: &Value<'_>) -> Option<TimeZone> {
    let name = words(value)?;
    TimeZone::get(&name).ok().or_else(|| {
        let fault = Fault::new("no time zone has this name", "expected a name of the IANA time zone database");
        value.fail(fault.help("write for example \"Europe/Berlin\" or \"UTC\""))
    })
}
