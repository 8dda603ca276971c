//! `[[app.route]]`: which policy holds where.

use super::{
    apps::Around,
    conditions::conditions,
    keys,
    policies::mode,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    values::{one_of, truth, verb, words},
};
use crate::{
    domain::{
        policy::{
            Mode, Policy,
            call::{Call, Form, Mismatch, NoFields},
            glob::PathGlob,
            route::{Route, Streams, Traffic},
        },
        target::{Allowed, CanonicalPath},
        time::Timestamp,
    },
    edge::http::fold::StripList,
};
use std::{ops::Range, sync::Arc};

/// A route and where it is written.
pub(super) struct Written {
    pub(super) route: Route,
    /// Its path.
    pub(super) at: Range<usize>,
    /// What says which policy holds: `policy`, or `before`.
    pub(super) policy_at: Range<usize>,
    /// Where it says that it only reports.
    pub(super) mode_at: Option<Range<usize>>,
    pub(super) overlap: Overlap,
}

/// Whether a public route means to hide what comes after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    Mistake,
    Intended,
}

/// What holds at a route, as written.
enum Holds {
    Policy(Arc<Policy>, Range<usize>),
    /// What will hold for that request.
    Before(Ahead, Range<usize>),
}

struct Ahead {
    method: String,
    path: String,
}

/// A route that may still wait for what holds at another.
struct Draft {
    written: Written,
    ahead: Option<Ahead>,
}

/// Reads an app's routes.
///
/// `fallback` is what holds where none of them is for a request, `stripped` is what no client may send to the app, so that no
/// route can ask for it.
pub(super) fn routes(
    value: &Value<'_>,
    around: &Around<'_>,
    fallback: Option<&Arc<Policy>>,
    stripped: &StripList,
) -> Option<Vec<Written>> {
    let sections = value.sections(keys::route::SHAPE)?;
    let drafts: Vec<_> = sections.iter().map(|section| draft(section, around, stripped)).collect();
    let drafts = drafts.into_iter().collect::<Option<Vec<_>>>()?;
    let resolved: Vec<_> = drafts
        .iter()
        .map(|draft| match &draft.ahead {
            None => Some(None),
            Some(ahead) => {
                found_ahead(ahead, &drafts, fallback, &value.placed(draft.written.policy_at.clone())).map(Some)
            }
        })
        .collect();
    drafts.into_iter().zip(resolved).map(|(draft, ahead)| Some(settled(draft.written, ahead?))).collect()
}

fn draft(section: &Section<'_>, around: &Around<'_>, stripped: &StripList) -> Option<Draft> {
    use keys::route as key;
    let path = section.read(&key::PATH, glob);
    let methods = section.read(&key::METHODS, |value| value.list(verb));
    let holds = holds(section, around);
    let label = section.maybe(&key::LABEL, words);
    let case_sensitive = section.read(&key::CASE_SENSITIVE, truth);
    let streams =
        section.read(&key::STREAMS, |value| one_of(value, &[("session", Streams::Session), ("obey", Streams::Obey)]));
    let background = section.read(&key::BACKGROUND, truth);
    let overlap = section.maybe(&key::OVERLAP, |value| one_of(value, &[("intended", Overlap::Intended)]));
    let conditions = conditions(section, around, stripped);
    let mode = section.maybe(&key::MODE, |value| Some((mode(value)?, value.at.clone())));
    let at = section.written(&key::PATH).map(|value| value.at);
    let (path, at, holds, mode) = (path?, at?, holds?, mode?);
    let (policy, policy_at, ahead) = match holds {
        Holds::Policy(policy, at) => (policy, at, None),
        // What stands in until it is found: nothing that opens.
        Holds::Before(ahead, at) => {
            (Arc::new(Policy::new("deny", crate::domain::policy::Access::Deny)), at, Some(ahead))
        }
    };
    let mode_at = mode.as_ref().filter(|(mode, _)| *mode == Mode::Report).map(|(_, at)| at.clone());
    let policy = match mode {
        Some((mode, _)) if mode != policy.mode => Arc::new(Policy { mode, ..Policy::clone(&policy) }),
        _ => policy,
    };
    if policy.is_public() && !path.is_anchored() {
        let problem = Problem::new(
            Code::Unanchored,
            "a public route must be one path, or one path and everything below it",
            at.clone(),
            "a star in the middle opens more than it shows",
        );
        section.reader.note(problem.help("write for example \"/healthz\" or \"/assets/**\""));
        return None;
    }
    let (label, methods, case_sensitive, conditions) = (label?, methods?, case_sensitive?, conditions?);
    let traffic = if background? { Traffic::Background } else { Traffic::Person };
    let route = Route { label, methods, path, case_sensitive, conditions, policy, streams: streams?, traffic };
    let overlap = overlap?.unwrap_or(Overlap::Mistake);
    Some(Draft { written: Written { route, at, policy_at, mode_at, overlap }, ahead })
}

