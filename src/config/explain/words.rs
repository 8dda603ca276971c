//! What an explanation says, in words.

use super::{Clause, Did, Explanation};
use crate::{
    config::duration::spell,
    domain::{
        policy::{
            Access, Ceiling, Freshness, Missing, Policy, Requirement, Strength, Visitor, WhyAnonymous, Within,
            call::{Call, Conditions, Mismatch, Named, Wanted},
            once::{Fingerprint, Receipt, Unpaid},
            route::Route,
        },
        risk::{Assessment, Score, Signal},
        session::{Authentication, Level, Session, proven},
        time::Timestamp,
    },
};
use std::{collections::BTreeSet, fmt, time::Duration};

pub(super) fn visitor(visitor: &Visitor, did: &[Did]) -> String {
    let identity = match visitor {
        Visitor::Anonymous(why) => return format!("nobody known: {}", anonymous(*why)),
        Visitor::SignedIn(identity) => identity,
    };
    let groups = match identity.user.groups.as_slice() {
        [] => String::new(),
        groups => format!(" in {}", groups.join(", ")),
    };
    let did: Vec<_> = did.iter().map(ToString::to_string).collect();
    let risk = match &identity.session.risk {
        none if *none == Assessment::default() => String::new(),
        some => format!("; risk {}", risk(some)),
    };
    format!("{}{groups}; {}{risk}", identity.user.login_id, did.join(", "))
}

/// `50, for new-device and new-country`.
fn risk(Assessment { score, signals }: &Assessment) -> String {
    let names: Vec<_> = signals.iter().map(|signal| signal.name()).collect();
    if names.is_empty() { score.to_string() } else { format!("{score}, for {}", names.join(" and ")) }
}

pub(super) fn anonymous(why: WhyAnonymous) -> &'static str {
    match why {
        WhyAnonymous::NoCookie => "there is no session",
        WhyAnonymous::BadCookie => "the session cookie can't be ours",
        WhyAnonymous::BadToken => "the token is not good here",
        WhyAnonymous::Unknown => "no session has this cookie",
        WhyAnonymous::TooOld => "the session is too old",
        WhyAnonymous::Idle => "the session was unused for too long",
        WhyAnonymous::Disabled => "the account is disabled",
    }
}

pub(super) fn route(route: &Route) -> String {
    let methods = if route.methods.is_empty() { "any method".to_owned() } else { route.methods.join(" ") };
    let mut parts = vec![format!("{methods} {}", route.path.as_str())];
    parts.extend(conditions(&route.conditions));
    parts.join(", ")
}

fn conditions(conditions: &Conditions) -> Vec<String> {
    let Conditions { query, fields, form, networks, hours, who } = conditions;
    let mut told = Vec::new();
    told.extend(query.iter().map(|named| format!("query {}", wanted(named))));
    told.extend(fields.iter().map(|named| format!("header {}", wanted(named))));
    told.extend(form.iter().map(|named| format!("form {}", wanted(named))));
    if !networks.is_empty() {
        let names: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
        told.push(format!("from {}", names.join(" or ")));
    }
    if hours.is_some() {
        told.push("at its hours".to_owned());
    }
    told.extend(who.iter().map(|who| format!("for whoever is {who}")));
    told
}

fn wanted(named: &Named) -> String {
    match &named.wanted {
        Wanted::Anything => named.name.clone(),
        Wanted::Text(text) => format!("{}={text}", named.name),
    }
}

pub(super) fn mismatch(part: Mismatch, route: &Route, call: &Call<'_>) -> String {
    match part {
        Mismatch::Path => "its path is another".to_owned(),
        Mismatch::Method => format!("its path fits; it is for {}, not {}", route.methods.join(", "), call.method),
        Mismatch::Query => "its path fits; the query is another".to_owned(),
        Mismatch::Field => "its path fits; the header fields are others".to_owned(),
        Mismatch::Form => "its path fits; the form is another".to_owned(),
        Mismatch::Network => match call.client {
            Some(client) => format!("its path fits; {client} is in none of its networks"),
            None => "its path fits; an unknown address is in none of its networks".to_owned(),
        },
        Mismatch::Hours => "its path fits; these are not its hours".to_owned(),
        Mismatch::Who => "its path fits; it is for other people".to_owned(),
        Mismatch::Unasked => "its path fits; nobody looked who sends the request".to_owned(),
        Mismatch::Unread => "its path fits; nobody looked into the body".to_owned(),
        Mismatch::Unclear => {
            "its path fits; what it asks for can be read in two ways, so the request is refused".to_owned()
        }
    }
}

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

pub(super) fn clauses(policy: &Policy, visitor: &Visitor, paid: Option<&Paid>, now: Timestamp) -> Vec<Clause> {
    let Access::Require(requirement) = &policy.access else { return Vec::new() };
    let Visitor::SignedIn(identity) = visitor else { return Vec::new() };
    let proofs = &identity.session.authentications;
    let who = requirement.who.as_ref().map(|who| Clause {
        demands: who.to_string(),
        saw: match identity.user.groups.as_slice() {
            [] => format!("{}, in no group", identity.user.login_id),
            groups => format!("{}, in {}", identity.user.login_id, groups.join(", ")),
        },
        met: who.includes(&identity.user),
    });
    let (once, fresh): (Vec<_>, Vec<_>) = requirement.fresh.iter().partition(|fresh| fresh.is_once());
    let fresh = fresh.into_iter().map(|fresh| freshness(fresh, &identity.session, now));
    let idle = requirement.idle.map(|max| idleness(max, identity.session.quiet(now)));
    let once = once.into_iter().map(|fresh| payment(fresh, paid));
    let risk = requirement.risk.as_ref().map(|ceiling| ceiling_clause(ceiling, requirement, &identity.session, now));
    who.into_iter().chain([level(requirement, proofs, now)]).chain(risk).chain(fresh).chain(idle).chain(once).collect()
}

