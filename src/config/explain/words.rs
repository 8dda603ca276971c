//! What an explanation says, in words.

use super::{Did, Explanation, Way, recorded::Unfit};
use crate::{
    config::duration::spell,
    domain::{
        policy::{
            Freshness, Missing, Strength, Visitor, Who, WhyAnonymous, Within,
            call::{Call, Conditions, Mismatch, Named, Wanted},
            hours::Hours,
            route::Route,
        },
        risk::Assessment,
        time::Timestamp,
        user::User,
    },
};
use jiff::{civil::Weekday, tz::TimeZone};
use std::{fmt, time::Duration};

pub(super) fn visitor(visitor: &Visitor, did: &[Did]) -> String {
    let identity = match visitor {
        Visitor::Anonymous(why) => return format!("nobody known: {}", anonymous(*why)),
        Visitor::SignedIn(identity) => identity,
    };
    let groups = match identity.user.groups.as_slice() {
        [] => String::new(),
        groups => format!(" in {}", groups.join(", ")),
    };
    let did: Vec<_> = did.iter().map(ToString::to_string).collect();
    let risk = match &identity.session.risk {
        none if *none == Assessment::default() => String::new(),
        some => format!("; risk {some}"),
    };
    let spared = if identity.session.spared { "; its second step spared by a remembered browser" } else { "" };
    format!("{}{groups}; {}{risk}{spared}", identity.user.login_id, did.join(", "))
}

pub(super) fn anonymous(why: WhyAnonymous) -> &'static str {
    match why {
        WhyAnonymous::NoCookie => "there is no session",
        WhyAnonymous::BadCookie => "the session cookie can't be ours",
        WhyAnonymous::BadToken => "the token is not good here",
        WhyAnonymous::Unknown => "no session has this cookie",
        WhyAnonymous::TooOld => "the session is too old",
        WhyAnonymous::Idle => "the session was unused for too long",
        WhyAnonymous::Disabled => "the account is disabled",
    }
}

pub(super) fn route(route: &Route) -> String {
    let methods = if route.methods.is_empty() { "any method".to_owned() } else { route.methods.join(" ") };
    let mut parts = vec![format!("{methods} {}", route.path.as_str())];
    parts.extend(conditions(&route.conditions));
    parts.join(", ")
}

fn conditions(conditions: &Conditions) -> Vec<String> {
    let Conditions { query, fields, form, networks, hours, who } = conditions;
    let mut told = Vec::new();
    told.extend(query.iter().map(|named| format!("query {}", wanted(named))));
    told.extend(fields.iter().map(|named| format!("header {}", wanted(named))));
    told.extend(form.iter().map(|named| format!("form {}", wanted(named))));
    if !networks.is_empty() {
        let names: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
        told.push(format!("from {}", names.join(" or ")));
    }
    told.extend(hours.iter().map(spelled));
    told.extend(who.iter().map(|who| format!("for whoever is {who}")));
    told
}

fn wanted(named: &Named) -> String {
    match &named.wanted {
        Wanted::Anything => named.name.clone(),
        Wanted::Text(text) => format!("{}={text}", named.name),
    }
}

