//! Which people a policy or a route is for.

use crate::domain::user::{LoginId, User};
use std::fmt;

/// A set of people, by name, by group, or put together from others. A person's own doing never moves them into one:
/// login ids and groups are the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// One of these.
    Users(Vec<LoginId>),
    /// Whoever is in one of these.
    Groups(Vec<String>),
    /// In one of these sets.
    AnyOf(Vec<Who>),
    /// In each of these sets.
    AllOf(Vec<Who>),
    /// Not in this set.
    Not(Box<Who>),
}

impl Who {
    /// Whether `user` is meant.
    pub fn includes(&self, user: &User) -> bool {
        match self {
            Self::Users(users) => users.contains(&user.login_id),
            Self::Groups(groups) => groups.iter().any(|group| user.groups.contains(group)),
            Self::AnyOf(sets) => sets.iter().any(|set| set.includes(user)),
            Self::AllOf(sets) => sets.iter().all(|set| set.includes(user)),
            Self::Not(set) => !set.includes(user),
        }
    }

    fn joined(f: &mut fmt::Formatter<'_>, sets: &[Self], by: &str) -> fmt::Result {
        for (at, set) in sets.iter().enumerate() {
            if at > 0 {
                write!(f, " {by} ")?;
            }
            match set {
                Self::AnyOf(inner) | Self::AllOf(inner) if inner.len() > 1 => write!(f, "({set})")?,
                _ => write!(f, "{set}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Users(users) => {
                let names: Vec<_> = users.iter().map(LoginId::as_str).collect();
                write!(f, "one of {}", names.join(", "))
            }
            Self::Groups(groups) => write!(f, "in one of {}", groups.join(", ")),
            Self::AnyOf(sets) => Self::joined(f, sets, "or"),
            Self::AllOf(sets) => Self::joined(f, sets, "and"),
            Self::Not(set) => match &**set {
                Self::AnyOf(inner) | Self::AllOf(inner) if inner.len() > 1 => write!(f, "not ({set})"),
                _ => write!(f, "not {set}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{time::Timestamp, user::UserId};
    use uuid::Uuid;

    fn user(name: &str, groups: &[&str]) -> User {
        User {
            id: UserId(Uuid::nil()),
            login_id: LoginId::parse(name).unwrap(),
            name: name.into(),
            email: None,
            groups: groups.iter().map(ToString::to_string).collect(),
            language: None,
            disabled: false,
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn sets_are_put_together_as_they_are_spelled() {
        let groups = |names: &[&str]| Who::Groups(names.iter().map(ToString::to_string).collect());
        let ann = Who::Users(vec![LoginId::parse("ann").unwrap()]);
        let set = Who::AllOf(vec![
            Who::AnyOf(vec![groups(&["finance"]), ann]),
            Who::Not(Box::new(groups(&["interns", "contractors"]))),
        ]);

        assert!(set.includes(&user("bob", &["finance"])) && set.includes(&user("ann", &[])));
        assert!(!set.includes(&user("ann", &["interns"])) && !set.includes(&user("bob", &["sales"])));
        assert_eq!(set.to_string(), "(in one of finance or one of ann) and not in one of interns, contractors");
    }

    #[test]
    fn nobody_is_in_one_of_none_and_everybody_in_each_of_none() {
        let ann = user("ann", &["finance"]);

        assert!(!Who::AnyOf(vec![]).includes(&ann) && !Who::Groups(vec![]).includes(&ann));
        assert!(Who::AllOf(vec![]).includes(&ann));
    }
}
