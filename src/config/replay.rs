//! What a changed config would have made of recorded requests.
//!
//! Whoever is asked for something is taken to answer at once, so one answer counts for all that follows in that session, as
//! it does with people. What they proved in truth, because they were asked in truth, counts as well.
//!
//! Memory is bounded by the number of routes, of people, and of the sessions that they had within a week, however many records
//! there are.

mod simulated;

use super::{
    explain::{self, Judge, Judged, Outcome, Undecided},
    settings::Settings,
};
use crate::domain::{
    policy::Visitor,
    record::{Person, Record, Sender},
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use simulated::Simulated;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// Somebody who is asked anew within this time, and has proven nothing since, still looks at the first page.
const SAME_STEP_UP: Duration = Duration::from_mins(5);
/// Most proofs that one answer takes: a level of many parts.
const PROOFS_MAX: usize = 8;
/// A session that was not seen for so long is not followed any more.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);

/// A comparison that goes on, record by record.
pub struct Replay<'a> {
    settings: &'a Settings,
    after: Judge,
    /// The config to compare with; what was decided in truth, where there is none.
    before: Option<Judge>,
    people: HashMap<String, Somebody>,
    changes: BTreeMap<(Outcome, Outcome), u64>,
    routes: HashMap<(usize, Option<usize>), Tally>,
    undecided: BTreeMap<Undecided, u64>,
    prompts: Prompts,
    requests: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// How often people are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// As it was.
    pub before: u64,
    /// As it would be.
    pub after: u64,
}

/// How often, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Prompts {
    sign_ins: Counts,
    step_ups: Counts,
}

#[derive(Default)]
struct Tally {
    requests: u64,
    prompts: Prompts,
}

#[derive(Default)]
struct Somebody {
    prompts: Prompts,
    /// By when they began.
    sessions: BTreeMap<Timestamp, Followed>,
}

/// A session, and how it goes on: what is answered in one browser serves no other.
struct Followed {
    seen: Timestamp,
    /// When its user was last asked, in truth.
    asked: Option<Timestamp>,
    before: Simulated,
    after: Simulated,
}

impl<'a> Replay<'a> {
    /// Compares `after` with `before`, or with what was decided in truth.
    pub fn new(after: &'a Settings, before: Option<&Settings>) -> Self {
        Self {
            settings: after,
            after: Judge::new(after),
            before: before.map(Judge::new),
            people: HashMap::new(),
            changes: BTreeMap::new(),
            routes: HashMap::new(),
            undecided: BTreeMap::new(),
            prompts: Prompts::default(),
            requests: 0,
            span: None,
        }
    }

    /// Decides one more record, in the order in which they were made.
    pub fn see(&mut self, record: &Record) {
        // What an application asked for has a record beside that of its request.
        let is_request = record.demand.is_none();
        self.requests += u64::from(is_request);
        let (first, last) = self.span.unwrap_or((record.at, record.at));
        self.span = Some((first.min(record.at), last.max(record.at)));
        // A stranger is asked to sign in, whatever the config: nobody can tell how often it is the same one.
        let mut stranger = Somebody::default();
        let person = record.sender.as_ref().and_then(Sender::person);
        let somebody = match person {
            None => &mut stranger,
            Some(person) if self.people.contains_key(person.user.as_str()) => {
                self.people.get_mut(person.user.as_str()).unwrap_or(&mut stranger)
            }
            Some(person) => self.people.entry(person.user.to_string()).or_default(),
        };
        let session = somebody.session(person, record.at);
        let before = match &self.before {
            Some(judge) => decide(judge, record, &mut session.before).map(|judged| judged.outcome),
            None => Ok(record.outcome),
        };
        let both = before.and_then(|before| Ok((before, decide(&self.after, record, &mut session.after)?)));
        let (before, after) = match both {
            Ok(both) => both,
            Err(why) => {
                if is_request {
                    *self.undecided.entry(why).or_default() += 1;
                }
                return;
            }
        };
        let is_before =
            self.before.is_some() || (before == Outcome::StepUp && session.is_asked_anew(person, record.at));
        let count = |of: Outcome| Counts {
            before: (is_before && before == of && person.is_some()).into(),
            after: (after.outcome == of && person.is_some()).into(),
        };
        let more = Prompts { sign_ins: count(Outcome::SignIn), step_ups: count(Outcome::StepUp) };
        somebody.prompts.add(more);
        self.prompts.add(more);
        if is_request {
            *self.changes.entry((before, after.outcome)).or_default() += 1;
        }
        if let Some(place) = after.place {
            let tally = self.routes.entry(place).or_default();
            tally.requests += u64::from(is_request);
            tally.prompts.add(more);
        }
    }

    /// What came of it.
    pub fn report(&self) -> Report {
        let counts = self.people.iter().map(|(user, somebody)| (user, somebody.prompts.all()));
        let mut people: Vec<_> = counts.filter(|(_, asked)| *asked != Counts::default()).collect();
        // Whom it changes most, and then by name.
        people.sort_by_key(|(user, asked)| (std::cmp::Reverse(asked.change()), user.as_str()));
        let people = people.into_iter().map(|(user, asked)| OfPerson { user: user.clone(), asked });
        let (mut routes, mut unused) = (Vec::new(), Vec::new());
        for (index, settings) in self.settings.apps.iter().enumerate() {
            let own = settings.app.fallback.iter().map(|_| None);
            for place in (0..settings.app.routes.len()).map(Some).chain(own) {
                let route = place.and_then(|place| settings.app.routes.get(place)).map(explain::route);
                let (app, tally) = (settings.app.name.clone(), self.routes.get(&(index, place)));
                match tally {
                    Some(&Tally { requests, prompts }) => {
                        routes.push(OfRoute { app, route, requests, asked: prompts.all() });
                    }
                    None => unused.push(Unused { app, route }),
                }
            }
        }
        Report {
            requests: self.requests,
            people: self.people.len(),
            span: self.span,
            decisions: self
                .changes
                .iter()
                .map(|(&(before, after), &requests)| Change { before, after, requests })
                .collect(),
            sign_ins: self.prompts.sign_ins,
            step_ups: self.prompts.step_ups,
            by_person: people.collect(),
            by_route: routes,
            unused,
            undecided: self
                .undecided
                .iter()
                .map(|(why, &requests)| Unknown { asks: why.to_string(), requests })
                .collect(),
        }
    }
}