/// `risk below 40, or level mfa; risk below 80, whatever is proven; no new-country, whatever is proven`.
fn ceiling_clause(ceiling: &Ceiling, requirement: &Requirement, session: &Session, now: Timestamp) -> Clause {
    let (or_level, in_any_case) = (format!(", or level {}", ceiling.level), ", whatever is proven".to_owned());
    let below = |score: Option<Score>, tail: &String| score.map(|score| format!("risk below {score}{tail}"));
    let without = |signals: &BTreeSet<Signal>, tail: &String| {
        let names: Vec<_> = signals.iter().map(|signal| signal.name()).collect();
        (!names.is_empty()).then(|| format!("no {}{tail}", names.join(" or ")))
    };
    let asks = [below(ceiling.ask, &or_level), without(&ceiling.ask_on, &or_level)];
    let denies = [below(ceiling.deny, &in_any_case), without(&ceiling.deny_on, &in_any_case)];
    let demands: Vec<_> = asks.into_iter().chain(denies).flatten().collect();
    let risky = Requirement { level: ceiling.level.into(), fresh: Vec::new(), ..requirement.clone() };
    let is_answered = ceiling.asks(&session.risk).is_none() || risky.missing(session, now).is_ok();
    Clause { demands: demands.join("; "), saw: risk(&session.risk), met: is_answered && !ceiling.denies(&session.risk) }
}

fn level(requirement: &Requirement, proofs: &[Authentication], now: Timestamp) -> Clause {
    let counts =
        |proof: &&Authentication| requirement.max_age.is_none_or(|max| proof.at.age(now).is_some_and(|age| age <= max));
    let methods: Vec<_> = proven(proofs, now).filter(counts).map(|proof| proof.method).collect();
    let reached = Level::shown_by(methods.iter().copied());
    let saw = match (&requirement.level, reached) {
        (_, None) => "nothing proven".to_owned(),
        (Strength::Level(_), Some(reached)) => reached.to_string(),
        (Strength::Custom(_), Some(_)) => methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" and "),
    };
    let age = requirement.max_age.map(|max| format!(" by proofs of the last {}", spell(max))).unwrap_or_default();
    let met = requirement.level.met_by(&methods);
    Clause { demands: format!("level {}{age}", requirement.level), saw, met }
}

fn freshness(fresh: &Freshness, session: &Session, now: Timestamp) -> Clause {
    let latest = fresh.latest(session, now);
    Clause {
        demands: wish(fresh),
        saw: latest.map_or("none".to_owned(), |(method, age)| format!("{method} {} ago", spell(seconds(age)))),
        met: latest.is_some_and(|(_, age)| fresh.within.includes(age)),
    }
}

fn idleness(max: Duration, quiet: Duration) -> Clause {
    let saw = if quiet.is_zero() { "somebody just now".to_owned() } else { format!("nobody for {}", spell(quiet)) };
    Clause { demands: format!("somebody there within {}", spell(max)), saw, met: quiet <= max }
}

fn payment(fresh: &Freshness, paid: Option<&Paid>) -> Clause {
    let (saw, met) = match paid {
        None => ("none".to_owned(), false),
        Some(Paid::By(did, _)) => (did.to_string(), fresh.any.contains(&did.method) && fresh.within.includes(did.ago)),
        Some(Paid::Somehow) => ("that it was paid for".to_owned(), true),
    };
    Clause { demands: wish(fresh), saw, met }
}

/// Whole seconds, rounded up: what is too old by a moment does not look young enough.
pub(super) fn seconds(age: Duration) -> Duration {
    Duration::from_secs(age.as_secs() + u64::from(age.subsec_nanos() > 0))
}

/// `totp or passkey within 5m`.
fn wish(fresh: &Freshness) -> String {
    let methods: Vec<_> = fresh.any.iter().map(|method| method.name()).collect();
    let within = match fresh.within {
        Within::Age(age) => format!("within {}", spell(age)),
        Within::Session => "in this session".to_owned(),
        Within::Once(age) => format!("for this request alone, within {}", spell(age)),
    };
    format!("{} {within}", methods.join(" or "))
}

pub(super) fn missing(policy: &str, missing: &Missing) -> String {
    match missing {
        Missing::Level { reached, wanted, max_age, risk } => {
            let age = max_age.map(|max| format!(" by proofs of the last {}", spell(max))).unwrap_or_default();
            let reached = match (reached, wanted) {
                (None, _) => "nothing this session has proven is so recent".to_owned(),
                (Some(reached), Strength::Level(_)) => format!("this session has reached {reached}"),
                (Some(_), Strength::Custom(_)) => "this session lacks a part of it".to_owned(),
            };
            let why = risk.map(|score| format!(", for the sign-in's risk is {score}")).unwrap_or_default();
            format!("`{policy}` wants the level {wanted}{age}{why}; {reached}")
        }
        Missing::Fresh { wanted, latest } => {
            let (freshness, wanted) = (wanted.within, format!("`{policy}` wants {}", wish(wanted)));
            match latest {
                Some((method, age)) if matches!(freshness, Within::Once(_)) => {
                    format!("{wanted}; the last {method}, {} ago, was for something else", spell(seconds(*age)))
                }
                Some((method, age)) => format!("{wanted}; the last {method} was {} ago", spell(seconds(*age))),
                None => format!("{wanted}; there never was one"),
            }
        }
        Missing::Idle { max, quiet } => {
            let (max, quiet) = (spell(*max), spell(*quiet));
            format!("`{policy}` wants somebody there within {max}; nobody used this browser for {quiet}")
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
