//! Recorded requests, decided again: as they were under the config of their day, or as they would be under another.

use super::{
    Did, Explanation, Outcome, Way,
    clauses::Paid,
    way::{self, Facts, Whence},
    words,
};
use crate::{
    config::settings::Settings,
    domain::{
        policy::{
            Decision, Missing, Policy, Visitor, WhyAnonymous,
            call::{
                Call, Conditions, Mismatch,
                extract::{Extract, Untold},
            },
            once::Unpaid,
            route::{App, ByHost, Matched, Route, Unsettled},
        },
        record::{Hitch, Record, Sender},
        session::{Limits, Session},
        target::{Authority, CanonicalPath, Host, path::check_query},
        time::Timestamp,
    },
};
use std::{fmt, sync::Arc};

/// Why a record can't be decided again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undecided {
    /// A condition asks for what is not recorded.
    Untold(Untold),
    /// It depends on who sent it, and nobody looked.
    Sender,
    /// It depends on its form, and no body is recorded.
    Form,
    /// It was not decided then either.
    Hitch(Hitch),
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold(untold) => untold.fmt(f),
            Self::Form => f.write_str("what its form said, as no body is recorded"),
            Self::Hitch(hitch) => write!(f, "what would have come of it, as {hitch}"),
            Self::Sender => f.write_str("who sent it, as nobody had to look"),
        }
    }
}

/// A config as it decides recorded requests.
pub struct Judge {
    apps: ByHost<Arc<Known>>,
    portal: Host,
    /// How long its sessions live.
    pub limits: Limits,
}

/// An app, its place in the config, and everything that its conditions name.
struct Known {
    index: usize,
    app: Arc<App>,
    named: Conditions,
}

/// What a record comes to.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The outcome.
    pub outcome: Outcome,
    /// What its sender lacks, where that is all.
    pub missing: Option<Missing>,
    /// The app's place in the config, and the route's in the app; no route where its own policy holds.
    pub place: Option<(usize, Option<usize>)>,
    /// The policy that decides.
    pub policy: Option<&'a Policy>,
}

impl Judge {
    /// The judge that these settings are.
    pub fn new(settings: &Settings) -> Self {
        let known = |(index, app): (usize, &Arc<App>)| {
            let mut named = Conditions::default();
            for Conditions { query, fields, .. } in app.routes.iter().map(|route| &route.conditions) {
                named.query.extend(query.iter().cloned());
                named.fields.extend(fields.iter().cloned());
            }
            let known = Arc::new(Known { index, app: Arc::clone(app), named });
            app.hosts.clone().into_iter().map(move |host| (host, Arc::clone(&known)))
        };
        let apps = settings.apps.iter().map(|settings| &settings.app);
        Self {
            apps: apps.enumerate().flat_map(known).collect(),
            portal: settings.portal.url.host.clone(),
            limits: settings.session,
        }
    }

