//! What is explained is what is done: random requests through the gateway, each described again, and each of its records.

use crate::{
    recorder::Recorder,
    world::{APP, OTHER, app, site},
};
use doorward::{
    config::{
        ProcessEnvironment, Settings, Source,
        explain::{Did, Explanation, Judge, Outcome, Request, Risk, Who, again, explain},
        read,
    },
    domain::{
        record::{Person as Recorded, Record},
        time::Timestamp,
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use reqwest::{
    Client,
    cookie::{CookieStore as _, Jar},
};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use std::{collections::HashMap, fs, net::IpAddr, sync::Arc, time::Duration};
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    person::{PASSWORD, Person, visit},
};

/// How many requests are sent.
const REQUESTS: usize = 900;

const RULES: &str = r#"
[mfa]
requirement = "optional"

[networks]
office = ["192.0.2.0/24"]
hidden = ["198.51.100.0/24"]

[risk]
listed = ["hidden"]

[records]
file = "decisions.jsonl"

[policy.standard]
level = "login"

[policy.strong]
level = "mfa"
fresh = { any = ["password"], within = "1h" }
groups = ["finance"]
risk = { ask = 20, level = "phishing-resistant" }

[policy.paid]
level = "login"
fresh = [{ any = ["password"], within = "session" }, { any = ["password"], once = true }]

[policy.desk]
level = "login"
idle = "10m"

[policy.trial]
level = "phishing-resistant"
mode = "report"
"#;

const ROUTES: &str = r#"
cors = { origins = ["https://spa.example.com"], credentials = true }

[[app.route]]
path = "/open/**"
policy = "public"

[[app.route]]
path = "/index.php"
form = { op = "transfer" }
policy = "deny"

[[app.route]]
path = "/index.php"
query = { action = "wire" }
policy = "strong"

[[app.route]]
path = "/index.php"
headers = { x-mode = "raw" }
policy = "deny"

[[app.route]]
path = "/reports"
networks = ["office"]
hours = { days = ["mon-sun"], from = "00:00", to = "24:00", zone = "Europe/Berlin" }
policy = "desk"

[[app.route]]
path = "/reports"
users = ["bob"]
policy = "deny"

[[app.route]]
path = "/pay"
policy = "paid"

[[app.route]]
path = "/trial"
policy = "trial"
"#;

/// Of the application whose paths may be read in more ways than one.
const LENIENT: &str = r#"
allow_in_path = [";", "%2F"]

[[app.route]]
path = "/open/**"
policy = "public"

[[app.route]]
path = "/index.php"
query = { action = "wire" }
policy = "strong"

[[app.route]]
path = "/reports/**"
policy = "desk"
"#;

/// A request as the test sends it.
#[derive(Debug, Clone)]
struct Sent {
    host: &'static str,
    /// Whose browser sends it.
    browser: usize,
    method: Method,
    path: String,
    query: String,
    fields: HeaderMap,
    body: String,
    client: IpAddr,
}

/// The same, and what became of it.
#[derive(Debug)]
struct Answered {
    mark: String,
    sent: Sent,
    status: u16,
    has_arrived: bool,
}

/// The browser whose session was locked.
const LOCKED: usize = 4;

/// The request that is paid for.
const PAID: &str = "markpaid";

const METHODS: &[&str] = &["GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "DELETE", "PURGE", "get", "Post", "TRACE"];
const PATHS: &[&str] = &[
    "/",
    "/open/a",
    "/Open/a",
    "/index.php",
    "/INDEX.php",
    "/reports",
    "/pay",
    "/trial",
    "/a//b",
    "/a/..%2fb",
    "/a;x",
    "/a%2Fb",
    "/open;x/a",
    "/open%2Fa",
    "/index.php;x",
    "/reports;x",
    "/a`b",
    "/a\"b",
];
const QUERIES: &[&str] =
    &["", "action=wire&", "action=view&action=wire&", "Action=wire&", "op=transfer&", "a=<b>&", "a=`{b}&"];
const FORM: &str = "application/x-www-form-urlencoded";
const BODIES: &[(Option<&str>, &str)] = &[
    (None, ""),
    (Some(FORM), ""),
    (Some(FORM), "op=transfer"),
    (Some(FORM), "op=view"),
    (Some(FORM), "OP=transfer"),
    (Some("multipart/form-data; boundary=x"), "--x--"),
    (Some("application/json"), "{}"),
];
const FIELDS: &[(&str, &str)] = &[
    ("origin", "https://spa.example.com"),
    ("origin", "https://evil.example"),
    ("origin", "OWN"),
    ("upgrade", "websocket"),
    ("access-control-request-method", "PUT"),
    ("accept", "text/html"),
    ("x-mode", "raw"),
    ("connection", "x-mode"),
    ("connection", "origin"),
    ("authorization", "Bearer doorward_abc"),
    ("authorization", "Basic YTpi"),
];

fn any_request(gateway: &Gateway) -> impl Strategy<Value = Sent> + use<> {
    let own = |host| HeaderValue::try_from(format!("https://{}", authority(gateway, host))).unwrap();
    let hosts = [(APP, own(APP)), (OTHER, own(OTHER))];
    let parts = (
        prop::sample::select(&[0, 0, 1][..]),
        0..5usize,
        prop::sample::select(METHODS),
        prop::sample::select(PATHS),
        prop::sample::select(QUERIES),
        prop::sample::subsequence(FIELDS, 0..4),
        prop::sample::select(BODIES),
        prop::sample::select(&["192.0.2.7", "203.0.113.9"][..]),
    );
    parts.prop_map(move |(host, browser, method, path, query, fields, (kind, body), client)| {
        let (host, own) = &hosts[host];
        let value = |text: &'static str| if text == "OWN" { own.clone() } else { HeaderValue::from_static(text) };
        let named = |(name, text)| (HeaderName::from_static(name), value(text));
        // One of a name: `insert` keeps the last.
        let mut all = HeaderMap::new();
        for (name, value) in fields.into_iter().map(named) {
            all.insert(name, value);
        }
        all.extend(kind.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))));
        // A browser opens a WebSocket with GET and no body.
        let opens = all.contains_key(header::UPGRADE);
        if opens {
            all.remove(header::CONTENT_TYPE);
        }
        Sent {
            host,
            browser,
            method: if opens { Method::GET } else { method.parse().unwrap() },
            path: path.to_owned(),
            query: query.to_owned(),
            fields: all,
            body: if opens { String::new() } else { body.to_owned() },
            client: client.parse().unwrap(),
        }
    })
}

