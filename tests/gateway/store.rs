//! A store that fails, comes back, or is shared; and a gateway that is killed.

use crate::{
    recorder::Recorder,
    streams,
    world::{APP, ask, config, cookie_of, site},
};
use futures_util::future::join_all;
use reqwest::cookie::{CookieStore as _, Jar};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::{fs, sync::Arc, time::Duration};
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    person::{Person, visit},
    postgres::Postgres,
};
use tokio::{task::JoinSet, time::timeout};

/// Longer than an ended session may live on at another node.
const A_MOMENT: Duration = Duration::from_secs(3);

/// How long nobody may be able to say whose streams those are, and how long a request waits; other tests run beside this one.
const UNKNOWN_MAX: Duration = Duration::from_secs(6);

fn on_postgres(site: &Site, postgres: &Postgres, upstream: &str) -> String {
    let sqlite = format!("sqlite:{}/doorward.db", site.folder().display());
    config(site, upstream).replace(&sqlite, &postgres.url())
}

/// Asks until it is answered so.
async fn until_answered(gateway: &Gateway, path: &str, fields: &str, status: &str, patience: Duration) {
    let asking = async {
        while !ask(gateway, APP, &format!("GET {path}"), fields).await.starts_with(&format!("HTTP/1.1 {status}")) {}
    };
    assert!(timeout(patience, asking).await.is_ok(), "{path} was not {status} in {patience:?}:\n{}", gateway.log());
}

/// SE-08, EE-03: who can't be known does not pass; who need not be known does; nobody is signed out by it.
#[tokio::test]
async fn without_its_store_the_gateway_lets_nobody_pass_who_must_be_known() {
    let mut postgres = Postgres::start().await;
    let app = Recorder::start().await;
    let site = site();
    site.configure(&on_postgres(&site, &postgres, &app.url()));
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let signed_in = format!("Cookie: {}\r\n", cookie_of(&gateway, &ann, APP).await);
    assert!(ask(&gateway, APP, "GET /private", &signed_in).await.starts_with("HTTP/1.1 200"));

    postgres.stop().await;
    until_answered(&gateway, "/private", &signed_in, "503", A_MOMENT * 4).await;
    let before = app.requests().len();
    let lines = ["GET /private", "POST /private", "OPTIONS /private", "GET /.doorward/whoami"];
    for said in join_all(lines.map(|line| ask(&gateway, APP, line, &signed_in))).await {
        assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    }
    assert_eq!(app.requests().len(), before, "nothing reaches the application");
    assert!(gateway.log().contains("why=\"the store did not answer\""), "{}", gateway.log());
    assert!(ask(&gateway, APP, "GET /public/", &signed_in).await.starts_with("HTTP/1.1 200"));
    let ready = format!("http://127.0.0.1:{}/readyz", gateway.site.admin);
    assert_eq!(gateway.client().get(ready).send().await.unwrap().status(), 503);

    postgres.start_again().await;
    until_answered(&gateway, "/private", &signed_in, "200", A_MOMENT * 4).await;
}

/// SE-05, SE-08: a store that hangs says nobody's session is over, nor that it goes on.
#[tokio::test]
async fn where_its_store_hangs_the_gateway_cuts_what_is_open_and_lets_nobody_pass() {
    let postgres = Postgres::start().await;
    let site = site();
    site.configure(&on_postgres(&site, &postgres, &streams::endless().await));
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    let chat = streams::open(&gateway, "/chat", &cookie).await;

    let mut other = PgConnection::connect(&postgres.url()).await.unwrap();
    other.execute("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await.unwrap();

    streams::closed_within(UNKNOWN_MAX, chat, "the session is over").await;
    let signed_in = format!("Cookie: {cookie}\r\n");
    until_answered(&gateway, "/private", &signed_in, "503", UNKNOWN_MAX).await;
    other.execute("ROLLBACK").await.unwrap();
    until_answered(&gateway, "/private", &signed_in, "200", A_MOMENT * 4).await;
    streams::open(&gateway, "/chat", &cookie).await;
}

/// SE-06: what ends at one node ends at the other within about a second.
#[tokio::test]
async fn a_sign_out_at_one_gateway_is_one_at_the_other() {
    let postgres = Postgres::start().await;
    let app = Recorder::start().await;
    let (one, two) = (site(), site());
    let shared = on_postgres(&one, &postgres, &app.url());
    one.configure(&shared);
    let ann = Person::add(&one, "ann", &[]);
    // The second node has a portal of the same name, and ports and certificate of its own.
    fs::copy(one.folder().join("doorward.key"), two.folder().join("doorward.key")).unwrap();
    let portal = format!("url = \"https://{PORTAL}:{}\"", one.https);
    let own_portal = format!("url = \"https://{PORTAL}:{}\"", two.https);
    two.configure(&on_postgres(&two, &postgres, &app.url()).replace(&own_portal, &portal));
    let (one, two) = (one.start().await, two.start().await);

    let jar = Arc::new(Jar::default());
    let browser = client::builder(&one.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.visit(&browser, &one.url(APP, "/arrived")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let cookies = jar.cookies(&page.url).unwrap();
    let signed_in = format!("Cookie: {}\r\n", cookies.to_str().unwrap());
    assert!(ask(&two, APP, "GET /private", &signed_in).await.starts_with("HTTP/1.1 200"), "one sign-in serves both");

    let page = visit(&browser, &one.url(PORTAL, "/logout")).await;
    assert_eq!(page.submit(&browser, "/logout", &[]).await.status, 200);

    assert!(ask(&one, APP, "GET /private", &signed_in).await.starts_with("HTTP/1.1 401"), "here at once");
    until_answered(&two, "/private", &signed_in, "401", A_MOMENT).await;
}

/// TO-03, SE-01: what was answered is kept, and no code opens two doors, however the gateway ends.
#[tokio::test]
async fn killed_amid_sign_ins_it_forgets_nothing_that_it_answered() {
    let app = Recorder::start().await;
    let site = site();
    site.configure(&config(&site, &app.url()));
    let people: Vec<_> =
        ["ann", "bob", "cem", "dee", "eve", "fay"].map(|name| Arc::new(Person::add(&site, name, &[]))).into();
    let gateway = site.start().await;

    let mut signing_in = JoinSet::new();
    for person in people {
        let browser = gateway.client();
        let url = gateway.url(APP, "/arrived");
        signing_in.spawn(async move {
            let page = visit(&browser, &url).await;
            let page = person.type_password(&browser, &page).await;
            let code = person.code();
            let page = page.submit(&browser, "/challenge/totp", &[("code", &code)]).await;
            (page.status == 200).then_some((person, browser, code))
        });
    }
    let mut answered = Vec::new();
    while answered.len() < 2 {
        answered.extend(signing_in.join_next().await.unwrap().unwrap());
    }
    let gateway = gateway.killed_and_started_again().await;
    while let Some(ended) = signing_in.join_next().await {
        // Who was in the middle saw the connection break.
        answered.extend(ended.ok().flatten());
    }

    for (person, browser, code) in &answered {
        let page = visit(browser, &gateway.url(APP, "/private")).await;
        assert_eq!((page.status.as_u16(), page.url.path()), (200, "/private"), "{} was answered", person.login_id);
        let another = gateway.client();
        let page = visit(&another, &gateway.url(APP, "/arrived")).await;
        let page = person.type_password(&another, &page).await;
        let page = page.submit(&another, "/challenge/totp", &[("code", code)]).await;
        assert_eq!(page.status, 403, "{} opened two doors with one code", person.login_id);
    }
}
