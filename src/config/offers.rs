//! What people can have, and so prove: which policies nobody could ever meet, and which ask for less than it looks.

use super::{
    keys,
    policies::Policies,
    problem::{Code, Problem},
    reader::Section,
    settings::Mfa,
    suggest::listed,
};
use crate::domain::{
    factor::Method,
    policy::{Ceiling, CustomLevel, Requirement, Strength, Who},
    session::Level,
};
use std::sync::Arc;

/// What the operator offers.
pub(super) struct Offer<'a> {
    pub(super) mfa: &'a Mfa,
    /// Whether letters, text messages and calls leave.
    pub(super) mail: bool,
    pub(super) sms: bool,
    pub(super) voice: bool,
}

/// Warns of policies that are not what they look like, and of methods that raise nobody to the level that one asks for
/// (row 15).
pub(super) fn lint(root: &Section<'_>, mfa: Option<&Mfa>, policies: &Policies) {
    let is_set_up = |key| root.written(key).is_some();
    let (mail, sms, voice) = (is_set_up(&keys::root::MAIL), is_set_up(&keys::root::SMS), is_set_up(&keys::root::VOICE));
    policies.lint(mfa.map(|mfa| Offer { mfa, mail, sms, voice }).as_ref(), root.reader);
    let written = || root.written(&keys::root::MFA)?.section(keys::mfa::SHAPE)?.written(&keys::mfa::METHODS);
    let (Some(mfa), Some(value), Some(policy)) = (mfa, written(), policies.asking_for_two()) else { return };
    let mails: Vec<_> = mfa.methods.iter().filter(|method| method.is_mail()).map(|method| method.name()).collect();
    // Where there is nothing else, that has been said.
    if !mails.is_empty() && mails.len() < mfa.methods.len() {
        let title = format!("whoever has nothing but {} can't meet the policy `{policy}`", listed(mails));
        let label = "beside the password it resets, mail is no second factor";
        let problem = Problem::new(Code::Lax, title, value.at, label);
        root.reader.note(problem.help("leave it out, and people set up something that counts"));
    }
}

/// Whom a policy keeps out for good.
pub(super) struct Unmet {
    pub(super) who: String,
    pub(super) why: String,
}

/// The second factors that somebody may set up, and the key that says so.
#[derive(Clone, Copy)]
struct Choice<'a> {
    methods: &'a [Method],
    key: &'a str,
}