/// Sends the request with this mark in its query, over a connection of its own, and gives the status of its answer.
async fn send(gateway: &Gateway, sent: &Sent, mark: &str, cookie: &str) -> u16 {
    let Sent { host, method, path, query, fields, body, client, .. } = sent;
    let mut text = format!("{method} {path}?{query}{mark}=x HTTP/1.1\r\nHost: {}\r\n", authority(gateway, host));
    for (name, value) in fields {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
    }
    let connection = if fields.contains_key(header::UPGRADE) {
        "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    } else {
        "Connection: close\r\n"
    };
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    let length = body.len();
    let rest = format!("X-Forwarded-For: {client}\r\nContent-Length: {length}\r\n{connection}{cookie}\r\n{body}");
    let mut connection = gateway.connect(host).await;
    connection.send([text, rest].concat()).await;
    let head = connection.head().await;
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{sent:?}: {head}"))
}

fn authority(gateway: &Gateway, host: &str) -> String {
    format!("{host}:{}", gateway.site.https)
}

/// The same request, described as an operator would; `person` is who is known behind that browser.
fn described(
    gateway: &Gateway,
    settings: &Settings,
    Answered { mark, sent, .. }: &Answered,
    person: Option<&Recorded>,
    now: Timestamp,
) -> Explanation {
    let Sent { host, method, path, query, fields, body, client, .. } = sent;
    let line = format!("{method} https://{}{path}?{query}", authority(gateway, host));
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    let form = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let age = |at: Timestamp| at.age(now).unwrap_or_default();
    let idle = person.map(|person| age(person.used.unwrap()).max(Duration::from_millis(person.quiet)));
    let who = person.map(|person| Who { name: person.user.clone(), groups: person.groups.clone() });
    let proofs = person.iter().flat_map(|person| &person.proofs);
    let did: Vec<_> = proofs.map(|proof| Did { method: proof.method, ago: age(proof.at) }).collect();
    let request = Request {
        fields: fields.clone(),
        form: form.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        client: Some(*client),
        idle: idle.unwrap_or_default(),
        remembered: person.is_some_and(|person| person.spared),
        paid: did.iter().min_by_key(|did| did.ago).filter(|_| mark == PAID).copied(),
        ..Request::parse(&line).unwrap()
    };
    let risk = person.map(|person| Risk::Score(person.risk.score));
    explain(settings, &request, who.as_ref(), &did, risk.as_ref(), now)
}

