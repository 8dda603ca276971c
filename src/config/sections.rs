//! The tables that stand once in a file.

use super::{
    files::Holds,
    keys::{self, Key},
    mfa,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    settings::{Certificate, LogFormat, Mfa, Password, Portal, Server, SignUpSettings, Store, StoreUrl, Tls},
    values::{
        accent, duration, file, network, one_of, origin, path, privacy_url, secret, size, socket_address, some_time,
        support_url, text_or_file, words,
    },
};
use crate::{
    domain::{
        enrolment::{FirstFactor, Requirement, Requirements, SignUp},
        factor::Method,
        language::Language,
        password::{CHARS_FLOOR, Policy, Score},
        secret::Secret,
        session::Limits,
    },
    flows::hold,
};
use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, time::Duration};

/// SP 800-63B 2.2.3: longer sessions than this are no longer what a second factor promises (SE-03).
const LIFETIME_ADVISED: Duration = Duration::from_hours(24);
/// SP 800-63B 2.2.3, likewise.
const IDLE_ADVISED: Duration = Duration::from_hours(1);

pub(super) fn server(section: &Section<'_>) -> Option<Server> {
    use keys::server as key;
    let listen = section.read(&key::LISTEN, |value| value.some(socket_address));
    let redirect = section.read(&key::REDIRECT, |value| value.list(socket_address));
    let admin = section.read(&key::ADMIN, admin);
    // It is not drawn where it is wrong.
    section.reader.secrets.borrow_mut().extend(section.written(&key::ADMIN_KEY).map(|value| value.at));
    let admin_key = section.maybe(&key::ADMIN_KEY, admin_key);
    let trusted_proxies = section.read(&key::TRUSTED_PROXIES, |value| value.list(network));
    let workers = section.maybe(&key::WORKERS, workers);
    let connections = section.maybe(&key::CONNECTIONS, connections);
    let body_max = section.read(&key::BODY_MAX, size);
    let log = section.read(&key::LOG, |value| one_of(value, &[("human", LogFormat::Human), ("json", LogFormat::Json)]));
    let drain = section.read(&key::DRAIN, duration);
    Some(Server {
        listen: listen?,
        redirect: redirect?,
        admin: admin?,
        admin_key: admin_key?,
        trusted_proxies: trusted_proxies?,
        workers: workers?,
        connections: connections?,
        body_max: body_max?,
        log: log?,
        drain: drain?,
    })
}

#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
fn admin(value: &Value<'_>) -> Option<Option<SocketAddr>> {
    if value.as_str() == Some("off") {
        return Some(None);
    }
    let address = socket_address(value)?;
    if !address.ip().is_loopback() {
        let title = "the management API listens beyond this machine";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "not a loopback address");
        value.reader.note(problem.help("see to it that only operators reach it, or write \"127.0.0.1:9443\""));
    }
    Some(Some(address))
}

/// Nobody guesses one of this length, so guesses need not be counted.
const ADMIN_KEY_CHARS_MIN: usize = 32;

fn admin_key(value: &Value<'_>) -> Option<Secret> {
    let key = secret(value)?;
    if key.chars().count() < ADMIN_KEY_CHARS_MIN || !key.chars().all(|c| c.is_ascii_graphic()) {
        let fault =
            Fault::new("this key could be guessed or not be sent", "expected 32 visible ASCII characters or more");
        return value.fail(fault.help("`openssl rand -hex 32` makes one"));
    }
    Some(Secret::new(key.into_bytes()))
}

fn workers(value: &Value<'_>) -> Option<NonZeroUsize> {
    let count = usize::try_from(value.number()?).ok().filter(|count| *count <= 1024).and_then(NonZeroUsize::new);
    count.or_else(|| value.fail(Fault::new("this is no number of threads", "expected 1 to 1024")))
}

fn connections(value: &Value<'_>) -> Option<NonZeroUsize> {
    let count = usize::try_from(value.number()?).ok().filter(|count| *count <= 1 << 24).and_then(NonZeroUsize::new);
    count.or_else(|| value.fail(Fault::new("this is no number of connections", "expected 1 to 16777216")))
}

pub(super) fn tls(section: &Section<'_>) -> Option<Tls> {
    let certificates = section.read(&keys::tls::CERTIFICATES, |value| value.some(certificate));
    Some(Tls { certificates: certificates? })
}

fn certificate(value: &Value<'_>) -> Option<Certificate> {
    let section = value.section(keys::certificate::SHAPE)?;
    let cert = section.read(&keys::certificate::CERT, file(Holds::Anything));
    let holds = cert.clone().map_or(Holds::Anything, Holds::KeyOf);
    let key = section.read(&keys::certificate::KEY, file(holds));
    Some(Certificate { cert: cert?, key: key? })
}

