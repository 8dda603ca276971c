//! How strong a session must be: a level everybody knows, or one that the operator put together.
//!
//! A custom level stands on the ladder where its weakest way to be met stands: whoever meets it has reached that level
//! too. It is never met by a level alone, however high, but by the methods it names.

use crate::domain::{factor::Method, session::Level};
use std::{fmt, sync::Arc};

/// What a policy asks of a session as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strength {
    /// A level of the ladder.
    Level(Level),
    /// The operator's own.
    Custom(Arc<CustomLevel>),
}

/// A level with a name of the operator's: proofs by certain methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomLevel {
    /// Its name in the config file, and the `acr` of assertions.
    pub name: String,
    /// What must be reached besides.
    pub at_least: Level,
    /// Of each of these, one must have been proven.
    pub all_of: Vec<Vec<Method>>,
}

impl From<Level> for Strength {
    fn from(level: Level) -> Self {
        Self::Level(level)
    }
}

impl Strength {
    /// Whether proofs by these methods amount to it.
    pub fn met_by(&self, methods: &[Method]) -> bool {
        let is_reached = |level| Level::shown_by(methods.iter().copied()) >= Some(level);
        match self {
            Self::Level(level) => is_reached(*level),
            Self::Custom(custom) => {
                is_reached(custom.at_least)
                    && custom.all_of.iter().all(|any| any.iter().any(|method| methods.contains(method)))
            }
        }
    }

    /// Whether one more proof, by `method`, leads on from these: it is enough, or it is a first half of what is enough.
    pub fn helped_by(&self, method: Method, methods: &[Method]) -> bool {
        let mut more = methods.to_vec();
        more.push(method);
        // A session with nothing that counts begins anew, with any method that a second one can join.
        let begins = |level| methods.is_empty() && level <= Level::Mfa;
        match self {
            _ if self.met_by(&more) => true,
            Self::Level(level) => begins(*level),
            Self::Custom(custom) => {
                let is_raised = Level::shown_by(methods.iter().copied()) < Some(custom.at_least)
                    && Level::shown_by(more.iter().copied()) >= Some(custom.at_least);
                // Whatever meets a part is a login already.
                let climbs = custom.at_least > Level::Login || custom.all_of.is_empty();
                let is_unmet = |any: &&Vec<Method>| !any.iter().any(|one| methods.contains(one));
                (climbs && (is_raised || begins(custom.at_least)))
                    || custom.all_of.iter().filter(is_unmet).any(|any| any.contains(&method))
            }
        }
    }

    /// The level of the ladder that everybody has reached who meets this.
    pub fn floor(&self) -> Level {
        match self {
            Self::Level(level) => *level,
            Self::Custom(custom) => custom.floor(),
        }
    }

    /// The same, where this level must be reached besides.
    #[must_use]
    pub fn at_least(&self, level: Level) -> Self {
        match self {
            Self::Level(own) => Self::Level(level.max(*own)),
            Self::Custom(own) => {
                let at_least = level.max(own.at_least);
                Self::Custom(Arc::new(CustomLevel { at_least, ..CustomLevel::clone(own) }))
            }
        }
    }

    /// Whether everybody who meets this meets `other` too. May say no where it is so, never the reverse.
    pub fn is_at_least(&self, other: &Self) -> bool {
        let (own, asked) = (self.clauses(), other.clauses());
        let is_implied = |any: &Vec<Method>| own.iter().any(|mine| mine.iter().all(|method| any.contains(method)));
        let level = match other {
            Self::Level(level) => *level,
            Self::Custom(custom) => custom.at_least,
        };
        self.floor() >= level && asked.iter().all(is_implied)
    }

    fn clauses(&self) -> &[Vec<Method>] {
        match self {
            Self::Level(_) => &[],
            Self::Custom(custom) => &custom.all_of,
        }
    }
}

impl CustomLevel {
    /// Most ways to meet a level that are looked at one by one.
    const WAYS_MAX: usize = 4096;