/// A browser.
#[derive(Default)]
struct Browser {
    client: Client,
    /// What it sends as its cookie to either host.
    cookies: HashMap<&'static str, String>,
}

/// A browser at this address, signed in as somebody.
async fn signed_in(gateway: &Gateway, person: &Person, address: &str, lock: bool) -> Browser {
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), address.parse().unwrap())]);
    let jar = Arc::new(Jar::default());
    let builder = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar));
    let client = builder.default_headers(headers).build().unwrap();
    let mut cookies = HashMap::new();
    for host in [APP, OTHER] {
        let page = person.visit(&client, &gateway.url(host, "/arrived")).await;
        assert_eq!(page.url.path(), "/arrived", "{page:?}");
        cookies.insert(host, jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned());
    }
    if lock {
        let account = visit(&client, &gateway.url(PORTAL, "/account")).await;
        account.submit(&client, "/account/lock", &[]).await;
    }
    Browser { client, cookies }
}

/// Has a request paid for that this browser sends.
async fn pay(gateway: &Gateway, browser: usize, client: &Client) -> Answered {
    let page = visit(client, &gateway.url(APP, &format!("/pay?{PAID}=x"))).await;
    let page = page.submit(client, "/challenge/password", &[("password", PASSWORD)]).await;
    let (path, query, fields, body) = ("/pay".to_owned(), String::new(), HeaderMap::new(), String::new());
    let sent = Sent {
        host: APP,
        browser,
        method: Method::GET,
        path,
        query,
        fields,
        body,
        client: "192.0.2.7".parse().unwrap(),
    };
    let has_arrived = page.is_at("/pay") && page.text == "ok";
    Answered { mark: PAID.to_owned(), sent, status: page.status.as_u16(), has_arrived }
}

/// Makes somebody's last sign that much older, proofs too.
async fn go_away(site: &Site, login_id: &str, minutes: i64) {
    let url = format!("sqlite:{}/doorward.db", site.folder().display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let theirs = "(SELECT s.id FROM sessions s JOIN accounts a ON a.id = s.user_id WHERE a.login_id = $2)";
    for statement in [
        "UPDATE sessions SET seen_at = seen_at - $1, active_at = active_at - $1, started_at = started_at - $1 WHERE id IN",
        "UPDATE authentications SET proven_at = proven_at - $1 WHERE session_id IN",
    ] {
        let statement = format!("{statement} {theirs}");
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(minutes * 60_000).bind(login_id);
        assert!(query.execute(&mut database).await.unwrap().rows_affected() > 0);
    }
}

/// Each record that is written by now, with the mark in its query.
fn records(site: &Site) -> HashMap<String, Record> {
    let text = fs::read_to_string(site.folder().join("decisions.jsonl")).unwrap_or_default();
    let marked = text.lines().filter_map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let names = value["extract"]["names"].as_array()?.iter().filter_map(|name| name.as_str());
        let mark = names.into_iter().find(|name| name.starts_with("mark"))?.to_owned();
        Some((mark, serde_json::from_str(line).unwrap()))
    });
    marked.collect()
}

