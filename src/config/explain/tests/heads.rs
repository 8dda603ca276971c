//! What the head of a described request says by itself.

use super::*;

const SPA: &str = "origin: https://spa.example.com";
const EVIL: &str = "origin: https://evil.example";
const OWN: &str = "origin: https://payroll.example.com";
const SOCKET: &str = "upgrade: websocket";
const ASKS: &str = "access-control-request-method: PUT";
const PAGE: &str = "accept: text/html";

/// A request with these fields, of somebody who has just given password and code.
fn told(line: &str, fields: &[&str], change: impl FnOnce(Request) -> Request) -> Explanation {
    let fields = fields.iter().map(|text| field(text).unwrap()).collect();
    let request = change(Request { fields, ..Request::parse(line).unwrap() });
    let who = Who { name: LoginId::parse("ann").unwrap(), groups: vec!["finance".into()] };
    let did = ["password now", "totp now"].map(|text| Did::parse(text).unwrap());
    explain(&settings(CONDITIONS), &request, Some(&who), &did, None, NOON)
}

fn outcome(line: &str, fields: &[&str]) -> Outcome {
    told(line, fields, |request| request).outcome
}

#[test]
fn what_a_browser_asks_before_a_page_may_call_is_answered_by_the_gateway() {
    let (url, asks) = ("OPTIONS https://payroll.example.com/pay", |origin| {
        outcome("OPTIONS https://payroll.example.com/pay", &[origin, ASKS])
    });

    assert_eq!((asks(SPA), asks(EVIL), asks("origin: null")), (Outcome::Gateway, Outcome::Deny, Outcome::Deny));
    assert_eq!(outcome(url, &[SPA]), Outcome::Forward, "a request like any other");
    assert_eq!(outcome("OPTIONS https://payroll.example.com/a?b#c", &[SPA, ASKS]), Outcome::Refuse);
    assert_eq!(outcome("OPTIONS https://payroll.example.com/a//b", &[SPA, ASKS]), Outcome::Refuse);
    assert_eq!(outcome("OPTIONS https://payroll.example.com/.doorward/whoami", &[EVIL, ASKS]), Outcome::Gateway);
    insta::assert_snapshot!(told(url, &[EVIL, ASKS], |request| request).why, @"a browser asks whether a page of another origin may call, and the gateway itself answers: `cors` names no such origin");
}

#[test]
fn a_web_socket_is_opened_by_pages_that_may() {
    let opened = |path: &str, origin| outcome(&format!("GET https://payroll.example.com{path}"), &[SOCKET, origin]);

    assert_eq!(
        [opened("/", OWN), opened("/", SPA), opened("/", EVIL)],
        [Outcome::Forward, Outcome::Forward, Outcome::Deny]
    );
    assert_eq!(opened("/open", EVIL), Outcome::Forward, "nobody's cookie is looked at there");
    assert_eq!(outcome("GET https://payroll.example.com/", &[EVIL]), Outcome::Forward, "no WebSocket");
}

#[test]
fn a_token_of_ours_that_is_not_taken_gets_nothing_through() {
    let url = "GET https://payroll.example.com/open";

    assert_eq!(outcome(url, &["authorization: Bearer doorward_abc"]), Outcome::Refuse);
    assert_eq!(outcome(url, &["connection: close, cookie"]), Outcome::Refuse, "it would be decided on and not sent");
    assert_eq!(outcome(url, &["authorization: Bearer of-the-application"]), Outcome::Forward);
}

#[test]
fn a_body_that_is_no_form_can_not_be_judged() {
    let form = |fields: &[&str], form: &[(&str, &str)]| {
        let form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        told("POST https://payroll.example.com/pay", fields, |request| Request { form, ..request })
    };
    let policy = |fields: &[&str], list: &[(&str, &str)]| form(fields, list).policy;

    assert_eq!(policy(&[], &[("op", "transfer")]).as_deref(), Some("payments"));
    assert_eq!(
        policy(&["content-type: application/x-www-form-urlencoded"], &[("op", "view")]).as_deref(),
        Some("standard")
    );
    for other in ["content-type: multipart/form-data; boundary=x", "content-type: application/json"] {
        assert_eq!(form(&[other], &[("op", "view")]).outcome, Outcome::Refuse, "{other}");
        assert_eq!(form(&[other], &[]).outcome, Outcome::Refuse, "{other}: there is a body, whatever it holds");
    }
    assert_eq!(policy(&[], &[]).as_deref(), Some("standard"), "no body, no form");
}

