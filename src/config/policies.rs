//! `[policy.NAME]`: what routes demand.

use super::{
    keys,
    levels::{Demanded, Levels},
    offers::{self, Offer, Unmet},
    people,
    problem::{Code, Problem},
    reader::{Fault, Reader, Section, Value},
    risk,
    settings::RiskSettings,
    suggest::{listed, nearest},
    values::{method, one_of, some_time, truth, words},
};
use crate::domain::{
    policy::{Access, Freshness, Mode, Policy, Requirement, Strength, Within, once::Receipt},
    session::{Level, Limits},
};
use std::{cell::Cell, ops::Range, sync::Arc, time::Duration};

/// How old a proof for one request may be where that is not written.
const ONCE_WITHIN: Duration = Duration::from_mins(5);
/// Less is too little for a policy's `idle`.
const IDLE_MIN: Duration = Duration::from_mins(2);

/// Every policy that has a name.
pub(super) struct Policies(Vec<Known>);

struct Known {
    name: String,
    /// Where it is written; `None` for the two that need not be.
    at: Option<Range<usize>>,
    /// `None` if something is wrong with it, which has been noted.
    policy: Option<Arc<Policy>>,
    used: Cell<Used>,
    /// What some app lifts it to.
    lifted: Cell<Option<Level>>,
    /// Where it says that it only reports.
    mode_at: Option<Range<usize>>,
    /// Where it speaks of risk.
    risk_at: Option<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    Never,
    Somewhere,
}

impl Policies {
    /// Reads the tables by name; `public` and `deny` are there before.
    pub(super) fn read(written: Option<&Value<'_>>, levels: &Levels, session: Option<&Limits>) -> Self {
        let built_in = |name: &str, access| Known {
            name: name.to_owned(),
            at: None,
            policy: Some(Arc::new(Policy::new(name, access))),
            used: Cell::new(Used::Never),
            lifted: Cell::new(None),
            mode_at: None,
            risk_at: None,
        };
        let mut known = vec![built_in("public", Access::Public), built_in("deny", Access::Deny)];
        for (name, at, value) in written.and_then(|value| value.named(keys::policy::SHAPE)).unwrap_or_default() {
            if matches!(name, "public" | "deny") {
                let title = format!("the policy `{name}` exists already and can't be changed");
                let problem = Problem::new(Code::Duplicate, title, at, "choose another name");
                value.reader.note(problem.help("`public` lets everybody pass, `deny` nobody"));
                continue;
            }
            let section = value.section(keys::policy::SHAPE);
            let policy = section.as_ref().and_then(|section| policy(name, section, levels, session)).map(Arc::new);
            let reports = policy.as_ref().is_some_and(|policy| policy.mode == Mode::Report);
            let place = |key| section.as_ref().and_then(|section| section.written(key)).map(|value| value.at);
            let (mode_at, risk_at) = (place(&keys::policy::MODE).filter(|_| reports), place(&keys::policy::RISK));
            let (name, used, lifted) = (name.to_owned(), Cell::new(Used::Never), Cell::new(None));
            known.push(Known { name, at: Some(at), policy, used, lifted, mode_at, risk_at });
        }
        Self(known)
    }

