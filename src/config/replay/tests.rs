use super::*;
use crate::{
    config::{ProcessEnvironment, Source, read},
    domain::{
        factor::Method,
        policy::call::{
            NoFields,
            extract::{Extract, Reads},
            verdicts::Verdicts,
        },
        record::{Demanded, Proof},
        risk::Assessment,
        user::LoginId,
    },
};
use std::{path::Path, sync::Arc};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

/// A config in which reports take this, transfers a code from the last so many minutes, and everything else a login.
fn config(reports: &str, minutes: u32, more: &str) -> Settings {
    in_sessions("", reports, minutes, more)
}

/// The same, where sessions live so.
fn in_sessions(session: &str, reports: &str, minutes: u32, more: &str) -> Settings {
    let text = format!(
        r#"
        [tls]
        certificates = [{{ cert = "a.pem", key = "a.key" }}]
        [portal]
        url = "https://auth.example.com"
        [session]
        {session}
        [policy.desk]
        level = "login"
        idle = "10m"
        [policy.standard]
        level = "login"
        [policy.payments]
        level = "login"
        fresh = {{ any = ["passkey", "totp"], within = "{minutes}m" }}
        [[app]]
        name = "payroll"
        host = "payroll.example.com"
        upstream = ["http://127.0.0.1:9000"]
        policy = "standard"
        {more}
          [[app.route]]
          path = "/transfers/**"
          policy = "payments"
          [[app.route]]
          path = "/reports/**"
          policy = "{reports}"
        "#
    );
    read(&Source::new("config.toml", &text), Path::new("/"), &ProcessEnvironment).unwrap().settings
}

/// Ann, so many minutes after noon, with a password from noon, and a code if she gave one then.
fn ann(path: &str, minute: u32, code: Option<u32>, outcome: Outcome) -> Record {
    let codes = code.map(|code| Proof { method: Method::Totp, at: NOON + MINUTE * code });
    let password = Proof { method: Method::Password, at: NOON };
    Record {
        id: "7F3K-9QXA-2MT4".into(),
        at: NOON + MINUTE * minute,
        app: "payroll".into(),
        host: "payroll.example.com".into(),
        method: "GET".into(),
        path: path.into(),
        extract: Extract::default(),
        client: [192, 0, 2, 7].into(),
        sender: Some(Sender::SignedIn(Person {
            user: LoginId::parse("ann").unwrap(),
            groups: vec![],
            since: NOON,
            proofs: std::iter::once(password).chain(codes).collect(),
            locked: None,
            spared: false,
            seen: None,
            used: None,
            quiet: 0,
            risk: Assessment::default(),
        })),
        form: Verdicts::default(),
        foreign: false,
        paid: false,
        demand: None,
        hitch: None,
        outcome,
        instead: None,
        route: None,
        policy: None,
    }
}

fn replayed(after: &Settings, before: Option<&Settings>, records: &[Record]) -> Report {
    let mut replay = Replay::new(after, before);
    for record in records {
        replay.see(record);
    }
    replay.report()
}

#[test]
fn whoever_would_be_asked_is_asked_once_for_each_answer() {
    let (lax, strict) = (config("standard", 60, ""), config("payments", 5, ""));
    // A request a minute. Ann gave her code in the second.
    let passes = |minute| ann("/reports/q3", minute, (minute >= 2).then_some(2), Outcome::Forward);
    let records: Vec<_> = (0..15).map(passes).collect();

    let report = replayed(&strict, None, &records);

    // At 0, and at 8: the code of 2 counts until 7, an answer at 8 until 13, and 14 is asked again.
    assert_eq!(report.step_ups, Counts { before: 0, after: 3 });
    assert_eq!(report.by_person, [OfPerson { user: "ann".into(), asked: report.step_ups }]);
    let change = |after, requests| Change { before: Outcome::Forward, after, requests };
    assert_eq!(report.decisions, [change(Outcome::Forward, 12), change(Outcome::StepUp, 3)]);
    assert_eq!(replayed(&strict, Some(&lax), &records).step_ups, report.step_ups);
    assert_eq!(replayed(&lax, Some(&strict), &records).step_ups, Counts { before: 3, after: 0 });
}

