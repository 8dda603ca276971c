//! Who was away is asked who is there, and what a page does by itself is no use.

use crate::{
    recorder::Recorder,
    world::{APP, app, site},
};
use reqwest::Client;
use sqlx::{Connection as _, SqliteConnection};
use std::time::Duration;
use support::{
    gateway::{Gateway, Site},
    person::{PASSWORD, Person, visit},
};

const RULES: &str = r#"
[mfa]
requirement = "optional"

[session]
idle = "30m"

[policy.standard]
level = "login"

[policy.desk]
level = "login"
idle = "10m"
"#;

const ROUTES: &str = r#"
[[app.route]]
path = "/desk"
policy = "desk"

[[app.route]]
path = "/poll"
policy = "standard"
background = true
"#;

async fn gateway(recorder: &Recorder) -> (Gateway, Client) {
    let site = site();
    site.configure(&[&site.preamble(), RULES, &app("app", &recorder.url()), ROUTES].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    let gateway = site.start().await;
    let client = gateway.client();
    assert_eq!(ann.visit(&client, &gateway.url(APP, "/desk")).await.text, "ok", "{}", gateway.log());
    (gateway, client)
}

async fn database(site: &Site) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}/doorward.db", site.folder().display())).await.unwrap()
}

/// Makes the last sign of everybody that much older, proofs too.
async fn go_away(site: &Site, minutes: i64) {
    let mut database = database(site).await;
    for statement in [
        "UPDATE sessions SET seen_at = seen_at - $1, active_at = active_at - $1, started_at = started_at - $1",
        "UPDATE authentications SET proven_at = proven_at - $1",
    ] {
        sqlx::query(statement).bind(minutes * 60_000).execute(&mut database).await.unwrap();
    }
}

/// When the one session was last used, and for how long it was not.
async fn activity(site: &Site) -> (i64, i64) {
    let mut database = database(site).await;
    sqlx::query_as("SELECT active_at, quiet FROM sessions").fetch_one(&mut database).await.unwrap()
}

/// Asks until it is answered so: what was looked up may be a second old.
async fn until_answered(client: &Client, url: &str, status: u16) {
    let asking = async { while client.get(url).send().await.unwrap().status() != status {} };
    tokio::time::timeout(Duration::from_secs(10), asking).await.unwrap_or_else(|_| panic!("{url} was never {status}"));
}

#[tokio::test]
async fn who_was_away_is_asked_for_and_a_laxer_page_makes_nothing_good() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;

    go_away(&gateway.site, 12).await;
    let desk = gateway.url(APP, "/desk");
    until_answered(&client, &desk, 401).await;
    assert_eq!(visit(&client, &gateway.url(APP, "/lax")).await.text, "ok");
    let page = visit(&client, &desk).await;
    assert!(page.is_at("/challenge/password"), "{page:?}");
    assert!(page.text.contains("Nobody used this browser for 12 minutes."), "{}", page.text);

    let page = page.submit(&client, "/challenge/password", &[("password", PASSWORD)]).await;
    assert_eq!((page.url.path(), page.text.as_str()), ("/desk", "ok"), "{page:?}");
    assert_eq!(activity(&gateway.site).await.1, 0);
}

#[tokio::test]
async fn what_runs_in_the_background_keeps_nobody_signed_in() {
    let recorder = Recorder::start().await;
    let (gateway, client) = gateway(&recorder).await;
    go_away(&gateway.site, 3).await;
    // It remembers nobody who was there a moment ago.
    let mut gateway = gateway.killed_and_started_again().await;

    for _ in 0..3 {
        assert_eq!(client.get(gateway.url(APP, "/poll")).send().await.unwrap().status(), 200);
    }
    go_away(&gateway.site, 3).await;
    assert_eq!(client.get(gateway.url(APP, "/lax")).send().await.unwrap().status(), 200);
    let mut database = database(&gateway.site).await;
    let noted = "SELECT quiet FROM sessions WHERE quiet > 0";
    let quiet: i64 = gateway
        .until("for the use to be noted", async || {
            sqlx::query_scalar(noted).fetch_optional(&mut database).await.unwrap()
        })
        .await;
    assert!((360_000..400_000).contains(&quiet), "the background has made it shorter: {quiet}");

    go_away(&gateway.site, 31).await;
    until_answered(&client, &gateway.url(APP, "/poll"), 401).await;
}
