//! Who may make an account, and who must have a second factor.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignUp {
    /// Nobody: operators do.
    #[default]
    Closed,
    /// Whom an operator invited.
    Invite,
    /// Whoever reads the mail of an address.
    Open,
}

impl SignUp {
    /// Whether links made by `inviter` still make accounts.
    pub const fn honours(self, inviter: Inviter) -> bool {
        match (self, inviter) {
            (Self::Closed, _) | (Self::Invite, Inviter::Oneself) => false,
            (Self::Invite, Inviter::Operator) | (Self::Open, _) => true,
        }
    }
}

/// Whose word it takes, beside the password, to set up the first second factor (EN-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstFactor {
    /// An operator's: the day after they added the account, or their invitation.
    #[default]
    Operator,
    /// That of whoever reads the account's mail, too. Where mail resets passwords, a mailbox alone is then enough for `mfa`.
    Mailbox,
}

/// On whose word an account may be made. Serde knows them by the names in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inviter {
    /// An operator's.
    Operator,
    /// That of whoever reads the mail of an address.
    Oneself,
}

impl Inviter {
    /// Both.
    pub const ALL: &[Self] = &[Self::Operator, Self::Oneself];

    /// The name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Oneself => "oneself",
        }
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|inviter| inviter.name() == name)
    }

    /// How long the link works. Who asked for it is waiting; who was invited may be asleep.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Operator => Duration::from_hours(24),
            Self::Oneself => Duration::from_hours(1),
        }
    }
}

/// Whether signing in takes a second factor, the laxest first. Routes may ask for one whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Requirement {
    /// Never.
    Disabled,
    /// Where the sign-in's risk calls for it.
    RiskBased,
    /// From those who have enrolled one, and where the sign-in's risk calls for it.
    Optional,
    /// Always.
    #[default]
    Required,
}

impl Requirement {
    /// The name in config files and in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::RiskBased => "risk-based",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// Whom signing in takes how much from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirements {
    /// What holds for everybody.
    pub everybody: Requirement,
    /// What holds for the members of a group besides.
    pub groups: BTreeMap<String, Requirement>,
}

impl Requirements {
    /// What holds for a member of these groups: the strictest of what holds for any of them, so that one more group never
    /// makes it easier.
    pub fn of(&self, groups: &[String]) -> Requirement {
        groups.iter().filter_map(|group| self.groups.get(group).copied()).fold(self.everybody, Ord::max)
    }

    /// Whether nobody is ever asked.
    pub fn are_none(&self) -> bool {
        self.groups.values().chain([&self.everybody]).all(|requirement| *requirement == Requirement::Disabled)
    }
}

/// How it stands with the time in which somebody may sign in without the second factor that is required of them.
///
/// It begins with their first sign-in under the requirement, not with their account: a house that begins to require one
/// leaves nobody outside. It begins once, and nothing makes it begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// It begins with their next sign-in.
    Ahead,
    /// It lasts until then.
    Until(Timestamp),
    /// It is over, or the operator gives none.
    Over,
}

impl Grace {
    /// How it stands at `now` with one of this length that began then. One that begins in the future is over: the clock was
    /// set back, and nobody is to gain by that.
    pub fn at(began: Option<Timestamp>, lasts: Option<Duration>, now: Timestamp) -> Self {
        match (lasts, began) {
            (Some(_), None) => Self::Ahead,
            (Some(lasts), Some(began)) if began.age(now).is_some_and(|age| age < lasts) => Self::Until(began + lasts),
            (None | Some(_), _) => Self::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    const ALL: [Requirement; 4] =
        [Requirement::Disabled, Requirement::RiskBased, Requirement::Optional, Requirement::Required];

    fn requirements() -> impl Strategy<Value = Requirements> {
        let groups = proptest::collection::btree_map("[a-d]", select(&ALL[..]), 0..4);
        (select(&ALL[..]), groups).prop_map(|(everybody, groups)| Requirements { everybody, groups })
    }

    proptest! {
        #[test]
        fn one_more_group_never_makes_it_easier(
            requirements in requirements(),
            groups in vec("[a-e]", 0..4),
            more in "[a-e]",
        ) {
            let with_more = [groups.clone(), vec![more]].concat();
            prop_assert!(requirements.of(&with_more) >= requirements.of(&groups));
        }

        #[test]
        fn it_is_what_everybody_or_one_of_the_groups_takes(
            requirements in requirements(),
            groups in vec("[a-e]", 0..4),
        ) {
            let holds = requirements.of(&groups);
            let of_groups: Vec<_> = groups.iter().filter_map(|group| requirements.groups.get(group)).collect();
            prop_assert!(holds == requirements.everybody || of_groups.contains(&&holds));
            prop_assert!(holds >= requirements.everybody && of_groups.iter().all(|one| holds >= **one));
        }
    }

    #[test]
    fn a_grace_lasts_from_the_first_sign_in_until_it_is_over() {
        let (began, day) = (Timestamp::from_millis(1_700_000_000_000), Duration::from_hours(24));
        let at = |now| Grace::at(Some(began), Some(7 * day), now);

        assert_eq!(at(began), Grace::Until(began + 7 * day));
        assert_eq!(at(began + 7 * day - Duration::from_millis(1)), Grace::Until(began + 7 * day));
        assert_eq!(at(began + 7 * day), Grace::Over);
        assert_eq!(at(began - Duration::from_millis(1)), Grace::Over, "a clock that was set back gives no time");
        assert_eq!(Grace::at(None, Some(day), began), Grace::Ahead);
        assert_eq!(Grace::at(Some(began), None, began), Grace::Over);
        assert_eq!(Grace::at(None, None, began), Grace::Over);
    }

    #[test]
    fn a_stricter_house_voids_the_links_of_a_laxer_one() {
        let honoured = |sign_up: SignUp| [Inviter::Operator, Inviter::Oneself].map(|inviter| sign_up.honours(inviter));

        assert_eq!(honoured(SignUp::Closed), [false, false]);
        assert_eq!(honoured(SignUp::Invite), [true, false]);
        assert_eq!(honoured(SignUp::Open), [true, true]);
    }
}
