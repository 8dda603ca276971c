//! Why a request gets what it gets: the data plane's own functions, one step at a time, with what each saw.

mod asked;

pub use asked::{Did, NotADid, NotARequest, Request, Who};

use super::{duration::spell, settings::Settings};
use crate::domain::{
    factor::FactorId,
    place::Place,
    policy::{
        Access, Decision, Missing, Policy, Requirement, Visitor, WhyAnonymous, WhyDenied,
        route::{App, Mismatch, Route},
    },
    session::{Authentication, Identity, Level, Session, SessionId, Standing},
    target::{Authority, CanonicalPath, Host, path::check_query},
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use serde::{Serialize, Serializer};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches the application.
    Forward,
    /// People must sign in.
    SignIn,
    /// People must prove more.
    StepUp,
    /// No proof would help.
    Deny,
    /// There is no such app, or no route.
    NotFound,
    /// It is ambiguous or malformed.
    Refuse,
    /// It is the gateway's own.
    Gateway,
}

impl Outcome {
    /// What a `[[test]]` can expect, by name.
    pub const EXPECTED: &[(&str, Self)] = &[
        (Self::Forward.name(), Self::Forward),
        (Self::SignIn.name(), Self::SignIn),
        (Self::StepUp.name(), Self::StepUp),
        (Self::Deny.name(), Self::Deny),
        (Self::NotFound.name(), Self::NotFound),
        (Self::Refuse.name(), Self::Refuse),
    ];

    /// The name in config files and in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::SignIn => "sign-in",
            Self::StepUp => "step-up",
            Self::Deny => "deny",
            Self::NotFound => "not-found",
            Self::Refuse => "refuse",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Every step from a request to its outcome. `Display` is for somebody who was woken up by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The request.
    pub request: String,
    /// Who sends it, and what they have proven.
    pub visitor: String,
    /// The app that answers on its host.
    pub app: Option<String>,
    /// Its path in the form that routes are matched on.
    pub path: Option<String>,
    /// Every route, in order.
    pub tries: Vec<Try>,
    /// The policy that holds.
    pub policy: Option<String>,
    /// What that policy demands, and what was there.
    pub clauses: Vec<Clause>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub why: String,
}

/// One route and whether it fitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Try {
    /// Methods and path of the route.
    pub route: String,
    /// Its label.
    pub label: Option<String>,
    /// What did not fit; nothing where it was the first that did, or stands behind that one.
    pub mismatch: Option<String>,
    /// Whether this one decides.
    pub decides: bool,
}

/// One demand of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// What is asked for.
    pub demands: String,
    /// What was there.
    pub saw: String,
    /// Whether that is enough.
    pub met: bool,
}

/// Explains one request.
pub fn explain(settings: &Settings, request: &Request, who: Option<&Who>, did: &[Did], now: Timestamp) -> Explanation {
    let visitor = visitor(settings, who, did, now);
    let mut told = Explanation {
        request: request.to_string(),
        visitor: spell_visitor(&visitor, did),
        app: None,
        path: None,
        tries: Vec::new(),
        policy: None,
        clauses: Vec::new(),
        outcome: Outcome::Refuse,
        why: String::new(),
    };
    (told.outcome, told.why) = follow(settings, request, &visitor, now, &mut told);
    told
}

/// The way of a request, as the data plane takes it; each step is told.
fn follow(
    settings: &Settings,
    request: &Request,
    visitor: &Visitor,
    now: Timestamp,
    told: &mut Explanation,
) -> (Outcome, String) {
    let host = match Authority::parse(&request.authority) {
        Ok(authority) => authority.host,
        Err(why) => return (Outcome::Refuse, format!("the host can't be read: {why}")),
    };
    if host == settings.portal.url.host {
        return (Outcome::Gateway, "this host is the portal: the gateway answers itself".to_owned());
    }
    let routing = settings.routing();
    let Some(app) = routing.find(&host) else {
        let hosts: Vec<_> = settings.apps.iter().flat_map(|settings| &settings.app.hosts).map(Host::as_str).collect();
        let near = super::suggest::nearest(host.as_str(), hosts).map(|near| format!("; did you mean {near}?"));
        return (Outcome::NotFound, format!("no app has the host {host}{}", near.unwrap_or_default()));
    };
    told.app = Some(app.name.clone());
    let path = match CanonicalPath::parse(&request.path, app.allowed) {
        Ok(path) => path,
        Err(why) => return (Outcome::Refuse, why.to_string()),
    };
    told.path = Some(path.as_str().to_owned());
    if let Some(Err(why)) = request.query.as_deref().map(check_query) {
        return (Outcome::Refuse, why.to_string());
    }
    if path.below_reserved().is_some() {
        return (Outcome::Gateway, "paths under /.doorward/ are answered by the gateway itself".to_owned());
    }
    let matched = app.matched(&request.method, &path);
    told.tries = tries(app, &request.method, &path);
    let Some(matched) = matched else {
        return (Outcome::NotFound, format!("no route fits, and the app `{}` has no `policy` of its own", app.name));
    };
    told.policy = Some(matched.policy.name.clone());
    told.clauses = clauses(matched.policy, visitor, now);
    verdict(matched.policy, visitor, now)
}

