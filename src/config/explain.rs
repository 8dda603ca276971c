//! Why a request gets what it gets: the data plane's own functions, one step at a time, with what each saw.

mod asked;
mod clauses;
mod recorded;
mod way;
mod words;

pub use crate::domain::record::Outcome;
pub use asked::{
    Did, NotADid, NotAField, NotAFormField, NotAMoment, NotARequest, NotARisk, Request, Risk, Who, field, form_field,
    moment,
};
pub use recorded::{Halfway, Judge, Judged, Undecided, again};

use super::settings::Settings;
use crate::{
    domain::{
        factor::FactorId,
        place::Place,
        policy::{Visitor, WhyAnonymous, route::Route},
        session::{Activity, Authentication, Identity, Session, SessionId},
        time::Timestamp,
        user::{LoginId, User, UserId},
    },
    edge::proxy::{beforehand::ReadForm, fields::Left},
};
use clauses::Paid;
use serde::Serialize;
use uuid::Uuid;
use way::{End, Facts, Whence};

/// What a `[[test]]` can expect, by name.
pub const EXPECTED: &[(&str, Outcome)] = &[
    (Outcome::Forward.name(), Outcome::Forward),
    (Outcome::Report.name(), Outcome::Report),
    (Outcome::SignIn.name(), Outcome::SignIn),
    (Outcome::StepUp.name(), Outcome::StepUp),
    (Outcome::Deny.name(), Outcome::Deny),
    (Outcome::NotFound.name(), Outcome::NotFound),
    (Outcome::Refuse.name(), Outcome::Refuse),
    (Outcome::Gateway.name(), Outcome::Gateway),
];

/// Every step from a request to its outcome. `Display` is for somebody who was woken up by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// As far as the routes.
    #[serde(flatten)]
    pub way: Way,
    /// The policy that holds.
    pub policy: Option<String>,
    /// What that policy demands, and what was there.
    pub clauses: Vec<Clause>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub why: String,
}

/// The way of a request as far as the routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
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
}

impl Explanation {
    fn of(way: Way, End { policy, clauses, outcome, why }: End) -> Self {
        Self { way, policy, clauses, outcome, why }
    }
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
    /// Which part did not fit, in a word that stays; nothing where all of it did.
    pub part: Option<&'static str>,
    /// The same, in a sentence.
    pub mismatch: Option<String>,
    /// Whether this one decides.
    pub decides: bool,
}

/// One demand of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// What it looks at, in a word that stays: `people`, `level`, `risk`, `second-step`, `fresh`, `idle` or `once`.
    pub kind: &'static str,
    /// What is asked for.
    pub demands: String,
    /// How old that may be, where that matters.
    pub within_seconds: Option<u64>,
    /// What was there.
    pub saw: String,
    /// How old it was, where that matters.
    pub saw_seconds: Option<u64>,
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
    let visitor = visitor(settings, request, who, &did, risk, now);
    let mut way = Way {
        request: request.to_string(),
        visitor: words::visitor(&visitor, &did),
        app: None,
        path: None,
        tries: Vec::new(),
    };
    let (headers, form) = request.sent();
    let names = way::names(settings, &request.authority);
    let facts = Facts {
        method: request.method.as_str(),
        authority: &request.authority,
        path: &request.path,
        query: request.query.as_deref(),
        fields: &Left::of(&headers, &names),
        client: request.client,
        form: ReadForm::seen(Some(&form)),
        paid: request.paid.map(|did| Paid::By(did, now - did.ago)),
        whence: Whence::Described(&request.method, &headers),
        visitor: Some(&visitor),
        now,
    };
    let end = way::follow(settings, &facts, &mut way);
    Explanation::of(way, end)
}

/// Somebody with such proofs, and a session that began with the oldest of them.
fn visitor(
    settings: &Settings,
    &Request { idle, remembered, .. }: &Request,
    who: Option<&Who>,
    did: &[Did],
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
        spared: remembered,
        place: Place::default(),
        risk: risk.map(|risk| risk.assessed(settings)).unwrap_or_default(),
    };
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
    Visitor::of(Identity { user, session }, settings.session, now)
}

/// Proofs without a name belong to somebody who is in no group.
fn somebody() -> Option<Who> {
    LoginId::parse("somebody").ok().map(|name| Who { name, groups: Vec::new() })
}

#[cfg(test)]
mod tests;
