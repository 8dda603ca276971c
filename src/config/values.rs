//! Texts of the config file, read into types. No text is repeated in a message: it may come from the environment.

use super::{
    duration,
    files::{Holds, Named},
    problem::{Code, Problem},
    reader::{Fault, Value},
    settings::{Accent, Origin, Scheme, Upstream},
    suggest::{either, nearest},
};
use crate::domain::{
    factor::Method,
    target::{Allowed, Authority, CanonicalPath, Host, HostPattern, NotAHost, path::check_query},
};
use http::HeaderName;
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

pub(super) fn socket_address(value: &Value<'_>) -> Option<SocketAddr> {
    value.parsed(|text| {
        text.parse().map_err(|_| {
            let help = match text.rsplit_once(':').map_or(text, |(_, port)| port).parse::<u16>() {
                Ok(port) => {
                    format!("to listen everywhere write \"0.0.0.0:{port}\", on this machine only \"127.0.0.1:{port}\"")
                }
                Err(_) => "write for example \"0.0.0.0:8443\" or \"[::]:8443\"".to_owned(),
            };
            Fault::new("this is no address to listen on", "expected IP:port").help(help)
        })
    })
}

pub(super) fn network(value: &Value<'_>) -> Option<IpNet> {
    value.parsed(|text| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map_err(|_| {
            Fault::new("this is no network", "expected an address, or an address and a prefix length")
                .help("write for example \"10.0.0.0/8\" or \"192.0.2.7\"")
        })
    })
}

pub(super) fn size(value: &Value<'_>) -> Option<u64> {
    value.parsed(|text| {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let shift = match unit.trim() {
            "B" => Some(0),
            "KiB" => Some(10),
            "MiB" => Some(20),
            "GiB" => Some(30),
            _ => None,
        };
        let bytes = shift.zip(digits.parse::<u64>().ok()).and_then(|(shift, count)| count.checked_mul(1 << shift));
        bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
            Fault::new("this is no size", "expected a whole number and B, KiB, MiB or GiB")
                .help("write for example \"100MiB\"")
        })
    })
}

/// A duration that may be zero.
pub(super) fn duration(value: &Value<'_>) -> Option<Duration> {
    value.parsed(|text| {
        duration::parse(text).map_err(|why| {
            Fault::new("this is no duration", why).help("write for example \"90s\", \"5m\", \"1h 30m\" or \"7d\"")
        })
    })
}

/// A duration that may not be zero.
pub(super) fn some_time(value: &Value<'_>) -> Option<Duration> {
    let length = duration(value)?;
    if length.is_zero() {
        return value.fail(Fault::new("this can't be zero", "expected more than no time"));
    }
    Some(length)
}

/// A path; relative ones begin at the config file's folder.
pub(super) fn path(value: &Value<'_>) -> Option<PathBuf> {
    value.parsed(|text| match text {
        "" => Err(Fault::new("this path is empty", "expected the path of a file")),
        _ => Ok(value.reader.folder.join(text)),
    })
}

/// A path of a file that must be there when the gateway starts, and hold this.
pub(super) fn file(holds: Holds) -> impl Fn(&Value<'_>) -> Option<PathBuf> {
    move |value| {
        let path = path(value)?;
        value.reader.files.borrow_mut().push(Named { path: path.clone(), at: value.at.clone(), holds: holds.clone() });
        Some(path)
    }
}

/// A text that is shown to people.
pub(super) fn words(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        let text = text.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Fault::new("people could not read this", "expected one line of text"));
        }
        Ok(text.to_owned())
    })
}

/// Any text.
pub(super) fn text(value: &Value<'_>) -> Option<String> {
    value.text()
}

/// `true` or `false`.
pub(super) fn truth(value: &Value<'_>) -> Option<bool> {
    value.truth()
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(value: &Value<'_>, words: &[(&str, T)]) -> Option<T> {
    value.parsed(|text| {
        let known = || words.iter().map(|(word, _)| *word);
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let fault = Fault::new("this word means nothing here", format!("expected {}", either(known())));
            match nearest(text, known()) {
                Some(near) => fault.help(format!("did you mean \"{near}\"?")),
                None => fault,
            }
        })
    })
}

pub(super) fn method(value: &Value<'_>) -> Option<Method> {
    let methods: Vec<_> = Method::ALL.iter().map(|method| (method.name(), *method)).collect();
    one_of(value, &methods)
}

/// A method of HTTP. Methods are case-sensitive (RFC 9110 9.1), so `post` would never match anything.
pub(super) fn verb(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        let fault = || Fault::new("this is no HTTP method", "expected capital letters");
        if text.is_empty() || text.len() > 32 || http::Method::from_bytes(text.as_bytes()).is_err() {
            return Err(fault().help("write for example \"POST\"; leave `methods` out for all"));
        }
        if text.chars().any(|c| c.is_ascii_lowercase()) {
            return Err(fault().help(format!("methods are case-sensitive: write \"{}\"", text.to_ascii_uppercase())));
        }
        Ok(text.to_owned())
    })
}