/// Somebody with such proofs, and a session that began with the oldest of them.
fn visitor(settings: &Settings, who: Option<&Who>, did: &[Did], now: Timestamp) -> Visitor {
    let Some(oldest) = did.iter().map(|did| did.ago).max() else {
        return Visitor::Anonymous(WhyAnonymous::NoCookie);
    };
    let (user, started_at) = (UserId(Uuid::nil()), now - oldest);
    let mut authentications: Vec<_> = did
        .iter()
        .map(|did| Authentication { method: did.method, factor: FactorId(Uuid::nil()), at: now - did.ago })
        .collect();
    authentications.sort_by_key(|proof| proof.at);
    let session = Session {
        id: SessionId(Uuid::nil()),
        user,
        authentications,
        started_at,
        seen_at: now,
        locked_at: None,
        place: Place::default(),
    };
    if session.standing(settings.session, now) != Standing::Live {
        return Visitor::Anonymous(WhyAnonymous::TooOld);
    }
    let Some(who) = who.cloned().or_else(somebody) else { return Visitor::Anonymous(WhyAnonymous::Unknown) };
    let user = User {
        id: user,
        name: who.name.to_string(),
        login_id: who.name,
        email: None,
        groups: who.groups,
        disabled: false,
        created_at: started_at,
    };
    Visitor::SignedIn(Arc::new(Identity { user, session }))
}

/// Proofs without a name belong to somebody who is in no group.
fn somebody() -> Option<Who> {
    LoginId::parse("somebody").ok().map(|name| Who { name, groups: Vec::new() })
}

fn spell_visitor(visitor: &Visitor, did: &[Did]) -> String {
    let identity = match visitor {
        Visitor::Anonymous(why) => return format!("nobody known: {}", spell_anonymous(*why)),
        Visitor::SignedIn(identity) => identity,
    };
    let groups = match identity.user.groups.as_slice() {
        [] => String::new(),
        groups => format!(" in {}", groups.join(", ")),
    };
    let did: Vec<_> = did.iter().map(ToString::to_string).collect();
    format!("{}{groups}; {}", identity.user.login_id, did.join(", "))
}

fn spell_anonymous(why: WhyAnonymous) -> &'static str {
    match why {
        WhyAnonymous::NoCookie => "there is no session",
        WhyAnonymous::BadCookie => "the session cookie can't be ours",
        WhyAnonymous::Unknown => "no session has this cookie",
        WhyAnonymous::TooOld => "the session is too old",
        WhyAnonymous::Idle => "the session was unused for too long",
        WhyAnonymous::Disabled => "the account is disabled",
    }
}

fn tries(app: &App, method: &str, path: &CanonicalPath<'_>) -> Vec<Try> {
    let mut settled = false;
    let tell = |(_, route, fit): (usize, &Route, Result<(), Mismatch>)| {
        let decides = fit.is_ok() && !settled;
        settled |= decides;
        let mismatch = fit.err().map(|part| spell_mismatch(part, route, method));
        Try { route: spell_route(route), label: route.label.clone(), mismatch, decides }
    };
    app.tries(method, path).map(tell).collect()
}

fn spell_route(route: &Route) -> String {
    let methods = if route.methods.is_empty() { "any method".to_owned() } else { route.methods.join(" ") };
    format!("{methods} {}", route.path.as_str())
}

fn spell_mismatch(part: Mismatch, route: &Route, method: &str) -> String {
    match part {
        Mismatch::Path => "its path is another".to_owned(),
        Mismatch::Method => format!("its path fits; it is for {}, not {method}", route.methods.join(", ")),
    }
}