impl Offer<'_> {
    /// Whom `requirement` keeps out because they can't have what it asks for.
    pub(super) fn unmet(&self, requirement: &Requirement) -> Option<Unmet> {
        let all = &self.mfa.methods;
        let whoever = self.unmet_by(requirement, Choice { methods: all, key: "`mfa.methods`" }, "");
        let groups = requirement.who.as_ref().map(named_groups).unwrap_or_default();
        let mut limited = groups.into_iter().filter_map(|group| Some((group, self.mfa.group_methods.get(group)?)));
        whoever.or_else(|| {
            limited.find_map(|(group, limit)| {
                let left: Vec<_> = all.iter().copied().filter(|method| limit.contains(method)).collect();
                let key = format!("`mfa.group_methods` of `{group}`");
                self.unmet_by(requirement, Choice { methods: &left, key: &key }, &format!(" in the group `{group}`"))
            })
        })
    }

    /// Of those who may have these second factors.
    fn unmet_by(&self, requirement: &Requirement, choice: Choice<'_>, of: &str) -> Option<Unmet> {
        let unmet = |who: &str, why| Unmet { who: format!("{who}{of}"), why };
        let asks = |ceiling: &&Ceiling| ceiling.ever_asks();
        let answer = requirement.risk.as_ref().filter(asks).map(|ceiling| Requirement::at(ceiling.level));
        let always = self.lacks(requirement, choice).map(|why| unmet("nobody", why));
        always.or_else(|| self.lacks(&answer?, choice).map(|why| unmet("no risky sign-in", why)))
    }

    /// Why nobody who may have these second factors meets it, whatever the risk.
    fn lacks(&self, requirement: &Requirement, choice: Choice<'_>) -> Option<String> {
        let Requirement { level, fresh, .. } = requirement;
        let Choice { methods: second, key } = choice;
        let parts = match level {
            Strength::Level(_) => &[][..],
            Strength::Custom(custom) => custom.all_of.as_slice(),
        };
        let asked = || parts.iter().chain(fresh.iter().map(|fresh| &fresh.any));
        let needs_second = level.floor() >= Level::Mfa || asked().any(|any| !any.contains(&Method::Password));
        if needs_second && self.mfa.requirements.are_none() {
            return Some("`mfa.requirement` is \"disabled\", so nobody has a second factor".to_owned());
        }
        if level.floor() >= Level::Mfa && second.iter().all(|method| method.is_mail()) {
            return Some(format!("{key} has only e-mail, which is no second factor: it can reset the password"));
        }
        if level.floor() == Level::PhishingResistant && !second.iter().any(|method| method.resists_phishing()) {
            return Some(format!("{key} has no \"passkey\""));
        }
        let can_be_had = |method: &Method| self.can_be_had(*method, second);
        if let Some(any) = asked().find(|any| !any.iter().any(can_be_had)) {
            return Some(self.why_none_of(any, choice));
        }
        let had: Vec<_> = Method::ALL.iter().copied().filter(can_be_had).collect();
        (!Strength::Level(level.floor()).met_by(&had)).then(|| {
            let names = listed(had.iter().map(|method| method.name()));
            format!("what people can have, {names}, never amounts to {}", level.floor())
        })
    }

    /// Why nobody can have one of these, of which nobody can have one.
    fn why_none_of(&self, any: &[Method], Choice { methods, key }: Choice<'_>) -> String {
        if let Some(unsent) = any.iter().find(|method| methods.contains(method)) {
            return format!("`{unsent}` needs `[{}]`", self.channel(*unsent).1);
        }
        let others: Vec<_> = any.iter().filter(|method| **method != Method::RecoveryCode).collect();
        let unlisted = || format!("{key} has none of {}", listed(others.iter().map(|method| method.name())));
        let codes = || match self.mfa.recovery_codes {
            0 => "`mfa.recovery_codes` is 0".to_owned(),
            _ => "recovery codes come with a second factor, of which none can be had".to_owned(),
        };
        let why = [(!others.is_empty()).then(unlisted), (others.len() < any.len()).then(codes)];
        why.into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }

    fn can_be_had(&self, method: Method, second: &[Method]) -> bool {
        match method {
            Method::Password => true,
            // They come with another second factor, and stand in for it.
            Method::RecoveryCode => self.mfa.recovery_codes > 0 && second.iter().any(|method| self.channel(*method).0),
            _ => second.contains(&method) && self.channel(method).0,
        }
    }

    /// Whether what a method sends leaves, and the table that says how.
    const fn channel(&self, method: Method) -> (bool, &'static str) {
        match method {
            Method::EmailCode | Method::EmailLink => (self.mail, "mail"),
            Method::SmsCode => (self.sms, "sms"),
            Method::VoiceCode => (self.voice, "voice"),
            Method::Password | Method::Totp | Method::RecoveryCode | Method::Passkey | Method::SecurityKey => {
                (true, "")
            }
        }
    }
}

/// Groups of which somebody must be in one.
fn named_groups(who: &Who) -> Vec<&str> {
    match who {
        Who::Groups(groups) => groups.iter().map(String::as_str).collect(),
        Who::AllOf(sets) => sets.iter().flat_map(named_groups).collect(),
        Who::Users(_) | Who::AnyOf(_) | Who::Not(_) => Vec::new(),
    }
}

/// Whether two clauses look like two factors and may be one: a password and the mailbox that resets it.
pub(super) fn is_weak_pair(requirement: &Requirement) -> bool {
    let mut all_of: Vec<_> = requirement.fresh.iter().map(|fresh| fresh.any.clone()).collect();
    all_of.dedup();
    let both = CustomLevel { name: String::new(), at_least: Level::Login, all_of };
    both.all_of.len() > 1
        && requirement.level.floor() < Level::Mfa
        && Strength::Custom(Arc::new(both)).floor() < Level::Mfa
}