fn holds(section: &Section<'_>, around: &Around<'_>) -> Option<Holds> {
    use keys::route::{BEFORE, POLICY};
    match (section.written(&POLICY), section.written(&BEFORE)) {
        (Some(value), None) => Some(Holds::Policy(around.policies.find(&value)?, value.at)),
        (None, Some(value)) => Some(Holds::Before(ahead(&value)?, value.at)),
        (Some(_), Some(value)) => {
            let fault = Fault::new("`policy` and `before` are both written", "expected one of them");
            value.fail(Fault { code: Code::Contradiction, ..fault.help("`before` takes the other route's policy") })
        }
        (None, None) => {
            let what = "`[[app.route]]` has no `policy`";
            let problem = Problem::new(Code::MissingKey, what, section.at.clone(), "expected `policy` or `before`");
            section.reader.note(problem.help("write for example `policy = \"standard\"`"));
            None
        }
    }
}

/// `POST /transfers`.
fn ahead(value: &Value<'_>) -> Option<Ahead> {
    value.parsed(|text| {
        let fault = || {
            Fault::new("this is no request of the app", "expected a method, a space and a path")
                .help("write for example \"POST /transfers\"")
        };
        let (method, path) = text.split_once(' ').ok_or_else(fault)?;
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method || path.contains('*') || CanonicalPath::parse(path, LENIENT).is_err() {
            return Err(fault());
        }
        Ok(Ahead { method: method.to_owned(), path: path.to_owned() })
    })
}

/// All that an app can allow.
pub(super) const LENIENT: Allowed = Allowed { semicolon: true, encoded_slash: true };

/// What holds for the request that a form will be sent with: label and policy. It must be clear from method and path.
fn found_ahead(
    ahead: &Ahead,
    drafts: &[Draft],
    fallback: Option<&Arc<Policy>>,
    at: &Value<'_>,
) -> Option<(Option<String>, Arc<Policy>)> {
    let path = CanonicalPath::parse(&ahead.path, LENIENT).ok()?;
    let (method, fields, form, now) = (ahead.method.as_str(), &NoFields, Form::Unread, Timestamp::from_millis(0));
    let call = Call { method, path: &path, query: None, fields, client: None, form, visitor: None, now };
    // A route that fits but for its conditions may decide, or may not.
    let meant =
        drafts.iter().find(|draft| !matches!(draft.written.route.fits(&call), Err(Mismatch::Path | Mismatch::Method)));
    let contradiction = |title: &str, label: &str| {
        at.fail(Fault {
            code: Code::Contradiction, ..Fault::new(title, label).help("write `policy = \"…\"` instead")
        })
    };
    let (label, policy) = match meant {
        None => (None, fallback),
        Some(draft) if draft.ahead.is_some() => {
            return contradiction("that route waits for another one itself", "goes on");
        }
        Some(draft) if !draft.written.route.conditions.is_empty() => {
            return contradiction("what holds there depends on more than method and path", "can't be known beforehand");
        }
        Some(Draft { written, .. }) => (written.route.label.clone(), Some(&written.route.policy)),
    };
    match policy {
        None => at.fail(
            Fault::new("no route of this app is for that request", "it will be \"not found\"")
                .help("look at the methods and paths of its routes"),
        ),
        Some(policy) if policy.is_public() => {
            contradiction("that request needs no proof", "there is nothing to ask for")
        }
        // A proof pays for the request alone that it is made for, so none can be made for it beforehand.
        Some(policy) if policy.once().is_some() => Some((label, Arc::new(policy.without_once()))),
        Some(policy) => Some((label, Arc::clone(policy))),
    }
}

fn settled(written: Written, ahead: Option<(Option<String>, Arc<Policy>)>) -> Written {
    let Some((label, policy)) = ahead else { return written };
    let policy = match written.route.policy.mode {
        Mode::Report if policy.mode == Mode::Enforce => {
            Arc::new(Policy { mode: Mode::Report, ..Policy::clone(&policy) })
        }
        _ => policy,
    };
    let route = Route { label: written.route.label.or(label), policy, ..written.route };
    Written { route, ..written }
}

fn glob(value: &Value<'_>) -> Option<PathGlob> {
    value.parsed(|text| {
        let glob = PathGlob::parse(text).map_err(|why| {
            Fault::new("no request can have such a path", why).help("write for example \"/transfers/**\"")
        })?;
        let is_reserved =
            CanonicalPath::parse(text, Allowed::default()).is_ok_and(|path| path.below_reserved().is_some());
        if is_reserved {
            return Err(Fault::new("the gateway answers these paths itself", "expected a path of the application")
                .help("nothing under /.doorward/ ever reaches an application"));
        }
        Ok(glob)
    })
}
