//! Remembered browsers, and the link that ends a sign-in, request by request.

use crate::house::{APP, house, rules, upstream};
use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use reqwest::{Client, StatusCode, header::SET_COOKIE};
use serde_json::Value;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use support::{
    gateway::{Gateway, PORTAL, Site},
    person::{PASSWORD, Page, Person, visit},
};

/// Signs in with both steps, and has the browser remembered.
async fn remembered(gateway: &Gateway, client: &Client, ann: &Person) -> Page {
    let page = visit(client, &gateway.url(APP, "/page")).await;
    let page = ann.type_password(client, &page).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    page.submit(client, "/challenge/totp", &[("code", &ann.code()), ("remember", "yes")]).await
}

/// Where the right password leads on the way to this page of the app.
async fn with_password(gateway: &Gateway, client: &Client, ann: &Person, path: &str) -> Page {
    let page = visit(client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(client, "/logout", &[]).await;
    ann.type_password(client, &visit(client, &gateway.url(APP, path)).await).await
}

/// Whether the right password leads to a second step at the portal.
async fn is_asked(gateway: &Gateway, client: &Client, ann: &Person) -> bool {
    let page = visit(client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(client, "/logout", &[]).await;
    let page = ann.type_password(client, &visit(client, &gateway.url(PORTAL, "/login")).await).await;
    assert!(page.is_at("/challenge/totp") || page.is_at("/account"), "{page:?}");
    page.is_at("/challenge/totp")
}

async fn store(site: &Site) -> SqliteConnection {
    let preamble = site.preamble();
    let (_, url) = preamble.split_once("url = \"sqlite:").unwrap();
    SqliteConnection::connect(url.split_once('"').unwrap().0).await.unwrap()
}

/// Row 12: it spares a step, and is never fresh.
#[tokio::test]
async fn a_remembered_browser_is_spared_one_step_of_one_kind() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let client = gateway.client();
    let page = remembered(&gateway, &client, &ann).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");

    let page = with_password(&gateway, &client, &ann, "/page").await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");
    let told = visit(&client, &gateway.url(APP, "/.doorward/whoami")).await;
    let told: Value = serde_json::from_str(&told.text).unwrap();
    let methods: Vec<_> = told["authentications"].as_array().unwrap().iter().map(|proof| &proof["method"]).collect();
    assert_eq!(methods, ["password"], "{told}");

    // A stronger route, and a fresh one, ask as if it were not remembered (RD-02, SU-01).
    for path in ["/strong/1", "/fresh/1"] {
        let page = with_password(&gateway, &client, &ann, path).await;
        assert!(page.is_at("/challenge/totp"), "{path}: {page:?}");
        assert!(!page.text.contains("name=\"remember\""), "a step-up is not remembered");
        let page = page.submit(&client, "/challenge/totp", &[("code", "000000"), ("remember", "yes")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    // Nor is another browser spared anything.
    let elsewhere = with_password(&gateway, &gateway.client(), &ann, "/page").await;
    assert!(elsewhere.is_at("/challenge/totp"), "{elsewhere:?}");
}

/// Row 12: a policy may want the second step of those whom their browser spared it, and of nobody else.
#[tokio::test]
async fn a_policy_may_not_take_a_remembered_browser() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await);
    let rules =
        rules.replace("[policy.strong]\nlevel = \"mfa\"", "[policy.strong]\nlevel = \"login\"\nremember = false");
    site.configure(&[site.preamble(), rules].concat());
    let (ann, bob) = (Person::add(&site, "ann", &[]), Person::add_without_app(&site, "bob", &[]));
    // No code is taken twice within half a minute, but by another app.
    let spare = Person::known("ann").with_app(&site);
    let gateway = site.start().await;
    let client = gateway.client();
    remembered(&gateway, &client, &ann).await;

    let page = with_password(&gateway, &client, &ann, "/page").await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");
    let page = visit(&client, &gateway.url(APP, "/strong/1")).await;
    assert!(page.is_at("/challenge/totp") && page.text.contains("asks for the second step too"), "{page:?}");
    let page = spare.type_code(&client, &page).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/strong/1"), "{page:?}");
    let elsewhere = with_password(&gateway, &gateway.client(), &bob, "/strong/1").await;
    assert_eq!(elsewhere.url.as_str(), gateway.url(APP, "/strong/1"), "nothing was spared Bob: {elsewhere:?}");
}

#[tokio::test]
async fn the_secret_is_new_kept_hashed_and_in_one_cookie() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let client = gateway.client();
    let page = visit(&client, &gateway.url(APP, "/page")).await;
    let page = ann.type_password(&client, &page).await;
    let form = [("code", ann.code()), ("remember", "yes".to_owned())];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = page.submission(&client, "/challenge/totp", &form).send().await.unwrap();

    let set: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    let device: Vec<_> = set.iter().filter_map(|cookie| cookie.strip_prefix("__Host-doorward-device=")).collect();
    assert_eq!(device.len(), 1, "{set:?}");
    let (secret, attributes) = device[0].split_once("; ").unwrap();
    assert!(attributes.contains("Max-Age=2592000") && attributes.contains("HttpOnly"), "{attributes}");
    let secret = BASE64_URL_SAFE_NO_PAD.decode(secret).unwrap();
    assert_eq!(secret.len(), 32);
    let mut store = store(&gateway.site).await;
    let kept: Vec<u8> = sqlx::query("SELECT browser FROM devices").fetch_one(&mut store).await.unwrap().get(0);
    assert_eq!(kept, digest(&SHA256, &secret).as_ref());
    // It is the known-browser mark, too.
    let known: Vec<u8> = sqlx::query("SELECT browser FROM known_browsers").fetch_one(&mut store).await.unwrap().get(0);
    assert_eq!(known, kept);
}

/// Row 12: listed and forgotten.
#[tokio::test]
async fn each_way_of_forgetting_works() {
    let (gateway, mut ann) = house(|site| Person::add(site, "ann", &[])).await;
    for way in ["operator", "page", "all", "everywhere", "password", "reset"] {
        let client = gateway.client();
        let key = gateway.site.run(&["user", "enroll-totp", "ann", "--json"], "");
        let key: Value = serde_json::from_slice(&key.stdout).unwrap();
        ann.set_up_app(key["key"].as_str().unwrap());
        remembered(&gateway, &client, &ann).await;
        assert!(!is_asked(&gateway, &client, &ann).await, "{way}");
        let devices = visit(&client, &gateway.url(PORTAL, "/account/devices")).await;
        let run = |verb: &[&str], input: &str| assert!(gateway.site.run(verb, input).status.success(), "{verb:?}");
        match way {
            "operator" => run(&["user", "forget-devices", "ann"], ""),
            "page" => {
                let device = devices.hidden("device").unwrap();
                devices.submit(&client, "/account/devices/forget", &[("device", device)]).await;
            }
            "all" => drop(devices.submit(&client, "/account/devices/forget", &[]).await),
            "everywhere" => drop(devices.submit(&client, "/logout", &[("everywhere", "yes")]).await),
            "password" => run(&["user", "set-password", "ann"], &format!("{PASSWORD}\n")),
            _ => {
                run(&["user", "reset-mfa", "ann"], "");
                run(&["user", "enroll-totp", "ann"], "");
            }
        }
        assert!(is_asked(&gateway, &client, &ann).await, "{way}");
    }
}

/// Row 8: remembered browsers are the operator's to want.
#[tokio::test]
async fn the_operator_may_want_none() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("\"optional\"", "\"optional\"\nremember = \"off\"");
    site.configure(&[site.preamble(), rules].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let client = gateway.client();

    // Whoever ticks what is not there.
    let page = remembered(&gateway, &client, &ann).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");

    let page = with_password(&gateway, &client, &ann, "/page").await;
    assert!(page.is_at("/challenge/totp") && !page.text.contains("name=\"remember\""), "{page:?}");
}

#[tokio::test]
async fn a_link_ends_one_sign_in_after_a_question_and_once() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let client = gateway.client();
    remembered(&gateway, &client, &ann).await;
    // As the message holds it.
    let link = [7; 32];
    let mut store = store(&gateway.site).await;
    let insert = "INSERT INTO undos (token, user_id, session_id, browser, made_at) \
        SELECT $1, user_id, id, 'Firefox on Linux', started_at FROM sessions";
    sqlx::query(insert).bind(digest(&SHA256, &link).as_ref()).execute(&mut store).await.unwrap();
    let link = gateway.url(PORTAL, &format!("/not-me?link={}", BASE64_URL_SAFE_NO_PAD.encode(link)));

    // Programs look at mail; its owner may read it anywhere.
    let anywhere = gateway.client();
    for _ in 0..2 {
        let page = visit(&anywhere, &link).await;
        assert!(page.text.contains("<h1>Was that you?</h1>") && page.text.contains("Firefox on Linux"), "{page:?}");
        let app = visit(&client, &gateway.url(APP, "/page")).await;
        assert_eq!(app.text, "GET /page for ann", "looking ends nothing");
    }
    let page = visit(&anywhere, &link).await;
    let foreign = anywhere.post(page.url.clone()).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let token = page.hidden("link").unwrap();
    let unsigned = anywhere.post(page.url.clone()).header("sec-fetch-site", "same-origin");
    let unsigned = unsigned.form(&[("csrf", "x"), ("link", token)]).send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);

    let ended = page.submit(&anywhere, "/not-me", &[("link", token)]).await;

    assert!(ended.text.contains("<h1>That sign-in has ended</h1>"), "{ended:?}");
    let app = visit(&client, &gateway.url(APP, "/page")).await;
    assert!(app.is_at("/login"), "{app:?}");
    assert!(with_password(&gateway, &client, &ann, "/page").await.is_at("/challenge/totp"), "nor is it remembered");
    for again in [page.submit(&anywhere, "/not-me", &[("link", token)]).await, visit(&anywhere, &link).await] {
        assert_eq!(again.status, StatusCode::GONE);
        assert!(again.text.contains("<h1>This link no longer works</h1>"), "{again:?}");
    }
    for nonsense in ["/not-me", "/not-me?link=x", "/not-me?link="] {
        assert_eq!(visit(&anywhere, &gateway.url(PORTAL, nonsense)).await.status, StatusCode::GONE, "{nonsense}");
    }
}

#[tokio::test]
async fn nobody_forgets_for_somebody_else() {
    let people = |site: &Site| (Person::add(site, "ann", &[]), Person::add(site, "bob", &[]));
    let (gateway, (ann, bob)) = house(people).await;
    let (anns, bobs) = (gateway.client(), gateway.client());
    remembered(&gateway, &anns, &ann).await;
    remembered(&gateway, &bobs, &bob).await;
    let device = visit(&anns, &gateway.url(PORTAL, "/account/devices")).await.hidden("device").unwrap().to_owned();

    let page = visit(&bobs, &gateway.url(PORTAL, "/account/devices")).await;
    page.submit(&bobs, "/account/devices/forget", &[("device", &device)]).await;
    let stranger = gateway.client();
    let login = visit(&stranger, &gateway.url(PORTAL, "/login")).await;
    let refused = login.submit(&stranger, "/account/devices/forget", &[("device", &device)]).await;

    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    let page = with_password(&gateway, &anns, &ann, "/page").await;
    assert_eq!(page.url.as_str(), gateway.url(APP, "/page"), "{page:?}");
}
