//! Programs that bring a token in place of a cookie: what it opens, what it does not, and where it never goes.

use crate::{
    recorder::Recorder,
    world::{APP, OTHER, ROUTES, app, ask, cookie_of, site},
};
use http::{StatusCode, header};
use jsonwebtoken::{decode_header, encode};
use serde_json::Value;
use support::{
    gateway::Gateway,
    person::{Person, visit},
};

/// A gateway in front of an application that takes tokens and of one that does not, and Ann's cookie at the first.
async fn gateway(recorder: &Recorder) -> (Gateway, Person, String) {
    let site = site();
    let policies = "\n[policy.standard]\nlevel = \"mfa\"\n\n\
        [policy.recent]\nlevel = \"mfa\"\nfresh = { any = [\"totp\"], within = \"5m\" }\n\n\
        [policy.never]\nlevel = \"mfa\"\nfresh = { any = [\"passkey\"], within = \"5m\" }\n";
    let routes = "\n[[app.route]]\npath = \"/recent\"\npolicy = \"recent\"\n\
        \n[[app.route]]\npath = \"/never\"\npolicy = \"never\"\n";
    let taking = app("app", &recorder.url()) + "bearer = true\n";
    site.configure(
        &[&site.preamble(), policies, &taking, ROUTES, routes, &app("other", &recorder.url()), ROUTES].concat(),
    );
    let ann = Person::add(&site, "ann", &["finance"]);
    let gateway = site.start().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    (gateway, ann, cookie)
}

/// Asks for a token the way a page of the application does.
async fn token(gateway: &Gateway, credential: (&str, &str)) -> Value {
    let request = gateway.client().post(gateway.url(APP, "/.doorward/token")).header(credential.0, credential.1);
    let request = request.header(header::CONTENT_TYPE, "application/json").header("sec-fetch-site", "same-origin");
    let answer = request.body("{}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn bearer(gateway: &Gateway, cookie: &str) -> String {
    format!("Bearer {}", token(gateway, ("cookie", cookie)).await["access_token"].as_str().unwrap())
}

/// What a request with this `Authorization` is answered.
async fn with(gateway: &Gateway, host: &str, path: &str, bearer: &str) -> (u16, Value, String) {
    let request = gateway.client().get(gateway.url(host, path)).header(header::AUTHORIZATION, bearer);
    // Even of one that would be sent to a page.
    let answer = request.header(header::ACCEPT, "text/html").send().await.unwrap();
    let challenge =
        answer.headers().get(header::WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(), challenge)
}

/// Row 16: a session is described by a token and by a short-lived JWT; either opens what the cookie opens.
#[tokio::test]
async fn a_token_opens_what_the_session_opens_and_is_never_forwarded() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;

    let given = token(&gateway, ("cookie", &cookie)).await;
    assert_eq!(
        (&given["token_type"], &given["expires_in"], &given["acr"]),
        (&"Bearer".into(), &300.into(), &"mfa".into())
    );
    assert!(given["auth_time"].as_u64().unwrap() > 1_700_000_000, "{given}");
    let jwt = format!("Bearer {}", given["access_token"].as_str().unwrap());
    let value = cookie.split("; ").find_map(|pair| pair.strip_prefix("__Host-doorward-app=")).unwrap();
    for token in [&jwt, &format!("bearer doorward_{value}")] {
        for path in ["/private", "/recent"] {
            assert_eq!(with(&gateway, APP, path, token).await.0, 200, "{token} {path}");
            let seen = recorder.last();
            assert_eq!(seen.field("remote-user"), ["ann"]);
            assert!(seen.field("authorization").is_empty(), "ID-11: {}", seen.head);
        }
        assert_eq!(with(&gateway, APP, "/public/", token).await.0, 200);
        assert!(recorder.last().field("authorization").is_empty(), "on public routes too");
    }

    // Another token for a token: no page is involved, so there is nothing to forge.
    let again = token(&gateway, ("authorization", &jwt)).await;
    let again = format!("Bearer {}", again["access_token"].as_str().unwrap());
    assert_eq!(with(&gateway, APP, "/private", &again).await.0, 200);
    assert!(!String::from_utf8_lossy(&recorder.bytes()).contains(given["access_token"].as_str().unwrap()));
    assert!(!gateway.log().contains(given["access_token"].as_str().unwrap()), "LO-03");
}