fn no_host(why: NotAHost) -> Fault {
    Fault::new("this is no host name", why).help("write for example \"payroll.example.com\"")
}

pub(super) fn host(value: &Value<'_>) -> Option<Host> {
    value.parsed(|text| {
        if text.contains("://") || text.contains('/') {
            return Err(Fault::new("this is no host name", "expected a name without scheme and path")
                .help("write for example \"payroll.example.com\""));
        }
        Host::parse(text).map_err(no_host)
    })
}

/// A host, or `*.` and a host that is a domain somebody can own: never `*.com`.
pub(super) fn host_pattern(value: &Value<'_>) -> Option<HostPattern> {
    if value.as_str().is_none_or(|text| !text.contains('*')) {
        return host(value).map(HostPattern::Exact);
    }
    value.parsed(|text| {
        let fault = || {
            Fault::new("this is no host name", "a star stands for one whole label, the first")
                .help("write for example \"*.apps.example.com\"")
        };
        let pattern = HostPattern::parse(text).map_err(|_| fault())?;
        match &pattern {
            HostPattern::Wildcard(parent) if !parent.as_str().contains('.') => {
                Err(Fault::new("this wildcard is too wide", "expected at least two labels behind the star"))
            }
            _ => Ok(pattern),
        }
    })
}

/// Splits `scheme://host:port/` where nothing else may follow.
pub(super) fn split_origin(text: &str) -> Result<(&str, Authority), Fault> {
    let (scheme, rest) =
        text.split_once("://").ok_or_else(|| Fault::new("this is no URL", "expected a scheme, `://` and a host"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = authority.find(['/', '?', '#']) {
        let (host, _) = authority.split_at(at);
        let help = format!("write \"{scheme}://{host}\"");
        let fault = Fault::new("only scheme, host and port can stand here", "expected no path, query or fragment");
        return Err(if host.contains('@') { fault } else { fault.help(help) });
    }
    if authority.contains('@') {
        return Err(Fault::new("only scheme, host and port can stand here", "expected no user or password"));
    }
    Ok((scheme, Authority::parse(authority).map_err(no_host)?))
}

pub(super) fn origin(value: &Value<'_>) -> Option<Origin> {
    value.parsed(|text| match split_origin(text)? {
        ("https", Authority { host, port }) => Ok(Origin { host, port: port.unwrap_or(443) }),
        _ => Err(Fault::new("this URL is not https", "expected `https://`")
            .help("passwords are typed there, and its cookies are never sent in the clear")),
    })
}

pub(super) fn upstream(value: &Value<'_>) -> Option<Upstream> {
    value.parsed(|text| {
        let (scheme, Authority { host, port }) = split_origin(text).map_err(|fault| match fault.help {
            None => fault.help("write for example \"http://127.0.0.1:9000\""),
            Some(_) => fault,
        })?;
        let (scheme, default) = match scheme {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            _ => return Err(Fault::new("this scheme is not known", "expected `http` or `https`")),
        };
        Ok(Upstream { scheme, host, port: port.unwrap_or(default) })
    })
}

pub(super) fn support_url(value: &Value<'_>) -> Option<url::Url> {
    link(value, &["https", "mailto"], || {
        Fault::new("this is no link", "expected an https or mailto URL")
            .help("write for example \"https://help.example.com\" or \"mailto:help@example.com\"")
    })
}

pub(super) fn privacy_url(value: &Value<'_>) -> Option<url::Url> {
    link(value, &["https"], || {
        Fault::new("this is no link", "expected an https URL")
            .help("write for example \"https://www.example.com/privacy\"")
    })
}

fn link(value: &Value<'_>, schemes: &[&str], fault: impl FnOnce() -> Fault) -> Option<url::Url> {
    value.parsed(|text| url::Url::parse(text).ok().filter(|url| schemes.contains(&url.scheme())).ok_or_else(fault))
}

pub(super) fn accent(value: &Value<'_>) -> Option<Accent> {
    value.parsed(|text| {
        let fault = || {
            Fault::new("this is no colour", "expected # and six hexadecimal digits")
                .help("write for example \"#1d4ed8\"")
        };
        let digits =
            text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii()).ok_or_else(fault)?;
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| fault())?.to_be_bytes();
        let ratio = contrast_to_white([red, green, blue]);
        if ratio < 4.5 {
            let title = format!("white text on this colour has a contrast of {ratio:.2}:1");
            return Err(
                Fault::new(title, "expected at least 4.5:1").help("choose a darker colour: buttons are read on it")
            );
        }
        Ok(Accent { rgb: [red, green, blue] })
    })
}

