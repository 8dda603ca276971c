//! What `[mfa]` says of grace, of groups and of apps, and what of it is weaker, or does less, than it looks.

use super::{
    keys,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    sections::second_factor,
    settings::Mfa,
    values::{one_of, some_time},
};
use crate::domain::{
    enrolment::{FirstFactor, Requirement},
    factor::Method,
    session::Level,
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

/// Reads what an app takes beside what its policies say. There is one such thing: the other words that `requirement` knows
/// are said by policies, route by route.
pub(super) fn of_app(value: &Value<'_>) -> Option<Level> {
    let (why, help) = match value.as_str() {
        Some("risk-based") => (
            "a policy says it, with the score from which it holds",
            "write for example `risk = { ask = 40, level = \"mfa\" }` in its policies",
        ),
        Some("optional") => (
            "who has a second factor is asked for it by `mfa.requirement`",
            "leave this out: the app's policies say what it takes",
        ),
        Some("disabled") => (
            "an app takes no less than its policies say",
            "leave this out, and point its routes at a policy with `level = \"login\"`",
        ),
        _ => return one_of(value, &[("required", Level::Mfa)]),
    };
    value.fail(Fault::new("this is no requirement of an app", why).help(help))
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

/// Warns of second steps that are weaker than they look (OB-04, WA-10), and of what people can't use, or need not.
pub(super) fn lint(section: &Section<'_>, mfa: &Mfa, has_mail: bool) {
    let Mfa { requirements, first_factor, methods, grace, .. } = mfa;
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
    if let Some(value) = section.written(&keys::mfa::FIRST_FACTOR)
        && *first_factor == FirstFactor::Mailbox
        && !has_mail
    {
        let title = "no mailbox opens anything here";
        let problem = Problem::new(Code::Lax, title, value.at.clone(), "no code can be sent");
        value.reader.note(problem.help("write `[mail]`, or \"operator\" here"));
    }
    let is_required = requirements.groups.values().any(|requirement| *requirement == Requirement::Required)
        || requirements.everybody == Requirement::Required;
    if let Some(value) = section.written(&keys::mfa::GRACE).filter(|_| grace.is_some()) {
        let (title, label, help) = match (is_required, first_factor) {
            (false, _) => (
                "nobody needs this grace",
                "a second factor is required of nobody",
                "write `requirement = \"required\"`, or leave `grace` out",
            ),
            (true, FirstFactor::Operator) => (
                "people can't use this grace by themselves",
                "the first second factor takes an operator's word",
                "write `first_factor = \"mailbox\"`, or open the set-up for each of them with `doorward user reset-mfa`",
            ),
            (true, FirstFactor::Mailbox) => return,
        };
        value.reader.note(Problem::new(Code::Lax, title, value.at.clone(), label).help(help));
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
