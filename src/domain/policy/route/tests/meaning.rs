//! What a table of routes means, written once more for clarity: rows as authors write them, requests as clients send them,
//! each route in order, nothing shared with what is tested.

use super::*;
use crate::domain::policy::hours::Hours;
use jiff::{civil::Weekday, tz::TimeZone};
use proptest::prelude::*;
use std::net::IpAddr;

/// A route. Parameters, fields, lists and names are always the same few.
#[derive(Debug, Clone)]
struct Row {
    methods: &'static [&'static str],
    glob: &'static str,
    opens: bool,
    /// Whether it protects, but only reports.
    reports: bool,
    case_sensitive: bool,
    /// What `action` must be in the query; `*` is anything.
    query: Option<&'static str>,
    /// What `op` must be in the form.
    form: Option<&'static str>,
    /// What `x-mode` must be.
    field: Option<&'static str>,
    only: Vec<Only>,
}

/// For what else it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    FromTheOffice,
    ByDay,
    ForStaff,
    ForAnn,
}

/// Who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    NobodyLooked,
    Stranger,
    Known(&'static str, &'static [&'static str]),
}

/// What is sent of a parameter, and what that says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// This, in every server's eyes.
    Value(&'static str),
    /// This in some servers' eyes, and something else in others'.
    Nearly(&'static str),
    /// Who knows.
    Doubt,
    Nothing,
}

type Piece = (&'static str, Says);

/// What may stand between two `&` for `action`; with `op` for `action` it is the same for forms.
const PIECES: &[Piece] = &[
    ("action=delete", Says::Value("delete")),
    ("action=view", Says::Value("view")),
    ("a%63tion=vie%77", Says::Value("view")),
    ("action=DELETE", Says::Nearly("delete")),
    ("action=delete+", Says::Nearly("delete")),
    ("action=delet%", Says::Doubt),
    ("Action=view", Says::Doubt),
    ("action[]=x", Says::Doubt),
    ("%5Baction%5D=delete", Says::Doubt),
    ("action]=view", Says::Doubt),
    ("[action=x", Says::Doubt),
    ("x[action]=delete", Says::Nothing),
    ("action_by=delete", Says::Nothing),
    ("x;action=y", Says::Doubt),
    ("%zz=1", Says::Doubt),
    ("x=1", Says::Nothing),
    ("reaction=delete", Says::Nothing),
];

#[derive(Debug, Clone)]
enum Body {
    None,
    Unread,
    Opaque,
    Form(Vec<Piece>),
}

#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    path: &'static str,
    query: Vec<Piece>,
    fields: Vec<(&'static str, &'static str)>,
    body: Body,
    client: Option<&'static str>,
    at_night: bool,
    who: Sender,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unclear,
}

#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Route(usize),
    Fallback,
    Unasked,
    Unread,
    Unclear(usize),
}

fn all(answers: &[Answer]) -> Answer {
    if answers.contains(&Answer::No) {
        Answer::No
    } else if answers.contains(&Answer::Unclear) {
        Answer::Unclear
    } else {
        Answer::Yes
    }
}

fn asked(pieces: &[Piece], wanted: &'static str) -> Answer {
    let says: Vec<_> = pieces.iter().map(|(_, says)| *says).collect();
    let doubt = says.contains(&Says::Doubt);
    if wanted == "*" {
        // A name alone says that it is there, whatever its value can't be read as.
        let is_there = pieces.iter().any(|(text, says)| *says != Says::Nothing && names_it(text));
        return if is_there {
            Answer::Yes
        } else if doubt {
            Answer::Unclear
        } else {
            Answer::No
        };
    }
    let has = says.contains(&Says::Value(wanted));
    let has_other = says.iter().any(|says| match says {
        Says::Value(value) => *value != wanted,
        Says::Nearly(_) => true,
        Says::Doubt | Says::Nothing => false,
    });
    if doubt || says.contains(&Says::Nearly(wanted)) || (has && has_other) {
        Answer::Unclear
    } else if has {
        Answer::Yes
    } else {
        Answer::No
    }
}

fn names_it(text: &str) -> bool {
    ["action=", "a%63tion=", "op="].iter().any(|start| text.starts_with(start))
}

impl Body {
    fn says(&self, query: &[Piece], wanted: &'static str) -> Option<Answer> {
        let by_form = match self {
            Self::Unread => return None,
            Self::None => Answer::No,
            Self::Opaque => Answer::Unclear,
            Self::Form(pieces) => asked(pieces, wanted),
        };
        // The query has no `op`, but may hold what nobody can take apart.
        let broken: Vec<_> = query.iter().filter(|(text, _)| text.starts_with("%zz")).copied().collect();
        let in_query = asked(&broken, "*") != Answer::No;
        Some(if in_query && asked(&broken, wanted) != by_form { Answer::Unclear } else { by_form })
    }
}

fn field_says(fields: &[(&str, &str)], wanted: &str) -> Answer {
    let of: Vec<_> = fields.iter().filter(|(name, _)| ["x-mode", "x_mode"].contains(name)).collect();
    let is = |(name, value): &&&(&str, &str)| *name == "x-mode" && (wanted == "*" || *value == wanted);
    let sure = of.iter().filter(is).count();
    let nearly = of.iter().any(|(name, value)| *name == "x_mode" && (wanted == "*" || *value == wanted));
    match (sure, of.len()) {
        _ if nearly => Answer::Unclear,
        (0, _) => Answer::No,
        (sure, all) if sure == all => Answer::Yes,
        _ => Answer::Unclear,
    }
}

/// Stars stand for what is left over, in each way that there is.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        [first, rest @ ..] => text.first() == Some(first) && like(rest, &text[1..]),
    }
}

