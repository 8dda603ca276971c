//! `[[app]]`: what is protected.

use super::{
    files::Holds,
    keys,
    levels::{self, Levels, Minimum},
    lints, mfa,
    policies::Policies,
    problem::{Code, Problem},
    programs,
    reader::{Fault, Section, Value},
    routes::{self, LENIENT, Written},
    settings::{AppSettings, Assertion, Health, HostHeader, IdentityHeaders, Origin, Scheme, StepUp, Upstream},
    values::{app_name, file, header_name, host_pattern, one_of, probe_path, some_time, truth, upstream, words},
};
use crate::{
    domain::{
        policy::{
            Policy,
            call::Network,
            route::{App, Route},
        },
        target::{Allowed, HostPattern},
    },
    edge::proxy::outgoing::IdentityNames,
};
use std::{ops::Range, path::PathBuf, sync::Arc};

/// What the rest of the file says that apps refer to.
pub(super) struct Around<'a> {
    pub(super) policies: &'a Policies,
    pub(super) levels: &'a Levels,
    /// `None` if something is wrong with them, which has been noted.
    pub(super) networks: Option<&'a [Network]>,
    pub(super) minimum: Option<&'a Minimum>,
    pub(super) portal: Option<&'a Origin>,
}

/// What is taken already, and where it was written.
struct Taken {
    names: Vec<(String, Range<usize>)>,
    hosts: Vec<(HostPattern, Range<usize>)>,
}

/// Reads every app.
pub(super) fn read(value: &Value<'_>, around: &Around<'_>) -> Option<Vec<Arc<AppSettings>>> {
    let sections = value.sections(keys::app::SHAPE)?;
    if sections.is_empty() {
        return value.fail(Fault::new("there is no app", "expected at least one `[[app]]`"));
    }
    let mut taken = Taken { names: Vec::new(), hosts: Vec::new() };
    let read: Vec<_> = sections.iter().map(|section| app(section, around, &mut taken)).collect();
    read.into_iter().map(|app| app.map(Arc::new)).collect()
}

fn app(section: &Section<'_>, around: &Around<'_>, taken: &mut Taken) -> Option<AppSettings> {
    use keys::app as key;
    let name = section.read(&key::NAME, |value| unique(value, app_name(value)?, &mut taken.names, "an app"));
    let title = section.maybe(&key::TITLE, words);
    let hosts = hosts(section, around.portal, &mut taken.hosts);
    let fallback = section.maybe(&key::POLICY, |value| Some((around.policies.find(value)?, value.at.clone())));
    let minimum = section.maybe(&key::MINIMUM, |value| levels::minimum_of_app(value, around.levels));
    let floor = section.maybe(&key::MFA, mfa::of_app);
    let allowed = section.read(&key::ALLOW_IN_PATH, allowed);
    let identity = identity(section);
    let names = identity.as_ref().map_or_else(IdentityNames::remote, IdentityHeaders::names);
    let own = fallback.as_ref().and_then(|own| own.as_ref()).map(|(policy, _)| policy);
    let routes = section.read(&key::ROUTE, |value| routes::routes(value, around, own, names.stripped()));
    let towards = towards(section, identity);
    let (name, fallback, minimum, routes, floor) = (name?, fallback?, minimum?, routes?, floor?);
    let at_own = fallback.as_ref().map(|(policy, at)| (policy, at));
    let floors: Vec<_> = around.minimum.into_iter().chain(&minimum).collect();
    let lifted = |policy: &Arc<Policy>| match floor {
        Some(level) => around.policies.lifted(policy, level),
        None => Arc::clone(policy),
    };
    let places = routes.iter().map(|route| (&route.route.policy, &route.policy_at)).chain(at_own);
    lints::minimums(places.map(|(policy, at)| (lifted(policy), at)), &floors, section.reader);
    lints::routes(&routes, allowed.unwrap_or(LENIENT), at_own, section.reader);
    let fallback = fallback.map(|(policy, _)| policy);
    if fallback.is_none() && routes.is_empty() {
        let problem =
            Problem::new(Code::Lax, "this app answers nothing", section.at.clone(), "neither `policy` nor routes");
        section.reader.note(problem.help("every request to it is \"not found\"; write `policy = \"…\"`"));
    }
    let title = title?.unwrap_or_else(|| capitalised(&name));
    let fallback = fallback.as_ref().map(lifted);
    let routes: Vec<_> =
        routes.into_iter().map(|Written { route, .. }| Route { policy: lifted(&route.policy), ..route }).collect();
    let app = App {
        name,
        title,
        hosts: hosts?,
        routes: routes.into(),
        fallback,
        allowed: allowed?,
        levels: around.levels.own(),
    };
    let settings = towards?(app);
    if settings.step_up == StepUp::Heeded {
        around.levels.may_be_used();
    }
    Some(settings)
}