/// Row 27: `explain` and the data plane agree.
#[tokio::test]
async fn whatever_is_sent_is_explained_as_it_was_decided() {
    let recorder = Recorder::start().await;
    let site = site();
    let preamble = site.preamble().replace("[server]", "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]");
    let (strict, lenient) = (app("app", &recorder.url()), app("other", &recorder.url()));
    let config = [&preamble, RULES, &strict, ROUTES, &lenient, LENIENT].concat();
    site.configure(&config);
    let people = [("ann", &["finance"][..]), ("bob", &[]), ("eve", &["finance"]), ("dan", &["finance"])];
    let people = people.map(|(login_id, groups)| Person::add(&site, login_id, groups));
    let mut gateway = site.start().await;
    let mut browsers = vec![Browser::default()];
    for (person, address) in people.iter().zip(["192.0.2.7", "192.0.2.7", "198.51.100.7", "192.0.2.7"]) {
        browsers.push(signed_in(&gateway, person, address, person.login_id == "dan").await);
    }
    // Bob was away; the gateway remembers nobody who was there a moment ago.
    go_away(&gateway.site, "bob", 12).await;
    gateway = gateway.killed_and_started_again().await;
    let settings =
        read(&Source::new("config.toml", &config), gateway.site.folder(), &ProcessEnvironment).unwrap().settings;

    let (mut runner, strategy) = (TestRunner::default(), any_request(&gateway));
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        let one = strategy.new_tree(&mut runner).unwrap().current();
        let (mark, before) = (format!("mark{number}"), recorder.requests().len());
        let cookie = browsers[one.browser].cookies.get(one.host).map_or("", String::as_str);
        let status = send(&gateway, &one, &mark, cookie).await;
        let has_arrived = recorder.requests().len() > before;
        sent.push(Answered { mark, sent: one, status, has_arrived });
    }
    sent.push(pay(&gateway, 1, &browsers[1].client).await);
    let last = Sent { query: String::new(), ..sent[REQUESTS].sent.clone() };
    send(&gateway, &last, "markend", "").await;
    let folder = gateway.site.folder().to_owned();
    gateway
        .until("for the last decision to be recorded", async || {
            fs::read_to_string(folder.join("decisions.jsonl")).ok().filter(|text| text.contains("markend"))
        })
        .await;

    let (records, judge) = (records(&gateway.site), Judge::new(&settings));
    let person = |browser| {
        let mut its = sent.iter().filter(|one| one.sent.browser == browser);
        its.find_map(|one| records.get(&one.mark)?.sender.as_ref()?.person())
    };
    for one in &sent {
        let record = records.get(&one.mark);
        let now = record.map_or(records["markend"].at, |record| record.at);
        let known = record.and_then(|record| record.sender.as_ref()?.person()).or_else(|| person(one.sent.browser));
        let told = described(&gateway, &settings, one, known, now);
        if let Some(record) = record {
            // A lock is nothing that can be described.
            let is_told = one.sent.browser == LOCKED || told.outcome == record.outcome;
            let decides = told.way.tries.iter().find(|tried| tried.decides).map(|tried| tried.path.as_str());
            assert!(is_told, "{one:?}\n{record:?}\n{told}");
            assert_eq!((&told.policy, decides), (&record.policy, record.route.as_deref()), "{one:?}\n{told}");
        } else {
            // What the gateway answers itself is not recorded, nor what gets no further than its door.
            let answered =
                [(Outcome::Gateway, 204), (Outcome::Deny, 403), (Outcome::Refuse, 400), (Outcome::Refuse, 405)];
            assert!(answered.contains(&(told.outcome, one.status)), "{one:?}\n{told}");
        }
        assert_eq!(one.has_arrived, record.is_some_and(has_passed), "{one:?}");
        if let Some(record) = record {
            assert_decided_again(&settings, &judge, record);
        }
    }
    assert!(records[PAID].paid, "{:?}", records[PAID]);
    assert_the_program_says_so(&gateway.site, &records);
}

/// That `explain --id` knows a record of each outcome, and says the same.
fn assert_the_program_says_so(site: &Site, records: &HashMap<String, Record>) {
    let outcomes =
        [Outcome::Forward, Outcome::Report, Outcome::SignIn, Outcome::StepUp, Outcome::Deny, Outcome::Refuse];
    let of = |outcome| {
        let record = records.values().find(|record| record.outcome == outcome && record.hitch.is_none());
        record.unwrap_or_else(|| panic!("nothing came to {outcome}"))
    };
    for record in outcomes.map(of).into_iter().chain([&records[PAID]]) {
        let outcome = record.outcome;
        let output = site.run(&["explain", "--id", &record.id, "--json"], "");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&told["same"], &told["explanation"]["outcome"]),
            (&json!(true), &json!(outcome.name())),
            "{told:#}"
        );
    }
}

fn has_passed(record: &Record) -> bool {
    matches!(record.outcome, Outcome::Forward | Outcome::Report)
}

/// That a record comes to what its request came to.
fn assert_decided_again(settings: &Settings, judge: &Judge, record: &Record) {
    let visitor = record.sender.as_ref().map(|sender| sender.visitor(settings.session, record.at));
    let judged = judge.decide(record, visitor.as_ref()).map(|judged| judged.outcome);
    match again(settings, record) {
        Ok(told) => assert_eq!((told.outcome, judged), (record.outcome, Ok(record.outcome)), "{record:?}\n{told}"),
        Err(halfway) => assert!(record.hitch.is_some() && judged.is_err(), "{record:?}\n{}", halfway.way),
    }
}
