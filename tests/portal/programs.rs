//! What programs are told: which proof is missing, in a form they can read (SU-03, SU-04).

use crate::house::{APP, house, house_of_ann, signed_in};
use reqwest::{
    Client, RequestBuilder, Response,
    cookie::{CookieStore as _, Jar},
    header,
};
use serde_json::Value;
use std::sync::Arc;
use support::{
    client::builder,
    gateway::{Gateway, PORTAL},
    person::{Person, visit},
};

struct Told {
    status: u16,
    challenge: String,
    problem: Value,
}

async fn told(request: RequestBuilder) -> Told {
    let answer: Response = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let field = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert_eq!(field(header::CONTENT_TYPE), "application/problem+json", "{answer:?}");
    assert_eq!(field(header::CACHE_CONTROL), "no-store");
    assert_eq!((field(header::SET_COOKIE), field(header::LOCATION)), (String::new(), String::new()));
    let challenge = field(header::WWW_AUTHENTICATE);
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["status"], status);
    Told { status, challenge, problem }
}

#[tokio::test]
async fn a_program_without_a_session_is_told_where_a_person_can_sign_in() {
    let (gateway, ann) = house_of_ann().await;
    let client = gateway.client();
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        let answer = client.request(method.parse().unwrap(), gateway.url(APP, "/api")).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method}");
    }

    let told = told(client.get(gateway.url(APP, "/api"))).await;

    assert_eq!((told.status, told.challenge.as_str()), (401, "Bearer realm=\"doorward\""));
    assert_eq!(told.problem["code"], "sign_in_required");
    let url = told.problem["step_up_url"].as_str().unwrap();
    assert!(url.starts_with(&gateway.url(APP, "/.doorward/step-up?to=")), "{url}");
    // In a browser that was never here.
    let person = gateway.client();
    let page = visit(&person, url).await;
    assert!(page.url.as_str().starts_with(&gateway.url(PORTAL, "/login?to=")), "{page:?}");
    assert!(page.text.contains("to go on to <strong>App</strong>"), "{}", page.text);
    let page = ann.type_password(&person, &page).await;
    assert_eq!((page.url.as_str(), page.text.as_str()), (&*gateway.url(APP, "/"), "GET / for ann"));
}

/// A browser with these cookies, but for the one that binds a way to it: as some time after a sign-in, or another program's.
fn without_a_flow(gateway: &Gateway, jar: &Jar) -> Client {
    let kept = Jar::default();
    for url in [APP, PORTAL].map(|host| gateway.url(host, "/").parse().unwrap()) {
        let cookies = jar.cookies(&url).unwrap();
        for pair in cookies.to_str().unwrap().split("; ").filter(|pair| !pair.starts_with("__Host-doorward-flow")) {
            kept.add_cookie_str(&format!("{pair}; Path=/; Secure"), &url);
        }
    }
    builder(&gateway.site.authority).cookie_provider(Arc::new(kept)).build().unwrap()
}

#[tokio::test]
async fn where_a_program_is_told_to_step_up_leads_back_to_its_page_in_a_browser_that_set_out_from_nowhere() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let jar = Arc::new(Jar::default());
    let client = builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/")).await).await;
    let page = page.submit(&client, "/challenge/totp", &[("code", &ann.last_code())]).await;
    assert_eq!(page.text, "GET / for ann");
    let account = visit(&client, &gateway.url(PORTAL, "/account")).await;
    account.submit(&client, "/account/lock", &[]).await;
    let browser = without_a_flow(&gateway, &jar);
    let transfer =
        || browser.post(gateway.url(APP, "/fresh/x")).header(header::REFERER, gateway.url(APP, "/page?of=1"));

    let told = told(transfer()).await;
    let page = visit(&browser, told.problem["step_up_url"].as_str().unwrap()).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    let page = ann.type_code(&browser, &page).await;

    assert_eq!((page.url.as_str(), page.text.as_str()), (&*gateway.url(APP, "/page?of=1"), "GET /page?of=1 for ann"));
    assert_eq!(transfer().send().await.unwrap().text().await.unwrap(), "POST /fresh/x for ann");
}

/// Java's `HttpURLConnection` asks for HTML whatever it sends.
#[tokio::test]
async fn what_sends_what_no_form_could_is_told_as_a_program_is() {
    let (gateway, _) = house_of_ann().await;
    let ask =
        || gateway.client().post(gateway.url(APP, "/api")).header(header::ACCEPT, "text/html, image/gif, */*; q=.2");

    let json = told(ask().header(header::CONTENT_TYPE, "application/json").body("{}")).await;
    assert_eq!((json.status, &json.problem["code"]), (401, &Value::from("sign_in_required")));
    let form = ask().form(&[("a", "b")]).send().await.unwrap();
    assert_eq!(
        (form.status().as_u16(), &form.headers()[header::CONTENT_TYPE]),
        (403, &"text/html; charset=utf-8".parse().unwrap())
    );
}