    /// Decides a record for this visitor; `None` where nobody looked.
    pub fn decide(&self, record: &Record, visitor: Option<&Visitor>) -> Result<Judged<'_>, Undecided> {
        if let Some(hitch) = record.hitch {
            return Err(Undecided::Hitch(hitch));
        }
        let without_policy = |outcome| Ok(Judged { outcome, missing: None, place: None, policy: None });
        let Ok(Authority { host, .. }) = Authority::parse(&record.host) else { return without_policy(Outcome::Refuse) };
        if host == self.portal {
            return without_policy(Outcome::Gateway);
        }
        let Some(known) = self.apps.find(&host) else { return without_policy(Outcome::NotFound) };
        let (path, query) = (CanonicalPath::parse(&record.path, known.app.allowed), record.extract.query());
        let (Ok(path), Ok(())) = (path, check_query(&query)) else { return without_policy(Outcome::Refuse) };
        if path.below_reserved().is_some() {
            return without_policy(Outcome::Gateway);
        }
        let call = Call {
            method: &record.method,
            path: &path,
            query: Some(&query),
            fields: &record.extract,
            client: Some(record.client),
            form: record.form.as_form(),
            visitor,
            now: record.at,
        };
        match known.matched(record, &call)? {
            Err(_) => without_policy(Outcome::Refuse),
            Ok(None) => without_policy(Outcome::NotFound),
            Ok(Some(matched)) => {
                let place = Some((known.index, matched.route.map(|(place, _)| place)));
                let policy = matched.policy.as_ref();
                let stranger = Visitor::Anonymous(WhyAnonymous::NoCookie);
                let visitor = match visitor {
                    None if !policy.is_public() => return Err(Undecided::Sender),
                    visitor => visitor.unwrap_or(&stranger),
                };
                if record.foreign && is_asked_who(&known.app, policy, &call) {
                    return Ok(Judged { outcome: Outcome::Deny, missing: None, place, policy: Some(policy) });
                }
                let decision = policy.decide(visitor, record.at);
                let demand = record.demand.as_ref().and_then(|demanded| known.app.demand(&demanded.wish()));
                let session = passing(&decision, visitor, |_| record.paid);
                let demanded = demand.zip(session).and_then(|(demand, session)| demand.missing(session, record.at));
                let (outcome, missing) = match decision {
                    _ if demanded.is_some() => (Outcome::StepUp, demanded),
                    Decision::Pay(_) if record.paid => (Outcome::Forward, None),
                    Decision::Pay(unpaid) => (Outcome::StepUp, Some(unpaid.missing(record.at))),
                    Decision::StepUp(missing) => (Outcome::StepUp, Some(missing)),
                    Decision::Admit(_) | Decision::SignIn(_) | Decision::Deny(_) => (Outcome::of(&decision), None),
                };
                Ok(Judged { outcome, missing, place, policy: Some(policy) })
            }
        }
    }
}

/// The session that a request gets past its policy with, if it is somebody's: of whom an application can ask for more.
pub(super) fn passing<'a>(
    decision: &'a Decision,
    visitor: &'a Visitor,
    pays: impl FnOnce(&Unpaid) -> bool,
) -> Option<&'a Session> {
    let identity = match (decision, visitor) {
        (Decision::Admit(admission), _) => admission.identity()?,
        (Decision::Pay(unpaid), Visitor::SignedIn(identity)) if pays(unpaid) => identity,
        _ => return None,
    };
    Some(&identity.session)
}

/// Why a route does not fit a recorded request.
pub(super) enum Unfit {
    /// This part of it does not.
    Part(Mismatch),
    /// Nobody can say, for this is not recorded.
    Untold(Untold),
}

impl Unfit {
    /// Whether a later route decides nothing.
    pub(super) fn stops(&self) -> bool {
        match self {
            Self::Part(part) => matches!(part, Mismatch::Unasked | Mismatch::Unread | Mismatch::Unclear),
            Self::Untold(_) => true,
        }
    }
}

/// Why a route does not fit, if it does not: `fit` is what it makes of all that is recorded.
pub(super) fn unfit(extract: &Extract, route: &Route, fit: Result<(), Mismatch>, call: &Call<'_>) -> Option<Unfit> {
    let untold = extract.untold(&route.conditions);
    match (fit, untold) {
        (Err(part @ (Mismatch::Path | Mismatch::Method)), _) => Some(Unfit::Part(part)),
        // What is not told does not matter where something else keeps the request out.
        (_, Some(untold)) => match extract.told(&route.conditions).fit(call) {
            Ok(()) | Err(Mismatch::Unasked | Mismatch::Unread | Mismatch::Unclear) => Some(Unfit::Untold(untold)),
            Err(part) => Some(Unfit::Part(part)),
        },
        (fit, None) => fit.err().map(Unfit::Part),
    }
}

