//! `[risk]`, and what policies and tests say of it.

use super::{
    explain::Risk,
    files::Holds,
    keys::{self, Key, Shape},
    problem::{Code, Problem},
    reader::{Fault, Reader, Section, Value},
    settings::{Mfa, RiskSettings},
    values::{file, one_of},
};
use crate::{
    config::conditions::network_named,
    domain::{
        enrolment::Requirement,
        policy::{Ceiling, call::Network},
        risk::{Act, Rules, Score, Signal, Weights},
        session::Level,
    },
};
use std::{collections::BTreeMap, ops::Range};

/// From which score on what is done.
const THRESHOLDS: [(&Key, &Act); 3] =
    [(&keys::risk::NOTIFY, &Act::Notify), (&keys::risk::REQUIRE, &Act::Require), (&keys::risk::DENY, &Act::Deny)];

/// Reads `[risk]`.
pub(super) fn risk(section: &Section<'_>, networks: Option<&[Network]>) -> Option<RiskSettings> {
    use keys::risk as key;
    let geo = section.maybe(&key::GEO, file(Holds::Map));
    let listed = section.read(&key::LISTED, |value| value.list(|value| network_named(value, networks)));
    let weighing = table(section, &key::WEIGHTS, keys::risk_weights::SHAPE);
    let calling = table(section, &key::ON, keys::risk_on::SHAPE);
    let weights = weighing.as_ref().and_then(|table| each_signal(table, |key| table.read(key, score)));
    let on = calling.as_ref().and_then(|table| each_signal(table, |key| table.maybe(key, act)));
    let from = THRESHOLDS.map(|(key, act)| section.maybe(key, threshold).map(|score| score.map(|score| (*act, score))));
    let from = from.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let on = on?.into_iter().filter_map(|(signal, act)| Some((signal, act?))).collect();
    let rules = Rules { weights: Weights(weights?), from, on };
    let settings = RiskSettings { rules, listed: listed?, geo: geo? };
    weighing.iter().chain(&calling).for_each(|table| settings.warn_of_silence(table));
    settings.warn_of_scores(section);
    settings.warn_of_strangers(&calling?);
    Some(settings)
}

/// A table inside this one, as if it were empty where it is not written.
fn table<'a>(section: &Section<'a>, key: &Key, shape: &'static Shape) -> Option<Section<'a>> {
    match section.written(key) {
        Some(value) => value.section(shape),
        None => Some(Section::open(section.reader, shape, None, section.at.clone())),
    }
}

/// Reads the keys of a table that has one for each signal.
fn each_signal<T>(table: &Section<'_>, mut read: impl FnMut(&Key) -> Option<T>) -> Option<BTreeMap<Signal, T>> {
    let read: Vec<_> = signals_of(table).map(|(signal, key)| Some((signal, read(key)?))).collect();
    read.into_iter().collect()
}

fn signals_of(table: &Section<'_>) -> impl Iterator<Item = (Signal, &'static Key)> {
    table.shape.keys.iter().filter_map(|key| Some((Signal::by_name(key.name)?, key)))
}

fn act(value: &Value<'_>) -> Option<Act> {
    one_of(
        value,
        &[(Act::Notify.name(), Act::Notify), (Act::Require.name(), Act::Require), (Act::Deny.name(), Act::Deny)],
    )
}

/// What a signal of the sign-in can do to each request: letters would be one for each.
fn act_at_request(value: &Value<'_>) -> Option<Act> {
    if value.as_str() == Some(Act::Notify.name()) {
        let fault = Fault::new("a policy sends no letters", "expected \"require\" or \"deny\"");
        return value
            .fail(fault.help("a sign-in is told to its owner once, where it happens: write it into `[risk.on]`"));
    }
    one_of(value, &[(Act::Require.name(), Act::Require), (Act::Deny.name(), Act::Deny)])
}

fn score(value: &Value<'_>) -> Option<Score> {
    let score = u8::try_from(value.number()?).ok().and_then(Score::new);
    score.or_else(|| value.fail(Fault::new("this is no score", "expected 0 to 100")))
}