fn path_like(pattern: &[&str], path: &[&str]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ["**", rest @ ..] => (0..=path.len()).any(|taken| path_like(rest, &path[taken..])),
        [first, rest @ ..] => {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            !path.is_empty() && like(&letters(first), &letters(path[0])) && path_like(rest, &path[1..])
        }
    }
}

/// `path` as it is written; `exactly` with letter case and last slash.
fn is_of_glob(glob: &str, path: &str, exactly: bool) -> bool {
    let read = |text: &str| {
        let text = text.replace("%61", "a").replace("%3A", ":");
        if exactly || text == "/" {
            return text;
        }
        text.strip_suffix('/').unwrap_or(&text).to_lowercase()
    };
    let (glob, path) = (read(glob), read(path));
    path_like(&glob.split('/').skip(1).collect::<Vec<_>>(), &path.split('/').skip(1).collect::<Vec<_>>())
}

fn is_for(row: &Row, method: &str) -> bool {
    let has = |method: &&str| row.methods.contains(method);
    let reads_only = has(&"GET") && method == "HEAD";
    let is_odd = !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
    row.methods.is_empty() || has(&method) || reads_only || (has(&"GET") && is_odd && !row.opens)
}

/// What only reports is public at first, and stands in as if it were enforced where there is nothing else at all.
fn meaning(rows: &[Row], fallback: bool, sent: &Sent, path: &str) -> Meaning {
    let public = |row: &Row| Row { opens: row.opens || row.reports, ..row.clone() };
    let first = first_of(rows.iter().map(public).enumerate(), sent, path);
    if first != Meaning::Fallback || fallback {
        return first;
    }
    // It opens no method that nobody wrote and that may change something.
    let is_meant = |row: &Row| row.reports && (row.methods.is_empty() || sent.method != "FROB");
    first_of(rows.iter().cloned().enumerate().filter(|(_, row)| is_meant(row)), sent, path)
}

fn first_of(rows: impl Iterator<Item = (usize, Row)>, sent: &Sent, path: &str) -> Meaning {
    for (at, row) in rows {
        if !is_of_glob(row.glob, path, row.opens || row.case_sensitive) || !is_for(&row, sent.method) {
            continue;
        }
        let yes = |yes: bool| if yes { Answer::Yes } else { Answer::No };
        let known = all(&[
            row.query.map_or(Answer::Yes, |wanted| asked(&sent.query, wanted)),
            row.field.map_or(Answer::Yes, |wanted| field_says(&sent.fields, wanted)),
            yes(!row.only.contains(&Only::FromTheOffice) || sent.client.is_some_and(|client| client.starts_with("10."))),
            yes(!row.only.contains(&Only::ByDay) || !sent.at_night),
        ]);
        if known == Answer::No {
            continue;
        }
        let (for_staff, for_ann) = (row.only.contains(&Only::ForStaff), row.only.contains(&Only::ForAnn));
        let (name, groups) = match sent.who {
            Sender::NobodyLooked if for_staff || for_ann => return Meaning::Unasked,
            Sender::NobodyLooked | Sender::Stranger => ("", &[][..]),
            Sender::Known(name, groups) => (name, groups),
        };
        if (for_staff && !groups.contains(&"staff")) || (for_ann && name != "ann") {
            continue;
        }
        let by_form = match row.form.map(|wanted| sent.body.says(&sent.query, wanted)) {
            None => Answer::Yes,
            Some(None) => return Meaning::Unread,
            Some(Some(answer)) => answer,
        };
        match all(&[known, by_form]) {
            Answer::Yes => return Meaning::Route(at),
            Answer::Unclear => return Meaning::Unclear(at),
            Answer::No => {}
        }
    }
    Meaning::Fallback
}