fn clauses(policy: &Policy, visitor: &Visitor, now: Timestamp) -> Vec<Clause> {
    let Access::Require(requirement) = &policy.access else { return Vec::new() };
    let Visitor::SignedIn(identity) = visitor else { return Vec::new() };
    let session = &identity.session;
    let reached = Level::reached(&session.authentications, now);
    let level = Clause {
        demands: format!("level {}", requirement.level),
        saw: reached.map_or("nothing proven".to_owned(), |reached| reached.to_string()),
        met: reached >= Some(requirement.level),
    };
    let groups = (!requirement.groups.is_empty()).then(|| Clause {
        demands: format!("in one of {}", requirement.groups.join(", ")),
        saw: if identity.user.groups.is_empty() { "no group".to_owned() } else { identity.user.groups.join(", ") },
        met: requirement.permits(&identity.user.groups),
    });
    groups.into_iter().chain([level]).chain(freshness(requirement, session, now)).collect()
}

fn freshness(requirement: &Requirement, session: &Session, now: Timestamp) -> Option<Clause> {
    let fresh = requirement.fresh.as_ref()?;
    let methods: Vec<_> = fresh.any.iter().map(|method| method.name()).collect();
    let latest = session.latest_fresh(&fresh.any, now).and_then(|proof| Some((proof.method, proof.at.age(now)?)));
    Some(Clause {
        demands: format!("{} within {}", methods.join(" or "), spell(fresh.within)),
        saw: latest.map_or("none".to_owned(), |(method, age)| format!("{method} {} ago", spell(age))),
        met: latest.is_some_and(|(_, age)| age <= fresh.within),
    })
}

fn verdict(policy: &Policy, visitor: &Visitor, now: Timestamp) -> (Outcome, String) {
    let name = &policy.name;
    match policy.decide(visitor, now) {
        Decision::Admit(admission) => match admission.identity() {
            Some(identity) => (
                Outcome::Forward,
                format!("`{name}` is met; the application is told who it is: {}", identity.user.login_id),
            ),
            None => {
                (Outcome::Forward, format!("`{name}` lets everybody pass; the application is told nothing about them"))
            }
        },
        Decision::SignIn(why) => {
            (Outcome::SignIn, format!("`{name}` wants somebody signed in: {}", spell_anonymous(why)))
        }
        Decision::StepUp(missing) => (Outcome::StepUp, spell_missing(name, &missing)),
        Decision::Deny(why) => (
            Outcome::Deny,
            match why {
                WhyDenied::Policy => format!("`{name}` lets nobody pass"),
                WhyDenied::Groups => format!("`{name}` is for other groups, and no proof changes that"),
            },
        ),
    }
}

fn spell_missing(policy: &str, missing: &Missing) -> String {
    match missing {
        Missing::Level { reached, wanted } => {
            format!("`{policy}` wants the level {wanted}; this session has reached {reached}")
        }
        Missing::Fresh { wanted, latest } => {
            let methods: Vec<_> = wanted.any.iter().map(|method| method.name()).collect();
            let wanted = format!("`{policy}` wants {} within {}", methods.join(" or "), spell(wanted.within));
            match latest {
                Some((method, age)) => format!("{wanted}; the last {method} was {} ago", spell(*age)),
                None => format!("{wanted}; there never was one"),
            }
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.request)?;
        writeln!(f, "  from    {}", self.visitor)?;
        if let Some(app) = &self.app {
            writeln!(f, "  app     {app}")?;
        }
        if let Some(path) = self.path.as_ref().filter(|path| !self.request.contains(path.as_str())) {
            writeln!(f, "  path    {path} is what routes see, and the application receives")?;
        }
        for (at, tried) in self.tries.iter().enumerate() {
            let mark = if tried.decides { "→" } else { " " };
            let label = tried.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
            let verdict = match &tried.mismatch {
                Some(mismatch) => format!("no: {mismatch}"),
                None if tried.decides => "fits, and decides".to_owned(),
                None => "fits too, but comes later".to_owned(),
            };
            writeln!(f, "{mark} route {} {}{label}: {verdict}", at + 1, tried.route)?;
        }
        if let Some(policy) = &self.policy {
            let whose =
                if self.tries.iter().any(|tried| tried.decides) { "" } else { ", the app's own: no route fits" };
            writeln!(f, "  policy  {policy}{whose}")?;
        }
        for clause in &self.clauses {
            writeln!(f, "  {} {}; saw {}", if clause.met { "ok     " } else { "missing" }, clause.demands, clause.saw)?;
        }
        write!(f, "{}: {}", self.outcome, self.why)
    }
}

#[cfg(test)]
mod tests;
