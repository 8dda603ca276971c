//! Who the application is told that somebody is, and who it is never told.

use crate::{
    recorder::{Recorder, Seen},
    world::{APP, OTHER, ask, config, cookie_of, gateway, site, store_of},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};
use support::{
    applications::Application,
    gateway::{Gateway, PORTAL},
    person::{Person, visit},
};
use tokio::time::timeout;

/// The gateway remembers somebody for a second at most; other tests run beside this.
const REMEMBERED_MAX: Duration = Duration::from_secs(3);

/// What is forged in every test: identity, forwarding and override fields, in spellings that application servers fold.
const FORGED: &[&str] = &[
    "Remote-User",
    "remote-user",
    "REMOTE_USER",
    "Remote_User",
    "Remote.User",
    "remote~user",
    "Remote-Groups",
    "Remote_Groups",
    "Remote-Email",
    "Remote-Name",
    "X-Remote-User",
    "X_Remote_User",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-WebAuth-User",
    "Doorward-Assertion",
    "doorward_assertion",
    "Doorward-Anything",
    "HTTP_REMOTE_USER",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-HTTP-Method-Override",
    "X-Forwarded-Server",
    "X-Real-IP",
    "True-Client-IP",
    "Proxy",
];

/// A gateway, and Ann, who is signed in to its first application: her cookies there.
async fn with_ann(upstream: &str) -> (Gateway, String) {
    let site = site();
    site.configure(&config(&site, upstream));
    let ann = Person::add(&site, "ann", &["finance", "staff"]);
    let gateway = site.start().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    (gateway, cookie)
}

fn forged() -> String {
    [&FORGED.join(": forged\r\n"), ": forged\r\n"].concat()
}

/// What is told of somebody, in the order of the preset.
fn told(seen: &Seen) -> Vec<&str> {
    ["remote-user", "remote-name", "remote-email", "remote-groups"].iter().flat_map(|name| seen.field(name)).collect()
}

#[tokio::test]
async fn who_signed_in_is_told_to_the_application() {
    let app = Application::httpbin().await;
    let site = site();
    site.configure(&config(&site, &app.url()));
    let ann = Person::add(&site, "ann", &["finance", "staff"]);
    let gateway = site.start().await;

    let page = ann.visit(&gateway.client(), &gateway.url(APP, "/headers?at=start")).await;

    let headers = &serde_json::from_str::<Value>(&page.text).unwrap()["headers"];
    assert_eq!(headers["Remote-User"], "ann");
    assert_eq!(headers["Remote-Groups"], "finance,staff");
    assert_eq!(page.url.query(), Some("at=start"));
}

/// ID-01, ID-02, ID-03, ID-04: no spelling of a client's word gets through, whoever asks and for what.
#[tokio::test]
async fn forged_fields_reach_no_application_on_any_route() {
    let app = Recorder::start().await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    let signed_in = format!("Cookie: {cookie}\r\n");
    for (line, cookie) in [
        ("GET /public/", ""),
        ("GET /public/", &*signed_in),
        ("GET /private", &*signed_in),
        ("OPTIONS /private", &*signed_in),
        ("OPTIONS /public/", ""),
        ("POST /private", &*signed_in),
        ("HEAD /public/healthz", ""),
    ] {
        ask(&gateway, APP, line, &[&forged(), cookie].concat()).await;
        let seen = app.last();
        assert_eq!(seen.line(), line);
        assert!(!seen.head.contains("forged"), "{line}: {}", seen.head);
        let expected: &[_] = if line.ends_with("/private") { &["ann", "ann", "finance,staff"] } else { &[] };
        assert_eq!(told(&seen), expected, "{line}: {}", seen.head);
        assert_eq!(seen.field("doorward-assertion").len(), usize::from(!expected.is_empty()), "{line}");
    }
    let before = app.requests().len();
    for line in ["GET /private", "GET /%2e/", "GET /.doorward/whoami", "OPTIONS /private"] {
        let said = ask(&gateway, APP, line, &forged()).await;
        assert!(!said.contains("forged"), "{said}");
    }
    assert_eq!(app.requests().len(), before, "a refused request reaches nobody");
}

/// ID-06: what Connection names goes, and what the gateway adds stays.
#[tokio::test]
async fn a_nomination_can_t_remove_what_the_gateway_says() {
    let app = Recorder::start().await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    let named = "Remote-User, Doorward-Assertion, X-Forwarded-For, X-Request-Id, Forwarded, X-Own, TE";
    let fields = format!("Connection: {named}\r\nX-Own: own\r\nTE: trailers\r\nKeep-Alive: 5\r\nCookie: {cookie}\r\n");

    ask(&gateway, APP, "GET /private", &fields).await;

    let seen = app.last();
    assert_eq!((told(&seen), seen.line()), (vec!["ann", "ann", "finance,staff"], "GET /private"));
    for name in ["doorward-assertion", "x-forwarded-for", "x-request-id", "forwarded", "host"] {
        assert_eq!(seen.field(name).len(), 1, "{name}: {}", seen.head);
    }
    for name in ["x-own", "te", "keep-alive", "connection", "cookie"] {
        assert!(seen.field(name).is_empty(), "{name}: {}", seen.head);
    }
}