pub(super) fn portal(section: &Section<'_>) -> Option<Portal> {
    use keys::portal as key;
    let url = section.read(&key::URL, origin);
    let name = section.read(&key::NAME, words);
    let support_url = section.maybe(&key::SUPPORT_URL, support_url);
    let privacy_url = section.maybe(&key::PRIVACY_URL, privacy_url);
    let footer = section.maybe(&key::FOOTER, words);
    let mark = section.maybe(&key::MARK, file(Holds::Mark));
    let accent = section.read(&key::ACCENT, accent);
    let language = section.read(&key::LANGUAGE, |value| {
        let tags: Vec<_> = Language::ALL.iter().map(|language| (language.tag(), *language)).collect();
        one_of(value, &tags)
    });
    Some(Portal {
        url: url?,
        name: name?,
        support_url: support_url?,
        privacy_url: privacy_url?,
        footer: footer?,
        mark: mark?,
        accent: accent?,
        language: language?,
    })
}

pub(super) fn store(section: &Section<'_>) -> Option<Store> {
    // It may hold a password, so it is not drawn where it is wrong.
    section.reader.secrets.borrow_mut().extend(section.written(&keys::store::URL).map(|value| value.at));
    let url = section.read(&keys::store::URL, store_url);
    if let Some(value) = section.written(&keys::store::URL).filter(|value| value.as_str().is_some_and(holds_password)) {
        let title = "a password stands in the config file";
        let problem = Problem::new(Code::Lax, title, value.at, "whoever reads this file can read the store");
        section
            .reader
            .note(problem.help("write \"file:/run/secrets/store-url\", or fill it in: \"postgres://…:${PASSWORD}@…\""));
    }
    let key_file = section.read(&keys::store::KEY_FILE, path);
    Some(Store { url: url?, key_file: key_file? })
}

/// Whether a URL has a password that is written out.
fn holds_password(url: &str) -> bool {
    let user = url.split_once("://").and_then(|(_, rest)| Some(rest.split('/').next()?.rsplit_once('@')?.0));
    user.and_then(|user| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.contains("${"))
}

fn store_url(value: &Value<'_>) -> Option<StoreUrl> {
    let text = text_or_file(value)?;
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Some(StoreUrl::Sqlite(value.reader.folder.join(path.strip_prefix("//").unwrap_or(path))))
        }
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            Some(StoreUrl::Postgres(Secret::new(text.into_bytes())))
        }
        Some(("memory", "")) => Some(StoreUrl::Memory),
        _ => value.fail(
            Fault::new("this is no store", "expected `sqlite:PATH`, `postgres://…` or `memory:`")
                .help("write for example \"sqlite:doorward.db\""),
        ),
    }
}

pub(super) fn session(section: &Section<'_>) -> Option<Limits> {
    let lifetime = section.read(&keys::session::LIFETIME, some_time);
    let idle = section.read(&keys::session::IDLE, some_time);
    let limits = Limits { lifetime: lifetime?, idle: idle? };
    advise(section, &keys::session::LIFETIME, limits.lifetime, LIFETIME_ADVISED, "24h");
    advise(section, &keys::session::IDLE, limits.idle, IDLE_ADVISED, "1h");
    Some(limits)
}

fn advise(section: &Section<'_>, key: &Key, length: Duration, advised: Duration, spelled: &str) {
    if let Some(value) = section.written(key).filter(|_| length > advised) {
        let title = format!("`{}` is longer than NIST SP 800-63B allows for two factors", key.name);
        let problem = Problem::new(Code::Lax, title, value.at.clone(), format!("more than {spelled}"));
        value.reader.note(problem.help("a route's `fresh` still asks for a recent proof, however old the session"));
    }
}

pub(super) fn hold(section: &Section<'_>) -> Option<hold::Limits> {
    let body_max = section.read(&keys::hold::BODY_MAX, size);
    let total_max = section.read(&keys::hold::TOTAL_MAX, size);
    let limits = hold::Limits { body_max: body_max?, total_max: total_max? };
    if let Some(value) = section.written(&keys::hold::BODY_MAX).filter(|_| limits.body_max > limits.total_max / 2) {
        let fault = Fault::new("one form may take more than half of `total_max`", "more than half of `total_max`");
        return value.fail(fault.help("visitors who are not signed in get half of it: raise `total_max`"));
    }
    Some(limits)
}

pub(super) fn mfa(section: &Section<'_>, has_mail: bool) -> Option<Mfa> {
    let everybody = section.read(&keys::mfa::REQUIREMENT, requirement);
    let groups = section.maybe(&keys::mfa::GROUPS, group_requirements);
    let first_factor = section.read(&keys::mfa::FIRST_FACTOR, |value| {
        one_of(value, &[("operator", FirstFactor::Operator), ("mailbox", FirstFactor::Mailbox)])
    });
    let methods = section.read(&keys::mfa::METHODS, |value| value.some(second_factor));
    let group_methods = section.maybe(&keys::mfa::GROUP_METHODS, |value| mfa::group_methods(value, methods.as_deref()));
    let grace = section.read(&keys::mfa::GRACE, mfa::grace);
    let recovery_codes = section.read(&keys::mfa::RECOVERY_CODES, recovery_codes);
    let remember = section.read(&keys::mfa::REMEMBER, remember);
    let requirements = Requirements { everybody: everybody?, groups: groups?.unwrap_or_default() };
    let mfa = Mfa {
        requirements,
        first_factor: first_factor?,
        methods: methods?,
        group_methods: group_methods?.unwrap_or_default(),
        grace: grace?,
        recovery_codes: recovery_codes?,
        remember: remember?,
    };
    mfa::lint(section, &mfa, has_mail);
    Some(mfa)
}

