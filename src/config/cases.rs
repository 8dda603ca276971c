//! `[[test]]`: requests whose fate the config file itself claims.

use super::{
    explain::{self, Did, EXPECTED, Explanation, Outcome, Request, Risk, Who, explain, moment},
    keys,
    people::login_id,
    policies::Policies,
    problem::{Code, Problem},
    reader::{Fault, Section, Value},
    risk,
    settings::Settings,
    values::{duration, one_of, truth, words},
};
use crate::domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use std::{collections::HashSet, net::IpAddr, ops::Range};

/// Ages are what counts, so any instant will do for the moment of a request.
const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// One request and what must become of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it claims.
    pub name: String,
    /// The request.
    pub request: Request,
    /// Who sends it.
    pub who: Option<Who>,
    /// What they have proven.
    pub did: Vec<Did>,
    /// How risky their sign-in was.
    pub risk: Option<Risk>,
    /// When.
    pub now: Timestamp,
    /// What must become of it.
    pub expect: Outcome,
    route: Option<(String, Range<usize>)>,
    policy: Option<(String, Range<usize>)>,
    at: Range<usize>,
}

/// Reads a `[[test]]`.
pub(super) fn case(section: &Section<'_>, policies: &Policies) -> Option<Case> {
    use keys::test as key;
    let placed = |value: &Value<'_>, text: String| Some((text, value.at.clone()));
    let name = section.read(&key::NAME, words);
    let request = section.read(&key::REQUEST, |value| {
        value.parsed(|text| {
            Request::parse(text).map_err(|why| {
                Fault::new("this is no request", why)
                    .help("write for example \"POST https://payroll.example.com/transfers/42\"")
            })
        })
    });
    let from = section.maybe(&key::FROM, |value| {
        value.parsed(|text| {
            text.parse::<IpAddr>().map_err(|_| {
                Fault::new("this is no address", "expected an IP address").help("write for example \"192.0.2.7\"")
            })
        })
    });
    let fields = section.maybe(&key::HEADERS, fields);
    let form = section.maybe(&key::FORM, form);
    let idle = section.maybe(&key::IDLE, duration);
    let remembered = section.read(&key::REMEMBERED, truth);
    let paid = section.maybe(&key::PAID, did);
    let at = section.maybe(&key::AT, |value| {
        value.parsed(|text| moment(text).map_err(|why| Fault::new("this is no date and time", why)))
    });
    let who = section.maybe(&key::USER, who);
    let did = section.read(&key::DID, |value| value.list(did));
    let risk = section.maybe(&key::RISK, risk::of_test);
    let expect = section.read(&key::EXPECT, |value| Some((one_of(value, EXPECTED)?, value.at.clone())));
    let route = section.maybe(&key::ROUTE, |value| placed(value, words(value)?));
    let policy = section.maybe(&key::POLICY, |value| placed(value, policies.named_by(value)?));
    let ((expect, expect_at), name, request) = (expect?, name?, request?);
    let (form, fields) = (form?.unwrap_or_default(), fields?.unwrap_or_default());
    let (idle, remembered, paid) = (idle?.unwrap_or_default(), remembered?, paid?);
    let request = Request { fields, form, idle, remembered, paid, client: from?, ..request };
    let (who, did, risk, now) = (who?, did?, risk?, at?.unwrap_or(NOON));
    Some(Case { name, request, who, did, risk, now, expect, route: route?, policy: policy?, at: expect_at })
}

fn fields(value: &Value<'_>) -> Option<HeaderMap> {
    let read = |(name, at, value): (&str, Range<usize>, Value<'_>)| {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            let fault = Fault::new("this is no header name", "expected letters, digits and hyphens");
            return value.placed(at).fail(fault);
        };
        let text = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| Fault::new("this is no value of a header", "expected text without control characters"))
        };
        Some((name, value.parsed(text)?))
    };
    let read: Vec<_> = value.entries("headers = { accept = \"text/html\" }")?.into_iter().map(read).collect();
    read.into_iter().collect()
}

fn form(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let read = |(name, _, value): (&str, Range<usize>, Value<'_>)| Some((name.to_owned(), value.text()?));
    value.entries("form = { op = \"transfer\" }")?.into_iter().map(read).collect()
}

fn who(value: &Value<'_>) -> Option<Who> {
    let section = value.section(keys::test_user::SHAPE)?;
    let name = section.read(&keys::test_user::NAME, login_id);
    let groups = section.read(&keys::test_user::GROUPS, |value| value.list(words));
    Some(Who { name: name?, groups: groups? })
}

fn did(value: &Value<'_>) -> Option<Did> {
    value.parsed(|text| {
        Did::parse(text).map_err(|why| Fault::new("this is no proof", why).help("write for example \"totp 10m ago\""))
    })
}

impl Case {
    fn explained(&self, settings: &Settings) -> Explanation {
        explain(settings, &self.request, self.who.as_ref(), &self.did, self.risk.as_ref(), self.now)
    }
}

/// Runs every case on the settings; each that fails is a problem.
pub(super) fn run(cases: &[Case], settings: &Settings) -> Vec<Problem> {
    cases.iter().flat_map(|case| failures(case, settings)).collect()
}

fn failures(case: &Case, settings: &Settings) -> Vec<Problem> {
    let told = case.explained(settings);
    let mut problems = Vec::new();
    let mut fail = |at: &Range<usize>, came: &str| {
        let title = format!("the test \"{}\" fails", case.name);
        let problem = Problem::new(Code::FailedTest, title, at.clone(), came);
        // Once is enough, however many claims of one test fail.
        problems.push(if problems.is_empty() { problem.help(told.to_string()) } else { problem });
    };
    if told.outcome != case.expect {
        fail(&case.at, &format!("it is \"{}\": {}", told.outcome, told.why));
    }
    if let Some((wanted, at)) = &case.route
        && !is_decided_by(&told, wanted)
    {
        fail(at, "another route decides, or none");
    }
    if let Some((wanted, at)) = &case.policy
        && told.policy.as_ref() != Some(wanted)
    {
        fail(
            at,
            &told
                .policy
                .as_ref()
                .map_or("no policy decides".to_owned(), |policy| format!("it is decided by `{policy}`")),
        );
    }
    problems
}

/// A route that no test decides by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untested {
    /// Its app.
    pub app: String,
    /// The route, in words; `None` for the app's own policy.
    pub route: Option<String>,
}

/// What no case touches, in the order of the file.
pub(super) fn untested(cases: &[Case], settings: &Settings) -> Vec<Untested> {
    let decided: HashSet<_> = cases
        .iter()
        .filter_map(|case| {
            let told = case.explained(settings);
            told.policy?;
            Some((told.way.app?, told.way.tries.iter().position(|tried| tried.decides)))
        })
        .collect();
    let places = settings.apps.iter().flat_map(|settings| {
        let app = &settings.app;
        let routes = app.routes.iter().enumerate().map(|(at, route)| (Some(at), Some(explain::route(route))));
        let own = app.fallback.iter().map(|_| (None, None));
        routes.chain(own).map(|(at, route)| (at, Untested { app: app.name.clone(), route }))
    });
    let is_touched = |(at, place): &(Option<usize>, Untested)| decided.contains(&(place.app.clone(), *at));
    places.filter(|place| !is_touched(place)).map(|(_, place)| place).collect()
}

/// A route is named by its label or its path.
fn is_decided_by(told: &Explanation, wanted: &str) -> bool {
    told.way
        .tries
        .iter()
        .filter(|tried| tried.decides)
        .any(|tried| tried.label.as_deref() == Some(wanted) || tried.path == wanted)
}