    /// The policy that a route points at.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Arc<Policy>> {
        let known = self.known(value)?;
        known.used.set(Used::Somewhere);
        known.policy.clone()
    }

    /// The same where an app asks everybody for this level.
    pub(super) fn lifted(&self, policy: &Policy, level: Level) -> Arc<Policy> {
        if let Some(known) = self.0.iter().find(|known| known.name == policy.name) {
            known.lifted.set(known.lifted.get().max(Some(level)));
        }
        Arc::new(policy.at_least(level))
    }

    /// The name of a policy that a test expects.
    pub(super) fn named_by(&self, value: &Value<'_>) -> Option<String> {
        self.known(value).map(|known| known.name.clone())
    }

    fn known(&self, value: &Value<'_>) -> Option<&Known> {
        value.parsed(|name| {
            self.0.iter().find(|known| known.name == name).ok_or_else(|| {
                let names = || self.0.iter().map(|known| known.name.as_str());
                let fault = Fault::new("no policy has this name", "expected the name of a policy");
                let fault = Fault { code: Code::UnknownName, ..fault };
                match nearest(name, names()) {
                    Some(near) => fault.help(format!("did you mean \"{near}\"?")),
                    None => fault.help(format!("the policies are {}; write a `[policy.NAME]`", listed(names()))),
                }
            })
        })
    }

    /// Every policy that is right.
    pub(super) fn all(&self) -> Vec<Arc<Policy>> {
        self.0.iter().filter_map(|known| known.policy.clone()).collect()
    }

    /// Complains of ceilings that nothing reaches, and of those without anything that assesses.
    pub(super) fn check_risk(&self, risk: Option<&RiskSettings>, reader: &Reader<'_>) {
        for known in &self.0 {
            if let (Some(at), Some(policy)) = (&known.risk_at, &known.policy)
                && let Access::Require(Requirement { level, risk: Some(ceiling), .. }) = &policy.access
            {
                risk::check_ceiling(&known.name, (ceiling, level.floor()), at, risk, reader);
            }
        }
    }

    /// Warns of policies that nobody uses, that nobody can meet, or that ask for less than it looks.
    pub(super) fn lint(&self, offer: Option<&Offer<'_>>, reader: &Reader<'_>) {
        for known in &self.0 {
            let (Some(at), Some(policy)) = (&known.at, &known.policy) else { continue };
            if known.used.get() == Used::Never {
                let title = format!("no route points at the policy `{}`", known.name);
                reader.note(Problem::new(Code::UnusedPolicy, title, at.clone(), "never used"));
            }
            if let Some(at) = &known.mode_at {
                let title = format!("the policy `{}` lets everybody pass and only reports", known.name);
                let problem = Problem::new(Code::Reports, title, at.clone(), "nothing is enforced");
                reader
                    .note(problem.help("leave `mode` out once the log and `doorward_reported_total` show no surprise"));
            }
            let (Access::Require(requirement), Some(offer)) = (&policy.access, offer) else { continue };
            let lifted = known.lifted.get().map(|level| requirement.at_least(level));
            let unmet = offer.unmet(requirement).map(|unmet| (unmet, ""));
            let unmet = unmet.or_else(|| Some((offer.unmet(&lifted?)?, " in an app with `mfa = \"required\"`")));
            if let Some((Unmet { who, why }, place)) = unmet {
                let title = format!("{who} can meet the policy `{}`{place}", known.name);
                reader.note(Problem::new(Code::Unmeetable, title, at.clone(), why).help("see `[mfa]`"));
            }
            if offers::is_weak_pair(requirement) {
                let title = format!("the proofs that the policy `{}` asks for are of one factor", known.name);
                let problem = Problem::new(Code::Lax, title, at.clone(), "amounts to no more than `login`");
                reader.note(problem.help(
                    "two methods of one kind, or of one mailbox, are one factor; name methods of two, or write `level = \"mfa\"`",
                ));
            }
        }
    }

    /// The first policy in use that asks for two factors.
    pub(super) fn asking_for_two(&self) -> Option<&str> {
        let asks = |known: &&Known| match known.policy.as_deref().map(|policy| &policy.access) {
            Some(Access::Require(requirement)) => {
                known.lifted.get().max(Some(requirement.level.floor())) >= Some(Level::Mfa)
            }
            _ => false,
        };
        self.0.iter().filter(|known| known.used.get() == Used::Somewhere).find(asks).map(|known| known.name.as_str())
    }
}

/// Whether a policy or route is enforced.
pub(super) fn mode(value: &Value<'_>) -> Option<Mode> {
    one_of(value, &[("enforce", Mode::Enforce), ("report", Mode::Report)])
}

fn policy(name: &str, section: &Section<'_>, levels: &Levels, session: Option<&Limits>) -> Option<Policy> {
    use keys::policy as key;
    let level = section.read(&key::LEVEL, |value| levels.demanded(value));
    let fresh = section.maybe(&key::FRESH, |value| {
        if value.is_list() { value.some(fresh) } else { fresh(value).map(|fresh| vec![fresh]) }
    });
    let max_age = section.maybe(&key::MAX_AGE, |value| max_age(value, session));
    let idle = section.maybe(&key::IDLE, |value| idle(value, session));
    let remember = section.read(&key::REMEMBER, truth);
    let who = people::named(section, &key::GROUPS, &key::USERS);
    let allow = section.maybe(&key::ALLOW, people::allow);
    let risk = section.maybe(&key::RISK, risk::ceiling);
    let message = section.maybe(&key::MESSAGE, words);
    let mode = section.read(&key::MODE, mode);
    let (level, max_age, fresh, idle) = (level?, max_age?, fresh?.unwrap_or_default(), idle?);
    let who = people::all(who?.into_iter().chain(allow?).collect());
    let (risk, message, mode, remember) = (risk?, message?, mode?, remember?);
    if let (2.., Some(value)) = (fresh.iter().filter(|fresh| fresh.is_once()).count(), section.written(&key::FRESH)) {
        let fault = Fault::new("two clauses say `once`", "expected one at most");
        let fault =
            fault.help("one proof pays for one request; name all its methods in one clause, or ask for a level");
        return value.fail(Fault { code: Code::Contradiction, ..fault });
    }
    let demands = [
        (&key::FRESH, !fresh.is_empty()),
        (&key::MAX_AGE, max_age.is_some()),
        (&key::IDLE, idle.is_some()),
        (&key::REMEMBER, !remember),
        (&key::GROUPS, who.is_some()),
        (&key::USERS, who.is_some()),
        (&key::ALLOW, who.is_some()),
        (&key::RISK, risk.is_some()),
        (&key::MESSAGE, message.is_some()),
    ];
    let access = match level {
        Demanded::Require(level) => {
            if level.floor() >= Level::Mfa {
                tells_of_remembering(section, &level);
            }
            Access::Require(Requirement { level, max_age, fresh, idle, remember, who, risk })
        }
        Demanded::Public => {
            forbid(section, &demands, "a public policy can't demand anything", "nobody is asked who they are")?;
            Access::Public
        }
        Demanded::Deny => {
            // It has something to say all the same.
            let [demands @ .., _] = &demands;
            forbid(section, demands, "a policy that lets nobody pass can't demand anything", "no proof would help")?;
            Access::Deny
        }
    };
    Some(Policy { name: name.to_owned(), access, mode, message })
}

