//! What goes with every page (BR-01 to BR-03), and what is no page.

use crate::house::{APP, house_of_ann, rules, signed_in, upstream};
use reqwest::header;
use support::{
    gateway::{PORTAL, Site},
    person::{Page, navigation, visit},
};

/// Holds a page of ours to what keeps it ours.
fn is_protected(page: &Page) {
    let field = |name: &str| page.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = field("content-security-policy");
    for directive in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action "] {
        assert!(policy.contains(directive), "{}: {directive} in {policy}", page.url);
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(field(name), value, "{}: {name}", page.url);
    }
    assert!(field("strict-transport-security").contains("max-age=31536000"), "{}", page.url);
    assert!(page.headers.get("server").is_none() && page.headers.get("x-powered-by").is_none());
    // A picture names its own format by a URL that nobody loads.
    let loads = page.text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!loads.contains("http://"), "{}: {loads}", page.url);
    // A script is a file of ours, and only where the policy of the page knows of one (BR-03).
    let scripts: Vec<&str> = loads.split("<script").skip(1).collect();
    let ours = |script: &&str| ["passkey", "password"].iter().any(|name| script.contains(&format!("/static/{name}.")));
    assert!(scripts.iter().all(ours), "{}: {loads}", page.url);
    assert_eq!(policy.contains("script-src 'self'"), !scripts.is_empty(), "{}: {policy}", page.url);
}

#[tokio::test]
async fn every_page_of_ours_is_unframed_uncached_and_self_contained() {
    let (gateway, ann) = house_of_ann().await;
    let stranger = gateway.client();
    for (host, path, status) in [
        (PORTAL, "/login", 200),
        (PORTAL, "/logout", 200),
        (PORTAL, "/forgot", 200),
        (PORTAL, "/reset", 410),
        (PORTAL, "/nowhere", 404),
        (APP, "/.doorward/nowhere", 404),
    ] {
        let page = visit(&stranger, &gateway.url(host, path)).await;
        assert_eq!(page.status, status, "{host}{path}");
        is_protected(&page);
    }
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    for (host, path, status) in [
        (PORTAL, "/account", 200),
        (PORTAL, "/account/activity", 200),
        (PORTAL, "/account/factors/x", 404),
        (PORTAL, "/logout", 200),
        (PORTAL, "/enroll/totp", 200),
        (APP, "/audit/", 403),
        (APP, "/fresh/", 200),
    ] {
        let page = visit(&client, &gateway.url(host, path)).await;
        assert_eq!(page.status, status, "{host}{path} is at {}", page.url);
        is_protected(&page);
    }
}

#[tokio::test]
async fn what_a_page_loads_is_named_by_its_content_and_kept() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    for (host, path) in [(PORTAL, "/login"), (APP, "/.doorward/nowhere")] {
        let page = visit(&client, &gateway.url(host, path)).await;
        let links: Vec<_> = page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let assets: Vec<_> = links.iter().filter(|link| link.contains("/static/")).collect();
        assert_eq!(assets.len(), 2, "{links:?}");
        let mut bytes = page.text.len();
        for asset in assets {
            let answer = client.get(page.url.join(asset).unwrap()).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{asset}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable", "{asset}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            bytes += answer.bytes().await.unwrap().len();
        }
        assert!(bytes < 30 * 1024, "{bytes} bytes to show {}", page.url);
    }
    let unknown = client.get(gateway.url(PORTAL, "/static/style.css")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();

    let login = navigation(client.head(gateway.url(PORTAL, "/login"))).send().await.unwrap();
    assert_eq!(login.status(), 200);
    assert_eq!(login.text().await.unwrap(), "");
    let app = navigation(client.head(gateway.url(APP, "/"))).send().await.unwrap();
    assert_eq!(app.status(), 302);
    assert!(app.headers()[header::LOCATION].to_str().unwrap().starts_with(&gateway.url(PORTAL, "/login?to=")));
}

/// WA-09: what stands in the field for the name, whole, half or made up, changes nothing about what a browser is asked.
#[tokio::test]
async fn a_browser_is_asked_for_any_passkey_whatever_name_is_typed() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let page = visit(&client, &gateway.url(PORTAL, "/login")).await;

    let mut asked = Vec::new();
    for name in ["", "an", "ann", "nobody"] {
        let form = page.submission(&client, "/passkey/options", &[("purpose", "sign-in"), ("login_id", name)]);
        let answer = form.send().await.unwrap();
        let (status, length) = (answer.status(), answer.content_length());
        let mut told: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(told["challenge"].take().is_string() && told["options"]["challenge"].take().is_string(), "{told}");
        assert_eq!(told["options"]["allowCredentials"], serde_json::json!([]), "{name}");
        asked.push((status, length, told));
    }

    assert!(asked.iter().all(|other| *other == asked[0]), "{asked:?}");
}

#[tokio::test]
async fn the_keys_of_assertions_are_public_and_their_private_parts_are_not() {
    let (gateway, _) = house_of_ann().await;

    let answer = gateway.client().get(gateway.url(PORTAL, "/.well-known/jwks.json")).send().await.unwrap();

    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/jwk-set+json");
    let keys: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"EC".into(), &"P-256".into(), &"ES256".into()), "{keys}");
    assert!(key["kid"].is_string() && key["x"].is_string() && key["d"].is_null(), "{keys}");
}

#[tokio::test]
async fn the_house_is_the_operators_by_mark_privacy_and_footer() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let mark = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>";
    std::fs::write(site.folder().join("mark.svg"), mark).unwrap();
    let own =
        "privacy_url = \"https://www.example.com/privacy\"\nfooter = \"Since <1901>\"\nmark = \"mark.svg\"\n\n[store]";
    let preamble = site.preamble().replacen("\n[store]", own, 1);
    site.configure(&[preamble, rules(&[APP], &upstream().await)].concat());
    let gateway = site.start().await;

    for (host, path) in [(PORTAL, "/login"), (APP, "/.doorward/nowhere")] {
        let page = visit(&gateway.client(), &gateway.url(host, path)).await;

        is_protected(&page);
        assert!(page.text.contains("<a href=\"https://www.example.com/privacy\">Privacy</a>"), "{page:?}");
        assert!(page.text.contains("<p>Since &#60;1901&#62;</p>"), "{page:?}");
        let shown =
            page.text.split("<img class=\"mark\" src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert!(
            page.text.contains(&format!("<link rel=\"icon\" type=\"image/svg+xml\" href=\"{shown}\">")),
            "{page:?}"
        );
        let answer = gateway.client().get(page.url.join(shown).unwrap()).send().await.unwrap();
        // Opened on its own, it runs nothing.
        assert_eq!(answer.headers()["content-security-policy"], "default-src 'none'");
        assert_eq!(answer.text().await.unwrap(), mark);
    }
}

#[tokio::test]
async fn a_mark_that_browsers_could_not_show_stops_the_start() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    std::fs::write(site.folder().join("mark.svg"), "<html>").unwrap();
    let preamble = site.preamble().replacen("\n[store]", "mark = \"mark.svg\"\n\n[store]", 1);
    site.configure(&[preamble, rules(&[APP], "http://127.0.0.1:9")].concat());

    let served = site.run(&["serve"], "");

    assert!(!served.status.success());
    let said = String::from_utf8_lossy(&served.stderr);
    assert!(said.contains("mark.svg\" can't be shown: it is neither SVG nor PNG"), "{said}");
}