/// What did not fit: a word for programs, and a sentence.
pub(super) fn unfit(unfit: &Unfit, route: &Route, call: &Call<'_>) -> (&'static str, String) {
    let part = match unfit {
        Unfit::Part(Mismatch::Path) => return ("path", "its path is another".to_owned()),
        Unfit::Part(part) => *part,
        Unfit::Untold(untold) => return ("unrecorded", format!("its path fits; {untold} is not recorded")),
    };
    let Conditions { query, fields, form, hours, who, .. } = &route.conditions;
    let (code, why) = match part {
        Mismatch::Path => ("path", String::new()),
        Mismatch::Method => ("method", format!("it is for {}, not {}", route.methods.join(", "), call.method)),
        Mismatch::Query => ("query", format!("the query has no `{}`", culprit(query, part, call, by_query))),
        Mismatch::Field => {
            ("header", format!("no header says `{}`", culprit(fields, part, call, by_field).replacen('=', ": ", 1)))
        }
        Mismatch::Form => ("form", format!("the form has no `{}`", culprit(form, part, call, by_form))),
        Mismatch::Network => match call.client {
            Some(client) => ("network", format!("{client} is in none of its networks")),
            None => ("network", "an unknown address is in none of its networks".to_owned()),
        },
        Mismatch::Hours => ("hours", hours.as_ref().map(|hours| clock_there(hours, call.now)).unwrap_or_default()),
        Mismatch::Who => ("people", who.as_ref().map(|who| not_them(who, call.visitor)).unwrap_or_default()),
        Mismatch::Unasked => ("unasked", "nobody looked who sends the request".to_owned()),
        Mismatch::Unread => ("unread", "nobody looked into the body".to_owned()),
        Mismatch::Unclear => {
            let parts = [(query, by_query as fn(Named) -> Conditions), (fields, by_field), (form, by_form)];
            let unclear = parts.into_iter().flat_map(|(list, alone)| suspects(list, part, call, alone)).next();
            let what = unclear.map_or("what it asks for".to_owned(), |named| format!("`{}`", named.name));
            ("unclear", format!("{what} can be read in two ways, so the request is refused"))
        }
    };
    (code, format!("its path fits; {why}"))
}

fn by_query(named: Named) -> Conditions {
    Conditions { query: vec![named], ..Conditions::default() }
}

fn by_field(named: Named) -> Conditions {
    Conditions { fields: vec![named], ..Conditions::default() }
}

fn by_form(named: Named) -> Conditions {
    Conditions { form: vec![named], ..Conditions::default() }
}

/// Those of `list` that by themselves do not fit in this way.
fn suspects<'a>(
    list: &'a [Named],
    part: Mismatch,
    call: &'a Call<'_>,
    alone: fn(Named) -> Conditions,
) -> impl Iterator<Item = &'a Named> {
    list.iter().filter(move |named| alone((*named).clone()).fit(call) == Err(part))
}

fn culprit(list: &[Named], part: Mismatch, call: &Call<'_>, alone: fn(Named) -> Conditions) -> String {
    suspects(list, part, call, alone).next().map(wanted).unwrap_or_default()
}

/// `it is Sat 10:00 in Europe/Berlin`.
fn clock_there(Hours { zone, .. }: &Hours, now: Timestamp) -> String {
    // Only the ends of time are no instant, and no hour of any clock.
    let Ok(instant) = jiff::Timestamp::from_millisecond(now.as_millis()) else { return "it is no time".to_owned() };
    let local = zone.to_datetime(instant);
    let day = DAYS.iter().find(|(day, _)| *day == local.weekday()).map_or("", |(_, name)| name);
    format!("it is {day} {:02}:{:02}{}", local.hour(), local.minute(), zone_of(zone))
}

fn zone_of(zone: &TimeZone) -> String {
    zone.iana_name().map(|name| format!(" in {name}")).unwrap_or_default()
}

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "Mon"),
    (Weekday::Tuesday, "Tue"),
    (Weekday::Wednesday, "Wed"),
    (Weekday::Thursday, "Thu"),
    (Weekday::Friday, "Fri"),
    (Weekday::Saturday, "Sat"),
    (Weekday::Sunday, "Sun"),
];