/// Reads the proxy's side of an app; what comes back waits for the side that decides.
fn towards(section: &Section<'_>, identity: Option<IdentityHeaders>) -> Option<impl FnOnce(App) -> AppSettings> {
    use keys::app as key;
    let upstreams = section
        .read(&key::UPSTREAM, |value| value.some(|value| upstream(value).inspect(|at| lints::upstream(at, value))));
    let upstream_ca = upstream_ca(section, upstreams.as_deref());
    let spoken = programs::spoken(section);
    let bearer = programs::bearer(section);
    let cors = section.maybe(&key::CORS, programs::cors);
    let step_up = section.read(&key::STEP_UP_FROM_APP, truth);
    let host_header = section.read(&key::HOST_HEADER, |value| {
        one_of(value, &[("preserve", HostHeader::Preserve), ("upstream", HostHeader::Upstream)])
    });
    let health = section.maybe(&key::HEALTH, health);
    let connect_timeout = section.read(&key::CONNECT_TIMEOUT, some_time);
    let response_timeout = section.read(&key::RESPONSE_TIMEOUT, some_time);
    let (upstreams, upstream_ca, identity) = (upstreams?, upstream_ca?, identity?);
    let step_up = if step_up? { StepUp::Heeded } else { StepUp::Ignored };
    let ((upstream_http, websocket), bearer, cors) = (spoken?, bearer?, cors?);
    let (host_header, health) = (host_header?, health?);
    let (connect_timeout, response_timeout) = (connect_timeout?, response_timeout?);
    Some(move |app| AppSettings {
        app: Arc::new(app),
        upstreams,
        upstream_ca,
        upstream_http,
        identity,
        websocket,
        bearer,
        cors,
        step_up,
        host_header,
        health,
        connect_timeout,
        response_timeout,
    })
}

#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
fn upstream_ca(section: &Section<'_>, upstreams: Option<&[Upstream]>) -> Option<Option<PathBuf>> {
    section.maybe(&keys::app::UPSTREAM_CA, |value| {
        let path = file(Holds::Authorities)(value)?;
        if upstreams.is_some_and(|upstreams| upstreams.iter().all(|upstream| upstream.scheme == Scheme::Http)) {
            let fault = Fault::new("no upstream is https", "nobody would ask these authorities");
            return value.fail(Fault {
                code: Code::Contradiction,
                ..fault.help("write `https://` in `upstream`, or leave this out")
            });
        }
        Some(path)
    })
}