/// Contrast ratio (WCAG 2.2, "relative luminance") of a colour and white.
fn contrast_to_white(rgb: [u8; 3]) -> f64 {
    let [red, green, blue] = rgb.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
}

/// Header fields that belong to HTTP, to browsers or to the gateway.
const TAKEN: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "location",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
    "traceparent",
    "doorward-assertion",
];

pub(super) fn header_name(value: &Value<'_>) -> Option<HeaderName> {
    value.parsed(|text| {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| Fault::new("this is no header name", "expected letters, digits and hyphens"))?;
        if TAKEN.contains(&name.as_str()) {
            return Err(Fault::new("this header has a meaning of its own", "expected a name that nothing else uses")
                .help("write for example \"Remote-User\""));
        }
        Ok(name)
    })
}

/// An app's name: it is an `aud`, a label of metrics and a word on the command line.
pub(super) fn app_name(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 63 || !text.bytes().all(plain) {
            return Err(Fault::new("this is no app name", "expected a-z, 0-9 and -, at most 63 of them")
                .help("what people read is its `title`"));
        }
        Ok(text.to_owned())
    })
}

/// A path that the gateway itself asks for, with its query.
pub(super) fn probe_path(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let readable = CanonicalPath::parse(path, Allowed::default()).map(drop).and_then(|()| check_query(query));
        match readable {
            Ok(()) => Ok(text.to_owned()),
            Err(why) => Err(Fault::new("this is no path", why).help("write for example \"/healthz\"")),
        }
    })
}

/// A secret: it should stand in a file of its own, or come from the environment.
pub(super) fn secret(value: &Value<'_>) -> Option<String> {
    if value.as_str().is_some_and(is_written_out) {
        tell_of_secret(value);
    }
    text_or_file(value)
}

/// Warns of a secret that whoever reads the config file knows.
pub(super) fn tell_of_secret(value: &Value<'_>) {
    let title = "a secret stands in the config file";
    let problem = Problem::new(Code::Lax, title, value.at.clone(), "whoever reads this file knows it");
    value.reader.note(problem.help("write \"file:/run/secrets/NAME\", or \"${NAME}\" for a variable"));
}

/// Whether a text is what it says, and not where to find that.
fn is_written_out(text: &str) -> bool {
    !text.is_empty() && !text.starts_with("file:") && !text.contains("${")
}

/// Whether something of this name holds a secret, and this one is written out. What is between `{` and `}` is filled in later.
pub(super) fn gives_away(name: &str, content: &str) -> bool {
    names_a_secret(name) && is_written_out(content) && !content.contains('{')
}

/// By its words: `X-Api-Key` and `accessToken` do, `X-Author` and `keyboard` don't, nor what only tells of one, `authType`.
fn names_a_secret(name: &str) -> bool {
    const NAMES: &str = "accesskey accesstoken apikey auth authkey authorization authtoken credential key pass passphrase \
                         passwd password privatekey pwd secret secretkey token";
    const ABOUT: &str = "id kind method mode name scheme type url";
    let is_known = |known: &str, word: &str| known.split(' ').any(|one| one == word);
    let words = words_of(name);
    let is_one =
        |word: &String| is_known(NAMES, word) || word.strip_suffix('s').is_some_and(|one| is_known(NAMES, one));
    words.iter().any(is_one) && !words.last().is_some_and(|last| is_known(ABOUT, last))
}

/// In small letters: what stands between other signs than letters, and begins with a capital.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut letters = name.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let ends_capitals = before.is_uppercase() && letters.peek().is_some_and(|next| next.is_lowercase());
        if !letter.is_alphabetic() || (letter.is_uppercase() && (before.is_lowercase() || ends_capitals)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphabetic()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A text, or `file:PATH` for what stands in that file.
pub(super) fn text_or_file(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let Some(name) = text.strip_prefix("file:") else { return Some(text) };
    match value.reader.environment.file(&value.reader.folder.join(name)) {
        Ok(content) => Some(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            let fault = Fault::new(
                format!("this secret's file can't be read: {error}"),
                "expected the path of a readable file",
            );
            value.fail(Fault { code: Code::Unfilled, ..fault })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_whole_words() {
        for name in [
            "X-Api-Key",
            "api_key",
            "apiKey",
            "APIKey",
            "X-API-KEY",
            "apikey",
            "Authorization",
            "X-Auth-Token",
            "tokens",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["X-Author", "keyboard", "authType", "key_id", "TokenURL", "monkey", "compass", "", "-"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn contrast_is_what_the_standard_says() {
        assert!((contrast_to_white([0, 0, 0]) - 21.0).abs() < 1e-9);
        assert!((contrast_to_white([255, 255, 255]) - 1.0).abs() < 1e-9);
        // The lightest grey that passes.
        assert!(contrast_to_white([0x76; 3]) >= 4.5 && contrast_to_white([0x77; 3]) < 4.5);
    }
}
