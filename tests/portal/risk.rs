//! Sign-ins that are unlike earlier ones, request by request. The load balancer before the gateway says where they come from.

use crate::house::{APP, rules, upstream};
use reqwest::{Client, StatusCode, header::HeaderMap};
use sqlx::{Connection as _, SqliteConnection};
use std::path::Path;
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    person::{Page, Person, visit},
};

const LONDON: &str = "81.2.69.160";
const BOXFORD: &str = "2.125.160.216";
const MILTON: &str = "216.160.83.56";
const LISTED: &str = "198.51.100.7";

/// A gateway that assesses sign-ins, and asks for a second factor only where they are risky. All of Britain is one country.
async fn house<T>(risk: &str, people: impl FnOnce(&Site) -> T) -> (Gateway, T) {
    strict_house(risk, "ask = 10, deny = 60", people).await
}

/// The same, where the stricter policy makes this of a sign-in's risk.
async fn strict_house<T>(risk: &str, ceiling: &str, people: impl FnOnce(&Site) -> T) -> (Gateway, T) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/GeoLite2-City-Test.mmdb");
    let preamble = site.preamble().replace("[server]", "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]");
    let rules = rules(&[APP], &upstream().await).replace("\"optional\"", "\"risk-based\"");
    let rules = rules.replace(
        "[policy.strong]\nlevel = \"mfa\"",
        &format!("[policy.strong]\nlevel = \"login\"\nrisk = {{ {ceiling} }}"),
    );
    let watched = format!(
        "[networks]\nhidden = [\"198.51.100.0/24\"]\n\n[risk]\ngeo = \"{}\"\nlisted = [\"hidden\"]\n{risk}\n",
        map.display()
    );
    site.configure(&[preamble, site.mail(), watched, rules].concat());
    let people = people(&site);
    (site.start().await, people)
}

/// A browser at this address.
fn at(gateway: &Gateway, address: &str) -> Client {
    let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), address.parse().unwrap())]);
    client::builder(&gateway.site.authority).default_headers(headers).build().unwrap()
}

/// Where the right password leads on the way to this page of the app.
async fn enter(gateway: &Gateway, client: &Client, person: &Person, path: &str) -> Page {
    let page = visit(client, &gateway.url(APP, path)).await;
    person.type_password(client, &page).await
}

/// What the owner reads of the last sign-ins.
async fn activity(gateway: &Gateway, client: &Client) -> String {
    visit(client, &gateway.url(PORTAL, "/account/activity")).await.text
}

fn is_let_in(gateway: &Gateway, page: &Page) -> bool {
    page.url.as_str() == gateway.url(APP, "/page")
}

/// Row 9: what shows is written down, and each signal can ask for a second factor, refuse, or only tell.
#[tokio::test]
async fn a_signal_is_recorded_and_forces_a_second_factor_refuses_or_only_tells() {
    let risk = "notify = 10\nrequire = 50\non = { listed-address = \"deny\" }";
    let people = |site: &Site| Person::add_with_mail(site, "ann", "ann@example.com").with_app(site);
    let (gateway, ann) = house(risk, people).await;

    // The first sign-in is like no other, and nothing follows from that.
    let home = at(&gateway, LONDON);
    let page = enter(&gateway, &home, &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    assert!(!activity(&gateway, &home).await.contains("Unusual"));

    // Another browser and network of the same country: the owner is told, and has a link that ends it.
    let page = enter(&gateway, &at(&gateway, BOXFORD), &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let told = activity(&gateway, &home).await;
    assert!(told.contains("Unusual sign-in: a new browser, a new network<"), "{told}");
    assert!(gateway.mailed("ann@example.com", "/not-me").await.contains("link="));

    // Another country, and no way to come from there so fast: the second factor that nobody else is asked for.
    let away = at(&gateway, MILTON);
    let page = enter(&gateway, &away, &ann, "/page").await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    let told = activity(&gateway, &home).await;
    assert!(
        told.contains("a new country, a new network, too far from the last sign-in; a second step was asked for"),
        "{told}"
    );
    let page = ann.type_code(&away, &page).await;
    assert!(is_let_in(&gateway, &page), "{page:?}");

    // An address on a list: refused, whoever knows the password.
    let listed = at(&gateway, LISTED);
    let page = enter(&gateway, &listed, &ann, "/page").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("sign you in</h1>"), "{page:?}");
    let (_, rest) = page.text.split_once("Reference <code>").unwrap_or_else(|| panic!("{}", page.text));
    let (reference, log) = (rest.split_once('<').unwrap().0, gateway.log());
    let line = log.lines().find(|line| line.contains(reference)).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("too unlike earlier ones") && line.contains("listed-address"), "{line}");
    assert!(visit(&listed, &gateway.url(APP, "/page")).await.is_at("/login"));
    let told = activity(&gateway, &home).await;
    assert!(told.contains("an address that is watched; it was refused"), "{told}");
}

