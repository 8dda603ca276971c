//! `[risk]`, and what policies and tests say of it.

use super::{
    explain::Risk,
    keys::{self, Key},
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

/// Reads `[risk]`.
pub(super) fn risk(section: &Section<'_>, networks: Option<&[Network]>) -> Option<RiskSettings> {
    use keys::risk as key;
    let geo = section.maybe(&key::GEO, file);
    let listed = section.read(&key::LISTED, |value| value.list(|value| network_named(value, networks)));
    let weights = weights(section);
    let from = [(&key::NOTIFY, Act::Notify), (&key::REQUIRE, Act::Require), (&key::DENY, Act::Deny)]
        .map(|(key, act)| section.maybe(key, threshold).map(|score| score.map(|score| (act, score))));
    let on = section.maybe(&key::ON, |value| {
        let section = value.section(keys::risk_on::SHAPE)?;
        let acts = each_signal(keys::risk_on::SHAPE.keys, |key| section.maybe(key, act))?;
        Some(acts.into_iter().filter_map(|(signal, act)| Some((signal, act?))).collect())
    });
    let from = from.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let rules = Rules { weights: weights?, from, on: on?.unwrap_or_default() };
    let settings = RiskSettings { rules, listed: listed?, geo: geo? };
    warn(section, &settings);
    Some(settings)
}

fn weights(section: &Section<'_>) -> Option<Weights> {
    let written = section.written(&keys::risk::WEIGHTS);
    let section = match &written {
        Some(value) => value.section(keys::risk_weights::SHAPE)?,
        None => Section::open(section.reader, keys::risk_weights::SHAPE, None, section.at.clone()),
    };
    each_signal(keys::risk_weights::SHAPE.keys, |key| section.read(key, score)).map(Weights)
}

/// Reads the keys of a table that has one for each signal.
fn each_signal<T>(keys: &[Key], mut read: impl FnMut(&Key) -> Option<T>) -> Option<BTreeMap<Signal, T>> {
    let read: Vec<_> = keys.iter().map(|key| Some((Signal::by_name(key.name)?, read(key)?))).collect();
    read.into_iter().collect()
}

fn act(value: &Value<'_>) -> Option<Act> {
    one_of(
        value,
        &[(Act::Notify.name(), Act::Notify), (Act::Require.name(), Act::Require), (Act::Deny.name(), Act::Deny)],
    )
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
    let levels: Vec<_> = Level::ALL.iter().map(|level| (level.name(), *level)).collect();
    let section = value.section(keys::policy_risk::SHAPE)?;
    let ask = section.maybe(&key::ASK, threshold);
    let level = section.read(&key::LEVEL, |value| one_of(value, &levels));
    let deny = section.maybe(&key::DENY, threshold);
    let ceiling = Ceiling { ask: ask?, level: level?, deny: deny? };
    let contradiction = |fault: Fault| value.fail(Fault { code: Code::Contradiction, ..fault });
    match (ceiling.ask, ceiling.deny) {
        (None, None) => contradiction(Fault::new("this asks for nothing", "expected `ask`, `deny` or both")),
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

    /// The most that a sign-in can score.
    fn highest(&self) -> Score {
        self.rules.weights.of(Signal::ALL.iter().filter(|signal| self.can_show(**signal)))
    }
}

/// Warns of what can never happen, and of what strangers can make happen.
fn warn(section: &Section<'_>, settings: &RiskSettings) {
    use keys::risk as key;
    for (key, shape) in [(&key::WEIGHTS, keys::risk_weights::SHAPE), (&key::ON, keys::risk_on::SHAPE)] {
        let Some(table) = section.written(key).and_then(|value| value.section(shape)) else { continue };
        for (signal, value) in shape.keys.iter().filter_map(|key| Signal::by_name(key.name).zip(table.written(key))) {
            if !settings.can_show(signal) {
                let needs = if signal == Signal::ListedAddress { "listed" } else { "geo" };
                lax(&value, format!("the signal `{signal}` never shows"), format!("needs `{needs}`"));
            }
        }
    }
    for (key, act) in [(&key::NOTIFY, Act::Notify), (&key::REQUIRE, Act::Require), (&key::DENY, Act::Deny)] {
        let (from, denied) = (settings.rules.from.get(&act), settings.rules.from.get(&Act::Deny));
        let (Some(value), Some(from)) = (section.written(key), from) else { continue };
        if settings.highest() < *from {
            lax(&value, "no sign-in reaches this score", format!("all that can show weighs {}", settings.highest()));
        } else if act == Act::Require && denied.is_some_and(|deny| deny <= from) {
            lax(&value, "nobody is ever asked for a second factor by this score", "who reaches it is refused already");
        }
    }
    if settings.rules.on.get(&Signal::RecentFailures) == Some(&Act::Deny)
        && let Some(value) = section.written(&key::ON)
    {
        let title = "strangers can keep people out by typing wrong passwords for them";
        lax(&value, title, "`recent-failures` denies by itself");
    }
}

fn lax(value: &Value<'_>, title: impl Into<String>, label: impl Into<String>) {
    value.reader.note(Problem::new(Code::Lax, title.into(), value.at.clone(), label.into()));
}

/// Complains where second factors depend on a risk that nothing assesses.
pub(super) fn check_requirement(root: &Section<'_>, mfa: Option<&Mfa>, risk: Option<&RiskSettings>) {
    let Some(mfa) = mfa else { return };
    let requires = risk.is_some_and(|risk| risk.rules.ever_call_for(Act::Require));
    let table = root.written(&keys::root::MFA);
    let requirements = mfa.requirements.groups.values().chain([&mfa.requirements.everybody]);
    if !requires && requirements.into_iter().any(|requirement| *requirement == Requirement::RiskBased) {
        let at = table.map_or(0..0, |value| value.at);
        let title = "nothing ever asks for the second factor of `risk-based`";
        let problem = Problem::new(Code::Contradiction, title, at, "needs `[risk]` with a score for `require`");
        root.reader.note(problem.help("write for example `[risk]` and `require = 40`, or \"optional\""));
    } else if requires && mfa.requirements.are_none() {
        let at = root.written(&keys::root::RISK).map_or(0..0, |value| value.at);
        let problem = Problem::new(Code::Lax, "risk asks nobody for a second factor", at, "`require` does nothing");
        root.reader.note(problem.help("`mfa.requirement` is \"disabled\"; write \"risk-based\""));
    }
}

/// What is wrong with a policy's ceiling, beside what else the file says.
pub(super) fn check_ceiling(
    name: &str,
    (ceiling, floor): (Ceiling, Level),
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
    } else if ceiling.ask.is_some() && floor >= ceiling.level {
        let title = format!("the risk of a session never matters to the policy `{name}`");
        note(Code::Lax, title, format!("it asks for {floor} already, and `ask` for no more than {}", ceiling.level));
    }
}
