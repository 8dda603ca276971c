//! `[policy.NAME]`: what routes demand.

use super::{
    keys,
    problem::{Code, Problem},
    reader::{Fault, Reader, Section, Value},
    settings::{Mfa, MfaRequirement},
    suggest::{listed, nearest},
    values::{method, one_of, some_time, words},
};
use crate::domain::{
    factor::Method,
    policy::{Access, Freshness, Policy, Requirement},
    session::Level,
};
use std::{cell::Cell, ops::Range, sync::Arc};

/// Every policy that has a name.
pub(super) struct Policies(Vec<Known>);

struct Known {
    name: String,
    /// Where it is written; `None` for the two that need not be.
    at: Option<Range<usize>>,
    /// `None` if something is wrong with it, which has been noted.
    policy: Option<Arc<Policy>>,
    used: Cell<Used>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    Never,
    Somewhere,
}

impl Policies {
    /// Reads the tables by name; `public` and `deny` are there before.
    pub(super) fn read(written: Option<&Value<'_>>) -> Self {
        let built_in = |name: &str, access| Known {
            name: name.to_owned(),
            at: None,
            policy: Some(Arc::new(Policy { name: name.to_owned(), access })),
            used: Cell::new(Used::Never),
        };
        let mut known = vec![built_in("public", Access::Public), built_in("deny", Access::Deny)];
        for (name, at, value) in written.and_then(|value| value.named(keys::policy::SHAPE)).unwrap_or_default() {
            if matches!(name, "public" | "deny") {
                let title = format!("the policy `{name}` exists already and can't be changed");
                let problem = Problem::new(Code::Duplicate, title, at, "choose another name");
                value.reader.note(problem.help("`public` lets everybody pass, `deny` nobody"));
                continue;
            }
            let access = value.section(keys::policy::SHAPE).and_then(|section| access(&section));
            let policy = access.map(|access| Arc::new(Policy { name: name.to_owned(), access }));
            known.push(Known { name: name.to_owned(), at: Some(at), policy, used: Cell::new(Used::Never) });
        }
        Self(known)
    }

    /// The policy that a route points at.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Arc<Policy>> {
        let known = self.known(value)?;
        known.used.set(Used::Somewhere);
        known.policy.clone()
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

    /// Warns of policies that nobody uses, and of those that nobody can meet.
    pub(super) fn lint(&self, mfa: Option<&Mfa>, reader: &Reader<'_>) {
        for known in &self.0 {
            let (Some(at), Some(policy)) = (&known.at, &known.policy) else { continue };
            if known.used.get() == Used::Never {
                let title = format!("no route points at the policy `{}`", known.name);
                reader.note(Problem::new(Code::UnusedPolicy, title, at.clone(), "never used"));
            }
            if let Some(why) = mfa.and_then(|mfa| unmeetable(&policy.access, mfa)) {
                let title = format!("nobody can meet the policy `{}`", known.name);
                reader.note(Problem::new(Code::Unmeetable, title, at.clone(), why).help("see `[mfa]`"));
            }
        }
    }
}

fn access(section: &Section<'_>) -> Option<Access> {
    use keys::policy as key;
    const LEVELS: &[(&str, Option<Level>)] = &[
        ("public", None),
        (Level::Login.name(), Some(Level::Login)),
        (Level::Mfa.name(), Some(Level::Mfa)),
        (Level::PhishingResistant.name(), Some(Level::PhishingResistant)),
    ];
    let level = section.read(&key::LEVEL, |value| one_of(value, LEVELS));
    let fresh = section.maybe(&key::FRESH, fresh);
    let groups = section.read(&key::GROUPS, |value| value.list(words));
    let (level, fresh, groups) = (level?, fresh?, groups?);
    if let Some(level) = level {
        return Some(Access::Require(Requirement { level, fresh, groups }));
    }
    for (key, demanded) in [(&key::FRESH, fresh.is_some()), (&key::GROUPS, !groups.is_empty())] {
        if let Some(value) = section.written(key).filter(|_| demanded) {
            let fault = Fault::new("a public policy can't demand anything", "nobody is asked who they are");
            let fault = fault.help("write `level = \"login\"`, or leave this out");
            return value.fail(Fault { code: Code::Contradiction, ..fault });
        }
    }
    Some(Access::Public)
}

fn fresh(value: &Value<'_>) -> Option<Freshness> {
    let section = value.section(keys::fresh::SHAPE)?;
    let any = section.read(&keys::fresh::ANY, |value| value.some(method));
    let within = section.read(&keys::fresh::WITHIN, some_time);
    Some(Freshness { any: any?, within: within? })
}

fn unmeetable(access: &Access, mfa: &Mfa) -> Option<String> {
    let Access::Require(Requirement { level, fresh, .. }) = access else { return None };
    if *level >= Level::Mfa && mfa.requirement == MfaRequirement::Disabled {
        return Some("`mfa.requirement` is \"disabled\", so nobody has a second factor".to_owned());
    }
    if *level >= Level::Mfa && mfa.methods.iter().all(|method| method.is_mail()) {
        return Some("`mfa.methods` has only e-mail, which is no second factor: it can reset the password".to_owned());
    }
    if *level == Level::PhishingResistant && !mfa.methods.iter().any(|method| method.resists_phishing()) {
        return Some("`mfa.methods` has no \"passkey\"".to_owned());
    }
    let fresh = fresh.as_ref()?;
    let available = |method: &Method| match method {
        Method::Password => true,
        Method::RecoveryCode => mfa.recovery_codes > 0,
        Method::Totp
        | Method::Passkey
        | Method::SecurityKey
        | Method::EmailCode
        | Method::EmailLink
        | Method::SmsCode
        | Method::VoiceCode => mfa.methods.contains(method),
    };
    let missing = listed(fresh.any.iter().map(|method| method.name()));
    (!fresh.any.iter().any(available)).then(|| format!("`mfa.methods` has none of {missing}"))
}
