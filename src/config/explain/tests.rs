mod heads;

use super::*;
use crate::{
    config::{ProcessEnvironment, Source, read, settings::AppSettings},
    domain::{
        policy::{
            Missing,
            call::{extract::Reads, verdicts::Forms},
        },
        record::{Demanded, Record, Sender},
        risk::Signal,
        target::Authority,
    },
    edge::proxy::head::Head,
};
use proptest::prelude::*;
use std::{path::Path, sync::Arc};

const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn settings(text: &str) -> Settings {
    let reading = read(&Source::new("config.toml", text), Path::new("/"), &ProcessEnvironment);
    reading.unwrap_or_else(|wrong| panic!("{wrong}")).settings
}

fn shipped() -> Settings {
    settings(include_str!("../../../config.toml"))
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

    insta::assert_snapshot!(told, @r"
    POST https://payroll.example.com/Transfers/42?x=1
      from    ann in finance; password 3h ago, totp 10m ago
      app     payroll
      route 1 GET /healthz: no: its path is another
    → route 2 POST PUT DELETE /transfers/** (transfers): fits, and decides
      route 3 GET /forms/transfer (transfers): no: its path is another
      route 4 any method /index.php, query action=wire (wiring money): no: its path is another
      route 5 any method /reports/**, from office, 08:00 to 18:00 on Mon-Fri in Europe/Berlin: no: its path is another
      route 6 any method /safe/**, for whoever is in one of finance: no: its path is another
      policy  payments
      ok      in one of finance; saw ann, in finance
      ok      level mfa; saw mfa
      missing totp within 5m; saw totp 10m ago
    step-up: `payments` wants totp within 5m; the last totp was 10m ago
    ");
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
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "POST PUT DELETE /transfers/**",
          "label": "transfers",
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "GET /forms/transfer",
          "label": "transfers",
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /index.php, query action=wire",
          "label": "wiring money",
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /reports/**, from office, 08:00 to 18:00 on Mon-Fri in Europe/Berlin",
          "label": null,
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        },
        {
          "route": "any method /safe/**, for whoever is in one of finance",
          "label": null,
          "part": "path",
          "mismatch": "its path is another",
          "decides": false
        }
      ],
      "policy": "standard",
      "clauses": [
        {
          "kind": "level",
          "demands": "level mfa",
          "within_seconds": null,
          "saw": "login",
          "saw_seconds": null,
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
      route 5 any method /reports/**, from office, 08:00 to 18:00 on Mon-Fri in Europe/Berlin: no: its path fits; it is Sat 10:00 in Europe/Berlin
      policy  standard, the app's own: no route fits
      missing level mfa; saw login
    step-up: `standard` wants the level mfa; this session has reached login

    GET https://payroll.example.com/reports/q3
      from    somebody; password 1h ago
      app     payroll
      route 5 any method /reports/**, from office, 08:00 to 18:00 on Mon-Fri in Europe/Berlin: no: its path fits; 203.0.113.9 is in none of its networks
      policy  standard, the app's own: no route fits
      missing level mfa; saw login
    step-up: `standard` wants the level mfa; this session has reached login

    GET https://payroll.example.com/index.php?action=view&action=wire
      from    somebody; password 1h ago
      app     payroll
      route 4 any method /index.php, query action=wire (wiring money): no: its path fits; `action` can be read in two ways, so the request is refused
    refuse: servers would read in two ways what route 4 asks for
    ");
}

#[test]
fn a_policy_that_reports_says_what_it_would_have_done() {
    let text =
        include_str!("../../../config.toml").replace("[policy.payments]\n", "[policy.payments]\nmode = \"report\"\n");
    let text = text.replace("[minimum]\nlevel = \"login\"\npublic = true", "").replace("minimum = {", "# minimum = {");
    let settings = settings(&text);
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
    { path = "/draft", before = "POST /letters" },
    { path = "/wire", methods = ["POST"], policy = "once" },
    { path = "/desk", policy = "desk" },
]
"#;

fn strictly(line: &str, did: &[&str], change: impl FnOnce(Request) -> Request) -> Explanation {
    let settings = settings(STRICT);
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
    let of_the_app = strictly("GET https://payroll.example.com/draft", &[], |request| request);
    assert_eq!((of_the_app.outcome, of_the_app.policy.as_deref()), (Outcome::SignIn, Some("standard")), "{of_the_app}");
}

#[test]
fn a_route_that_only_reports_stands_in_where_there_is_nothing_else() {
    let trial = STRICT.replace("policy = \"desk\" }", "policy = \"desk\", mode = \"report\" }");
    let alone = trial.replace("policy = \"standard\"\n", "").replace("POST /letters", "POST /wire");
    let told = |text: &str| {
        let request = Request::parse("GET https://payroll.example.com/Desk/").unwrap();
        let told = explain(&settings(text), &request, None, &[], None, NOON);
        let decides = told.way.tries.iter().position(|tried| tried.decides);
        (told.outcome, decides, told.way.tries.len(), told.way.tries.last().unwrap().mismatch.is_some())
    };

    assert_eq!(told(&trial), (Outcome::SignIn, None, 5, true));
    assert_eq!(told(&alone), (Outcome::Report, Some(4), 5, false));
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
    insta::assert_snapshot!(view.way.tries[0].mismatch.as_deref().unwrap(), @"its path fits; the form has no `op=transfer`");
    assert_eq!(form(&[]).policy.as_deref(), Some("standard"));
    assert_eq!(form(&[("op", "transfer"), ("op", "view")]).outcome, Outcome::Refuse);

    let away = |minutes| {
        let idle = std::time::Duration::from_mins(minutes);
        strictly("GET https://payroll.example.com/desk", &["password 1h ago"], |request| Request { idle, ..request })
    };
    assert_eq!((away(10).outcome, away(30).outcome), (Outcome::Forward, Outcome::SignIn));
    insta::assert_snapshot!(away(11).why, @"`desk` wants somebody there within 10m; nobody used this browser for 11m");
}

/// A record of a request that is described, of whose sender everything is known.
fn recorded_as(settings: &Settings, request: &Request, visitor: &Visitor, at: Timestamp, outcome: Outcome) -> Record {
    let AppSettings { app, cors, .. } = settings.apps[0].as_ref();
    let (fields, form) = request.sent();
    let names = way::names(settings, &request.authority);
    let left = Left::of(&fields, &names);
    let authority = Authority::parse(&request.authority).unwrap();
    Record {
        id: "7F3K-9QXA-2MT4".into(),
        at,
        app: app.name.clone(),
        host: request.authority.clone(),
        method: request.method.to_string(),
        path: request.path.clone(),
        extract: Arc::new(Reads::of(app)).extract(request.query.as_deref(), &left),
        form: Forms::of(app).judge(ReadForm::seen(Some(&form)), request.query.as_deref()),
        client: request.client.unwrap(),
        sender: Some(Sender::from(visitor)),
        foreign: Head::new(&request.method, &fields, &authority).is_foreign_socket(cors.as_ref()),
        paid: false,
        demand: None,
        hitch: None,
        outcome,
        instead: None,
        route: None,
        policy: None,
    }
}

#[test]
fn an_application_may_ask_more_of_whoever_has_paid() {
    let settings = settings(STRICT);
    let request = Request::parse("POST https://payroll.example.com/wire").unwrap();
    let request = Request { client: "192.0.2.7".parse().ok(), ..request };
    let visitor = visitor(&settings, &request, None, &[Did::parse("password 1m ago").unwrap()], None, NOON);
    let demand = Some(Demanded { level: Some("mfa".into()), within: None });
    let record = recorded_as(&settings, &request, &visitor, NOON, Outcome::StepUp);
    let record = Record { paid: true, demand, ..record };

    let (judge, told) = (Judge::new(&settings), again(&settings, &record).unwrap());

    let judged = judge.decide(&record, Some(&visitor)).unwrap();
    assert!(matches!(judged.missing, Some(Missing::Level { .. })), "{judged:?}");
    assert_eq!((judged.outcome, told.outcome), (Outcome::StepUp, Outcome::StepUp));
    insta::assert_snapshot!(told.why, @"`once` is met, and the proof for this request is spent; then the application wants the level mfa; this session has reached login");
}

const CONDITIONS: &str = r#"
tls.certificates = [{ cert = "a.pem", key = "a.key" }]
portal.url = "https://auth.example.com"
networks.office = ["192.0.2.0/24"]

[risk]

[policy.standard]
level = "login"
idle = "10m"
remember = false

[policy.payments]
level = "mfa"
fresh = [{ any = ["password"], within = "1h" }, { any = ["totp"], once = true, within = "2m" }]
groups = ["finance"]
risk = { ask = 20, level = "phishing-resistant", deny = 60 }

[[app]]
name = "payroll"
host = "payroll.example.com"
upstream = ["http://127.0.0.1:9000"]
policy = "standard"
cors = { origins = ["https://spa.example.com"], credentials = true }
route = [
    { path = "/pay", form = { op = "transfer" }, policy = "payments" },
    { path = "/index.php", query = { action = "wire" }, policy = "payments" },
    { path = "/reports", networks = ["office"], hours = { days = ["mon-wed"], from = "09:00", to = "17:00", zone = "Europe/Berlin" }, policy = "deny" },
    { path = "/safe", groups = ["finance"], headers = { x-mode = "raw" }, policy = "payments" },
    { path = "/open", policy = "public" },
]
"#;

proptest! {
    /// What is explained of a request, what is explained of a record of it, and what replay decides of that are one. That it
    /// is what the data plane does, `tests/gateway/explained.rs` asks the data plane itself.
    #[test]
    fn a_request_and_its_record_are_explained_alike(
        method in prop::sample::select(&["GET", "POST", "OPTIONS"][..]),
        path in prop::sample::select(&["/", "/pay", "/index.php", "/reports", "/safe", "/open"][..]),
        query in prop::sample::select(&["", "action=wire", "Action=wire", "op=transfer", "action=wire&action=view"][..]),
        fields in prop::sample::subsequence(&[
            ("upgrade", "websocket"), ("origin", "https://evil.example"), ("x-mode", "raw"), ("x_mode", "raw"),
            ("content-type", "application/json"),
        ][..], 0..4),
        form in prop::sample::subsequence(&[("op", "transfer"), ("op", "view"), ("OP", "transfer"), ("to", "bo")][..], 0..3),
        client in prop::sample::select(&["192.0.2.7", "203.0.113.9"][..]),
        hour in 0u64..168,
        in_finance: bool,
        proofs in prop::collection::vec((prop::sample::select(crate::domain::factor::Method::ALL), 0u64..40_000), 0..4),
        idle in 0u64..1_200,
        remembered in any::<bool>(),
        locked in prop::option::of(0u64..4_000),
        signals in prop::sample::subsequence(Signal::ALL, 0..3),
    ) {
        let (settings, now) = (settings(CONDITIONS), NOON + std::time::Duration::from_hours(hour));
        let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let fields = fields.iter().map(|(name, value)| field(&format!("{name}: {value}")).unwrap()).collect();
        let idle = std::time::Duration::from_secs(idle);
        let request = Request {
            client: client.parse().ok(), fields, form, idle, remembered,
            ..Request::parse(&format!("{method} https://payroll.example.com{path}?{query}")).unwrap()
        };
        let groups = if in_finance { vec!["finance".to_owned(), "board".to_owned()] } else { vec![] };
        let who = Who { name: LoginId::parse("bob").unwrap(), groups };
        let did: Vec<_> = proofs
            .into_iter()
            .map(|(method, age)| Did { method, ago: std::time::Duration::from_secs(age) })
            .collect();
        let risk = Risk::Signals(signals);
        let told = explain(&settings, &request, Some(&who), &did, Some(&risk), now);
        let mut visitor = visitor(&settings, &request, Some(&who), &did, Some(&risk), now);
        let first = recorded_as(&settings, &request, &visitor, now, told.outcome);
        prop_assert_eq!(again(&settings, &first).unwrap().outcome, told.outcome, "{}", told);

        if let (Visitor::SignedIn(identity), Some(ago)) = (&mut visitor, locked) {
            Arc::make_mut(identity).session.locked_at = Some(now - std::time::Duration::from_secs(ago));
        }
        let line = serde_json::to_string(&recorded_as(&settings, &request, &visitor, now, told.outcome)).unwrap();
        let read: Record = serde_json::from_str(&line).unwrap();
        let again = again(&settings, &read).unwrap();
        let visitor = read.sender.as_ref().map(|sender| sender.visitor(settings.session, now));
        let judge = Judge::new(&settings);
        let judged = judge.decide(&read, visitor.as_ref()).unwrap();
        prop_assert_eq!(judged.outcome, again.outcome, "{}", line);
        prop_assert_eq!(judged.policy.map(|policy| policy.name.as_str()), again.policy.as_deref());
        let place = judged.place.and_then(|(_, place)| place);
        prop_assert_eq!(place, again.way.tries.iter().position(|tried| tried.decides), "{}", again);
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
