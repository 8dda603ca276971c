//! The way of a request, as the data plane takes it; each step is told.

use super::{
    Clause, Outcome, Try, Way,
    clauses::{self, Paid},
    recorded, words,
};
use crate::{
    config::settings::{AppSettings, Settings},
    domain::{
        policy::{
            Decision, Policy, Visitor, WhyAnonymous, WhyDenied,
            call::{Call, Fields, Form, extract::Extract},
            demand::Demand,
            route::{App, Apps, Unsettled},
        },
        record::Demanded,
        target::{
            Authority, CanonicalPath,
            path::{NotCanonical, check_query, is_path_byte},
        },
        time::Timestamp,
    },
    edge::{
        http::{hop, request::is_never_served},
        proxy::{
            bearer,
            head::{Head, Preflight},
            outgoing::IdentityNames,
        },
    },
};
use http::{HeaderMap, Method};
use std::{net::IpAddr, sync::Arc};

/// What a request is decided on.
pub(super) struct Facts<'a> {
    pub(super) method: &'a str,
    pub(super) authority: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) fields: &'a dyn Fields,
    pub(super) client: Option<IpAddr>,
    pub(super) form: Form<'a>,
    /// What pays for it, if anything does.
    pub(super) paid: Option<Paid>,
    pub(super) whence: Whence<'a>,
    /// Who sends it; `None` where nobody looked.
    pub(super) visitor: Option<&'a Visitor>,
    pub(super) now: Timestamp,
}

/// Where a request is known from.
#[derive(Clone, Copy)]
pub(super) enum Whence<'a> {
    /// Somebody describes it, and its head says the rest.
    Described(&'a Method, &'a HeaderMap),
    /// It was recorded, with what was made of its head.
    Recorded {
        /// Whether a page of another site opened a WebSocket with it, which may not.
        foreign: bool,
        /// What is kept of its query and fields.
        extract: &'a Extract,
        /// What the application asked for once it had got it.
        demand: Option<&'a Demanded>,
    },
}

/// Where a way ends.
pub(super) struct End {
    pub(super) policy: Option<String>,
    pub(super) clauses: Vec<Clause>,
    pub(super) outcome: Outcome,
    pub(super) why: String,
}

impl From<(Outcome, String)> for End {
    fn from((outcome, why): (Outcome, String)) -> Self {
        Self { policy: None, clauses: Vec::new(), outcome, why }
    }
}

impl<'a> Facts<'a> {
    fn call<'p>(&'p self, path: &'p CanonicalPath<'p>) -> Call<'p> {
        let &Self { method, query, fields, client, form, visitor, now, .. } = self;
        Call { method, path, query, fields, client, form, visitor, now }
    }

    fn head<'h>(&self, authority: &'h Authority) -> Option<Head<'h>>
    where
        'a: 'h,
    {
        match self.whence {
            Whence::Described(method, headers) => Some(Head::new(method, headers, authority)),
            Whence::Recorded { .. } => None,
        }
    }
}

/// Goes the whole way.
pub(super) fn follow(settings: &Settings, facts: &Facts<'_>, way: &mut Way) -> End {
    let routing = settings.routing();
    let (authority, app, path) = match reach(settings, &routing, facts, way) {
        Ok(reached) => reached,
        Err(end) => return end.into(),
    };
    let call = facts.call(&path);
    let matched = match app.matched(&call) {
        Ok(Some(matched)) => matched,
        Ok(None) => {
            let why = format!("no route fits, and the app `{}` has no `policy` of its own", app.name);
            return (Outcome::NotFound, why).into();
        }
        Err(unsettled) => {
            way.tries.iter_mut().for_each(|tried| tried.is_overruled(unsettled));
            return (Outcome::Refuse, unsettled.to_string()).into();
        }
    };
    let (policy, head) = (matched.policy, facts.head(&authority));
    let is_foreign = match (facts.whence, &head) {
        (Whence::Recorded { foreign, .. }, _) => foreign,
        (Whence::Described(..), Some(head)) => {
            head.is_foreign_socket(written(settings, app).and_then(AppSettings::cors))
        }
        (Whence::Described(..), None) => false,
    };
    let stranger = Visitor::Anonymous(WhyAnonymous::NoCookie);
    let visitor = facts.visitor.unwrap_or(&stranger);
    // A proof pays for no request that is not whole when it is decided on, nor for one that another site may have sent.
    let can_pay = head.is_none_or(|head| head.is_payable());
    let paid = facts.paid.as_ref().filter(|_| can_pay);
    let (outcome, mut why) = if is_foreign && recorded::is_asked_who(app, policy, &call) {
        (Outcome::Deny, "a page of another site opened this WebSocket".to_owned())
    } else {
        verdict(policy, visitor, paid, facts.demand(app).as_ref(), facts.now)
    };
    if facts.paid.is_some() && !can_pay && policy.once().is_some() {
        why.push_str("; no proof pays for a WebSocket, for gRPC, or for a form that another site may have sent");
    }
    End { policy: Some(policy.name.clone()), clauses: clauses::of(policy, visitor, paid, facts.now), outcome, why }
}