/// A score that is not reached by doing nothing unusual.
fn threshold(value: &Value<'_>) -> Option<Score> {
    let score = score(value)?;
    if score == Score::default() {
        let fault = Fault::new("every sign-in has this score", "expected 1 to 100");
        return value.fail(fault.help("a sign-in that shows nothing scores 0"));
    }
    Some(score)
}

/// Reads what a policy says of risk.
pub(super) fn ceiling(value: &Value<'_>) -> Option<Ceiling> {
    use keys::policy_risk as key;
    let levels = [Level::Mfa, Level::PhishingResistant].map(|level| (level.name(), level));
    let section = value.section(keys::policy_risk::SHAPE)?;
    let ask = section.maybe(&key::ASK, threshold);
    let level = section.read(&key::LEVEL, |value| one_of(value, &levels));
    let deny = section.maybe(&key::DENY, threshold);
    let calling = table(&section, &key::ON, keys::risk_on::SHAPE);
    let on = calling.and_then(|table| each_signal(&table, |key| table.maybe(key, act_at_request)));
    let on: Vec<_> = on?.into_iter().filter_map(|(signal, act)| Some((signal, act?))).collect();
    let doing = |wanted| on.iter().filter(|(_, act)| *act == wanted).map(|(signal, _)| *signal).collect();
    let (ask_on, deny_on) = (doing(Act::Require), doing(Act::Deny));
    let ceiling = Ceiling { ask: ask?, level: level?, deny: deny?, ask_on, deny_on };
    let contradiction = |fault: Fault| value.fail(Fault { code: Code::Contradiction, ..fault });
    match (ceiling.ask, ceiling.deny) {
        (None, None) if on.is_empty() => {
            contradiction(Fault::new("this asks for nothing", "expected `ask`, `deny` or `on`"))
        }
        (Some(ask), Some(deny)) if deny <= ask => contradiction(
            Fault::new("nobody is ever asked", "who reaches `ask` is refused already")
                .help("`deny` must be more than `ask`; leave `ask` out otherwise"),
        ),
        _ => Some(ceiling),
    }
}

/// Reads what a `[[test]]` says of a session's risk.
pub(super) fn of_test(value: &Value<'_>) -> Option<Risk> {
    if value.is_list() {
        let signals: Vec<_> = Signal::ALL.iter().map(|signal| (signal.name(), *signal)).collect();
        value.some(|value| one_of(value, &signals)).map(Risk::Signals)
    } else {
        score(value).map(Risk::Score)
    }
}

impl RiskSettings {
    /// Whether a signal can show at all.
    fn can_show(&self, signal: Signal) -> bool {
        match signal {
            Signal::ListedAddress => !self.listed.is_empty(),
            _ => !signal.needs_geography() || self.geo.is_some(),
        }
    }

    /// Whether the operator makes anything of a signal.
    fn matters(&self, signal: Signal) -> bool {
        self.rules.on.contains_key(&signal) || self.rules.weights.of([&signal]) > Score::default()
    }

    /// The most that a sign-in can score.
    fn highest(&self) -> Score {
        self.rules.weights.of(Signal::ALL.iter().filter(|signal| self.can_show(**signal)))
    }

    /// Warns of signals that are written about and never show.
    fn warn_of_silence(&self, table: &Section<'_>) {
        for (signal, key) in signals_of(table).filter(|(signal, _)| !self.can_show(*signal)) {
            // A weight of nothing says that it is not meant to.
            if let Some(value) = table.written(key).filter(|_| self.matters(signal)) {
                lax(&value, format!("the signal `{signal}` never shows"), format!("needs `{}`", needs(signal)));
            }
        }
    }

    /// Warns of scores that nobody reaches, or from which on nothing more happens.
    fn warn_of_scores(&self, section: &Section<'_>) {
        let denied = self.rules.from.get(&Act::Deny);
        for (key, act) in THRESHOLDS {
            let (Some(value), Some(from)) = (section.written(key), self.rules.from.get(act)) else { continue };
            if self.highest() < *from {
                let label = format!("all that can show weighs {}", self.highest());
                lax(&value, "no sign-in reaches this score", label);
            } else if *act == Act::Require && denied.is_some_and(|deny| deny <= from) {
                let title = "this score asks nobody for a second factor";
                lax(&value, title, "who reaches it is refused already");
            }
        }
    }

