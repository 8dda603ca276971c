//! Why a request gets what it gets: the data plane's own functions, one step at a time, with what each saw.

mod asked;
mod recorded;
mod words;

pub use crate::domain::record::Outcome;
pub use asked::{
    Did, NotADid, NotAField, NotAFormField, NotAMoment, NotARequest, NotARisk, Request, Risk, Who, field, form_field,
    moment,
};
pub use recorded::{Judge, Judged, Undecided, again};

use super::settings::Settings;
use crate::domain::{
    factor::FactorId,
    place::Place,
    policy::{
        Decision, Policy, Visitor, WhyAnonymous, WhyDenied,
        call::{Call, Fields, Form, Mismatch},
        route::{App, Route},
    },
    session::{Activity, Authentication, Identity, Session, SessionId, Standing},
    target::{Authority, CanonicalPath, path::check_query},
    time::Timestamp,
    user::{LoginId, User, UserId},
};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc, time::Duration};
use uuid::Uuid;
use words::Paid;

/// What a `[[test]]` can expect, by name.
pub const EXPECTED: &[(&str, Outcome)] = &[
    (Outcome::Forward.name(), Outcome::Forward),
    (Outcome::Report.name(), Outcome::Report),
    (Outcome::SignIn.name(), Outcome::SignIn),
    (Outcome::StepUp.name(), Outcome::StepUp),
    (Outcome::Deny.name(), Outcome::Deny),
    (Outcome::NotFound.name(), Outcome::NotFound),
    (Outcome::Refuse.name(), Outcome::Refuse),
];

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
    /// Methods, path and conditions of the route.
    pub route: String,
    /// Its path alone.
    #[serde(skip)]
    pub path: String,
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

/// A route in a line.
pub fn route(route: &Route) -> String {
    words::route(route)
}

/// Explains one request.
pub fn explain(
    settings: &Settings,
    request: &Request,
    who: Option<&Who>,
    did: &[Did],
    risk: Option<&Risk>,
    now: Timestamp,
) -> Explanation {
    // What pays for a request is a proof like any other besides.
    let did: Vec<_> = did.iter().chain(&request.paid).copied().collect();
    let visitor = visitor(settings, who, &did, request.idle, risk, now);
    let mut told = Explanation {
        request: request.to_string(),
        visitor: words::visitor(&visitor, &did),
        app: None,
        path: None,
        tries: Vec::new(),
        policy: None,
        clauses: Vec::new(),
        outcome: Outcome::Refuse,
        why: String::new(),
    };
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.form).finish();
    let facts = Facts {
        method: &request.method,
        authority: &request.authority,
        path: &request.path,
        query: request.query.as_deref(),
        fields: &request.fields,
        client: request.client,
        form: if body.is_empty() { Form::Empty } else { Form::Fields(&body) },
        paid: request.paid.map(|did| Paid::By(did, now - did.ago)),
        foreign: false,
        visitor: &visitor,
        now,
    };
    (told.outcome, told.why) = follow(settings, &facts, &mut told);
    told
}

/// What a request is decided on.
struct Facts<'a> {
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    fields: &'a dyn Fields,
    client: Option<IpAddr>,
    form: Form<'a>,
    /// What pays for it, if anything does.
    paid: Option<Paid>,
    /// Whether a page of another site opens a WebSocket with it.
    foreign: bool,
    visitor: &'a Visitor,
    now: Timestamp,
}

/// The way of a request, as the data plane takes it; each step is told.
fn follow(settings: &Settings, facts: &Facts<'_>, told: &mut Explanation) -> (Outcome, String) {
    let &Facts { visitor, now, .. } = facts;
    let host = match Authority::parse(facts.authority) {
        Ok(authority) => authority.host,
        Err(why) => return (Outcome::Refuse, format!("the host can't be read: {why}")),
    };
    if host == settings.portal.url.host {
        return (Outcome::Gateway, "this host is the portal: the gateway answers itself".to_owned());
    }
    let routing = settings.routing();
    let Some(app) = routing.find(&host) else {
        let patterns = settings.apps.iter().flat_map(|settings| &settings.app.hosts);
        let hosts: Vec<_> = patterns.map(ToString::to_string).collect();
        let near = super::suggest::nearest(host.as_str(), hosts.iter().map(String::as_str))
            .map(|near| format!("; did you mean {near}?"));
        return (Outcome::NotFound, format!("no app has the host {host}{}", near.unwrap_or_default()));
    };
    told.app = Some(app.name.clone());
    let path = match CanonicalPath::parse(facts.path, app.allowed) {
        Ok(path) => path,
        Err(why) => {
            // Of what the path is to other servers, the tries say nothing.
            for tried in told.tries.iter_mut().filter(|tried| tried.decides) {
                (tried.decides, tried.mismatch) = (false, Some("it fits the path as it is written".to_owned()));
            }
            return (Outcome::Refuse, why.to_string());
        }
    };
    told.path = Some(path.as_str().to_owned());
    if let Some(Err(why)) = facts.query.map(check_query) {
        return (Outcome::Refuse, why.to_string());
    }
    if path.below_reserved().is_some() {
        return (Outcome::Gateway, "paths under /.doorward/ are answered by the gateway itself".to_owned());
    }
    let call = Call {
        method: facts.method,
        path: &path,
        query: facts.query,
        fields: facts.fields,
        client: facts.client,
        form: facts.form,
        visitor: Some(visitor),
        now,
    };
    told.tries = tries(app, &call);
    let matched = match app.matched(&call) {
        Ok(Some(matched)) => matched,
        Ok(None) => {
            return (
                Outcome::NotFound,
                format!("no route fits, and the app `{}` has no `policy` of its own", app.name),
            );
        }
        Err(why) => return (Outcome::Refuse, why.to_string()),
    };
    told.policy = Some(matched.policy.name.clone());
    if facts.foreign && recorded::is_asked_who(app, matched.policy, &call) {
        return (Outcome::Deny, "a page of another site opened this WebSocket".to_owned());
    }
    told.clauses = words::clauses(matched.policy, visitor, facts.paid.as_ref(), now);
    verdict(matched.policy, visitor, facts.paid.as_ref(), now)
}

