//! What was decided, told: to the log, to the counters, and to the records where they are kept.

use super::{
    Asked, Proxy, Served,
    answer::Own,
    body::{BodyError, RequestBody},
    fields::Left,
    head::Head,
    visitors::Seen,
};
use crate::{
    domain::{
        policy::{
            Decision, Mode, Visitor,
            call::{Call, verdicts::Verdicts},
            demand::Demand,
            route::Matched,
        },
        record::{Demanded, Hitch, Outcome, Record, Sender},
        target::CanonicalPath,
        time::Timestamp,
    },
    ports::{StoreError, upstream::Upstream},
};
use std::fmt::Display;

/// How a request was decided.
pub(super) enum Judged<'a> {
    /// By a policy.
    Policy(&'a Decision, &'a Matched<'a>),
    /// By a policy, which let it pass; then the application asked for this in its answer.
    Demand(&'a Demand, &'a Matched<'a>),
    /// Nobody can tell what it asks for.
    Unclear(&'a dyn Display),
    /// No route is for it.
    Nowhere,
    /// A page of another site opened this WebSocket.
    Foreign(&'a Matched<'a>),
    /// Not at all.
    Not(Hitch),
}

impl Judged<'_> {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Policy(decision, _) => Outcome::of(decision),
            Self::Demand(..) => Outcome::StepUp,
            Self::Unclear(_) | Self::Not(_) => Outcome::Refuse,
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
            Self::Policy(_, matched) | Self::Demand(_, matched) | Self::Foreign(matched) => Some(matched),
            Self::Unclear(_) | Self::Nowhere | Self::Not(_) => None,
        }
    }

    /// Whether a proof was spent on it: it got past a policy that takes one.
    fn is_paid(&self) -> bool {
        let has_passed = matches!(self, Self::Demand(..)) || self.outcome() == Outcome::Forward;
        let takes_one = |matched: &Matched<'_>| matched.policy.once().is_some() && matched.policy.mode == Mode::Enforce;
        has_passed && self.matched().is_some_and(takes_one)
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
            Self::Demand(demand, _) => format!("the application asks for {}", demand.wish()),
            Self::Unclear(why) => why.to_string(),
            Self::Nowhere => "no route fits".to_owned(),
            Self::Foreign(_) => "a page of another site opened the WebSocket".to_owned(),
            Self::Not(hitch) => hitch.to_string(),
        }
    }
}

/// What was known of a request when it was decided.
pub(super) struct Known<'a> {
    /// Its path: the canonical one, where it has one.
    pub(super) path: &'a str,
    /// Who sent it; `None` where nobody looked.
    pub(super) visitor: Option<Visitor>,
    /// What conditions said of its form; nothing where nobody looked.
    pub(super) form: Verdicts,
    /// When that was.
    pub(super) now: Timestamp,
}

impl<'a> Known<'a> {
    /// A request of whom nobody looked at more than its path, and at who sent it if that.
    pub(super) fn of(path: &'a str, seen: Option<&Seen>, now: Timestamp) -> Self {
        Self { path, visitor: seen.map(Seen::visitor), form: Verdicts::default(), now }
    }
}

/// The answer to a request that could not be decided, and why it could not.
pub(super) struct Stuck {
    pub(super) own: Own,
    pub(super) hitch: Hitch,
}

impl Stuck {
    /// One whose body can't be read.
    pub(super) fn on_body(error: &BodyError, own: Own) -> Box<Self> {
        let hitch = match error {
            BodyError::TooLarge | BodyError::Trailers(_) => Hitch::TooLarge,
            BodyError::Stalled => Hitch::TooSlow,
            BodyError::NoRoom => Hitch::NoRoom,
            BodyError::Broken(_) | BodyError::Lost(_) | BodyError::Over => Hitch::BrokenOff,
        };
        Box::new(Self { own, hitch })
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Tells that a request could not be decided, and why; what remains is its answer.
    pub(super) fn give_up(&self, served: &Served, asked: &Asked<'_>, path: &str, stuck: Stuck) -> Own {
        let canonical = CanonicalPath::parse(path, served.app.allowed);
        let path = canonical.as_ref().map_or(path, |path| path.as_str());
        let known = Known::of(path, None, self.world.clock.now());
        self.note(served, asked, &known, &Judged::Not(stuck.hitch));
        stuck.own
    }

    /// One that the store failed.
    pub(super) fn stuck_on_store(&self, asked: &Asked<'_>, error: &StoreError) -> Box<Stuck> {
        Box::new(Stuck { own: self.unavailable(asked, error), hitch: Hitch::Store })
    }

    /// Tells how a request was decided.
    pub(super) fn note(&self, served: &Served, asked: &Asked<'_>, known: &Known<'_>, judged: &Judged<'_>) {
        let outcome = judged.outcome();
        if outcome != Outcome::Forward {
            self.log(served, asked, judged, outcome);
        }
        let Some(records) = self.records.as_ref().filter(|records| records.wants(outcome)) else { return };
        let matched = judged.matched();
        let demand = match judged {
            Judged::Demand(demand, _) => Some(Demanded::from(demand.wish())),
            _ => None,
        };
        let hitch = match judged {
            Judged::Not(hitch) => Some(*hitch),
            _ => None,
        };
        records.keep(Record {
            id: asked.id.to_string(),
            at: known.now,
            app: served.app.name.clone(),
            host: asked.authority.to_string(),
            method: asked.method.as_str().to_owned(),
            path: known.path.to_owned(),
            extract: served.reads.extract(asked.query, &Left::of(asked.headers, &served.names)),
            form: known.form.clone(),
            client: asked.client,
            sender: known.visitor.as_ref().map(Sender::from),
            foreign: Head::from(asked).is_foreign_socket(served.cors.as_ref()),
            paid: judged.is_paid(),
            demand,
            hitch,
            outcome,
            instead: judged.instead().map(Outcome::of),
            route: matched.and_then(Matched::path).map(str::to_owned),
            policy: matched.map(|matched| matched.policy.name.clone()),
        });
    }

    /// Tells what a route that only reports would do with a request that another let pass, once it is enforced: then it has
    /// other spellings of its paths, too.
    pub(super) async fn tell_of_trial(
        &self,
        served: &Served,
        asked: &Asked<'_>,
        (path, query): (&CanonicalPath<'_>, Option<&str>),
        known: &Known<'_>,
        matched: &Matched<'_>,
    ) {
        let form = known.form.as_form();
        let (method, client) = (asked.method.as_str(), Some(asked.client));
        let on_trial = |visitor: Option<&Visitor>| {
            let fields = &Left::of(asked.headers, &served.names);
            let call = Call { method, path, query, fields, client, form, visitor, now: known.now };
            served.app.on_trial(&call, matched)
        };
        if on_trial(known.visitor.as_ref()).is_none() {
            return;
        }
        let visitor = match &known.visitor {
            Some(visitor) => visitor.clone(),
            None => match self.look(asked).await {
                Ok(seen) => seen.visitor(),
                Err(_) => return,
            },
        };
        let Some(trial) = on_trial(Some(&visitor)) else { return };
        let decision = trial.policy.decide(&visitor, known.now);
        if Outcome::of(&decision) == Outcome::Report {
            self.log(served, asked, &Judged::Policy(&decision, &trial), Outcome::Report);
        }
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