fn requirement(value: &Value<'_>) -> Option<Requirement> {
    const NAMES: &[(&str, Requirement)] = &[
        ("required", Requirement::Required),
        ("optional", Requirement::Optional),
        ("risk-based", Requirement::RiskBased),
        ("disabled", Requirement::Disabled),
    ];
    one_of(value, NAMES)
}

fn group_requirements(value: &Value<'_>) -> Option<BTreeMap<String, Requirement>> {
    let read: Vec<_> = value
        .entries("groups = { NAME = \"required\" }")?
        .into_iter()
        .map(|(group, _, value)| Some((group.to_owned(), requirement(&value)?)))
        .collect();
    read.into_iter().collect()
}

pub(super) fn sign_up(section: &Section<'_>, has_mail: bool) -> Option<SignUpSettings> {
    const MODES: &[(&str, SignUp)] = &[("closed", SignUp::Closed), ("invite", SignUp::Invite), ("open", SignUp::Open)];
    let mode = section.read(&keys::sign_up::MODE, |value| {
        let mode = one_of(value, MODES)?;
        if mode == SignUp::Open && !has_mail {
            let title = "people can't sign up where no mail is set up";
            let help = "write `[mail]`, or \"invite\" and hand the links out yourself";
            return value.fail(Fault::new(title, "needs `[mail]`").help(help));
        }
        Some(mode)
    });
    Some(SignUpSettings { mode: mode? })
}

/// More than anybody keeps; each takes a slow hash to make.
const RECOVERY_CODES_MAX: u8 = 20;

fn recovery_codes(value: &Value<'_>) -> Option<u8> {
    let count = u8::try_from(value.number()?).ok().filter(|count| *count <= RECOVERY_CODES_MAX);
    count.or_else(|| value.fail(Fault::new("this is no number of recovery codes", "expected 0 to 20")))
}

/// RD-01: a browser is asked again after this time at the latest.
const REMEMBER_MAX: Duration = Duration::from_hours(30 * 24);

#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
fn remember(value: &Value<'_>) -> Option<Option<Duration>> {
    if value.as_str() == Some("off") {
        return Some(None);
    }
    let lasts = some_time(value)?;
    if lasts > REMEMBER_MAX {
        let fault = Fault::new("this is too long to go without a second step", "more than 30d");
        return value.fail(fault.help("write \"30d\" or less, or \"off\""));
    }
    Some(Some(lasts))
}

pub(super) fn second_factor(value: &Value<'_>) -> Option<Method> {
    if value.as_str() == Some(Method::Password.name()) {
        let fault = Fault::new("a password is no second factor", "expected another method");
        return value.fail(fault.help("it is what people begin with"));
    }
    let methods: Vec<_> = Method::ALL.iter().filter(|method| is_enrolled(**method)).collect();
    let named: Vec<_> = methods.into_iter().map(|method| (method.name(), *method)).collect();
    one_of(value, &named)
}

/// Whether people enrol it, and the operator chooses whether they may.
const fn is_enrolled(method: Method) -> bool {
    match method {
        Method::Password | Method::RecoveryCode => false,
        Method::Passkey
        | Method::SecurityKey
        | Method::Totp
        | Method::SmsCode
        | Method::VoiceCode
        | Method::EmailCode
        | Method::EmailLink => true,
    }
}

/// SP 800-63B 3.1.1.2 asks every gateway to take passwords of this length, so none asks for more.
const CHARS_MIN_MAX: usize = 64;

pub(super) fn password(section: &Section<'_>) -> Option<Password> {
    use keys::password as key;
    let min = section.read(&key::MIN_LENGTH, chars_min);
    let alone = section.read(&key::MIN_LENGTH_ALONE, chars_min);
    let score_min = section.read(&key::SCORE, score);
    let breached = section.maybe(&key::BREACHED, file(Holds::Anything));
    let policy = Policy { chars_min: min?, chars_min_alone: alone?, score_min: score_min? };
    let advised = Policy::default().chars_min_alone;
    if let Some(value) = section.written(&key::MIN_LENGTH_ALONE).filter(|_| policy.chars_min_alone < advised) {
        let title = "`min_length_alone` is shorter than NIST SP 800-63B allows";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), format!("less than {advised}"));
        value.reader.note(problem.help("shorter ones are for passwords that a second factor always goes with"));
    }
    Some(Password { policy, breached: breached? })
}

fn chars_min(value: &Value<'_>) -> Option<usize> {
    let count = usize::try_from(value.number()?).ok().filter(|count| (CHARS_FLOOR..=CHARS_MIN_MAX).contains(count));
    count.or_else(|| value.fail(Fault::new("this is no minimum for passwords", "expected 8 to 64")))
}

fn score(value: &Value<'_>) -> Option<Score> {
    let score = u8::try_from(value.number()?).ok().filter(|score| *score <= 4).map(Score::new);
    score.or_else(|| value.fail(Fault::new("this is no score", "expected 0 to 4")))
}
