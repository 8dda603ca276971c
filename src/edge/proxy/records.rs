//! What was decided, told: to the log, to the counters, and to the records where they are kept.

use super::{
    Asked, Proxy, Served, body::RequestBody, challenge::is_own_origin, fields::Left, kind::Kind, visitors::Seen,
};
use crate::{
    domain::{
        policy::{Decision, route::Matched},
        record::{Outcome, Record, Sender},
        time::Timestamp,
    },
    ports::upstream::Upstream,
};
use std::fmt::Display;

/// How a request was decided.
pub(super) enum Judged<'a> {
    /// By a policy.
    Policy(&'a Decision, &'a Matched<'a>),
    /// Nobody can tell what it asks for.
    Unclear(&'a dyn Display),
    /// No route is for it.
    Nowhere,
    /// A page of another site opened this WebSocket.
    Foreign(&'a Matched<'a>),
}

impl Judged<'_> {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Policy(decision, _) => Outcome::of(decision),
            Self::Unclear(_) => Outcome::Refuse,
            Self::Nowhere => Outcome::NotFound,
            Self::Foreign(_) => Outcome::Deny,
        }
    }

    /// What would have been decided, were the policy enforced.
    fn instead(&self) -> Option<&Decision> {
        match self {
            Self::Policy(Decision::Admit(admission), _) => admission.instead(),
            _ => None,
        }
    }

    fn matched(&self) -> Option<&Matched<'_>> {
        match self {
            Self::Policy(_, matched) | Self::Foreign(matched) => Some(matched),
            Self::Unclear(_) | Self::Nowhere => None,
        }
    }

    /// Why, for the operator.
    fn why(&self) -> String {
        let of = |decision: &Decision| match decision {
            Decision::Admit(_) => String::new(),
            Decision::SignIn(why) => format!("{why:?}"),
            Decision::StepUp(missing) => format!("{missing:?}"),
            Decision::Pay(unpaid) => format!("{:?}", unpaid.clause()),
            Decision::Deny(why) => format!("{why:?}"),
        };
        match self {
            Self::Policy(decision, _) => of(self.instead().unwrap_or(decision)),
            Self::Unclear(why) => why.to_string(),
            Self::Nowhere => "no route fits".to_owned(),
            Self::Foreign(_) => "a page of another site opened the WebSocket".to_owned(),
        }
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Tells how a request was decided. `path` is the canonical one, where it has one; `seen` is `None` where nobody looked.
    pub(super) fn note(
        &self,
        served: &Served,
        asked: &Asked<'_>,
        path: &str,
        seen: Option<&Seen>,
        judged: &Judged<'_>,
        now: Timestamp,
    ) {
        let outcome = judged.outcome();
        if outcome != Outcome::Forward {
            self.log(served, asked, judged, outcome);
        }
        let Some(records) = self.records.as_ref().filter(|records| records.wants(outcome)) else { return };
        let matched = judged.matched();
        records.keep(Record {
            id: asked.id.to_string(),
            at: now,
            app: served.app.name.clone(),
            host: asked.authority.to_string(),
            method: asked.method.as_str().to_owned(),
            path: path.to_owned(),
            extract: served.reads.extract(asked.query, &Left { headers: asked.headers, names: &served.names }),
            client: asked.client,
            sender: seen.map(|seen| Sender::from(&seen.visitor())),
            foreign: asked.kind == Kind::WebSocket && !is_own_origin(asked),
            paid: outcome == Outcome::Forward && matched.is_some_and(|matched| matched.policy.once().is_some()),
            outcome,
            instead: judged.instead().map(Outcome::of),
            route: matched.and_then(Matched::path).map(str::to_owned),
            policy: matched.map(|matched| matched.policy.name.clone()),
        });
    }

    fn log(&self, served: &Served, asked: &Asked<'_>, judged: &Judged<'_>, outcome: Outcome) {
        let (app, why) = (served.app.name.as_str(), judged.why());
        let route = judged.matched().and_then(Matched::path);
        let policy = judged.matched().map(|matched| matched.policy.name.as_str());
        let told = match outcome {
            Outcome::Report => "forwarded: the policy only reports",
            Outcome::SignIn => "sign-in asked for",
            Outcome::StepUp => "step-up asked for",
            Outcome::Deny => "denied",
            Outcome::NotFound => "not found",
            Outcome::Refuse => "refused",
            Outcome::Forward | Outcome::Gateway => return,
        };
        let instead = judged.instead().map(|instead| Outcome::of(instead).name());
        tracing::info!(request.id = %asked.id, app, route, policy, instead, why, "{told}");
        if let (Some(instead), Some(policy)) = (instead, policy) {
            self.reports.count(app, policy, instead);
        }
    }
}