fn wanted(name: &str, value: Option<&str>) -> Vec<Named> {
    let wanted = |value: &str| if value == "*" { Wanted::Anything } else { Wanted::Text(value.into()) };
    value.map(|value| Named { name: name.into(), wanted: wanted(value) }).into_iter().collect()
}

impl Row {
    fn route(&self, at: usize) -> Route {
        let access = if self.opens { Access::Public } else { Access::Require(Requirement::at(Level::Mfa)) };
        let who = [
            self.only.contains(&Only::ForStaff).then(|| Who::Groups(vec!["staff".into()])),
            self.only.contains(&Only::ForAnn).then(|| Who::Users(vec![LoginId::parse("ann").unwrap()])),
        ];
        let who: Vec<_> = who.into_iter().flatten().collect();
        let office = crate::domain::policy::call::Network {
            name: "office".into(),
            nets: Arc::new(["10.0.0.0/8".parse().unwrap()].into_iter().collect()),
        };
        let week = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
        let days = week.into_iter().chain([Weekday::Saturday, Weekday::Sunday]).collect();
        let conditions = Conditions {
            query: wanted("action", self.query),
            fields: wanted("x-mode", self.field),
            form: wanted("op", self.form),
            networks: self.only.contains(&Only::FromTheOffice).then_some(office).into_iter().collect(),
            hours: self.only.contains(&Only::ByDay).then(|| Hours {
                days,
                from: 6 * 60,
                to: 18 * 60,
                zone: TimeZone::UTC,
            }),
            who: (!who.is_empty()).then_some(Who::AllOf(who)),
        };
        let mode = if self.reports { Mode::Report } else { Mode::Enforce };
        let policy = Arc::new(Policy { mode, ..Policy::new(at.to_string(), access) });
        Route { case_sensitive: self.case_sensitive, conditions, ..route(self.methods, self.glob, &policy) }
    }
}

fn table(rows: &[Row], fallback: bool) -> App {
    app(rows.iter().enumerate().map(|(at, row)| row.route(at)).collect(), fallback.then(|| protecting("own")))
}

/// Midnight and noon of one day.
const NIGHT: Timestamp = Timestamp::from_millis(1_700_006_400_000);
const DAY: Timestamp = Timestamp::from_millis(1_700_049_600_000);

fn joined(pieces: &[Piece], name: &str) -> String {
    let texts: Vec<_> = pieces.iter().map(|(text, _)| text.replace("a%63tion", name).replace("action", name)).collect();
    texts.join("&").replace("Action", &name.to_uppercase())
}

fn with_call<T>(sent: &Sent, path: &CanonicalPath<'_>, then: impl FnOnce(&Call<'_>) -> T) -> T {
    let query = sent.query.iter().map(|(text, _)| *text).collect::<Vec<_>>().join("&");
    let form = match &sent.body {
        Body::Form(pieces) => joined(pieces, "op"),
        _ => String::new(),
    };
    let fields: Vec<_> = sent.fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let visitor = match sent.who {
        Sender::NobodyLooked => None,
        Sender::Stranger => Some(Visitor::Anonymous(WhyAnonymous::NoCookie)),
        Sender::Known(name, groups) => Some(somebody(name, groups)),
    };
    then(&Call {
        method: sent.method,
        path,
        query: Some(&query),
        fields: &fields,
        client: sent.client.map(|client| client.parse::<IpAddr>().unwrap()),
        form: match &sent.body {
            Body::None => Form::Empty,
            Body::Unread => Form::Unread,
            Body::Opaque => Form::Opaque,
            Body::Form(_) => Form::Fields(&form),
        },
        visitor: visitor.as_ref(),
        now: if sent.at_night { NIGHT } else { DAY },
    })
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(values)
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    const GLOBS: &[&str] = &[
        "/a",
        "/a/**",
        "/*",
        "/b/*",
        "/**",
        "/A",
        "/a/b",
        "/a/",
        "/**/b",
        "/a/*/c",
        "/",
        "/*.css",
        "/**/*.CSS",
        "/a*/**/c",
        "/*/c",
        "/a:b",
        "/a/b*c/**",
    ];
    const ONLY: &[Only] = &[Only::FromTheOffice, Only::ByDay, Only::ForStaff, Only::ForAnn];
    const METHODS: &[&[&str]] = &[&[], &[], &["GET"], &["POST"], &["GET", "POST"], &["HEAD", "DELETE"]];
    let does = one_of(&[(false, false), (false, false), (true, false), (true, false), (false, true)]);
    let what = (one_of(METHODS), one_of(GLOBS), does, any::<bool>());
    let values = || prop_oneof![3 => Just(None), 2 => one_of(&[Some("delete"), Some("view"), Some("*")])];
    let asks = (values(), values(), prop_oneof![4 => Just(None), 1 => one_of(&[Some("1"), Some("*")])]);
    let only = prop_oneof![2 => Just(Vec::new()), 1 => prop::sample::subsequence(ONLY, 1..3)];
    let row = (what, asks, only).prop_map(
        |((methods, glob, (opens, reports), case_sensitive), (query, form, field), only)| Row {
            methods,
            glob,
            opens,
            reports,
            case_sensitive,
            query,
            form,
            field,
            only,
        },
    );
    prop::collection::vec(row, 0..8)
}