    /// The level that its weakest way to be met amounts to.
    fn floor(&self) -> Level {
        let ways = self.all_of.iter().try_fold(1usize, |ways, any| ways.checked_mul(any.len()));
        if ways.is_none_or(|ways| ways > Self::WAYS_MAX) {
            return self.at_least;
        }
        let weakest = self.ways().iter().filter_map(|way| Level::shown_by(way.iter().copied())).min();
        weakest.map_or(self.at_least, |weakest| weakest.max(self.at_least))
    }

    /// Every choice of one method for each part.
    fn ways(&self) -> Vec<Vec<Method>> {
        self.all_of.iter().fold(vec![Vec::new()], |ways, any| {
            let longer = |way: &Vec<Method>, method: &Method| way.iter().copied().chain([*method]).collect();
            ways.iter().flat_map(|way| any.iter().map(move |method| longer(way, method))).collect()
        })
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "{level}"),
            Self::Custom(custom) => f.write_str(&custom.name),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::domain::policy) fn custom(at_least: Level, all_of: &[&[Method]]) -> Strength {
        let all_of = all_of.iter().map(|any| any.to_vec()).collect();
        Strength::Custom(Arc::new(CustomLevel { name: "vault".into(), at_least, all_of }))
    }

    pub(in crate::domain::policy) fn any_strength() -> impl Strategy<Value = Strength> {
        let level = || prop::sample::select(Level::ALL);
        let any = prop::sample::subsequence(Method::ALL, 1..=Method::ALL.len());
        prop_oneof![
            level().prop_map(Strength::from),
            (level(), prop::collection::vec(any, 1..4)).prop_map(|(at_least, all_of)| {
                Strength::Custom(Arc::new(CustomLevel { name: "vault".into(), at_least, all_of }))
            }),
        ]
    }

    #[test]
    fn a_vault_wants_both_and_no_level_stands_in_for_it() {
        let vault = custom(Level::Login, &[&[Method::Passkey], &[Method::Password]]);

        assert!(vault.met_by(&[Method::Password, Method::Passkey]));
        assert!(!vault.met_by(&[Method::Passkey]) && !vault.met_by(&[Method::Password, Method::Totp]));
        assert!(vault.helped_by(Method::Password, &[Method::Passkey]));
        assert!(!vault.helped_by(Method::Totp, &[Method::Passkey]));
        assert_eq!((vault.floor(), vault.to_string().as_str()), (Level::PhishingResistant, "vault"));
    }

    #[test]
    fn who_begins_anew_is_asked_only_for_what_leads_on() {
        let vault = custom(Level::Login, &[&[Method::Passkey], &[Method::Password]]);
        let renamed = custom(Level::Mfa, &[]);

        assert!(vault.helped_by(Method::Passkey, &[]) && !vault.helped_by(Method::Totp, &[]));
        assert!(renamed.helped_by(Method::Password, &[]) && renamed.helped_by(Method::Totp, &[Method::Password]));
        assert!(!renamed.helped_by(Method::Password, &[Method::Password]));
    }

    #[test]
    fn levels_are_compared_by_their_weakest_way() {
        let codes = custom(Level::Login, &[&[Method::Totp, Method::Passkey]]);
        let both = custom(Level::Login, &[&[Method::Totp], &[Method::Password]]);

        assert_eq!((codes.floor(), both.floor()), (Level::Login, Level::Mfa));
        assert!(both.is_at_least(&Level::Mfa.into()) && both.is_at_least(&codes) && both.is_at_least(&both));
        assert!(!codes.is_at_least(&Level::Mfa.into()) && !codes.is_at_least(&both));
        assert!(!Strength::from(Level::PhishingResistant).is_at_least(&both));
    }

    proptest! {
        #[test]
        fn who_meets_the_stronger_meets_the_weaker(
            one in any_strength(),
            other in any_strength(),
            methods in prop::sample::subsequence(Method::ALL, 0..=Method::ALL.len()),
        ) {
            prop_assert!(!one.is_at_least(&other) || !one.met_by(&methods) || other.met_by(&methods));
            prop_assert!(!one.met_by(&methods) || Level::shown_by(methods.iter().copied()) >= Some(one.floor()));
        }
    }
}
