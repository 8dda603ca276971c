//! What `[mfa]` says of grace and of groups, and what of it is weaker than it looks.

use super::{
    keys,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    sections::second_factor,
    values::some_time,
};
use crate::domain::{
    enrolment::{Requirement, Requirements},
    factor::Method,
};
use std::{collections::BTreeMap, time::Duration};

/// A quarter of a year. What lasts longer is no grace but `requirement = "optional"`.
const GRACE_MAX: Duration = Duration::from_hours(90 * 24);

#[expect(clippy::option_option, reason = "the outer `None` says that a problem was noted")]
pub(super) fn grace(value: &Value<'_>) -> Option<Option<Duration>> {
    if value.as_str() == Some("off") {
        return Some(None);
    }
    let lasts = some_time(value)?;
    if lasts > GRACE_MAX {
        let fault = Fault::new("this is too long for a grace", "more than 90d");
        return value.fail(fault.help("write \"90d\" or less, or `requirement = \"optional\"`"));
    }
    Some(Some(lasts))
}

/// Reads what groups may enrol of `methods`.
pub(super) fn group_methods(value: &Value<'_>, methods: Option<&[Method]>) -> Option<BTreeMap<String, Vec<Method>>> {
    let one_of_all = |value: &Value<'_>| {
        let method = second_factor(value)?;
        if methods.is_some_and(|all| !all.contains(&method)) {
            let fault = Fault::new(format!("`{method}` is not among `mfa.methods`"), "nobody can enrol it");
            return value
                .fail(Fault { code: Code::Contradiction, ..fault.help("a group has fewer methods, never more") });
        }
        Some(method)
    };
    let read: Vec<_> = value
        .entries("group_methods = { NAME = [\"passkey\"] }")?
        .into_iter()
        .map(|(group, _, value)| Some((group.to_owned(), value.some(one_of_all)?)))
        .collect();
    read.into_iter().collect()
}

/// Warns of second steps that are weaker than they look (OB-04, WA-10), and of a grace that nobody needs.
pub(super) fn lint(section: &Section<'_>, requirements: &Requirements, methods: &[Method], grace: Option<Duration>) {
    if let Some(value) = section.written(&keys::mfa::METHODS) {
        let note = |title, label, help: &str| {
            value.reader.note(Problem::new(Code::Lax, title, value.at.clone(), label).help(help));
        };
        if let Some((title, label)) = weakness(methods) {
            note(title, label, "offer \"passkey\", \"security-key\" or \"totp\" too");
        } else if !methods.iter().any(|method| matches!(method, Method::Passkey | Method::SecurityKey)) {
            // SP 800-63B 2.2.2 wants one on offer (WA-10).
            let label = "such a page gets every code";
            note(
                "no method here withstands a page that looks like the portal",
                label,
                "offer \"passkey\" or \"security-key\" too",
            );
        }
    }
    let is_required = requirements.groups.values().any(|requirement| *requirement == Requirement::Required)
        || requirements.everybody == Requirement::Required;
    if let Some(value) = section.written(&keys::mfa::GRACE).filter(|_| grace.is_some() && !is_required) {
        let title = "nobody needs this grace";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "a second factor is required of nobody");
        value.reader.note(problem.help("write `requirement = \"required\"`, or leave `grace` out"));
    }
}

/// What is weak about a list with nothing in it but mail and phones.
fn weakness(methods: &[Method]) -> Option<(&'static str, &'static str)> {
    let is_sent = |method: &Method| method.channel().is_some();
    if !methods.iter().all(is_sent) {
        return None;
    }
    Some(if methods.iter().all(|method| method.is_mail()) {
        ("a password and a mailbox are no two factors", "mail can reset the password")
    } else {
        ("codes to phones are the strongest that people can have here", "phone numbers can be taken over by others")
    })
}