/// Row 9: a policy asks more of a risky sign-in, and nothing of those that are as ever.
#[tokio::test]
async fn a_policy_asks_for_a_second_factor_where_the_sign_in_was_risky_and_refuses_where_it_was_too_risky() {
    let (gateway, ann) = house("on = { recent-failures = \"require\" }", |site| Person::add(site, "ann", &[])).await;
    let home = at(&gateway, LONDON);
    let page = enter(&gateway, &home, &ann, "/strong/1").await;
    assert_eq!(page.text, "GET /strong/1 for ann", "{page:?}");

    let cottage = at(&gateway, BOXFORD);
    let page = enter(&gateway, &cottage, &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let page = visit(&cottage, &gateway.url(APP, "/strong/1")).await;
    assert!(page.is_at("/challenge/totp") && page.text.contains("like your others"), "{page:?}");
    assert!(page.text.contains("You last proved it was you just now, with your password."), "{page:?}");
    let page = ann.type_code(&cottage, &page).await;
    assert_eq!(page.text, "GET /strong/1 for ann", "{page:?}");

    let away = at(&gateway, MILTON);
    let page = enter(&gateway, &away, &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let page = visit(&away, &gateway.url(APP, "/strong/1")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("open this page</h1>"), "{page:?}");
}

/// Row 9: what a policy makes of a signal by itself, whatever it weighs.
#[tokio::test]
async fn a_policy_asks_for_a_second_factor_or_refuses_at_a_signal_that_weighs_nothing() {
    let weights = "weights = { new-device = 0, new-network = 0, new-country = 0, impossible-travel = 0 }";
    let risk = &format!("{weights}\non = {{ recent-failures = \"require\" }}");
    let ceiling = "on = { new-network = \"require\", new-country = \"deny\" }";
    let (gateway, ann) = strict_house(risk, ceiling, |site| Person::add(site, "ann", &[])).await;
    let home = at(&gateway, LONDON);
    let page = enter(&gateway, &home, &ann, "/strong/1").await;
    assert_eq!(page.text, "GET /strong/1 for ann", "{page:?}");

    let cottage = at(&gateway, BOXFORD);
    let page = enter(&gateway, &cottage, &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let page = visit(&cottage, &gateway.url(APP, "/strong/1")).await;
    assert!(page.is_at("/challenge/totp") && page.text.contains("like your others"), "{page:?}");
    let page = ann.type_code(&cottage, &page).await;
    assert_eq!(page.text, "GET /strong/1 for ann", "{page:?}");

    let away = at(&gateway, MILTON);
    let page = enter(&gateway, &away, &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    assert_eq!(visit(&away, &gateway.url(APP, "/strong/1")).await.status, StatusCode::FORBIDDEN);
}

/// Row 9: who did not sign in for longer than sign-ins are compared is no newcomer, before and after the old ones are swept.
#[tokio::test]
async fn an_account_that_slept_for_months_takes_more_than_its_password() {
    let (gateway, ann) = house("require = 60", |site| Person::add(site, "ann", &[])).await;
    let page = enter(&gateway, &at(&gateway, LONDON), &ann, "/page").await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let store = format!("sqlite:{}/doorward.db", gateway.site.folder().display());
    let mut store = SqliteConnection::connect(&store).await.unwrap();
    let days = 91 * 24 * 3600 * 1000_i64;
    let aged = sqlx::query("UPDATE traces SET left_at = left_at - $1, counts_from = counts_from - $1").bind(days);
    assert_eq!(aged.execute(&mut store).await.unwrap().rows_affected(), 1);

    let page = enter(&gateway, &at(&gateway, MILTON), &ann, "/page").await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");

    // A gateway sweeps when it starts.
    let mut gateway = gateway.killed_and_started_again().await;
    let swept = async || {
        let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM traces").fetch_one(&mut store).await.unwrap();
        (kept == 0).then_some(())
    };
    gateway.until("for the old trace to be swept", swept).await;
    let away = at(&gateway, MILTON);
    let page = enter(&gateway, &away, &ann, "/page").await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    let page = ann.type_code(&away, &page).await;
    assert!(is_let_in(&gateway, &page), "{page:?}");
    let told = activity(&gateway, &away).await;
    let shown = "a new browser, a new country, a new network, the first since the password was changed";
    assert!(told.contains(&format!("{shown}; a second step was asked for")), "{told}");
}

#[tokio::test]
async fn a_file_that_is_no_map_stops_the_start() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let config = [site.preamble(), "[risk]\ngeo = \"config.toml\"\n".to_owned(), rules(&[APP], &upstream().await)];
    site.configure(&config.concat());

    let output = site.run(&["serve"], "");

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the geo file can't be used"), "{said}");
}
