//! What a policy demands, clause by clause, and what was there.

use super::{Clause, Did, words};
use crate::{
    config::duration::spell,
    domain::{
        policy::{
            Access, Ceiling, Freshness, Policy, Requirement, Strength, Visitor, Within,
            once::{Fingerprint, Receipt, Unpaid},
        },
        risk::{Score, Signal},
        session::{Identity, Level, Session, proven},
        time::Timestamp,
    },
};
use std::{collections::BTreeSet, time::Duration};

/// What a clause saw of somebody who is not signed in.
const NOBODY: &str = "nobody signed in";

/// A proof that was made for the request in question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paid {
    /// This one, made then.
    By(Did, Timestamp),
    /// One of which nothing is known but that it paid.
    Somehow,
}

impl Paid {
    /// Whether it pays for the request, of whose session everything else is met.
    pub(super) fn pays(&self, unpaid: &Unpaid, now: Timestamp) -> bool {
        let Self::By(did, at) = self else { return true };
        let request = Fingerprint::from_bytes([0; 32]);
        let receipt = Receipt { session: unpaid.session(), request, method: did.method, at: *at };
        unpaid.is_paid_by(&receipt, request, now)
    }
}

/// Every clause of a policy. Of nobody none is met.
pub(super) fn of(policy: &Policy, visitor: &Visitor, paid: Option<&Paid>, now: Timestamp) -> Vec<Clause> {
    let Access::Require(requirement) = &policy.access else { return Vec::new() };
    let identity = match visitor {
        Visitor::SignedIn(identity) => Some(identity.as_ref()),
        Visitor::Anonymous(_) => None,
    };
    let session = identity.map(|identity| &identity.session);
    let who = requirement.who.as_ref().map(|who| {
        let met = identity.is_some_and(|identity| who.includes(&identity.user));
        let saw = identity.map_or(NOBODY.to_owned(), |identity| words::member(&identity.user));
        Clause::new("people", who.to_string(), saw, met)
    });
    let (once, fresh): (Vec<_>, Vec<_>) = requirement.fresh.iter().partition(|fresh| fresh.is_once());
    let risk = requirement.risk.as_ref().map(|ceiling| risk(ceiling, requirement, session, now));
    let step = (!requirement.remember).then(|| second_step(session, now));
    let fresh = fresh.into_iter().map(|fresh| freshness(fresh, session, now));
    let idle = requirement.idle.map(|max| idleness(max, session.map(|session| session.quiet(now))));
    let once = once.into_iter().map(|fresh| payment(fresh, identity, paid));
    who.into_iter()
        .chain([level(requirement, session, now)])
        .chain(risk)
        .chain(step)
        .chain(fresh)
        .chain(idle)
        .chain(once)
        .collect()
}

/// `risk below 40, or level mfa; risk below 80, whatever is proven; no new-country, whatever is proven`.
fn risk(ceiling: &Ceiling, requirement: &Requirement, session: Option<&Session>, now: Timestamp) -> Clause {
    let (or_level, in_any_case) = (format!(", or level {}", ceiling.level), ", whatever is proven".to_owned());
    let below = |score: Option<Score>, tail: &String| score.map(|score| format!("risk below {score}{tail}"));
    let without = |signals: &BTreeSet<Signal>, tail: &String| {
        let names: Vec<_> = signals.iter().map(|signal| signal.name()).collect();
        (!names.is_empty()).then(|| format!("no {}{tail}", names.join(" or ")))
    };
    let asks = [below(ceiling.ask, &or_level), without(&ceiling.ask_on, &or_level)];
    let denies = [below(ceiling.deny, &in_any_case), without(&ceiling.deny_on, &in_any_case)];
    let demands = asks.into_iter().chain(denies).flatten().collect::<Vec<_>>().join("; ");
    let Some(session) = session else { return Clause::new("risk", demands, NOBODY, false) };
    let risky = Requirement { max_age: requirement.max_age, ..Requirement::at(ceiling.level) };
    let is_answered = ceiling.asks(&session.risk).is_none() || risky.missing(session, now).is_ok();
    let met = is_answered && !ceiling.denies(&session.risk);
    Clause::new("risk", demands, session.risk.to_string(), met)
}