/// Row 20: is this token good, and what did it prove, asked at the host that it was made for.
#[tokio::test]
async fn a_program_can_ask_what_a_token_is_worth() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;
    let jwt = bearer(&gateway, &cookie).await;

    let (status, told, _) = with(&gateway, APP, "/.doorward/whoami", &jwt).await;
    assert_eq!((status, &told["signed_in"], &told["user"]), (200, &true.into(), &"ann".into()));
    assert_eq!(told["authentications"].as_array().unwrap().len(), 2);

    let (status, told, challenge) = with(&gateway, OTHER, "/.doorward/whoami", &jwt).await;
    assert_eq!((status, &told["code"], &*challenge), (400, &"invalid_request".into(), ""));
}

/// Freshness is the session's: a token is told what is missing, and is as good as new once that is proven.
#[tokio::test]
async fn a_token_is_never_sent_to_a_page() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;
    let jwt = bearer(&gateway, &cookie).await;
    let before = recorder.requests().len();

    let (status, problem, challenge) = with(&gateway, APP, "/never", &jwt).await;
    assert_eq!((status, &problem["code"]), (401, &"step_up_required".into()));
    assert!(
        challenge.contains("insufficient_user_authentication") && challenge.contains("max_age=\"300\""),
        "{challenge}"
    );
    assert!(problem["step_up_url"].as_str().unwrap().starts_with(&gateway.url(APP, "/.doorward/step-up?to=")));

    let (status, problem, challenge) = with(&gateway, APP, "/private", "Bearer doorward_x").await;
    assert_eq!((status, &problem["code"]), (401, &"invalid_token".into()));
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    let no_such = with(&gateway, APP, "/private", &format!("Bearer doorward_{}", "A".repeat(43))).await;
    assert_eq!(no_such.0, 401);
    assert_eq!(recorder.requests().len(), before);
}

/// ID-09: what was tampered with, made by others or meant for something else is no token.
#[tokio::test]
async fn id_09_a_forged_token_is_none() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;
    let jwt = bearer(&gateway, &cookie).await;
    let before = recorder.requests().len();
    let (head, rest) = jwt["Bearer ".len()..].split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let header = decode_header(&jwt["Bearer ".len()..]).unwrap();
    assert_eq!(header.typ.as_deref(), Some("doorward-session+jwt"));
    let other = rcgen::KeyPair::generate().unwrap();
    let claims = serde_json::json!({ "sid": "00000000-0000-0000-0000-000000000000" });
    let others = encode(&header, &claims, &jsonwebtoken::EncodingKey::from_ec_der(&other.serialize_der())).unwrap();

    for forged in [
        format!("Bearer {head}.{body}."),
        format!("Bearer {head}.{body}.{}", signature.chars().rev().collect::<String>()),
        format!("Bearer {head}.{}.{signature}", body.chars().rev().collect::<String>()),
        format!("Bearer {others}"),
        format!("Bearer {head}"),
    ] {
        assert_eq!(with(&gateway, APP, "/private", &forged).await.0, 401, "{forged}");
    }
    assert_eq!(recorder.requests().len(), before);

    // An assertion opens nothing: it is no token of ours, and nobody is signed in.
    ask(&gateway, APP, "GET /private", &format!("Cookie: {cookie}\r\n")).await;
    let assertion = recorder.last().field("doorward-assertion")[0].to_owned();
    assert_eq!(with(&gateway, APP, "/private", &format!("Bearer {assertion}")).await.0, 302);
    assert_eq!(recorder.requests().len(), before + 1);
}

/// SE-08, ID-11: what is not taken goes nowhere, on whatever route.
#[tokio::test]
async fn what_is_not_taken_is_refused_and_never_leaked() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;
    let jwt = bearer(&gateway, &cookie).await;
    let before = recorder.requests().len();
    let value = cookie.split("; ").find_map(|pair| pair.strip_prefix("__Host-doorward-app=")).unwrap();
    let opaque = format!("Bearer doorward_{value}");
    for path in ["/private", "/public/", "/.doorward/whoami", "/nowhere"] {
        for token in [&jwt, &opaque] {
            assert_eq!(with(&gateway, OTHER, path, token).await.0, 400, "an app that takes none: {path}");
        }
    }
    for fields in [
        format!("Authorization: {jwt}\r\nCookie: {cookie}\r\n"),
        format!("Authorization: {jwt}\r\nCookie: __Host-doorward-app=planted\r\n"),
        format!("Authorization: {jwt}\r\nAuthorization: Basic YTpi\r\n"),
        format!("Authorization: Basic {}\r\n", &opaque["Bearer ".len()..]),
        format!("Authorization: Bearer  {}\r\n", &opaque["Bearer ".len()..]),
    ] {
        for path in ["/private", "/public/"] {
            let said = ask(&gateway, APP, &format!("GET {path}"), &fields).await;
            assert!(said.starts_with("HTTP/1.1 400"), "{fields}: {said}");
        }
    }
    assert_eq!(recorder.requests().len(), before);
}