#[test]
fn nothing_pays_for_what_is_no_whole_request() {
    let pays = |fields: &[&str]| {
        told("POST https://payroll.example.com/index.php?action=wire", fields, |request| Request {
            paid: Did::parse("totp now").ok(),
            ..request
        })
    };

    assert_eq!(pays(&[]).outcome, Outcome::Forward);
    let form = "content-type: application/x-www-form-urlencoded";
    assert_eq!(pays(&[PAGE, OWN, form]).outcome, Outcome::Forward);
    let foreign = pays(&[PAGE, EVIL, form]);
    assert_eq!((foreign.outcome, pays(&[SOCKET, OWN]).outcome), (Outcome::StepUp, Outcome::StepUp));
    assert_eq!(foreign.clauses.last().map(|clause| (clause.kind, clause.met)), Some(("once", false)));
    insta::assert_snapshot!(foreign.why, @"`payments` wants totp for this request alone, within 2m; the last totp, 0s ago, was for something else; no proof pays for a WebSocket, for gRPC, or for a form that another site may have sent");
}

#[test]
fn strangers_are_told_what_is_demanded() {
    let request = Request::parse("POST https://payroll.example.com/index.php?action=wire").unwrap();
    let told = explain(&settings(CONDITIONS), &request, None, &[], None, NOON);

    insta::assert_snapshot!(told, @r"
    POST https://payroll.example.com/index.php?action=wire
      from    nobody known: there is no session
      app     payroll
      route 1 any method /pay, form op=transfer: no: its path is another
    → route 2 any method /index.php, query action=wire: fits, and decides
      route 3 any method /reports, from office, 09:00 to 17:00 on Mon-Wed in Europe/Berlin: no: its path is another
      route 4 any method /safe, header x-mode=raw, for whoever is in one of finance: no: its path is another
      route 5 any method /open: no: its path is another
      policy  payments
      missing in one of finance; saw nobody signed in
      missing level mfa; saw nobody signed in
      missing risk below 20, or level phishing-resistant; risk below 60, whatever is proven; saw nobody signed in
      missing password within 1h; saw nobody signed in
      missing totp for this request alone, within 2m; saw nobody signed in
    sign-in: `payments` wants somebody signed in: there is no session
    ");
}

#[test]
fn a_part_that_does_not_fit_is_named_with_what_it_wants() {
    let request =
        |line: &str| told(line, &["x-mode: cooked"], |request| Request { client: "192.0.2.7".parse().ok(), ..request });
    let why = |told: &Explanation, route: usize| {
        let tried = &told.way.tries[route];
        format!("{}: {}", tried.part.unwrap(), tried.mismatch.as_deref().unwrap())
    };

    insta::assert_snapshot!([
        why(&request("GET https://payroll.example.com/index.php?action=view"), 1),
        why(&request("GET https://payroll.example.com/index.php?Action=wire"), 1),
        why(&request("GET https://payroll.example.com/reports"), 2),
        why(&request("GET https://payroll.example.com/safe"), 3),
    ].join("\n"), @r"
    query: its path fits; the query has no `action=wire`
    unclear: its path fits; `action` can be read in two ways, so the request is refused
    hours: its path fits; it is Tue 23:13 in Europe/Berlin
    header: its path fits; no header says `x-mode: raw`
    ");
    let fresh = &told("GET https://payroll.example.com/index.php?action=wire", &[], |request| request).clauses[3];
    assert_eq!((fresh.kind, fresh.within_seconds, fresh.saw_seconds), ("fresh", Some(3_600), Some(0)));
}

#[test]
fn what_nobody_is_served_and_what_no_target_holds_is_refused_before_anybody_asks_for_whom_it_is() {
    for line in [
        "TRACE https://payroll.example.com/open",
        "track https://payroll.example.com/open",
        "CONNECT https://auth.example.com/",
        "GET https://payroll.example.com/open?a=\"",
        "GET https://payroll.example.com/o`pen",
        "GET https://nowhere.example.com/<b>",
    ] {
        let told = told(line, &[], |request| request);
        assert_eq!(
            (told.outcome, told.policy.as_deref(), told.way.app.as_deref()),
            (Outcome::Refuse, None, None),
            "{told}"
        );
    }
    assert_eq!(outcome("GET https://payroll.example.com/open?a=`{|}", &[]), Outcome::Forward);
    insta::assert_snapshot!(told("TRACE https://payroll.example.com/open", &[], |request| request).why, @"nobody is served TRACE");
}

#[test]
fn no_route_decides_what_is_refused() {
    let told = told("get https://payroll.example.com/safe", &["x-mode: raw"], |request| request);

    assert_eq!((told.outcome, told.policy.as_deref()), (Outcome::Refuse, None), "{told}");
    assert!(told.way.tries.iter().all(|tried| !tried.decides), "{told}");
    assert_eq!(told.way.tries[3].part, Some("method"));
    insta::assert_snapshot!(told.way.tries[3].mismatch.as_deref().unwrap(), @"it fits, but some servers raise the method to capital letters, and see another one");
}