impl Counts {
    const fn and(self, more: Self) -> Self {
        Self { before: self.before + more.before, after: self.after + more.after }
    }

    /// How much it changes, in either direction.
    pub const fn change(self) -> u64 {
        self.after.abs_diff(self.before)
    }
}

impl Prompts {
    const fn add(&mut self, more: Self) {
        self.sign_ins = self.sign_ins.and(more.sign_ins);
        self.step_ups = self.step_ups.and(more.step_ups);
    }

    const fn all(self) -> Counts {
        self.sign_ins.and(self.step_ups)
    }
}

impl Somebody {
    /// The session in which they sent this.
    fn session(&mut self, person: Option<&Person>, now: Timestamp) -> &mut Followed {
        let since = person.map_or(now, |person| person.since);
        if !self.sessions.contains_key(&since) {
            self.sessions.retain(|_, session| session.seen.age(now).is_none_or(|age| age < FORGOTTEN));
        }
        let begun = || Followed { seen: now, asked: None, before: Simulated::default(), after: Simulated::default() };
        let session = self.sessions.entry(since).or_insert_with(begun);
        session.seen = now;
        session
    }
}

impl Followed {
    /// Whether somebody who is asked in truth is not just asked still.
    fn is_asked_anew(&mut self, person: Option<&Person>, now: Timestamp) -> bool {
        let proven = person.and_then(|person| person.proofs.iter().map(|proof| proof.at).max());
        let is_still = self.asked.is_some_and(|at| {
            proven.is_none_or(|proven| proven <= at) && at.age(now).is_none_or(|age| age < SAME_STEP_UP)
        });
        if !is_still {
            self.asked = Some(now);
        }
        !is_still
    }
}

/// Decides a record for somebody who answered whatever they were asked for before, and answers now.
fn decide<'a>(judge: &'a Judge, record: &Record, simulated: &mut Simulated) -> Result<Judged<'a>, Undecided> {
    let person = match &record.sender {
        Some(Sender::SignedIn(person)) => person,
        Some(Sender::Nobody(why)) => return judge.decide(record, Some(&Visitor::Anonymous(*why))),
        None => return judge.decide(record, None),
    };
    let mut identity = simulated.identity(person, record.at);
    let judged = judge.decide(record, Some(&Visitor::of(identity.clone(), judge.limits, record.at)))?;
    if judged.outcome == Outcome::SignIn {
        simulated.sign_in(person, record.at);
        identity = simulated.identity(person, record.at);
    }
    for _ in 0..PROOFS_MAX {
        let proofs = identity.session.authentications.clone();
        let visitor = Visitor::of(identity, judge.limits, record.at);
        let Some(missing) = judge.decide(record, Some(&visitor))?.missing else { break };
        if simulated.answer(&missing, &proofs, record.at).is_none() {
            break;
        }
        identity = simulated.identity(person, record.at);
    }
    Ok(judged)
}

/// What a changed config would have made of recorded requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many there are.
    pub requests: u64,
    /// How many people sent them, strangers not counted.
    pub people: usize,
    /// The first and the last.
    #[serde(serialize_with = "seconds")]
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many were decided so, and would be decided so.
    pub decisions: Vec<Change>,
    /// How often people sign in again, where what they sign in with was one session in truth.
    pub sign_ins: Counts,
    /// How often people step up.
    pub step_ups: Counts,
    /// Both together for each who is ever asked, those first for whom most changes.
    pub by_person: Vec<OfPerson>,
    /// The same for each route that decides.
    pub by_route: Vec<OfRoute>,
    /// Routes that none of them was decided by.
    pub unused: Vec<Unused>,
    /// What would have to be known of the others.
    pub undecided: Vec<Unknown>,
}

/// How many requests were decided so, and would be decided so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Change {
    pub before: Outcome,
    pub after: Outcome,
    pub requests: u64,
}

/// How often somebody is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfPerson {
    pub user: String,
    #[serde(flatten)]
    pub asked: Counts,
}

/// How often people are asked on a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfRoute {
    pub app: String,
    /// In words; `None` for the app's own policy.
    pub route: Option<String>,
    pub requests: u64,
    #[serde(flatten)]
    pub asked: Counts,
}

/// A route that decided nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Unused {
    pub app: String,
    /// In words; `None` for the app's own policy.
    pub route: Option<String>,
}

/// What was not recorded, and how many requests depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Unknown {
    pub asks: String,
    pub requests: u64,
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn seconds<S: Serializer>(span: &Option<(Timestamp, Timestamp)>, serializer: S) -> Result<S::Ok, S::Error> {
    let spell = |at: Timestamp| jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().to_string();
    span.map(|(first, last)| [spell(first), spell(last)]).serialize(serializer)
}

#[cfg(test)]
mod tests;
