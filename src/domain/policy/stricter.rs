//! Which of two policies asks for no less, clause by clause. Each may say no where it is so, never the reverse.

use super::{Ceiling, Freshness, Requirement, Who, Within};
use crate::domain::session::Level;
use std::collections::BTreeSet;

impl Requirement {
    /// Whether whoever meets this meets `other` too.
    pub fn is_at_least(&self, other: &Self) -> bool {
        self.level.is_at_least(&other.level)
            && up_to(self.max_age, other.max_age)
            && up_to(self.idle, other.idle)
            && (other.remember || !self.remember || self.level.floor() >= Level::Mfa)
            && other.fresh.iter().all(|asked| self.fresh.iter().any(|own| own.is_at_least(asked)))
            && other.who.as_ref().is_none_or(|asked| self.who.as_ref().is_some_and(|own| own.is_within(asked)))
            && other.risk.as_ref().is_none_or(|asked| self.risk.as_ref().is_some_and(|own| own.is_at_least(asked)))
    }
}

impl Freshness {
    fn is_at_least(&self, other: &Self) -> bool {
        is_part(&self.any, &other.any) && self.within.is_at_least(other.within)
    }
}

impl Within {
    fn is_at_least(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Session) => true,
            (Self::Age(own) | Self::Once(own), Self::Age(asked)) | (Self::Once(own), Self::Once(asked)) => own <= asked,
            (Self::Session, Self::Age(_)) | (Self::Session | Self::Age(_), Self::Once(_)) => false,
        }
    }
}

impl Ceiling {
    fn is_at_least(&self, other: &Self) -> bool {
        let asks = self.level >= other.level && does(self.ask, other.ask, &self.ask_on, &other.ask_on);
        does(self.deny, other.deny, &self.deny_on, &other.deny_on) && (asks || !other.ever_asks())
    }
}

impl Who {
    /// Whether all that are meant are meant by `other` too.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (own, other) if own == other => true,
            (own, Self::AllOf(sets)) => sets.iter().all(|set| own.is_within(set)),
            (Self::AnyOf(sets), other) => sets.iter().all(|set| set.is_within(other)),
            (Self::AllOf(sets), other) => sets.iter().any(|set| set.is_within(other)),
            (own, Self::AnyOf(sets)) => sets.iter().any(|set| own.is_within(set)),
            (Self::Users(own), Self::Users(asked)) => is_part(own, asked),
            (Self::Groups(own), Self::Groups(asked)) => is_part(own, asked),
            (Self::Not(own), Self::Not(asked)) => asked.is_within(own),
            _ => false,
        }
    }
}

/// Whether the one limit is there where the other is, and no looser.
fn up_to<T: PartialOrd>(own: Option<T>, asked: Option<T>) -> bool {
    asked.is_none_or(|asked| own.is_some_and(|own| own <= asked))
}

fn does<T: PartialOrd, S: Ord>(own: Option<T>, asked: Option<T>, own_on: &BTreeSet<S>, asked_on: &BTreeSet<S>) -> bool {
    up_to(own, asked) && own_on.is_superset(asked_on)
}

fn is_part<T: PartialEq>(own: &[T], asked: &[T]) -> bool {
    own.iter().all(|one| asked.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{factor::Method, session::Level, user::LoginId};
    use std::time::Duration;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    fn fresh(any: &[Method], within: Within) -> Requirement {
        Requirement { fresh: vec![Freshness { any: any.to_vec(), within }], ..Requirement::at(Level::Login) }
    }

    #[test]
    fn fewer_methods_and_a_younger_proof_are_more() {
        let both = &[Method::Totp, Method::Passkey][..];
        let asked = fresh(both, Within::Age(HOUR));

        for (own, is_at_least) in [
            (fresh(both, Within::Age(HOUR)), true),
            (fresh(&[Method::Passkey], Within::Age(HOUR / 2)), true),
            (fresh(&[Method::Passkey], Within::Once(HOUR)), true),
            (fresh(&[Method::Passkey], Within::Age(DAY)), false),
            (fresh(&[Method::Passkey], Within::Session), false),
            (fresh(&[Method::Passkey, Method::Password], Within::Age(HOUR)), false),
            (Requirement::at(Level::PhishingResistant), false),
        ] {
            assert_eq!(own.is_at_least(&asked), is_at_least, "{own:?}");
        }
        let once = fresh(both, Within::Once(HOUR));
        assert!(
            !asked.is_at_least(&once) && once.is_at_least(&asked),
            "a proof for each request is more than a recent one"
        );
    }

    #[test]
    fn fewer_people_are_fewer_however_they_are_spelled() {
        let groups = |names: &[&str]| Who::Groups(names.iter().map(ToString::to_string).collect());
        let ann = || Who::Users(vec![LoginId::parse("ann").unwrap()]);
        let but = |set| Who::Not(Box::new(set));

        for (own, asked) in [
            (groups(&["a"]), groups(&["a", "b"])),
            (Who::AllOf(vec![ann(), groups(&["a"])]), groups(&["a", "b"])),
            (Who::AnyOf(vec![groups(&["b"]), groups(&["a"])]), groups(&["a", "b"])),
            (groups(&["a"]), Who::AnyOf(vec![ann(), groups(&["a", "b"])])),
            (Who::AllOf(vec![ann(), groups(&["a"])]), Who::AllOf(vec![groups(&["a"]), ann()])),
            (but(groups(&["a", "b"])), but(groups(&["a"]))),
        ] {
            assert!(own.is_within(&asked), "{own} in {asked}");
        }
        for (own, asked) in [
            (groups(&["a", "b"]), groups(&["a"])),
            (ann(), groups(&["a"])),
            (but(groups(&["a"])), but(groups(&["a", "b"]))),
            (Who::AnyOf(vec![ann(), groups(&["a"])]), groups(&["a"])),
        ] {
            assert!(!own.is_within(&asked), "{own} in {asked}");
        }
    }
}