/// What is refused before anybody asks for which host it is.
fn turned_away(facts: &Facts<'_>) -> Result<(), (Outcome, String)> {
    // What is recorded has been let in.
    let Whence::Described(..) = facts.whence else { return Ok(()) };
    let refused = |why: String| Err((Outcome::Refuse, why));
    if is_never_served(facts.method.as_bytes()) {
        return refused(format!("nobody is served {}", facts.method));
    }
    if !facts.path.bytes().all(is_path_byte) || facts.query.is_some_and(|query| check_query(query).is_err()) {
        return refused(NotCanonical::RawByte.to_string());
    }
    Ok(())
}

/// Goes as far as the routes, and tries each. `Err` is where it ended before.
pub(super) fn reach<'r, 'f>(
    settings: &Settings,
    routing: &'r Apps,
    facts: &'f Facts<'_>,
    way: &mut Way,
) -> Result<(Authority, &'r Arc<App>, CanonicalPath<'f>), (Outcome, String)> {
    turned_away(facts)?;
    let authority =
        Authority::parse(facts.authority).map_err(|why| (Outcome::Refuse, format!("the host can't be read: {why}")))?;
    if authority.host == settings.portal.url.host {
        return Err((Outcome::Gateway, "this host is the portal: the gateway answers itself".to_owned()));
    }
    let app = routing.find(&authority.host).ok_or_else(|| nowhere(settings, &authority))?;
    way.app = Some(app.name.clone());
    let path = CanonicalPath::parse(facts.path, app.allowed);
    if let (Some(head), Some(written)) = (facts.head(&authority), written(settings, app))
        && let Some(answer) = at_the_door(&head, written, path.as_ref().ok())
    {
        return Err(answer);
    }
    let path = path.map_err(|why| (Outcome::Refuse, why.to_string()))?;
    way.path = Some(path.as_str().to_owned());
    facts.query.map_or(Ok(()), check_query).map_err(|why| (Outcome::Refuse, why.to_string()))?;
    if path.below_reserved().is_some() {
        return Err((Outcome::Gateway, "paths under /.doorward/ are answered by the gateway itself".to_owned()));
    }
    way.tries = tries(app, &facts.call(&path), facts.whence);
    Ok((authority, app, path))
}

fn written<'s>(settings: &'s Settings, app: &Arc<App>) -> Option<&'s AppSettings> {
    settings.apps.iter().find(|written| Arc::ptr_eq(&written.app, app)).map(Arc::as_ref)
}

/// What the app of this authority calls people by, which no client may; where there is none, it does not matter.
pub(super) fn names(settings: &Settings, authority: &str) -> IdentityNames {
    let routing = settings.routing();
    let app = Authority::parse(authority).ok().and_then(|authority| routing.find(&authority.host));
    app.and_then(|app| written(settings, app)).map_or_else(IdentityNames::remote, |written| written.identity.names())
}

fn nowhere(settings: &Settings, Authority { host, .. }: &Authority) -> (Outcome, String) {
    let patterns = settings.apps.iter().flat_map(|settings| &settings.app.hosts);
    let hosts: Vec<_> = patterns.map(ToString::to_string).collect();
    let near = crate::config::suggest::nearest(host.as_str(), hosts.iter().map(String::as_str))
        .map(|near| format!("; did you mean {near}?"));
    (Outcome::NotFound, format!("no app has the host {host}{}", near.unwrap_or_default()))
}

/// What the gateway answers before it looks at routes: what a browser asks before it lets a page of another origin call, and
/// what brings a token that is not taken.
fn at_the_door(head: &Head<'_>, written: &AppSettings, path: Option<&CanonicalPath<'_>>) -> Option<(Outcome, String)> {
    // Its own corner is for nobody else, and what has no path is refused for that.
    let cors = written.cors().filter(|_| path.is_some_and(|path| path.below_reserved().is_none()));
    let asks = "a browser asks whether a page of another origin may call, and the gateway itself answers";
    match cors.and_then(|cors| head.preflight(cors)) {
        Some(Preflight::Allowed) => return Some((Outcome::Gateway, format!("{asks}: `cors` lets it"))),
        Some(Preflight::Refused) => return Some((Outcome::Deny, format!("{asks}: `cors` names no such origin"))),
        None => {}
    }
    if hop::nominates_the_message(head.headers) {
        return Some((
            Outcome::Refuse,
            "its `Connection` names a field of the message, which no connection may take back".to_owned(),
        ));
    }
    let why = bearer::why_not_taken(head.headers, written.bearer)?;
    Some((Outcome::Refuse, format!("its token is not taken: {why}")))
}

