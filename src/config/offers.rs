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
    policy::{CustomLevel, Requirement, Strength, Who},
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

impl Offer<'_> {
    /// Whom `requirement` keeps out because they can't have what it asks for.
    pub(super) fn unmet(&self, requirement: &Requirement) -> Option<Unmet> {
        let all = &self.mfa.methods;
        if let Some(why) = self.lacks(requirement, all) {
            return Some(Unmet { who: "nobody".to_owned(), why });
        }
        let risky = requirement
            .risk
            .as_ref()
            .filter(|ceiling| ceiling.ever_asks() && ceiling.level == Level::PhishingResistant);
        if risky.is_some() && !all.iter().any(|method| method.resists_phishing()) {
            let who = "no risky sign-in".to_owned();
            return Some(Unmet { who, why: "`mfa.methods` has no \"passkey\"".to_owned() });
        }
        let groups = requirement.who.as_ref().map(named_groups).unwrap_or_default();
        groups.into_iter().find_map(|group| {
            let limit = self.mfa.group_methods.get(group)?;
            let left: Vec<_> = all.iter().copied().filter(|method| limit.contains(method)).collect();
            let why = self.lacks(requirement, &left)?;
            let why = why.replace("`mfa.methods`", &format!("`mfa.group_methods` of `{group}`"));
            Some(Unmet { who: format!("nobody in the group `{group}`"), why })
        })
    }

    /// Why nobody who may have these second factors meets it.
    fn lacks(&self, requirement: &Requirement, second: &[Method]) -> Option<String> {
        let Requirement { level, fresh, .. } = requirement;
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
            return Some(
                "`mfa.methods` has only e-mail, which is no second factor: it can reset the password".to_owned(),
            );
        }
        if level.floor() == Level::PhishingResistant && !second.iter().any(|method| method.resists_phishing()) {
            return Some("`mfa.methods` has no \"passkey\"".to_owned());
        }
        let can_be_had = |method: &Method| self.can_be_had(*method, second);
        if let Some(any) = asked().find(|any| !any.iter().any(can_be_had)) {
            return Some(match any.iter().find(|method| second.contains(method)) {
                Some(unsent) => format!("`{unsent}` needs `[{}]`", self.channel(*unsent).1),
                None => format!("`mfa.methods` has none of {}", listed(any.iter().map(|method| method.name()))),
            });
        }
        let had: Vec<_> = Method::ALL.iter().copied().filter(can_be_had).collect();
        (!Strength::Level(level.floor()).met_by(&had)).then(|| {
            let names = listed(had.iter().map(|method| method.name()));
            format!("what people can have, {names}, never amounts to {}", level.floor())
        })
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