/// ID-05: forwarding fields say what the gateway saw.
#[tokio::test]
async fn forwarding_fields_are_rebuilt() {
    let app = Recorder::start().await;
    let place = site();
    let fields = "X-Forwarded-For: 203.0.113.7, 198.51.100.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\n\
                  Forwarded: for=evil\r\nX-Forwarded-Port: 1\r\n";
    let said = |seen: &Seen| {
        let names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"];
        names.map(|name| seen.field(name).join(" AND "))
    };
    let expected = |client: &str| {
        let forwarded = format!("for={client};host=\"{APP}\";proto=https");
        [client.to_owned(), "https".to_owned(), APP.to_owned(), String::new(), forwarded]
    };

    place.configure(&config(&place, &app.url()));
    let gateway = place.start().await;
    ask(&gateway, APP, "GET /public/", fields).await;
    assert_eq!(said(&app.last()), expected("127.0.0.1"), "a stranger is not believed");

    let place = site();
    let believed = "[server]\ntrusted_proxies = [\"127.0.0.0/8\", \"198.51.100.0/24\"]";
    place.configure(&config(&place, &app.url()).replace("[server]", believed));
    let gateway = place.start().await;
    for (fields, client) in [
        (fields, "203.0.113.7"),
        ("X-Forwarded-For: 192.0.2.66, 203.0.113.7\r\n", "203.0.113.7"),
        ("X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-For: 203.0.113.7, 127.0.0.1\r\n", "203.0.113.7"),
        ("X-Forwarded-For: unknown\r\n", "127.0.0.1"),
    ] {
        ask(&gateway, APP, "GET /public/", fields).await;
        assert_eq!(said(&app.last()), expected(client), "{fields}");
    }
}

/// ID-11, ID-12: cookies of the gateway stay with it, in both directions; the application's pass.
#[tokio::test]
async fn cookies_of_the_gateway_and_of_the_application_do_not_mix() {
    let app = Recorder::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: __Host-doorward-app=evil; Path=/\r\n\
          Set-Cookie: __host-Doorward=evil; Domain=localhost\r\nSet-Cookie: =__Host-doorward-flow=evil\r\n\
          Set-Cookie: theirs=\"a b\"; Path=/\r\nClear-Site-Data: \"cookies\"\r\nDoorward-Assertion: evil\r\n\r\nok"
            .into()
    })
    .await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    let fields = format!("Cookie: a=1;  b=\"2 3\"; {cookie}; __HOST-DOORWARD-x=4; c=d=5\r\n");

    for path in ["/private", "/public/"] {
        let said = ask(&gateway, APP, &format!("GET {path}"), &fields).await;
        assert_eq!(app.last().field("cookie"), ["a=1;  b=\"2 3\"; theirs=\"a b\"; c=d=5"], "{path}");
        assert!(!said.contains("evil") && !said.to_lowercase().contains("clear-site-data"), "{said}");
        assert!(said.contains("set-cookie: theirs=\"a b\"; Path=/\r\n"), "{said}");
    }
    let (log, received) = (gateway.log(), app.bytes());
    let received = String::from_utf8_lossy(&received);
    for token in cookie.split("; ").filter_map(|pair| pair.strip_prefix("__Host-doorward")) {
        let (_, token) = token.split_once('=').unwrap();
        assert!(token.len() > 40 && !received.contains(token));
        assert!(log.contains("ready") && !log.contains(token), "LO-03: {log}");
    }
}

/// CK-03: two cookies of the session's name are no session.
#[tokio::test]
async fn ck_03_a_planted_cookie_makes_nobody_of_somebody() {
    let app = Recorder::start().await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    let before = app.requests().len();
    for fields in [
        format!("Cookie: {cookie}; __Host-doorward-app=planted\r\n"),
        format!("Cookie: __Host-doorward-app=planted\r\nCookie: {cookie}\r\n"),
        format!("Cookie: {}\r\n", cookie.replace("__Host-doorward-app=", "__host-doorward-app=")),
        format!("Cookie: {}\r\n", cookie.replace("__Host-doorward-app=", "__Host-doorward-app=\"")),
    ] {
        let said = ask(&gateway, APP, "GET /private", &fields).await;
        assert!(said.starts_with("HTTP/1.1 401"), "{fields}: {said}");
    }
    let said = ask(&gateway, OTHER, "GET /private", &format!("Cookie: {cookie}\r\n")).await;
    assert!(said.starts_with("HTTP/1.1 401"), "SE-09: {said}");
    assert_eq!(app.requests().len(), before);
}