fn level(requirement: &Requirement, session: Option<&Session>, now: Timestamp) -> Clause {
    let age = requirement.max_age.map(|max| format!(" by proofs of the last {}", spell(max))).unwrap_or_default();
    let demands = format!("level {}{age}", requirement.level);
    let Some(session) = session else {
        return Clause::new("level", demands, NOBODY, false).within(requirement.max_age);
    };
    let counting = proven(&session.authentications, now).filter_map(|proof| Some((proof.method, proof.at.age(now)?)));
    let counting: Vec<_> = counting.filter(|(_, age)| requirement.max_age.is_none_or(|max| *age <= max)).collect();
    let methods: Vec<_> = counting.iter().map(|(method, _)| *method).collect();
    let saw = match (&requirement.level, Level::shown_by(methods.iter().copied())) {
        (_, None) => "nothing proven".to_owned(),
        (Strength::Level(_), Some(reached)) => reached.to_string(),
        (Strength::Custom(_), Some(_)) => methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" and "),
    };
    let met = requirement.level.met_by(&methods);
    // It holds for as long as its oldest proof counts, where proofs stop to count at all.
    let oldest = counting.iter().map(|(_, age)| *age).max().filter(|_| requirement.max_age.is_some());
    Clause::new("level", demands, saw, met).within(requirement.max_age).saw(oldest)
}

fn second_step(session: Option<&Session>, now: Timestamp) -> Clause {
    let demands = "the second step of the sign-in, in a remembered browser too";
    let Some(session) = session else { return Clause::new("second-step", demands.to_owned(), NOBODY, false) };
    let (saw, met) = match (session.spared, session.owes_second_step(now)) {
        (false, _) => ("that it was not spared", true),
        (true, true) => ("that it was spared", false),
        (true, false) => ("that it was made since", true),
    };
    Clause::new("second-step", demands.to_owned(), saw.to_owned(), met)
}

fn freshness(fresh: &Freshness, session: Option<&Session>, now: Timestamp) -> Clause {
    let max = match fresh.within {
        Within::Age(max) | Within::Once(max) => Some(max),
        Within::Session => None,
    };
    let Some(session) = session else {
        return Clause::new("fresh", words::wish(fresh), NOBODY, false).within(max);
    };
    let latest = fresh.latest(session, now);
    let saw = latest.map_or("none".to_owned(), |(method, age)| format!("{method} {} ago", spell(words::seconds(age))));
    let met = latest.is_some_and(|(_, age)| fresh.within.includes(age));
    Clause::new("fresh", words::wish(fresh), saw, met).within(max).saw(latest.map(|(_, age)| age))
}

fn idleness(max: Duration, quiet: Option<Duration>) -> Clause {
    let saw = match quiet {
        None => NOBODY.to_owned(),
        Some(Duration::ZERO) => "somebody just now".to_owned(),
        Some(quiet) => format!("nobody for {}", spell(quiet)),
    };
    let met = quiet.is_some_and(|quiet| quiet <= max);
    Clause::new("idle", format!("somebody there within {}", spell(max)), saw, met).within(Some(max)).saw(quiet)
}

fn payment(fresh: &Freshness, identity: Option<&Identity>, paid: Option<&Paid>) -> Clause {
    let (saw, age, met) = match (identity, paid) {
        (None, _) => (NOBODY.to_owned(), None, false),
        (Some(_), None) => ("none".to_owned(), None, false),
        (Some(_), Some(Paid::By(did, _))) => {
            (did.to_string(), Some(did.ago), fresh.any.contains(&did.method) && fresh.within.includes(did.ago))
        }
        (Some(_), Some(Paid::Somehow)) => ("that it was paid for".to_owned(), None, true),
    };
    let max = match fresh.within {
        Within::Age(max) | Within::Once(max) => Some(max),
        Within::Session => None,
    };
    Clause::new("once", words::wish(fresh), saw, met).within(max).saw(age)
}

impl Clause {
    fn new(kind: &'static str, demands: String, saw: impl Into<String>, met: bool) -> Self {
        Self { kind, demands, within_seconds: None, saw: saw.into(), saw_seconds: None, met }
    }

    fn within(self, max: Option<Duration>) -> Self {
        Self { within_seconds: max.map(|max| max.as_secs()), ..self }
    }

    fn saw(self, age: Option<Duration>) -> Self {
        Self { saw_seconds: age.map(|age| words::seconds(age).as_secs()), ..self }
    }
}
