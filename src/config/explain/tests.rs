use super::*;
use crate::{
    config::{ProcessEnvironment, Source, read},
    domain::{
        policy::{call::extract::Reads, route::Unsettled},
        record::{Record, Sender},
        risk::Signal,
    },
};
use proptest::prelude::*;
use std::path::Path;

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn shipped() -> Settings {
    let source = Source::new("config.toml", include_str!("../../../config.toml"));
    read(&source, Path::new("/"), &ProcessEnvironment).unwrap().settings
}

fn told(line: &str, groups: &[&str], did: &[&str]) -> Explanation {
    let who = Who { name: LoginId::parse("ann").unwrap(), groups: groups.iter().map(ToString::to_string).collect() };
    let did: Vec<_> = did.iter().map(|text| Did::parse(text).unwrap()).collect();
    explain(&shipped(), &Request::parse(line).unwrap(), Some(&who), &did, None, NOON)
}

#[test]
fn a_stale_transfer_is_explained_step_by_step() {
    let told =
        told("POST https://payroll.example.com/Transfers/42?x=1", &["finance"], &["password 3h ago", "totp 10m ago"]);

    insta::assert_snapshot!(told, @r#"
    POST https://payroll.example.com/Transfers/42?x=1
      from    ann in finance; password 3h ago, totp 10m ago
      app     payroll
      route 1 GET /healthz: no: its path is another
    → route 2 POST PUT DELETE /transfers/** (transfers): fits, and decides
      route 3 GET /forms/transfer (transfers): no: its path is another
      route 4 any method /index.php, query action=wire (wiring money): no: its path is another
      route 5 any method /reports/**, from office, at its hours: no: its path is another
      route 6 any method /safe/**, for whoever is in one of finance: no: its path is another
      policy  payments
      ok      in one of finance; saw ann, in finance
      ok      level mfa; saw mfa
      missing totp within 5m; saw totp 10m ago
    step-up: `payments` wants totp within 5m; the last totp was 10m ago
    "#);
}

#[test]
fn each_outcome_says_why() {
    let why = |line: &str, groups: &[&str], did: &[&str]| {
        let told = told(line, groups, did);
        format!("{}: {}", told.outcome, told.why)
    };
    let proofs = ["password 1h ago", "totp 1h ago"];

    insta::assert_snapshot!([
        why("GET https://payroll.example.com/healthz", &[], &[]),
        why("GET https://payroll.example.com/", &[], &[]),
        why("GET https://payroll.example.com/", &[], &["password 13h ago", "totp now"]),
        why("GET https://payroll.example.com/", &[], &["password now"]),
        why("GET https://payroll.example.com/", &[], &proofs),
        why("PUT https://payroll.example.com/transfers", &["sales"], &proofs),
        why("GET https://payrol.example.com/", &[], &proofs),
        why("GET https://auth.example.com/login", &[], &proofs),
        why("GET https://payroll.example.com/.doorward/whoami", &[], &proofs),
        why("GET https://payroll.example.com/a/../b", &[], &proofs),
        why("GET https://payroll.example.com/a?b#c", &[], &proofs),
        why("GET https://pay roll/", &[], &proofs),
    ].join("\n"), @r#"
    forward: `public` lets everybody pass; the application is told nothing about them
    sign-in: `standard` wants somebody signed in: there is no session
    sign-in: `standard` wants somebody signed in: the session is too old
    step-up: `standard` wants the level mfa; this session has reached login
    forward: `standard` is met; the application is told who it is: ann
    deny: `payments` is for other people, and no proof changes that
    not-found: no app has the host payrol.example.com; did you mean payroll.example.com?
    gateway: this host is the portal: the gateway answers itself
    gateway: paths under /.doorward/ are answered by the gateway itself
    refuse: the path has a segment that is empty or dots
    refuse: the target holds a byte that must be percent-encoded
    refuse: the host can't be read: only letters, digits, hyphens and dots can stand in a host; write international names as xn--…
    "#);
}

#[test]
fn programs_get_the_same() {
    let told = told("GET https://payroll.example.com/", &[], &["password now"]);

    insta::assert_snapshot!(serde_json::to_string_pretty(&told).unwrap(), @r#"
    {
      "request": "GET https://payroll.example.com/",
      "visitor": "ann; password now",
      "app": "payroll",
      "path": "/",
      "tries": [
        {
          "route": "GET /healthz",
          "label": null,
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "POST PUT DELETE /transfers/**",
          "label": "transfers",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "GET /forms/transfer",
          "label": "transfers",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /index.php, query action=wire",
          "label": "wiring money",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /reports/**, from office, at its hours",
          "label": null,
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /safe/**, for whoever is in one of finance",
          "label": null,
          "mismatch": "its path is another",
          "decides": false
        }
      ],
      "policy": "standard",
      "clauses": [
        {
          "demands": "level mfa",
          "saw": "login",
          "met": false
        }
      ],
      "outcome": "step-up",
      "why": "`standard` wants the level mfa; this session has reached login"
    }
    "#);
}

#[test]
fn what_is_no_request_and_no_proof() {
    assert_eq!(Request::parse("https://a/"), Err(NotARequest::NoUrl));
    assert_eq!(Request::parse("GET http://a/"), Err(NotARequest::NotHttps));
    assert_eq!(Request::parse("G(T https://a/"), Err(NotARequest::Method));
    assert_eq!(Request::parse("GET https://a?b").unwrap().to_string(), "GET https://a/?b");
    assert_eq!(Did::parse("totp"), Err(NotADid::Form));
    assert_eq!(Did::parse("otp 5m ago"), Err(NotADid::Method));
    assert_eq!(Did::parse("totp 1h 30m ago").unwrap().to_string(), "totp 1h 30m ago");
}

#[test]
fn conditions_are_told_one_by_one() {
    let told = |line: &str, from: &str, at: &str, did: &[&str]| {
        let request = Request { client: from.parse().ok(), ..Request::parse(line).unwrap() };
        let did: Vec<_> = did.iter().map(|text| Did::parse(text).unwrap()).collect();
        let told = explain(&shipped(), &request, None, &did, None, moment(at).unwrap()).to_string();
        let telling: Vec<_> = told.lines().filter(|line| !line.contains("its path is another")).collect();
        telling.join("\n")
    };
    let password = ["password 1h ago"];

    insta::assert_snapshot!([
        told("GET https://payroll.example.com/reports/q3", "192.0.2.7", "2026-02-07T09:00:00Z", &password),
        told("GET https://payroll.example.com/reports/q3", "203.0.113.9", "2026-02-06T09:00:00Z", &password),
        told("GET https://payroll.example.com/index.php?action=view&action=wire", "", "2026-02-06T09:00:00Z", &password),
    ].join("\n\n"), @r"
    GET https://payroll.example.com/reports/q3
      from    somebody; password 1h ago
      app     payroll
      route 5 any method /reports/**, from office, at its hours: no: its path fits; these are not its hours
      policy  standard, the app's own: no route fits
      missing level mfa; saw login
    step-up: `standard` wants the level mfa; this session has reached login

    GET https://payroll.example.com/reports/q3
      from    somebody; password 1h ago
      app     payroll
      route 5 any method /reports/**, from office, at its hours: no: its path fits; 203.0.113.9 is in none of its networks
      policy  standard, the app's own: no route fits
      missing level mfa; saw login
    step-up: `standard` wants the level mfa; this session has reached login

    GET https://payroll.example.com/index.php?action=view&action=wire
      from    somebody; password 1h ago
      app     payroll
      route 4 any method /index.php, query action=wire (wiring money): no: its path fits; what it asks for can be read in two ways, so the request is refused
    refuse: servers would read in two ways what route 4 asks for
    ");
}

#[test]
fn a_policy_that_reports_says_what_it_would_have_done() {
    let text =
        include_str!("../../../config.toml").replace("[policy.payments]\n", "[policy.payments]\nmode = \"report\"\n");
    let text = text.replace("[minimum]\nlevel = \"login\"\npublic = true", "").replace("minimum = {", "# minimum = {");
    let settings = read(&Source::new("config.toml", &text), Path::new("/"), &ProcessEnvironment).unwrap().settings;
    let request = Request::parse("POST https://payroll.example.com/transfers/42").unwrap();

    let told = explain(&settings, &request, None, &[], None, NOON);

    assert_eq!(told.outcome, Outcome::Report);
    insta::assert_snapshot!(told.why, @"forwarded, as `payments` only reports; enforced it would be sign-in: `payments` wants somebody signed in: there is no session");
}

const STRICT: &str = r#"
tls.certificates = [{ cert = "a.pem", key = "a.key" }]
portal.url = "https://auth.example.com"

[policy.standard]
level = "login"

[policy.once]
level = "login"
fresh = [{ any = ["password"], within = "1h" }, { any = ["totp"], once = true, within = "2m" }]

[policy.desk]
level = "login"
idle = "10m"

[[app]]
name = "payroll"
host = "payroll.example.com"
upstream = ["http://127.0.0.1:9000"]
policy = "standard"
route = [
    { path = "/pay", methods = ["POST"], form = { op = "transfer" }, policy = "once" },
    { path = "/new", before = "POST /wire" },
    { path = "/wire", methods = ["POST"], policy = "once" },
    { path = "/desk", policy = "desk" },
]
"#;

fn strictly(line: &str, did: &[&str], change: impl FnOnce(Request) -> Request) -> Explanation {
    let source = Source::new("config.toml", STRICT);
    let settings =
        read(&source, Path::new("/"), &ProcessEnvironment).unwrap_or_else(|wrong| panic!("{wrong}")).settings;
    let did: Vec<_> = did.iter().map(|text| Did::parse(text).unwrap()).collect();
    explain(&settings, &change(Request::parse(line).unwrap()), None, &did, None, NOON)
}

#[test]
fn what_pays_for_a_request_is_told_apart_from_what_was_proven() {
    let line = "POST https://payroll.example.com/wire";
    let paid = |proof: &'static str| move |request| Request { paid: Some(Did::parse(proof).unwrap()), ..request };

    let unpaid = strictly(line, &["password 1m ago", "totp now"], |request| request);
    insta::assert_snapshot!(unpaid.why, @"`once` wants totp for this request alone, within 2m; the last totp, 0s ago, was for something else");
    assert_eq!(unpaid.clauses.iter().map(|clause| clause.met).collect::<Vec<_>>(), [true, true, false]);
    let met = strictly(line, &["password 1m ago"], paid("totp now"));
    assert_eq!(met.outcome, Outcome::Forward, "{met}");
    assert!(met.clauses.iter().all(|clause| clause.met), "{met}");
    for proof in ["totp 3m ago", "password now"] {
        let other = strictly(line, &["password 1m ago"], paid(proof));
        assert_eq!(other.outcome, Outcome::StepUp, "{other}");
    }
    let early = strictly("GET https://payroll.example.com/new", &["password 1m ago"], |request| request);
    assert_eq!((early.outcome, early.policy.as_deref()), (Outcome::Forward, Some("once")), "{early}");
}

#[test]
fn a_form_and_a_time_away_are_seen() {
    let pay = "POST https://payroll.example.com/pay";
    let form = |fields: &[(&str, &str)]| {
        let form = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        strictly(pay, &["password 1m ago"], |request| Request { form, ..request })
    };
    assert_eq!(form(&[("op", "transfer"), ("to", "a&b")]).policy.as_deref(), Some("once"));
    let view = form(&[("op", "view")]);
    assert_eq!(view.policy.as_deref(), Some("standard"));
    insta::assert_snapshot!(view.tries[0].mismatch.as_deref().unwrap(), @"its path fits; the form is another");
    assert_eq!(form(&[]).policy.as_deref(), Some("standard"));
    assert_eq!(form(&[("op", "transfer"), ("op", "view")]).outcome, Outcome::Refuse);

    let away = |minutes| {
        let idle = std::time::Duration::from_mins(minutes);
        strictly("GET https://payroll.example.com/desk", &["password 1h ago"], |request| Request { idle, ..request })
    };
    assert_eq!((away(10).outcome, away(30).outcome), (Outcome::Forward, Outcome::SignIn));
    insta::assert_snapshot!(away(11).why, @"`desk` wants somebody there within 10m; nobody used this browser for 11m");
}

/// What the data plane makes of a request, and whom it saw, if it looked.
fn plane(
    settings: &Settings,
    request: &Request,
    visitor: &Visitor,
    now: Timestamp,
    foreign: bool,
) -> (Outcome, Option<Sender>) {
    let app = &settings.apps[0].app;
    let path = CanonicalPath::parse(&request.path, app.allowed).unwrap();
    let (method, query, client) = (request.method.as_str(), request.query.as_deref(), request.client);
    let (fields, form) = (&request.fields, Form::Empty);
    let call = |visitor| Call { method, path: &path, query, fields, client, form, visitor, now };
    let (matched, mut sender) = match app.matched(&call(None)) {
        Err(Unsettled::Unasked) => (app.matched(&call(Some(visitor))), Some(Sender::from(visitor))),
        settled => (settled, None),
    };
    let outcome = match matched {
        Err(_) => Outcome::Refuse,
        Ok(None) => Outcome::NotFound,
        Ok(Some(matched)) => {
            if !matched.policy.is_public() {
                sender = Some(Sender::from(visitor));
            }
            match matched.policy.decide(visitor, now) {
                _ if foreign && sender.is_some() => Outcome::Deny,
                decision => Outcome::of(&decision),
            }
        }
    };
    (outcome, sender)
}

fn recorded_as(
    settings: &Settings,
    request: &Request,
    sender: Option<Sender>,
    at: Timestamp,
    foreign: bool,
    outcome: Outcome,
) -> Record {
    let app = &settings.apps[0].app;
    Record {
        id: "7F3K-9QXA-2MT4".into(),
        at,
        app: app.name.clone(),
        host: request.authority.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        extract: Arc::new(Reads::of(app)).extract(request.query.as_deref(), &request.fields),
        client: request.client.unwrap(),
        sender,
        foreign,
        paid: false,
        outcome,
        instead: None,
        route: None,
        policy: None,
    }
}

proptest! {
    /// What is explained is what the data plane's own two questions come to; and a record of it comes to the same.
    #[test]
    fn explain_records_and_the_data_plane_agree(
        method in prop::sample::select(&["GET", "POST", "HEAD", "OPTIONS"][..]),
        path in prop::sample::select(&["/", "/transfers/1", "/forms/transfer", "/index.php", "/reports/q3", "/Safe/"][..]),
        query in prop::sample::select(&["", "action=wire", "action=view", "Action=wire", "action=wire&action=view"][..]),
        client in prop::sample::select(&["192.0.2.7", "203.0.113.9"][..]),
        hour in 0u64..168,
        in_finance: bool,
        proofs in prop::collection::vec((prop::sample::select(crate::domain::factor::Method::ALL), 0u64..40_000), 0..4),
        locked in prop::option::of(0u64..4_000),
        foreign: bool,
        signals in prop::sample::subsequence(Signal::ALL, 0..3),
    ) {
        let (settings, now) = (shipped(), NOON + std::time::Duration::from_hours(hour));
        let request = Request {
            client: client.parse().ok(),
            ..Request::parse(&format!("{method} https://payroll.example.com{path}?{query}")).unwrap()
        };
        let groups = if in_finance { vec!["finance".to_owned(), "board".to_owned()] } else { vec![] };
        let who = Who { name: LoginId::parse("bob").unwrap(), groups };
        let did: Vec<_> = proofs
            .into_iter()
            .map(|(method, age)| Did { method, ago: std::time::Duration::from_secs(age) })
            .collect();
        let risk = Risk::Signals(signals);
        let mut visitor = visitor(&settings, Some(&who), &did, std::time::Duration::ZERO, Some(&risk), now);
        let told = explain(&settings, &request, Some(&who), &did, Some(&risk), now);
        prop_assert_eq!(told.outcome, plane(&settings, &request, &visitor, now, false).0, "{}", told);

        if let (Visitor::SignedIn(identity), Some(ago)) = (&mut visitor, locked) {
            Arc::make_mut(identity).session.locked_at = Some(now - std::time::Duration::from_secs(ago));
        }
        let (outcome, sender) = plane(&settings, &request, &visitor, now, foreign);
        let record = recorded_as(&settings, &request, sender, now, foreign, outcome);
        let line = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&line).unwrap();
        let again = again(&settings, &read).unwrap_or_else(|why| panic!("{why}: {line}"));
        prop_assert_eq!(again.outcome, outcome, "{}\n{}", line, again);
        let visitor = read.sender.as_ref().map(|sender| sender.visitor(settings.session, now));
        let judge = Judge::new(&settings);
        let judged = judge.decide(&read, visitor.as_ref()).unwrap();
        prop_assert_eq!(judged.outcome, outcome, "{}", line);
        prop_assert_eq!(judged.policy.map(|policy| policy.name.as_str()), again.policy.as_deref());
        let place = judged.place.and_then(|(_, place)| place);
        prop_assert_eq!(place, again.tries.iter().position(|tried| tried.decides), "{}", again);
    }

    #[test]
    fn a_request_passes_exactly_when_every_clause_is_met(
        path in prop::sample::select(&["/", "/transfers/1", "/healthz"][..]),
        method in prop::sample::select(&["GET", "POST"][..]),
        in_finance: bool,
        password in 0u64..43_000,
        totp in prop::option::of(0u64..600),
    ) {
        let groups = if in_finance { &["finance"][..] } else { &[] };
        let mut did = vec![format!("password {password}s ago")];
        did.extend(totp.map(|age| format!("totp {age}s ago")));
        let did: Vec<_> = did.iter().map(String::as_str).collect();
        let told = told(&format!("{method} https://payroll.example.com{path}"), groups, &did);
        prop_assert_eq!(told.outcome == Outcome::Forward, told.clauses.iter().all(|clause| clause.met));
    }
}