/// Somebody with such proofs, and a session that began with the oldest of them.
fn visitor(
    settings: &Settings,
    who: Option<&Who>,
    did: &[Did],
    idle: Duration,
    risk: Option<&Risk>,
    now: Timestamp,
) -> Visitor {
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
        seen_at: now - idle,
        activity: Activity::begun(now - idle),
        locked_at: None,
        place: Place::default(),
        risk: risk.map(|risk| risk.assessed(settings)).unwrap_or_default(),
    };
    match session.standing(settings.session, now) {
        Standing::Live => {}
        Standing::TooOld => return Visitor::Anonymous(WhyAnonymous::TooOld),
        Standing::Idle => return Visitor::Anonymous(WhyAnonymous::Idle),
    }
    let Some(who) = who.cloned().or_else(somebody) else { return Visitor::Anonymous(WhyAnonymous::Unknown) };
    let user = User {
        id: user,
        name: who.name.to_string(),
        login_id: who.name,
        email: None,
        groups: who.groups,
        language: None,
        disabled: false,
        created_at: started_at,
    };
    Visitor::SignedIn(Arc::new(Identity { user, session }))
}

/// Proofs without a name belong to somebody who is in no group.
fn somebody() -> Option<Who> {
    LoginId::parse("somebody").ok().map(|name| Who { name, groups: Vec::new() })
}

fn tries(app: &App, call: &Call<'_>) -> Vec<Try> {
    let mut settled = false;
    let tell = |(_, route, fit): (usize, &Route, Result<(), Mismatch>)| {
        // What can be read in two ways is where the data plane stops too.
        let stops = matches!(fit, Ok(()) | Err(Mismatch::Unclear));
        let decides = fit.is_ok() && !settled;
        settled |= stops;
        let mismatch = fit.err().map(|part| words::mismatch(part, route, call));
        let path = route.path.as_str().to_owned();
        Try { route: words::route(route), path, label: route.label.clone(), mismatch, decides }
    };
    app.tries(call).map(tell).collect()
}

fn verdict(policy: &Policy, visitor: &Visitor, paid: Option<&Paid>, now: Timestamp) -> (Outcome, String) {
    let name = &policy.name;
    let told = |decision: &Decision| match decision {
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
            (Outcome::SignIn, format!("`{name}` wants somebody signed in: {}", words::anonymous(*why)))
        }
        Decision::StepUp(missing) => (Outcome::StepUp, words::missing(name, missing)),
        Decision::Pay(unpaid) if paid.is_some_and(|paid| paid.pays(unpaid, now)) => {
            (Outcome::Forward, format!("`{name}` is met, and the proof for this request is spent"))
        }
        Decision::Pay(unpaid) => (Outcome::StepUp, words::missing(name, &unpaid.missing(now))),
        Decision::Deny(WhyDenied::Policy) => (Outcome::Deny, format!("`{name}` lets nobody pass")),
        Decision::Deny(WhyDenied::Who) => {
            (Outcome::Deny, format!("`{name}` is for other people, and no proof changes that"))
        }
        Decision::Deny(WhyDenied::Risk) => {
            (Outcome::Deny, format!("the sign-in is too risky for `{name}`, and no proof changes that"))
        }
    };
    let decision = policy.decide(visitor, now);
    match &decision {
        Decision::Admit(admission) => match admission.instead() {
            None => told(&decision),
            Some(instead) => {
                let (outcome, why) = told(instead);
                (Outcome::Report, format!("forwarded, as `{name}` only reports; enforced it would be {outcome}: {why}"))
            }
        },
        _ => told(&decision),
    }
}

#[cfg(test)]
mod tests;
