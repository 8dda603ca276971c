//! Sets of people: `users`, `groups`, `allow = { … }`.

use super::{
    keys::{self, Key},
    reader::{Fault, Section, Value},
    values::words,
};
use crate::domain::{policy::Who, user::LoginId};

pub(super) fn login_id(value: &Value<'_>) -> Option<LoginId> {
    value.parsed(|text| LoginId::parse(text).map_err(|why| Fault::new("this is no login id", why)))
}

/// What `groups` and `users` of one table mean together; `None` inside where neither leaves anybody out.
#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
pub(super) fn named(section: &Section<'_>, groups: &Key, users: &Key) -> Option<Option<Who>> {
    let groups = section.maybe(groups, |value| value.list(words));
    let users = section.maybe(users, |value| value.list(login_id));
    let groups = groups?.filter(|groups| !groups.is_empty()).map(Who::Groups);
    let users = users?.filter(|users| !users.is_empty()).map(Who::Users);
    Some(all(groups.into_iter().chain(users).collect()))
}

/// Whoever is in each of these sets; `None` where there is none.
pub(super) fn all(mut sets: Vec<Who>) -> Option<Who> {
    match sets.len() {
        0 | 1 => sets.pop(),
        _ => Some(Who::AllOf(sets)),
    }
}

/// Reads `allow`.
pub(super) fn allow(value: &Value<'_>) -> Option<Who> {
    use keys::allow as key;
    let section = value.section(keys::allow::SHAPE)?;
    // Here an empty list is no way of saying "anybody": it would be nobody.
    let groups = section.maybe(&key::GROUPS, |value| value.some(words));
    let users = section.maybe(&key::USERS, |value| value.some(login_id));
    let any_of = section.maybe(&key::ANY_OF, |value| value.some(allow));
    let all_of = section.maybe(&key::ALL_OF, |value| value.some(allow));
    let not = section.maybe(&key::NOT, allow);
    let sets = [
        groups?.map(Who::Groups),
        users?.map(Who::Users),
        any_of?.map(Who::AnyOf),
        all_of?.map(Who::AllOf),
        not?.map(|set| Who::Not(Box::new(set))),
    ];
    all(sets.into_iter().flatten().collect()).or_else(|| {
        let fault = Fault::new("this names nobody", "expected `groups`, `users`, `any_of`, `all_of` or `not`");
        value.fail(fault.help("write for example `allow = { groups = [\"finance\"] }`, or leave it out for everybody"))
    })
}