fn hosts(
    section: &Section<'_>,
    portal: Option<&Origin>,
    taken: &mut Vec<(HostPattern, Range<usize>)>,
) -> Option<Vec<HostPattern>> {
    use keys::app::{HOST, HOSTS};
    let mut one = |value: &Value<'_>| {
        let host = host_pattern(value)?;
        if portal.is_some_and(|portal| host.exact() == Some(&portal.host)) {
            let fault = Fault::new("this host is the portal's", "an app must have its own");
            let fault =
                fault.help("a script in the application could reach the login page otherwise; see `portal.url`");
            return value.fail(Fault { code: Code::Duplicate, ..fault });
        }
        unique(value, host, taken, "a host")
    };
    match (section.written(&HOST), section.written(&HOSTS)) {
        (Some(value), None) => Some(vec![one(&value)?]),
        (None, Some(value)) => value.some(one),
        (Some(_), Some(value)) => {
            let fault = Fault::new("`host` and `hosts` are both written", "expected one of them");
            value.fail(Fault { code: Code::Contradiction, ..fault.help("`hosts` holds them all") })
        }
        (None, None) => {
            let problem = Problem::new(
                Code::MissingKey,
                "`[[app]]` has no `host`",
                section.at.clone(),
                "expected `host` or `hosts`",
            );
            section.reader.note(problem.help("write for example `host = \"payroll.example.com\"`"));
            None
        }
    }
}

/// Takes a name that nobody else has.
fn unique<T: PartialEq + Clone>(
    value: &Value<'_>,
    name: T,
    taken: &mut Vec<(T, Range<usize>)>,
    what: &str,
) -> Option<T> {
    if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name) {
        let title = format!("{what} stands here twice");
        value
            .reader
            .note(Problem::new(Code::Duplicate, title, value.at.clone(), "again").also(first.clone(), "first here"));
        return None;
    }
    taken.push((name.clone(), value.at.clone()));
    Some(name)
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn allowed(value: &Value<'_>) -> Option<Allowed> {
    let semicolon = Allowed { semicolon: true, encoded_slash: false };
    let encoded_slash = Allowed { semicolon: false, encoded_slash: true };
    let list =
        value.list(|value| one_of(value, &[(";", semicolon), ("%2F", encoded_slash), ("%2f", encoded_slash)]))?;
    Some(list.into_iter().fold(Allowed::default(), |all, one| Allowed {
        semicolon: all.semicolon || one.semicolon,
        encoded_slash: all.encoded_slash || one.encoded_slash,
    }))
}

fn identity(section: &Section<'_>) -> Option<IdentityHeaders> {
    let headers = section.read(&keys::app::HEADERS, |value| match value.as_str() {
        Some(_) => preset(value),
        None => renamed(value),
    });
    let assertion = section.read(&keys::app::ASSERTION, truth);
    let assertion = if assertion? { Assertion::Sent } else { Assertion::Withheld };
    Some(IdentityHeaders { assertion, ..headers? })
}

fn preset(value: &Value<'_>) -> Option<IdentityHeaders> {
    let remote = ["remote-user", "remote-name", "remote-email", "remote-groups"];
    let oauth2_proxy =
        ["x-forwarded-user", "x-forwarded-preferred-username", "x-forwarded-email", "x-forwarded-groups"];
    let grafana = ["x-webauth-user", "x-webauth-name", "x-webauth-email", "x-webauth-groups"];
    let presets = [("default", remote), ("authelia", remote), ("oauth2-proxy", oauth2_proxy), ("grafana", grafana)];
    let [user, name, email, groups] = one_of(value, &presets)?.map(http::HeaderName::from_static);
    Some(IdentityHeaders { user, name, email, groups, assertion: Assertion::Sent })
}

fn renamed(value: &Value<'_>) -> Option<IdentityHeaders> {
    use keys::headers as key;
    let section = value.section(keys::headers::SHAPE)?;
    let mut taken = Vec::new();
    let mut read = |key| section.read(key, |value| unique(value, header_name(value)?, &mut taken, "a header"));
    let user = read(&key::USER);
    let name = read(&key::NAME);
    let email = read(&key::EMAIL);
    let groups = read(&key::GROUPS);
    Some(IdentityHeaders { user: user?, name: name?, email: email?, groups: groups?, assertion: Assertion::Sent })
}

fn health(value: &Value<'_>) -> Option<Health> {
    let section = value.section(keys::health::SHAPE)?;
    let path = section.read(&keys::health::PATH, probe_path);
    let interval = section.read(&keys::health::INTERVAL, some_time);
    Some(Health { path: path?, interval: interval? })
}