fn tries(app: &App, call: &Call<'_>, whence: Whence<'_>) -> Vec<Try> {
    let (mut settled, mut all) = (false, Vec::<Try>::new());
    for (place, route, fit) in app.tries(call) {
        if settled && place < all.len() {
            break;
        }
        let unfit = match whence {
            Whence::Recorded { extract, .. } => recorded::unfit(extract, route, fit, call),
            Whence::Described(..) => fit.err().map(recorded::Unfit::Part),
        };
        // What can be read in two ways, or not at all, is where the data plane stops too.
        let stops = unfit.as_ref().is_none_or(recorded::Unfit::stops);
        let decides = unfit.is_none() && !settled;
        settled |= stops;
        let (part, mismatch) = unfit.map(|unfit| words::unfit(&unfit, route, call)).unzip();
        let path = route.path.as_str().to_owned();
        let tried = Try { route: words::route(route), path, label: route.label.clone(), part, mismatch, decides };
        match all.get_mut(place) {
            None => all.push(tried),
            // It stands in, for there is nothing else.
            Some(earlier) if stops => *earlier = tried,
            Some(_) => {}
        }
    }
    all
}

impl Try {
    /// Takes the decision from a route that fits, where the request is refused all the same.
    fn is_overruled(&mut self, why: Unsettled) {
        if !std::mem::take(&mut self.decides) {
            return;
        }
        let (part, mismatch) = match why {
            Unsettled::Path => {
                ("path", "it fits the path as it is written, which servers read in more ways than one".to_owned())
            }
            Unsettled::Method => (
                "method",
                "it fits, but some servers raise the method to capital letters, and see another one".to_owned(),
            ),
            // The route that fits is settled: another is not, for another reading of the path.
            Unsettled::Unclear { .. } | Unsettled::Unasked | Unsettled::Unread => {
                ("unclear", format!("it fits the path as it is written; for another reading of it, {why}"))
            }
        };
        (self.part, self.mismatch) = (Some(part), Some(mismatch));
    }
}

impl Facts<'_> {
    /// What the application asked for, where the app still knows it.
    fn demand(&self, app: &App) -> Option<Demand> {
        match self.whence {
            Whence::Recorded { demand, .. } => app.demand(&demand?.wish()),
            Whence::Described(..) => None,
        }
    }
}

fn verdict(
    policy: &Policy,
    visitor: &Visitor,
    paid: Option<&Paid>,
    demand: Option<&Demand>,
    now: Timestamp,
) -> (Outcome, String) {
    let name = &policy.name;
    let decision = policy.decide(visitor, now);
    let session = recorded::passing(&decision, visitor, |unpaid| paid.is_some_and(|paid| paid.pays(unpaid, now)));
    if let (Some(demand), Some(session)) = (demand, session)
        && let Some(missing) = demand.missing(session, now)
    {
        let (_, lets) = told(name, &decision, paid, now);
        return (Outcome::StepUp, format!("{lets}; then {}", words::missing("the application", &missing)));
    }
    match &decision {
        Decision::Admit(admission) if let Some(instead) = admission.instead() => {
            let (outcome, why) = told(name, instead, paid, now);
            (Outcome::Report, format!("forwarded, as `{name}` only reports; enforced it would be {outcome}: {why}"))
        }
        _ => told(name, &decision, paid, now),
    }
}

fn told(name: &str, decision: &Decision, paid: Option<&Paid>, now: Timestamp) -> (Outcome, String) {
    let asks = format!("`{name}`");
    match decision {
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
        Decision::StepUp(missing) => (Outcome::StepUp, words::missing(&asks, missing)),
        Decision::Pay(unpaid) if paid.is_some_and(|paid| paid.pays(unpaid, now)) => {
            (Outcome::Forward, format!("`{name}` is met, and the proof for this request is spent"))
        }
        Decision::Pay(unpaid) => (Outcome::StepUp, words::missing(&asks, &unpaid.missing(now))),
        Decision::Deny(WhyDenied::Policy) => (Outcome::Deny, format!("`{name}` lets nobody pass")),
        Decision::Deny(WhyDenied::Who) => {
            (Outcome::Deny, format!("`{name}` is for other people, and no proof changes that"))
        }
        Decision::Deny(WhyDenied::Risk) => {
            (Outcome::Deny, format!("the sign-in is too risky for `{name}`, and no proof changes that"))
        }
    }
}
