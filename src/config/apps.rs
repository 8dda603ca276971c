//! `[[app]]` and `[[app.route]]`: what is protected, and which policy holds where.

use super::{
    keys,
    policies::Policies,
    problem::{Code, Problem},
    reader::{Fault, Reader, Section, Value},
    settings::{
        AppSettings, Assertion, Health, HostHeader, IdentityHeaders, Origin, Scheme, StepUp, Upstream, WebSocket,
    },
    values::{app_name, file, header_name, host, one_of, probe_path, some_time, truth, upstream, verb, words},
};
use crate::domain::{
    policy::{
        glob::PathGlob,
        route::{App, Route, Streams},
    },
    target::{Allowed, CanonicalPath, Host},
};
use std::{ops::Range, path::PathBuf, sync::Arc};

/// What is taken already, and where it was written.
struct Taken {
    names: Vec<(String, Range<usize>)>,
    hosts: Vec<(Host, Range<usize>)>,
}

/// Reads every app.
pub(super) fn apps(
    sections: &[Section<'_>],
    policies: &Policies,
    portal: Option<&Origin>,
) -> Option<Vec<Arc<AppSettings>>> {
    let mut taken = Taken { names: Vec::new(), hosts: Vec::new() };
    let read: Vec<_> = sections.iter().map(|section| app(section, policies, portal, &mut taken)).collect();
    read.into_iter().map(|app| app.map(Arc::new)).collect()
}

fn app(section: &Section<'_>, policies: &Policies, portal: Option<&Origin>, taken: &mut Taken) -> Option<AppSettings> {
    use keys::app as key;
    let name = section.read(&key::NAME, |value| unique(value, app_name(value)?, &mut taken.names, "an app"));
    let title = section.maybe(&key::TITLE, words);
    let hosts = hosts(section, portal, &mut taken.hosts);
    let fallback = section.maybe(&key::POLICY, |value| policies.find(value));
    let allowed = section.read(&key::ALLOW_IN_PATH, allowed);
    let routes = section.read(&key::ROUTE, |value| {
        let routes: Vec<_> =
            value.sections(keys::route::SHAPE)?.iter().map(|section| route(section, policies)).collect();
        let routes: Vec<_> = routes.into_iter().collect::<Option<_>>()?;
        lint(&routes, value.reader);
        Some(routes)
    });
    let towards = towards(section);
    let (name, fallback, routes) = (name?, fallback?, routes?);
    if fallback.is_none() && routes.is_empty() {
        let problem =
            Problem::new(Code::Lax, "this app answers nothing", section.at.clone(), "neither `policy` nor routes");
        section.reader.note(problem.help("every request to it is \"not found\"; write `policy = \"…\"`"));
    }
    let title = title?.unwrap_or_else(|| capitalised(&name));
    let routes = routes.into_iter().map(|written| written.route).collect();
    let app = App { name, title, hosts: hosts?, routes, fallback, allowed: allowed? };
    towards.map(|towards| towards(app))
}

/// Reads the proxy's side of an app; what comes back waits for the side that decides.
fn towards(section: &Section<'_>) -> Option<impl FnOnce(App) -> AppSettings> {
    use keys::app as key;
    let upstreams = section.read(&key::UPSTREAM, |value| value.some(upstream));
    let upstream_ca = upstream_ca(section, upstreams.as_deref());
    let identity = identity(section);
    let websocket = section.read(&key::WEBSOCKET, truth);
    let step_up = section.read(&key::STEP_UP_FROM_APP, truth);
    let host_header = section.read(&key::HOST_HEADER, |value| {
        one_of(value, &[("preserve", HostHeader::Preserve), ("upstream", HostHeader::Upstream)])
    });
    let health = section.maybe(&key::HEALTH, health);
    let connect_timeout = section.read(&key::CONNECT_TIMEOUT, some_time);
    let response_timeout = section.read(&key::RESPONSE_TIMEOUT, some_time);
    let (upstreams, upstream_ca, identity) = (upstreams?, upstream_ca?, identity?);
    let step_up = if step_up? { StepUp::Heeded } else { StepUp::Ignored };
    let websocket = if websocket? { WebSocket::Allowed } else { WebSocket::Refused };
    let (host_header, health) = (host_header?, health?);
    let (connect_timeout, response_timeout) = (connect_timeout?, response_timeout?);
    Some(move |app| AppSettings {
        app: Arc::new(app),
        upstreams,
        upstream_ca,
        identity,
        websocket,
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
        let path = file(value)?;
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

fn hosts(section: &Section<'_>, portal: Option<&Origin>, taken: &mut Vec<(Host, Range<usize>)>) -> Option<Vec<Host>> {
    use keys::app::{HOST, HOSTS};
    let mut one = |value: &Value<'_>| {
        let host = host(value)?;
        if portal.is_some_and(|portal| portal.host == host) {
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

/// A route and where it is written.
struct Written {
    route: Route,
    at: Range<usize>,
    overlap: Overlap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Overlap {
    Mistake,
    Intended,
}

fn route(section: &Section<'_>, policies: &Policies) -> Option<Written> {
    use keys::route as key;
    let path = section.read(&key::PATH, glob);
    let methods = section.read(&key::METHODS, |value| value.list(verb));
    let policy = section.read(&key::POLICY, |value| policies.find(value));
    let label = section.maybe(&key::LABEL, words);
    let case_sensitive = section.read(&key::CASE_SENSITIVE, truth);
    let streams =
        section.read(&key::STREAMS, |value| one_of(value, &[("session", Streams::Session), ("obey", Streams::Obey)]));
    let overlap = section.maybe(&key::OVERLAP, |value| one_of(value, &[("intended", Overlap::Intended)]));
    let at = section.written(&key::PATH).map(|value| value.at);
    let (path, at, policy) = (path?, at?, policy?);
    if policy.is_public() && !path.is_anchored() {
        let problem = Problem::new(
            Code::Unanchored,
            "a public route must be one path, or one path and everything below it",
            at.clone(),
            "a star in the middle opens more than it shows",
        );
        section.reader.note(problem.help("write for example \"/healthz\" or \"/assets/**\""));
        return None;
    }
    let streams = streams?;
    let route = Route { label: label?, methods: methods?, path, case_sensitive: case_sensitive?, policy, streams };
    Some(Written { route, at, overlap: overlap?.unwrap_or(Overlap::Mistake) })
}

fn glob(value: &Value<'_>) -> Option<PathGlob> {
    value.parsed(|text| {
        let glob = PathGlob::parse(text).map_err(|why| {
            Fault::new("no request can have such a path", why).help("write for example \"/transfers/**\"")
        })?;
        let is_reserved =
            CanonicalPath::parse(text, Allowed::default()).is_ok_and(|path| path.below_reserved().is_some());
        if is_reserved {
            return Err(Fault::new("the gateway answers these paths itself", "expected a path of the application")
                .help("nothing under /.doorward/ ever reaches an application"));
        }
        Ok(glob)
    })
}

/// Compares each route with the earlier ones.
fn lint(routes: &[Written], reader: &Reader<'_>) {
    for (position, later) in routes.iter().enumerate() {
        let earlier = || routes.iter().take(position);
        let hiding = earlier().find(|earlier| earlier.overlap == Overlap::Mistake && earlier.route.hides(&later.route));
        if let Some(hiding) = hiding {
            let title = "a public route hides one that protects";
            let problem = Problem::new(Code::Hidden, title, later.at.clone(), "anybody gets in here");
            reader.note(
                problem
                    .also(hiding.at.clone(), "this public route comes first")
                    .help("put the protecting route first, or write `overlap = \"intended\"` in the public one"),
            );
        } else if let Some(taking) = earlier().find(|earlier| takes_all(&earlier.route, &later.route)) {
            let title = "no request reaches this route";
            let problem = Problem::new(Code::UnreachableRoute, title, later.at.clone(), "never decides");
            reader.note(
                problem
                    .also(taking.at.clone(), "everything there is taken by this route")
                    .help("the first match decides: put the narrower route first"),
            );
        }
    }
}

/// Whether no request gets past `earlier` to `later`. May say no where it is so, never the reverse.
fn takes_all(earlier: &Route, later: &Route) -> bool {
    let is_exact = |route: &Route| route.policy.is_public() || route.case_sensitive;
    // A rule that opens GET leaves OPTIONS to a later one that protects GET (PA-12).
    let is_as_wide = !earlier.policy.is_public() || later.policy.is_public();
    let has_its_methods = earlier.methods.is_empty()
        || (!later.methods.is_empty() && later.methods.iter().all(|method| earlier.methods.contains(method)));
    let has_its_spellings = !is_exact(earlier) || is_exact(later);
    let has_its_paths = earlier.path.is_anchored() && earlier.path.covers(&later.path);
    is_as_wide && has_its_methods && has_its_spellings && has_its_paths
}
