//! What a changed config would have made of recorded requests.
//!
//! Whoever is asked to step up is taken to answer at once, so one answer counts for all that follows, as it does with
//! people. What they proved in truth, because they were asked in truth, counts as well.
//!
//! Memory is bounded by the number of people and of routes, however many records there are.

use super::{
    explain::{self, Judge, Judged, Outcome, Undecided},
    settings::Settings,
};
use crate::domain::{
    factor::{FactorId, Method},
    policy::{Missing, Visitor},
    record::{Person, Record, Sender},
    session::Authentication,
    time::Timestamp,
};
use serde::{Serialize, Serializer};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Somebody who is asked anew within this time, and has proven nothing since, still looks at the first page.
const SAME_STEP_UP: Duration = Duration::from_mins(5);
/// Most proofs that one answer takes: a level of many parts.
const PROOFS_MAX: usize = 8;

/// A comparison that goes on, record by record.
pub struct Replay<'a> {
    settings: &'a Settings,
    after: Judge,
    /// The config to compare with; what was decided in truth, where there is none.
    before: Option<Judge>,
    people: HashMap<String, Asked>,
    changes: BTreeMap<(Outcome, Outcome), u64>,
    routes: HashMap<(usize, Option<usize>), Tally>,
    undecided: BTreeMap<Undecided, u64>,
    asked: Counts,
    requests: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// How often people are asked to step up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// As it was.
    pub before: u64,
    /// As it would be.
    pub after: u64,
}

#[derive(Default)]
struct Tally {
    requests: u64,
    asked: Counts,
}

/// Somebody, and what they were asked for so far.
#[derive(Default)]
struct Asked {
    counts: Counts,
    /// When they were last asked, in truth.
    at: Option<Timestamp>,
    before: Vec<Authentication>,
    after: Vec<Authentication>,
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
            asked: Counts::default(),
            requests: 0,
            span: None,
        }
    }

    /// Decides one more record, in the order in which they were made.
    pub fn see(&mut self, record: &Record) {
        self.requests += 1;
        let (first, last) = self.span.unwrap_or((record.at, record.at));
        self.span = Some((first.min(record.at), last.max(record.at)));
        let person = record.sender.as_ref().and_then(Sender::person);
        // Strangers are asked to sign in, never to step up.
        let mut stranger = Asked::default();
        let asked = match person {
            None => &mut stranger,
            Some(person) if self.people.contains_key(person.user.as_str()) => {
                self.people.get_mut(person.user.as_str()).unwrap_or(&mut stranger)
            }
            Some(person) => self.people.entry(person.user.to_string()).or_default(),
        };
        let before = match &self.before {
            Some(judge) => decide(judge, record, &mut asked.before).map(|judged| judged.outcome),
            None => Ok(record.outcome),
        };
        let both = before.and_then(|before| Ok((before, decide(&self.after, record, &mut asked.after)?)));
        let (before, after) = match both {
            Ok(both) => both,
            Err(why) => {
                *self.undecided.entry(why).or_default() += 1;
                return;
            }
        };
        let is_before = before == Outcome::StepUp && (self.before.is_some() || asked.is_anew(person, record.at));
        let more = Counts { before: is_before.into(), after: (after.outcome == Outcome::StepUp).into() };
        asked.counts.add(more);
        self.asked.add(more);
        *self.changes.entry((before, after.outcome)).or_default() += 1;
        if let Some(place) = after.place {
            let tally = self.routes.entry(place).or_default();
            tally.requests += 1;
            tally.asked.add(more);
        }
    }

    /// What came of it.
    pub fn report(&self) -> Report {
        let mut people: Vec<_> = self.people.iter().filter(|(_, asked)| asked.counts != Counts::default()).collect();
        // Whom it changes most, and then by name.
        people.sort_by_key(|(user, asked)| (std::cmp::Reverse(asked.counts.change()), user.as_str()));
        let people = people.into_iter().map(|(user, asked)| OfPerson { user: user.clone(), asked: asked.counts });
        let (mut routes, mut unused) = (Vec::new(), Vec::new());
        for (index, settings) in self.settings.apps.iter().enumerate() {
            let own = settings.app.fallback.iter().map(|_| None);
            for place in (0..settings.app.routes.len()).map(Some).chain(own) {
                let route = place.and_then(|place| settings.app.routes.get(place)).map(explain::route);
                let (app, tally) = (settings.app.name.clone(), self.routes.get(&(index, place)));
                match tally {
                    Some(&Tally { requests, asked }) => routes.push(OfRoute { app, route, requests, asked }),
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
            step_ups: self.asked,
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
    const fn add(&mut self, more: Self) {
        self.before += more.before;
        self.after += more.after;
    }

    /// How much it changes, in either direction.
    pub const fn change(self) -> u64 {
        self.after.abs_diff(self.before)
    }
}

impl Asked {
    /// Whether somebody who is asked in truth is not just asked still.
    fn is_anew(&mut self, person: Option<&Person>, now: Timestamp) -> bool {
        let proven = person.and_then(|person| person.proofs.iter().map(|proof| proof.at).max());
        let is_still = self.at.is_some_and(|at| {
            proven.is_none_or(|proven| proven <= at) && at.age(now).is_none_or(|age| age < SAME_STEP_UP)
        });
        if !is_still {
            self.at = Some(now);
        }
        !is_still
    }
}

/// Decides a record for somebody who answered whatever they were asked for before, and answers now.
fn decide<'a>(judge: &'a Judge, record: &Record, answers: &mut Vec<Authentication>) -> Result<Judged<'a>, Undecided> {
    let mut visitor = record.sender.as_ref().map(|sender| sender.visitor(judge.limits, record.at));
    if let Some(Visitor::SignedIn(identity)) = &mut visitor {
        let session = &mut Arc::make_mut(identity).session;
        // What was proven in another session does not count in this one.
        answers.retain(|answer| answer.at >= session.started_at);
        session.authentications.extend_from_slice(answers);
    }
    let judged = judge.decide(record, visitor.as_ref())?;
    let mut missing = judged.missing.clone();
    for _ in 0..PROOFS_MAX {
        let (Some(lack), Some(Visitor::SignedIn(identity))) = (&missing, &mut visitor) else { break };
        let proofs = &mut Arc::make_mut(identity).session.authentications;
        let Some(method) = likely(lack, proofs, record.at) else { break };
        let answer = Authentication { method, factor: FactorId(Uuid::nil()), at: record.at };
        answers.retain(|before| before.method != method);
        answers.push(answer);
        proofs.push(answer);
        missing = judge.decide(record, visitor.as_ref())?.missing;
    }
    Ok(judged)
}

/// The method that somebody would answer with: one they have used, if there is one.
fn likely(missing: &Missing, proofs: &[Authentication], now: Timestamp) -> Option<Method> {
    let helpful = missing.needs(proofs, now);
    let used = helpful.iter().find(|method| proofs.iter().any(|proof| proof.method == **method));
    used.or(helpful.first()).copied()
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
    /// How often people step up.
    pub step_ups: Counts,
    /// The same for each who ever does, those first for whom most changes.
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

/// How often somebody steps up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct OfPerson {
    pub user: String,
    #[serde(flatten)]
    pub asked: Counts,
}

/// How often people step up on a route.
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