#[tokio::test]
async fn the_applications_own_tokens_pass_as_they_came() {
    let recorder = Recorder::start().await;
    let (gateway, _, cookie) = gateway(&recorder).await;
    for own in
        ["Bearer abc.def", "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln", "Basic YTpi", "Token doorward"]
    {
        for (path, cookie) in [("/private", format!("Cookie: {cookie}\r\n")), ("/public/", String::new())] {
            ask(&gateway, APP, &format!("GET {path}"), &format!("Authorization: {own}\r\n{cookie}")).await;
            assert_eq!(recorder.last().field("authorization"), [own], "{path}");
        }
        // It is nobody's sign-in here.
        assert_eq!(with(&gateway, APP, "/private", own).await.0, 302);
    }
}

/// Row 19: what is revoked opens nothing a second later.
#[tokio::test]
async fn a_revoked_session_takes_its_tokens_along() {
    let recorder = Recorder::start().await;
    let (mut gateway, ann, cookie) = gateway(&recorder).await;
    let jwt = bearer(&gateway, &cookie).await;
    assert_eq!(with(&gateway, APP, "/private", &jwt).await.0, 200);

    assert!(gateway.site.run(&["session", "revoke", "--user", &ann.login_id], "").status.success());

    let client = gateway.client();
    let url = gateway.url(APP, "/private");
    gateway
        .until("for the token to be refused", async || {
            let answer = client.get(&url).header(header::AUTHORIZATION, &jwt).send().await.unwrap();
            (answer.status() == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
}

/// CS-01, CS-04, CS-05: no page of another origin gets a token for somebody.
#[tokio::test]
async fn only_a_page_of_this_host_is_given_a_token() {
    let recorder = Recorder::start().await;
    let (gateway, ann, cookie) = gateway(&recorder).await;
    let asked = async |host: &str, method: &str, fields: &[(&str, &str)], body: &'static str| {
        let mut request = gateway.client().request(method.parse().unwrap(), gateway.url(host, "/.doorward/token"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(body).send().await.unwrap().status().as_u16()
    };
    let (mine, json, here) =
        (("cookie", &*cookie), ("content-type", "application/json"), ("sec-fetch-site", "same-origin"));
    let origin = gateway.url(APP, "");

    assert_eq!(asked(APP, "POST", &[mine, json, ("origin", &origin)], "{}").await, 200);
    assert_eq!(asked(APP, "POST", &[mine, ("content-type", "application/json; charset=utf-8"), here], "").await, 200);
    for (status, host, method, fields, body) in [
        (403, APP, "POST", vec![mine, json], "{}"),
        (403, APP, "POST", vec![mine, json, ("sec-fetch-site", "cross-site"), ("origin", &*origin)], "{}"),
        (403, APP, "POST", vec![mine, json, ("origin", "https://evil.example")], "{}"),
        (415, APP, "POST", vec![mine, here], "{}"),
        (415, APP, "POST", vec![mine, here, ("content-type", "text/plain")], "{}"),
        (400, APP, "POST", vec![mine, here, json], "[]"),
        (401, APP, "POST", vec![here, json], "{}"),
        (404, APP, "GET", vec![mine, here, json], ""),
        (404, OTHER, "POST", vec![here, json], "{}"),
    ] {
        assert_eq!(asked(host, method, &fields, body).await, status, "{host} {method} {fields:?} {body}");
    }
    assert!(recorder.requests().iter().all(|seen| !seen.line().contains("token")));
    // The account is as it was: somebody signs in as before.
    let page = visit(&gateway.client(), &gateway.url(APP, "/private")).await;
    assert!(page.is_at("/login") && ann.login_id == "ann");
}