#[test]
fn a_page_of_many_parts_asked_once_in_truth() {
    let (same, asked) = (config("payments", 5, ""), |minute| ann("/reports/q3", minute, None, Outcome::StepUp));
    // Three parts of a page at once, once more half an hour later, and twice in a row once a code was given.
    let later = |minute| ann("/reports/q3", minute, Some(31), Outcome::StepUp);
    let records = [asked(0), asked(0), asked(1), asked(30), later(37), later(37)];

    assert_eq!(replayed(&same, None, &records).step_ups.before, 3);
}

#[test]
fn routes_are_counted_and_those_that_decide_nothing_are_named() {
    let records = [ann("/reports/q3", 1, None, Outcome::Forward), ann("/transfers/1", 2, Some(1), Outcome::Forward)];

    let report = replayed(&config("deny", 5, ""), None, &records);

    let routes: Vec<_> = report.by_route.iter().map(|of| (of.route.as_deref(), of.requests)).collect();
    assert_eq!(routes, [(Some("any method /transfers/**"), 1), (Some("any method /reports/**"), 1)]);
    assert_eq!(report.unused, [Unused { app: "payroll".into(), route: None }]);
    assert_eq!((report.requests, report.people), (2, 1));
    assert_eq!(report.span, Some((NOON + MINUTE, NOON + 2 * MINUTE)));
    assert!(report.decisions.contains(&Change { before: Outcome::Forward, after: Outcome::Deny, requests: 1 }));
}

#[test]
fn what_was_not_recorded_is_named_and_nothing_is_guessed() {
    let asks = |condition: &str| {
        let route = format!("[[app.route]]\npath = \"/index.php\"\n{condition}\npolicy = \"payments\"");
        config("standard", 5, &route)
    };
    let query = |query: &str| {
        let extract = Arc::new(Reads::default()).extract(Some(query), &NoFields);
        Record { extract, ..ann("/index.php", 1, None, Outcome::Forward) }
    };
    let public = Record { sender: None, ..query("") };
    let records = [query("op=wire"), query("page=1"), query("0=1"), query(""), public];

    let report = replayed(&asks("query = { op = \"wire\" }"), None, &records);

    let unknown = |asks: &str, requests| Unknown { asks: asks.into(), requests };
    let who = "who sent it, as nobody had to look";
    assert_eq!(report.undecided, [unknown("the query parameter `op`", 2), unknown(who, 1)]);
    assert_eq!(report.decisions.iter().map(|change| change.requests).sum::<u64>(), 2);
    let report = replayed(&asks("headers = { x-a = \"1\" }"), None, &records[..1]);
    assert_eq!(report.undecided, [unknown("the header `x-a`", 1)]);
    // Where something else keeps a request out of that route, it does not matter.
    let elsewhere = "methods = [\"POST\"]\nheaders = { x-a = \"1\" }";
    assert_eq!(replayed(&asks(elsewhere), None, &records[..1]).undecided, []);
    let nobody = "users = [\"bob\"]\nheaders = { x-a = \"1\" }";
    assert_eq!(replayed(&asks(nobody), None, &records[..1]).undecided, []);
}

/// Ann, who was away from the fifth minute to the thirtieth.
fn after_a_while(minute: u32, used: u32) -> Record {
    let Record { sender, .. } = ann("/reports/q3", minute, None, Outcome::Forward);
    let Some(Sender::SignedIn(person)) = sender else { panic!("nobody") };
    let quiet = if used > 5 { 25 * 60_000 } else { 0 };
    let at = NOON + MINUTE * used;
    let person = Person { used: Some(at), seen: Some(at), quiet, ..person };
    Record { sender: Some(Sender::SignedIn(person)), ..ann("/reports/q3", minute, None, Outcome::Forward) }
}