fn any_sent() -> impl Strategy<Value = Sent> {
    const PATHS: &[&str] = &[
        "/",
        "/a",
        "/A",
        "/a/",
        "/a/b",
        "/a/x/c",
        "/b/c",
        "/B/c/",
        "/c",
        "/%61",
        "/a/b/",
        "/x.css",
        "/X.CSS",
        "/a/y/app.css",
        "/ab/x/y/c",
        "/a:b",
        "/a%3Ab",
        "/a/bXc/d",
        "/a/bc",
    ];
    const WHO: &[Sender] = &[
        Sender::NobodyLooked,
        Sender::Stranger,
        Sender::Known("ann", &["staff"]),
        Sender::Known("ann", &[]),
        Sender::Known("bob", &["staff", "audit"]),
    ];
    const FIELDS: &[&[(&str, &str)]] = &[
        &[],
        &[("x-mode", "1")],
        &[("x-mode", "2"), ("accept", "*/*")],
        &[("x_mode", "1")],
        &[("x-mode", "1"), ("x-mode", "2")],
    ];
    let pieces = || prop::collection::vec(one_of(PIECES), 0..3);
    let body = prop_oneof![Just(Body::None), Just(Body::Unread), Just(Body::Opaque), pieces().prop_map(Body::Form)];
    let method = one_of(&["GET", "GET", "POST", "HEAD", "OPTIONS", "FROB", "DELETE"]);
    let sent = (method, one_of(PATHS), pieces(), one_of(FIELDS), body);
    let from = (one_of(&[None, Some("10.1.2.3"), Some("192.0.2.7")]), any::<bool>(), one_of(WHO));
    (sent, from).prop_map(|((method, path, query, fields, body), (client, at_night, who))| Sent {
        method,
        path,
        query,
        fields: fields.to_vec(),
        body,
        client,
        at_night,
        who,
    })
}

fn found(app: &App, call: &Call<'_>) -> Meaning {
    match app.matched(call) {
        Ok(Some(Matched { route: Some((at, _)), .. })) => Meaning::Route(at),
        Ok(matched) => {
            assert_eq!(matched.is_some(), app.fallback.is_some());
            Meaning::Fallback
        }
        Err(Unsettled::Unasked) => Meaning::Unasked,
        Err(Unsettled::Unread) => Meaning::Unread,
        Err(Unsettled::Unclear { route }) => Meaning::Unclear(route),
        Err(why @ (Unsettled::Path | Unsettled::Method)) => panic!("{why}"),
    }
}

/// What servers are known to make of a path with characters that an app allows.
const SERVERS: &[fn(&str) -> String] = &[
    |path| path.to_owned(),
    |path| path.replace("%2F", "/"),
    // Tomcat, Jetty, Undertow: parameters of each segment are cut, then escapes are decoded.
    |path| cut_each(path).replace("%2F", "/"),
    |path| cut_each(&path.replace("%2F", "/")),
    |path| cut_each(&path.replace("%3B", ";").replace("%2F", "/")),
    // `urllib.parse.urlparse`: only those of the last segment.
    |path| path.rsplit_once('/').map(|(rest, last)| format!("{rest}/{}", cut(last))).unwrap(),
    // Everything behind the first one is a session id.
    |path| cut(path).to_owned(),
];

fn cut(text: &str) -> &str {
    text.split(';').next().unwrap()
}