/// Row 18: level, methods and age, on every request.
#[tokio::test]
async fn a_program_with_too_little_proof_is_told_what_is_missing() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;

    let level = told(client.get(gateway.url(APP, "/strong/x"))).await;
    assert_eq!(level.status, 401);
    assert_eq!(level.problem["code"], "step_up_required");
    assert!(level.challenge.contains("error=\"insufficient_user_authentication\""), "{}", level.challenge);
    assert!(level.challenge.ends_with("acr_values=\"mfa\""), "{}", level.challenge);

    let fresh = told(client.post(gateway.url(APP, "/fresh/x"))).await;
    assert_eq!(fresh.status, 401);
    assert!(fresh.challenge.ends_with("acr_values=\"login\", max_age=\"300\""), "{}", fresh.challenge);
    let url = fresh.problem["step_up_url"].as_str().unwrap();
    assert!(url.starts_with(&gateway.url(APP, "/.doorward/step-up?to=")), "{url}");

    let denied = told(client.get(gateway.url(APP, "/audit/x"))).await;
    assert_eq!((denied.status, denied.challenge.as_str()), (403, ""));
    assert_eq!(denied.problem["code"], "not_allowed");
}

#[tokio::test]
async fn no_method_asks_for_less() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    let refused = [400; 3];
    for (method, expected) in [
        ("GET", [200, 401, 403]),
        ("HEAD", [200, 401, 403]),
        ("OPTIONS", [200, 401, 403]),
        ("POST", [200, 401, 403]),
        ("PATCH", [200, 401, 403]),
        ("BREW", [200, 401, 403]),
        ("get", refused),
        ("Post", refused),
    ] {
        let ask = async |path| {
            let request = client.request(method.parse().unwrap(), gateway.url(APP, path));
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!([ask("/x").await, ask("/strong/x").await, ask("/audit/x").await], expected, "{method}");
    }
}

#[tokio::test]
async fn a_web_socket_needs_a_session_and_a_page_of_its_host() {
    let (gateway, ann) = house_of_ann().await;
    let handshake = |client: &reqwest::Client, path: &str| {
        let request = client.get(gateway.url(APP, path)).version(reqwest::Version::HTTP_11);
        let request = request.header(header::CONNECTION, "upgrade").header(header::UPGRADE, "websocket");
        request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    // Over HTTP/2 a client leaves `Upgrade` out.
    let tls = || gateway.site.authority.client_config(&["http/1.1"]);
    let http1 = || support::client::builder(&gateway.site.authority).tls_backend_preconfigured(tls()).build().unwrap();

    assert_eq!(told(handshake(&http1(), "/ws")).await.status, 401);
    let client = http1();
    let page = ann.visit(&client, &gateway.url(APP, "/")).await;
    assert_eq!(page.text, "GET / for ann");
    assert_eq!(told(handshake(&client, "/strong/ws")).await.status, 401);
    for origin in ["https://evil.example", "null", &gateway.url(PORTAL, "")] {
        let told = told(handshake(&client, "/ws").header(header::ORIGIN, origin)).await;
        assert_eq!((told.status, &told.problem["code"]), (403, &Value::from("not_allowed")), "{origin}");
    }
    // This application speaks no WebSocket, but it was asked.
    let answer = handshake(&client, "/ws").header(header::ORIGIN, gateway.url(APP, "")).send().await.unwrap();
    assert!(!matches!(answer.status().as_u16(), 401 | 403), "{}", answer.status());
}

#[tokio::test]
async fn a_script_can_ask_who_is_there() {
    let (gateway, ann) = house_of_ann().await;
    let whoami = async |client: &reqwest::Client| -> Value {
        let answer = client.get(gateway.url(APP, "/.doorward/whoami")).send().await.unwrap();
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        assert!(answer.headers().get("access-control-allow-origin").is_none());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };

    assert_eq!(whoami(&gateway.client()).await, serde_json::json!({ "signed_in": false }));
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    let told = whoami(&client).await;
    assert_eq!((&told["signed_in"], &told["user"]), (&Value::from(true), &Value::from("ann")));
    assert_eq!(told["authentications"][0]["method"], "password");
    assert!(told["authentications"][0]["age_seconds"].as_u64().unwrap() < 60, "{told}");
}

#[tokio::test]
async fn a_form_of_another_site_is_not_sent_for_somebody_who_must_sign_in_first() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let form = client.post(gateway.url(APP, "/x")).header("sec-fetch-mode", "navigate");
    let form = form.header("sec-fetch-site", "cross-site");

    let answer = form.form(&[("typed", "secret words")]).send().await.unwrap();

    assert_eq!(answer.status(), 403);
    let text = answer.text().await.unwrap();
    assert!(text.contains("Nothing was sent") && !text.contains("secret words"), "{text}");
    let (_, rest) = text.split_once(&format!("href=\"{}", gateway.url(PORTAL, "/login?to="))).unwrap();
    assert!(!rest.is_empty());
}
