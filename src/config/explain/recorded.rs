//! Recorded requests, decided again: as they were under the config of their day, or as they would be under another.

use super::{Did, Explanation, Facts, Outcome, follow, words};
use crate::{
    config::settings::Settings,
    domain::{
        policy::{
            Decision, Missing, Policy, Visitor, WhyAnonymous,
            call::{Call, Conditions, Form, Mismatch, extract::Untold},
            route::{App, ByHost, Matched, Unsettled},
        },
        record::{Record, Sender},
        session::Limits,
        target::{Authority, CanonicalPath, Host, path::check_query},
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
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold(untold) => untold.fmt(f),
            Self::Form => f.write_str("what its form said, as no body is recorded"),
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
            form: Form::Unread,
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
                let outcome = match &decision {
                    Decision::Pay(_) if record.paid => Outcome::Forward,
                    decision => Outcome::of(decision),
                };
                let missing = match decision {
                    Decision::StepUp(missing) => Some(missing),
                    Decision::Pay(unpaid) if !record.paid => Some(unpaid.missing(record.at)),
                    _ => None,
                };
                Ok(Judged { outcome, missing, place, policy: Some(policy) })
            }
        }
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
            let untold = record.extract.untold(&route.conditions);
            match (fit, untold) {
                (Err(Mismatch::Path | Mismatch::Method), _) => {}
                // What is not told does not matter where something else keeps the request out.
                (_, Some(untold)) => match record.extract.told(&route.conditions).fit(call) {
                    Ok(()) | Err(Mismatch::Unasked | Mismatch::Unread | Mismatch::Unclear) => {
                        return Err(Undecided::Untold(untold));
                    }
                    Err(_) => {}
                },
                (Ok(()), None) => return Ok(Ok(Some(Matched { route: Some((place, route)), policy: &route.policy }))),
                (Err(Mismatch::Unclear), None) => return Ok(Err(Unsettled::Unclear { route: place })),
                (Err(Mismatch::Unasked), None) => return Err(Undecided::Sender),
                (Err(Mismatch::Unread), None) => return Err(Undecided::Form),
                (Err(_), None) => {}
            }
        }
        Ok(Ok(self.app.fallback.as_ref().map(|policy| Matched { route: None, policy })))
    }
}

/// Whether the data plane looks who sends a request before it decides: the route depends on it, or its policy does.
pub(super) fn is_asked_who(app: &App, policy: &Policy, call: &Call<'_>) -> bool {
    !policy.is_public() || matches!(app.matched(&Call { visitor: None, ..*call }), Err(Unsettled::Unasked))
}

/// Explains a recorded request by what these settings make of it.
pub fn again(settings: &Settings, record: &Record) -> Result<Explanation, Undecided> {
    let visitor = record.sender.as_ref().map(|sender| sender.visitor(settings.session, record.at));
    Judge::new(settings).decide(record, visitor.as_ref())?;
    let (query, shown) = (record.extract.query(), record.extract.shown());
    let did: Vec<_> = record.sender.iter().filter_map(Sender::person).flat_map(|person| &person.proofs).collect();
    let did: Vec<_> = did
        .into_iter()
        .filter_map(|proof| Some(Did { method: proof.method, ago: words::seconds(proof.at.age(record.at)?) }))
        .collect();
    let mut told = Explanation {
        request: format!("{} https://{}{}{shown}", record.method, record.host, record.path),
        visitor: visitor
            .as_ref()
            .map_or("nobody looked: the route was public".to_owned(), |visitor| words::visitor(visitor, &did)),
        app: None,
        path: None,
        tries: Vec::new(),
        policy: None,
        clauses: Vec::new(),
        outcome: Outcome::Refuse,
        why: String::new(),
    };
    let facts = Facts {
        method: &record.method,
        authority: &record.host,
        path: &record.path,
        query: Some(query.as_str()).filter(|query| !query.is_empty()),
        fields: &record.extract,
        client: Some(record.client),
        form: Form::Unread,
        paid: record.paid.then_some(words::Paid::Somehow),
        foreign: record.foreign,
        visitor: &visitor.unwrap_or(Visitor::Anonymous(WhyAnonymous::NoCookie)),
        now: record.at,
    };
    (told.outcome, told.why) = follow(settings, &facts, &mut told);
    Ok(told)
}