impl Known {
    /// The route that a record is for, if what is recorded tells.
    fn matched(&self, record: &Record, call: &Call<'_>) -> Result<Result<Option<Matched<'_>>, Unsettled>, Undecided> {
        let settled = self.app.matched(call);
        match (record.extract.untold(&self.named), settled) {
            (Some(_), Err(why @ Unsettled::Method)) => return Ok(Err(why)),
            // Where servers differ on the path, all that is named would have to be told for each reading.
            (Some(untold), _) if !call.path.readings().is_empty() => return Err(Undecided::Untold(untold)),
            (Some(_), _) => {}
            (None, Err(Unsettled::Unasked)) => return Err(Undecided::Sender),
            (None, Err(Unsettled::Unread)) => return Err(Undecided::Form),
            (None, settled) => return Ok(settled),
        }
        for (place, route, fit) in self.app.tries(call) {
            match unfit(&record.extract, route, fit, call) {
                None => return Ok(Ok(Some(Matched { route: Some((place, route)), policy: &route.policy }))),
                Some(Unfit::Untold(untold)) => return Err(Undecided::Untold(untold)),
                Some(Unfit::Part(Mismatch::Unclear)) => return Ok(Err(Unsettled::Unclear { route: place })),
                Some(Unfit::Part(Mismatch::Unasked)) => return Err(Undecided::Sender),
                Some(Unfit::Part(Mismatch::Unread)) => return Err(Undecided::Form),
                Some(Unfit::Part(_)) => {}
            }
        }
        Ok(Ok(self.app.fallback.as_ref().map(|policy| Matched { route: None, policy })))
    }
}

/// Whether the data plane looks who sends a request before it decides: the route depends on it, or its policy does.
pub(super) fn is_asked_who(app: &App, policy: &Policy, call: &Call<'_>) -> bool {
    !policy.is_public() || matches!(app.matched(&Call { visitor: None, ..*call }), Err(Unsettled::Unasked))
}

/// A recorded request that can't be decided again, as far as its way is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halfway {
    /// Why not.
    pub why: Undecided,
    /// How far it is known.
    pub way: Way,
}

/// Explains a recorded request by what these settings make of it.
pub fn again(settings: &Settings, record: &Record) -> Result<Explanation, Box<Halfway>> {
    let visitor = record.sender.as_ref().map(|sender| sender.visitor(settings.session, record.at));
    let (query, shown) = (record.extract.query(), record.extract.shown());
    let proofs = record.sender.iter().filter_map(Sender::person).flat_map(|person| &person.proofs);
    let age = |at: Timestamp| at.age(record.at).map(words::seconds);
    let did: Vec<_> = proofs.filter_map(|proof| Some(Did { method: proof.method, ago: age(proof.at)? })).collect();
    let mut way = Way {
        request: format!("{} https://{}{}{shown}", record.method, record.host, record.path),
        visitor: match &visitor {
            Some(visitor) => words::visitor(visitor, &did),
            None if record.hitch.is_some() => "nobody looked".to_owned(),
            None => "nobody looked: it did not matter".to_owned(),
        },
        app: None,
        path: None,
        tries: Vec::new(),
    };
    let facts = Facts {
        method: &record.method,
        authority: &record.host,
        path: &record.path,
        query: Some(query.as_str()).filter(|query| !query.is_empty()),
        fields: &record.extract,
        client: Some(record.client),
        form: record.form.as_form(),
        paid: record.paid.then_some(Paid::Somehow),
        whence: Whence::Recorded { foreign: record.foreign, extract: &record.extract, demand: record.demand.as_ref() },
        visitor: visitor.as_ref(),
        now: record.at,
    };
    if let Err(why) = Judge::new(settings).decide(record, visitor.as_ref()) {
        // Where it ends before its routes, that is as far as its way is known.
        let _ = way::reach(settings, &settings.routing(), &facts, &mut way);
        return Err(Box::new(Halfway { why, way }));
    }
    let end = way::follow(settings, &facts, &mut way);
    Ok(Explanation::of(way, end))
}