    /// Warns of what anybody can do to somebody else.
    fn warn_of_strangers(&self, calling: &Section<'_>) {
        if self.rules.on.get(&Signal::RecentFailures) == Some(&Act::Deny)
            && let Some(value) = calling.written(&keys::risk_on::RECENT_FAILURES)
        {
            lax(&value, STRANGERS, "anybody makes this signal show");
        }
    }
}

const STRANGERS: &str = "strangers can keep people out by typing wrong passwords for them";

/// The key without which a signal never shows.
fn needs(signal: Signal) -> &'static str {
    if signal == Signal::ListedAddress { "listed" } else { "geo" }
}

fn lax(value: &Value<'_>, title: impl Into<String>, label: impl Into<String>) {
    value.reader.note(Problem::new(Code::Lax, title.into(), value.at.clone(), label.into()));
}

/// Complains where second factors depend on a risk that nothing assesses.
pub(super) fn check_requirement(root: &Section<'_>, mfa: Option<&Mfa>, risk: Option<&RiskSettings>) {
    let Some(mfa) = mfa else { return };
    let requires = risk.is_some_and(|risk| risk.rules.ever_call_for(Act::Require));
    let is_based_on_it = |requirement: &Requirement| *requirement == Requirement::RiskBased;
    let place = |table: &Key, key: &Key| {
        let entries = root.written(table).and_then(|value| value.entries("a table")).unwrap_or_default();
        entries.into_iter().find(|(name, ..)| *name == key.name).map_or(root.at.clone(), |(_, _, value)| value.at)
    };
    let note = |code, title: &str, (at, label): (Range<usize>, &str), help: &str| {
        root.reader.note(Problem::new(code, title, at, label).help(help));
    };
    let written = match &mfa.requirements {
        all if is_based_on_it(&all.everybody) => Some(&keys::mfa::REQUIREMENT),
        all if all.groups.values().any(is_based_on_it) => Some(&keys::mfa::GROUPS),
        _ => None,
    };
    if let Some(key) = written.filter(|_| !requires) {
        let at = (place(&keys::root::MFA, key), "needs `[risk]` with a score for `require`");
        let title = "nothing ever asks for the second factor of `risk-based`";
        note(Code::Contradiction, title, at, "write for example `[risk]` and `require = 40`, or \"optional\" here");
    } else if requires && mfa.requirements.are_none() {
        let at = (place(&keys::root::RISK, &keys::risk::REQUIRE), "`mfa.requirement` is \"disabled\"");
        note(Code::Lax, "risk asks nobody for a second factor", at, "write `mfa.requirement = \"risk-based\"`");
    }
}

/// What is wrong with a policy's ceiling, beside what else the file says.
pub(super) fn check_ceiling(
    name: &str,
    (ceiling, floor): (&Ceiling, Level),
    at: &Range<usize>,
    risk: Option<&RiskSettings>,
    reader: &Reader<'_>,
) {
    let note = |code, title: String, label: String| reader.note(Problem::new(code, title, at.clone(), label));
    let Some(risk) = risk else {
        let title = format!("the policy `{name}` asks for a risk that nothing assesses");
        return note(Code::Contradiction, title, "needs `[risk]`".to_owned());
    };
    if ceiling.ask.max(ceiling.deny) > Some(risk.highest()) {
        let title = format!("no sign-in is as risky as the policy `{name}` asks");
        note(Code::Lax, title, format!("all that can show weighs {}", risk.highest()));
    } else if let Some(silent) = ceiling.ask_on.union(&ceiling.deny_on).find(|signal| !risk.can_show(**signal)) {
        note(
            Code::Lax,
            format!("the signal `{silent}` of the policy `{name}` never shows"),
            format!("needs `{}` in `[risk]`", needs(*silent)),
        );
    } else if ceiling.deny_on.contains(&Signal::RecentFailures) {
        note(Code::Lax, STRANGERS.to_owned(), "anybody makes this signal show".to_owned());
    } else if ceiling.ever_asks() && floor >= ceiling.level {
        let title = format!("the policy `{name}` asks no more of a risky sign-in than of any");
        note(Code::Lax, title, format!("everybody who passes has reached {}", ceiling.level));
    }
}