/// Warns where it does not matter what is said of remembered browsers: their sessions hold a password alone.
fn tells_of_remembering(section: &Section<'_>, level: &Strength) {
    if let Some(value) = section.written(&keys::policy::REMEMBER) {
        let title = "`remember` changes nothing here";
        let label = format!("`{level}` takes the second step, in a remembered browser too");
        section.reader.note(Problem::new(Code::Lax, title, value.at, label).help("leave it out"));
    }
}

fn forbid(section: &Section<'_>, demands: &[(&keys::Key, bool)], title: &str, label: &str) -> Option<()> {
    for (key, demanded) in demands {
        if let Some(value) = section.written(key).filter(|_| *demanded) {
            let fault = Fault::new(title, label).help("write `level = \"login\"`, or leave this out");
            return value.fail(Fault { code: Code::Contradiction, ..fault });
        }
    }
    Some(())
}

fn max_age(value: &Value<'_>, session: Option<&Limits>) -> Option<Duration> {
    let age = some_time(value)?;
    if session.is_some_and(|session| age >= session.lifetime) {
        let fault = Fault::new("no session lives that long", "expected less than `session.lifetime`");
        let fault = fault.help("a policy can only be stricter than `[session]`; leave this out otherwise");
        return value.fail(Fault { code: Code::Contradiction, ..fault });
    }
    Some(age)
}

/// How long nobody may have used a session. Use is noted to the minute, so that less than two would be none at all.
fn idle(value: &Value<'_>, session: Option<&Limits>) -> Option<Duration> {
    let idle = some_time(value)?;
    if idle < IDLE_MIN {
        let fault = Fault::new("use is noted to the minute", "expected at least two minutes");
        return value.fail(fault.help("write for example \"5m\""));
    }
    if session.is_some_and(|session| idle >= session.idle) {
        let fault = Fault::new("no session is unused for that long", "expected less than `session.idle`");
        let fault = fault.help("a policy can only be stricter than `[session]`; leave this out otherwise");
        return value.fail(Fault { code: Code::Contradiction, ..fault });
    }
    Some(idle)
}

fn fresh(value: &Value<'_>) -> Option<Freshness> {
    use keys::fresh as key;
    let section = value.section(key::SHAPE)?;
    let any = section.read(&key::ANY, |value| value.some(method));
    let within = section.maybe(&key::WITHIN, |value| match value.as_str() {
        Some("session") => Some(Within::Session),
        Some(text) if nearest(text, ["session"]).is_some() => value.fail(
            Fault::new("this is no duration", "expected a duration, or \"session\"").help("did you mean \"session\"?"),
        ),
        _ => some_time(value).map(Within::Age),
    });
    let once = section.read(&key::ONCE, truth);
    let (any, within, once) = (any?, within?, once?);
    let contradiction = |title: &str, label: &str| {
        let fault = Fault::new(title, label).help("leave `within` out: that is five minutes");
        section.written(&key::WITHIN)?.fail(Fault { code: Code::Contradiction, ..fault })
    };
    let within = match (within, once) {
        (Some(within), false) => within,
        (None, false) => {
            section.reader.note(section.missing(&key::WITHIN));
            return None;
        }
        (None, true) => Within::Once(ONCE_WITHIN),
        (Some(Within::Age(age)), true) if age <= Receipt::LIFETIME => Within::Once(age),
        (Some(Within::Session), true) => {
            return contradiction("what pays for one request is none of the session's proofs", "expected a duration");
        }
        (Some(Within::Age(_) | Within::Once(_)), true) => {
            return contradiction("no request waits that long for its proof", "expected at most 15m");
        }
    };
    Some(Freshness { any, within })
}