fn cut_each(path: &str) -> String {
    path.split('/').map(cut).collect::<Vec<_>>().join("/")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn routing_agrees_with_the_naive_meaning(rows in any_rows(), fallback: bool, sent in any_sent()) {
        let app = table(&rows, fallback);
        let path = CanonicalPath::parse(sent.path, Allowed::default()).unwrap();
        with_call(&sent, &path, |call| {
            prop_assert_eq!(found(&app, call), meaning(&rows, fallback, &sent, sent.path));
            // What `explain` prints is the same walk.
            let first = app.tries(call).find(|(.., fit)| fit.is_ok()).map(|(at, ..)| at);
            let matched = app.matched(call).map(|matched| matched.and_then(|matched| matched.route.map(|(at, _)| at)));
            prop_assert!(matched.is_err() || matched == Ok(first));
            Ok(())
        })?;
    }

    /// What a trial tells of is what enforcing the route changes.
    #[test]
    fn what_is_told_of_a_route_that_only_reports_is_what_it_takes_once_it_is_enforced(rows in any_rows(), sent in any_sent()) {
        let who = if sent.who == Sender::NobodyLooked { Sender::Stranger } else { sent.who };
        let sent = Sent { who, ..sent };
        let app = table(&rows, true);
        let path = CanonicalPath::parse(sent.path, Allowed::default()).unwrap();
        with_call(&sent, &path, |call| {
            let Ok(Some(found)) = app.matched(call) else { return Ok(()) };
            if let Some((told, _)) = app.on_trial(call, &found).and_then(|told| told.route) {
                let enforced: Vec<_> =
                    rows.iter().enumerate().map(|(at, row)| Row { reports: row.reports && at != told, ..row.clone() }).collect();
                prop_assert_eq!(meaning(&enforced, true, &sent, sent.path), Meaning::Route(told));
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_server_reads_a_path_for_which_another_policy_holds(rows in any_rows(), raw in "/([abc.]|/|;|;x=1|%2F|%3B){0,8}") {
        let app = table(&rows, true);
        let Ok(path) = CanonicalPath::parse(&raw, LENIENT) else { return Ok(()) };
        let sent = Sent {
            method: "GET", path: "", query: vec![], fields: vec![], body: Body::None, client: None, at_night: false, who: Sender::Stranger,
        };
        with_call(&sent, &path, |call| {
            let Ok(Some(matched)) = app.matched(call) else { return Ok(()) };
            for read in SERVERS {
                let served = read(path.as_str());
                let policy = match meaning(&rows, true, &sent, &served) {
                    Meaning::Route(at) => at.to_string(),
                    _ => "own".to_owned(),
                };
                prop_assert_eq!(&matched.policy.name, &policy, "{}", served);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_route_that_can_be_reached_is_never_called_unreachable(rows in any_rows(), fallback: bool, sent in any_sent()) {
        if let Meaning::Route(reached) = meaning(&rows, fallback, &sent, sent.path) {
            let app = table(&rows, fallback);
            prop_assert!(!app.routes[..reached].iter().any(|earlier| earlier.takes_all(&app.routes[reached])));
        }
    }

    /// PA-10: whatever an earlier route opens, the later one that would have protected it was told.
    #[test]
    fn what_is_opened_and_would_be_protected_is_hidden_or_an_exception(rows in any_rows(), sent in any_sent()) {
        let Meaning::Route(reached) = meaning(&rows, true, &sent, sent.path) else { return Ok(()) };
        let Meaning::Route(next) = meaning(&rows[reached + 1..], true, &sent, sent.path) else { return Ok(()) };
        let app = table(&rows, false);
        let (open, later) = (&app.routes[reached], &app.routes[reached + 1 + next]);
        let is_exception = later.covers(open);
        prop_assert!(!open.policy.opens() || later.policy.opens() || open.hides(later) || is_exception);
    }

    #[test]
    fn a_host_is_found_by_its_own_pattern_first(
        patterns in prop::collection::btree_set(one_of(&["a.x.org", "*.x.org", "x.org", "*.a.x.org", "b.a.x.org", "*.org.net"]), 0..6),
        host in one_of(&["a.x.org", "A.X.ORG.", "b.x.org", "x.org", "b.a.x.org", "c.b.a.x.org", "org"]),
    ) {
        let table: ByHost<&str> =
            patterns.iter().map(|pattern| (HostPattern::parse(pattern).unwrap(), *pattern)).collect();
        let plain = host.to_lowercase();
        let plain = plain.trim_end_matches('.');
        let wildcard = plain.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let naive = patterns.iter().find(|pattern| **pattern == plain).or_else(|| patterns.iter().find(|pattern| Some(pattern.to_string()) == wildcard));
        let found = Host::parse(host).unwrap();
        prop_assert_eq!(table.find(&found), naive);
        // HO-05: certificates are chosen by the pattern, applications by the table.
        let is_matched = patterns.iter().any(|pattern| HostPattern::parse(pattern).unwrap().matches(&found));
        prop_assert_eq!(is_matched, naive.is_some());
    }
}