/// ID-08, ID-10: the assertion is signed with a key that the portal publishes, and meant for one application.
#[tokio::test]
async fn the_assertion_verifies_against_the_published_keys_for_one_application() {
    let app = Recorder::start().await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    ask(&gateway, APP, "GET /private", &format!("Cookie: {cookie}\r\n")).await;
    let seen = app.last();
    let assertion = seen.field("doorward-assertion")[0];

    let published = gateway.client().get(gateway.url(PORTAL, "/.well-known/jwks.json")).send().await.unwrap();
    let keys: JwkSet = serde_json::from_slice(&published.bytes().await.unwrap()).unwrap();
    let header = decode_header(assertion).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let issuer = gateway.url(PORTAL, "");
    let verify = |audience: &str| {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        decode::<Value>(assertion, &key, &validation).map(|decoded| decoded.claims)
    };

    assert!(verify("other").is_err(), "it is for no other application");
    let claims = verify("app").unwrap();
    assert_eq!((&claims["aud"], &claims["acr"]), (&Value::from("app"), &Value::from("mfa")));
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 60);
    let methods: BTreeSet<_> = claims["amr"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(methods, BTreeSet::from(["pwd", "otp", "mfa"]));
    for claim in ["sub", "jti", "nbf", "auth_time", "sid", "route"] {
        assert!(!claims[claim].is_null(), "{claim} is missing: {claims}");
    }
    assert!(header.jwk.is_none() && header.jku.is_none() && header.x5u.is_none(), "ID-09");
}

/// What an assertion says; whether it is true is another test's question.
fn claims(seen: &Seen) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(seen.field("doorward-assertion")[0]).unwrap().claims
}

/// An assertion that was signed before is of no use where it would say something else than the fields beside it.
#[tokio::test]
async fn who_is_in_another_group_by_now_is_so_in_the_header_fields_and_in_the_assertion_at_once() {
    let app = Recorder::start().await;
    let (gateway, cookie) = with_ann(&app.url()).await;
    let groups = async || {
        ask(&gateway, APP, "GET /private", &format!("Cookie: {cookie}\r\n")).await;
        let seen = app.last();
        let said =
            claims(&seen)["groups"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        assert_eq!(seen.field("remote-groups"), [&*said], "{}", seen.head);
        said
    };
    assert_eq!(groups().await, "finance,staff");

    let change = sqlx::query("UPDATE accounts SET groups = '[\"auditors\"]'");
    change.execute(&mut store_of(&gateway).await).await.unwrap();

    let noticed = async { while groups().await != "auditors" {} };
    timeout(REMEMBERED_MAX, noticed).await.expect("nobody is remembered for so long");
}

/// An application that keeps a session of its own beside ours can tell from two claims that somebody else sits there now.
#[tokio::test]
async fn id_13_whoever_signs_in_next_in_a_browser_has_another_sub_and_another_sid() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let (ann, bob) = (Person::add(&gateway.site, "ann", &[]), Person::add(&gateway.site, "bob", &[]));
    let client = gateway.client();
    let mut told = Vec::new();
    for person in [&ann, &bob] {
        person.visit(&client, &gateway.url(APP, "/arrived")).await;
        let first = claims(&app.last());
        visit(&client, &gateway.url(APP, "/again")).await;
        let again = claims(&app.last());
        assert_eq!((&first["sub"], &first["sid"]), (&again["sub"], &again["sid"]), "as long as they stay");
        told.push(first);
        let page = visit(&client, &gateway.url(PORTAL, "/logout")).await;
        page.submit(&client, "/logout", &[]).await;
    }

    assert_ne!(told[0]["sub"], told[1]["sub"]);
    assert_ne!(told[0]["sid"], told[1]["sid"]);
}

/// The name of a request is the same in the log, on the page, and in the application.
#[tokio::test]
async fn a_request_has_one_name_everywhere() {
    let app = Recorder::answering(|_| b"no HTTP\r\n\r\n".into()).await;
    let gateway = gateway(&app.url()).await;

    let said = ask(&gateway, APP, "GET /public/", "Accept: text/html\r\nX-Request-Id: mine\r\n").await;

    let name = app.last().field("x-request-id")[0].to_owned();
    assert_ne!(name, "mine");
    assert!(said.starts_with("HTTP/1.1 502") && said.contains(&name), "{said}");
    assert!(gateway.log().lines().any(|line| line.contains(&name) && line.contains("could not be asked")));
}