#[test]
fn whoever_was_away_is_asked_once_and_an_answer_makes_it_good() {
    let strict = config("desk", 5, "");
    // At the thirtieth minute and for a while after; away again; and back.
    let records = [(5, 0), (30, 5), (31, 30), (32, 31), (40, 32), (55, 40), (56, 55)];
    let records: Vec<_> = records.into_iter().map(|(minute, used)| after_a_while(minute, used)).collect();

    let report = replayed(&strict, None, &records);

    assert_eq!(report.step_ups, Counts { before: 0, after: 2 }, "at 30 and at 55");
    assert_eq!(report.sign_ins, Counts::default());
}

#[test]
fn whoever_must_sign_in_more_often_is_counted_and_named() {
    let short = in_sessions("lifetime = \"20m\"", "payments", 60, "");
    let passes = |minute| ann("/reports/q3", minute, Some(0), Outcome::Forward);
    let records: Vec<_> = (0..60).map(passes).collect();

    let report = replayed(&short, None, &records);

    // At 20, and at 40; to sign in with the same code is all that reports take.
    assert_eq!((report.sign_ins, report.step_ups), (Counts { before: 0, after: 2 }, Counts::default()));
    assert_eq!(report.by_person, [OfPerson { user: "ann".into(), asked: Counts { before: 0, after: 2 } }]);
    let reports = report.by_route.iter().find(|of| of.requests > 0).unwrap();
    assert_eq!((reports.requests, reports.asked.after), (60, 2));
    let change = |after, requests| Change { before: Outcome::Forward, after, requests };
    assert_eq!(report.decisions, [change(Outcome::Forward, 58), change(Outcome::SignIn, 2)]);
    // Half of it the other way round.
    let back = replayed(&config("payments", 60, ""), Some(&short), &records);
    assert_eq!(back.sign_ins, Counts { before: 2, after: 0 });
}

#[test]
fn a_session_that_nobody_used_for_long_enough_is_over() {
    let idle = in_sessions("idle = \"15m\"", "standard", 5, "");
    let records = [(5, 0), (30, 5), (31, 30)].map(|(minute, used)| after_a_while(minute, used));

    assert_eq!(replayed(&idle, None, &records).sign_ins, Counts { before: 0, after: 1 });
}

#[test]
fn what_is_answered_in_one_browser_serves_no_other() {
    let strict = config("payments", 60, "");
    let elsewhere = |minute| {
        let Some(Sender::SignedIn(person)) = ann("/", minute, None, Outcome::Forward).sender else { panic!("nobody") };
        let person = Person { since: NOON + MINUTE, ..person };
        Record { sender: Some(Sender::SignedIn(person)), ..ann("/reports/q3", minute, None, Outcome::Forward) }
    };
    let here = |minute| ann("/reports/q3", minute, None, Outcome::Forward);

    let records = [here(1), elsewhere(2), here(3), elsewhere(4)];

    let report = replayed(&strict, None, &records);
    assert_eq!((report.step_ups.after, report.people), (2, 1));
}

#[test]
fn what_the_application_asks_for_is_asked_for_whatever_the_policy_says() {
    let demand = Some(Demanded { level: Some("mfa".into()), within: None });
    let let_past = ann("/reports/q3", 1, None, Outcome::Forward);
    let asked = Record { demand, ..ann("/reports/q3", 1, None, Outcome::StepUp) };

    let report = replayed(&config("standard", 60, ""), None, &[let_past, asked.clone(), asked]);

    assert_eq!((report.requests, report.step_ups), (1, Counts { before: 1, after: 1 }), "one request, one answer");
    assert_eq!(report.decisions, [Change { before: Outcome::Forward, after: Outcome::Forward, requests: 1 }]);
}

#[test]
fn only_requests_are_counted_among_those_that_nobody_can_decide() {
    let demand = Some(Demanded { level: Some("mfa".into()), within: None });
    let asked = Record { demand, sender: None, ..ann("/transfers/1", 1, None, Outcome::StepUp) };

    assert_eq!(replayed(&config("standard", 60, ""), None, &[asked]).undecided, []);
}