/// `08:00 to 18:00 on Mon-Fri in Europe/Berlin`.
fn spelled(Hours { days, from, to, zone }: &Hours) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    // Days that follow one another are one span.
    let spans = DAYS.chunk_by(|(day, _), (next, _)| days.contains(day) == days.contains(next));
    let spans = spans.filter(|span| span.first().is_some_and(|(day, _)| days.contains(day)));
    let names: Vec<_> = spans
        .map(|span| match span {
            [(_, only)] => (*only).to_owned(),
            [(_, first), .., (_, last)] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect();
    let on = if days.len() == DAYS.len() { "every day".to_owned() } else { format!("on {}", names.join(", ")) };
    format!("{} to {} {on}{}", clock(*from), clock(*to), zone_of(zone))
}

fn not_them(who: &Who, visitor: Option<&Visitor>) -> String {
    match visitor {
        Some(Visitor::SignedIn(identity)) => format!("it is for whoever is {who}, not for {}", member(&identity.user)),
        Some(Visitor::Anonymous(_)) | None => format!("it is for whoever is {who}, and nobody is signed in"),
    }
}

/// `ann, in finance`.
pub(super) fn member(user: &User) -> String {
    match user.groups.as_slice() {
        [] => format!("{}, in no group", user.login_id),
        groups => format!("{}, in {}", user.login_id, groups.join(", ")),
    }
}

/// Whole seconds, rounded up: what is too old by a moment does not look young enough.
pub(super) fn seconds(age: Duration) -> Duration {
    Duration::from_secs(age.as_secs() + u64::from(age.subsec_nanos() > 0))
}

/// `totp or passkey within 5m`.
pub(super) fn wish(fresh: &Freshness) -> String {
    let methods: Vec<_> = fresh.any.iter().map(|method| method.name()).collect();
    let within = match fresh.within {
        Within::Age(age) => format!("within {}", spell(age)),
        Within::Session => "in this session".to_owned(),
        Within::Once(age) => format!("for this request alone, within {}", spell(age)),
    };
    format!("{} {within}", methods.join(" or "))
}

/// What is missing, and who wants it.
pub(super) fn missing(asks: &str, missing: &Missing) -> String {
    match missing {
        Missing::Level { reached, wanted, max_age, risk } => {
            let age = max_age.map(|max| format!(" by proofs of the last {}", spell(max))).unwrap_or_default();
            let reached = match (reached, wanted) {
                (None, _) => "nothing this session has proven is so recent".to_owned(),
                (Some(reached), Strength::Level(_)) => format!("this session has reached {reached}"),
                (Some(_), Strength::Custom(_)) => "this session lacks a part of it".to_owned(),
            };
            let why = risk.map(|score| format!(", for the sign-in's risk is {score}")).unwrap_or_default();
            format!("{asks} wants the level {wanted}{age}{why}; {reached}")
        }
        Missing::SecondStep => {
            format!("{asks} wants the second step of the sign-in, which a remembered browser spared")
        }
        Missing::Fresh { wanted, latest } => {
            let (freshness, wanted) = (wanted.within, format!("{asks} wants {}", wish(wanted)));
            match latest {
                Some((method, age)) if matches!(freshness, Within::Once(_)) => {
                    format!("{wanted}; the last {method}, {} ago, was for something else", spell(seconds(*age)))
                }
                Some((method, age)) => format!("{wanted}; the last {method} was {} ago", spell(seconds(*age))),
                None => format!("{wanted}; there never was one"),
            }
        }
        Missing::Idle { max, quiet } => {
            let (max, quiet) = (spell(*max), spell(*quiet));
            format!("{asks} wants somebody there within {max}; nobody used this browser for {quiet}")
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.way)?;
        if let Some(policy) = &self.policy {
            let whose =
                if self.way.tries.iter().any(|tried| tried.decides) { "" } else { ", the app's own: no route fits" };
            writeln!(f, "  policy  {policy}{whose}")?;
        }
        for clause in &self.clauses {
            writeln!(f, "  {} {}; saw {}", if clause.met { "ok     " } else { "missing" }, clause.demands, clause.saw)?;
        }
        write!(f, "{}: {}", self.outcome, self.why)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  from    {}", self.request, self.visitor)?;
        if let Some(app) = &self.app {
            write!(f, "\n  app     {app}")?;
        }
        if let Some(path) = self.path.as_ref().filter(|path| !self.request.contains(path.as_str())) {
            write!(f, "\n  path    {path} is what routes see, and the application receives")?;
        }
        for (at, tried) in self.tries.iter().enumerate() {
            let mark = if tried.decides { "→" } else { " " };
            let label = tried.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
            let verdict = match (&tried.mismatch, tried.part) {
                (Some(mismatch), Some("unread" | "unasked" | "unrecorded")) => format!("nobody can say: {mismatch}"),
                (Some(mismatch), _) => format!("no: {mismatch}"),
                (None, _) if tried.decides => "fits, and decides".to_owned(),
                (None, _) => "fits too, but comes later".to_owned(),
            };
            write!(f, "\n{mark} route {} {}{label}: {verdict}", at + 1, tried.route)?;
        }
        Ok(())
    }
}
