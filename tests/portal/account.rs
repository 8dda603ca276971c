//! `/account`, request by request: factors, sessions, activity, the lock.

use crate::house::{APP, house, house_of_ann, rules, signed_in, upstream};
use reqwest::{Client, StatusCode};
use std::process::Command;
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    person::{Page, Person, visit},
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

async fn at(gateway: &Gateway, client: &Client, path: &str) -> Page {
    visit(client, &gateway.url(PORTAL, path)).await
}

/// Gives somebody one more app, whose codes are all unused.
fn new_app(gateway: &Gateway, person: &mut Person) {
    let told = gateway.site.run(&["user", "enroll-totp", &person.login_id, "--json"], "");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    person.set_up_app(told["key"].as_str().unwrap());
}

/// What stands on a page between these.
fn between<'a>(page: &'a Page, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.text.split_once(start).unwrap_or_else(|| panic!("no {start} in {}", page.text));
    rest.split_once(end).unwrap().0
}

/// The addresses of the factors that the account page lists.
fn factors(page: &Page) -> Vec<String> {
    let links = page.text.split("href=\"/account/factors/").skip(1);
    links.map(|rest| format!("/account/factors/{}", rest.split('"').next().unwrap())).collect()
}

/// What the program of Debian's `oathtool` says to a key, as somebody's phone would.
fn oathtool(key: &str, when: &str) -> String {
    let told = Command::new("oathtool").args(["--totp", "--base32", "--now", when, key]).output();
    let told = told.expect("oathtool, which scripts/needs.sh installs");
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// A gateway where a second factor is required, and Ann, who has an app.
async fn strict_house() -> (Gateway, Person) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("\"optional\"", "\"required\"");
    site.configure(&[site.preamble(), rules].concat());
    let ann = Person::add(&site, "ann", &[]);
    (site.start().await, ann)
}

/// Row 3: key and address serve another authenticator.
#[tokio::test]
async fn the_key_on_the_page_works_in_a_real_authenticator() {
    let (gateway, ann) = house_of_ann().await;
    let client = gateway.client();
    ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    let page = at(&gateway, &client, "/enroll/totp").await;
    let key = between(&page, "<code class=\"key\">", "<").to_owned();
    let uri = between(&page, "href=\"otpauth://totp/", "\"").replace("&amp;", "&").replace("&#38;", "&");
    assert!(uri.contains(&format!("secret={}", key.replace(' ', ""))), "{uri}");
    for other in ["algorithm=SHA256", "digits=8", "period=60"] {
        assert!(!uri.contains(other), "{uri}");
    }

    // The code before the present one still counts, and leaves the present one for signing in.
    let mut page = page;
    for _ in 0..3 {
        let code = oathtool(&key, "30 seconds ago");
        page = page.submit(&client, "/enroll/totp", &[("code", &code), ("name", "oathtool")]).await;
        if page.status == StatusCode::OK {
            break;
        }
    }
    assert!(page.text.contains("<h1>Keep these recovery codes</h1>"), "{page:?}");

    let page = at(&gateway, &client, "/account").await.submit(&client, "/logout", &[]).await;
    assert_eq!(page.status, 200);
    let page = ann.type_password(&client, &at(&gateway, &client, "/login").await).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    let page = page.submit(&client, "/challenge/totp", &[("code", &oathtool(&key, "now"))]).await;
    assert!(page.is_at("/account"), "{page:?}");
    assert!(page.text.contains("· oathtool</span>"), "{page:?}");
}

/// Row 11: added, renamed, put first, removed.
#[tokio::test]
async fn a_second_app_is_added_renamed_asked_for_first_and_removed() {
    let (gateway, mut ann) = strict_house().await;
    let client = gateway.client();
    let page = ann.visit(&client, &gateway.url(PORTAL, "/account")).await;
    assert_eq!(factors(&page).len(), 1);

    let page = at(&gateway, &client, "/enroll/totp").await;
    ann.set_up_app(between(&page, "<code class=\"key\">", "<"));
    let page = page.submit(&client, "/enroll/totp", &[("code", "no code"), ("name", "Tablet")]).await;
    assert!(page.text.contains("name=\"name\" value=\"Tablet\""), "what was typed is still there: {page:?}");
    let page = page.submit(&client, "/enroll/totp", &[("code", &ann.code()), ("name", "Tablet")]).await;
    assert!(page.text.contains("<h1>Keep these recovery codes</h1>"), "the first codes: {page:?}");
    let page = at(&gateway, &client, "/account").await;
    let [first, tablet] = factors(&page).try_into().unwrap();

    let page = at(&gateway, &client, &tablet).await;
    assert!(page.text.contains("<h1>Tablet</h1>"), "{page:?}");
    let page = page.submit(&client, &format!("{tablet}/rename"), &[("name", "<b>Old</b>")]).await;
    assert!(page.is_at("/account") && page.text.contains("· &#60;b&#62;Old&#60;/b&#62;"), "{page:?}");
    let page = at(&gateway, &client, &tablet).await.submit(&client, &format!("{tablet}/primary"), &[]).await;
    assert!(page.text.contains("asked for first · added"), "{page:?}");

    let page = at(&gateway, &client, &first).await.submit(&client, &format!("{first}/remove"), &[]).await;
    assert!(page.is_at("/account"), "nobody is signed in elsewhere: {page:?}");
    assert_eq!(factors(&page), std::slice::from_ref(&tablet));
    // The last one stays, and there is no button that says otherwise.
    let page = at(&gateway, &client, &tablet).await;
    assert!(!page.text.contains("/remove\""), "{page:?}");
    let page = page.submit(&client, &format!("{tablet}/remove"), &[]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text.contains("It stays: it is the only second step you have"), "{page:?}");
    // Nor is there another one's.
    let gone = at(&gateway, &client, &first).await;
    assert!(gone.is_at("/account"), "{gone:?}");
    assert_eq!(at(&gateway, &client, "/account/factors/x").await.status, 404);
}

#[tokio::test]
async fn a_lock_takes_effect_at_once_and_a_change_asks_and_comes_back() {
    let (gateway, mut ann) = strict_house().await;
    let (client, page) = signed_in(&gateway, &ann, "/fresh/transfers").await;
    assert_eq!(page.text, "GET /fresh/transfers for ann");
    let program = async |path| client.get(gateway.url(APP, path)).send().await.unwrap().status().as_u16();
    let page = at(&gateway, &client, "/account").await;
    let factor = factors(&page).remove(0);

    let page = page.submit(&client, "/account/lock", &[]).await;

    assert!(page.is_at("/account") && page.text.contains("Locked just now"), "{page:?}");
    assert_eq!([program("/fresh/transfers").await, program("/strong/x").await], [401, 200], "the level stays");
    // A change asks, and goes on where it was.
    new_app(&gateway, &mut ann);
    let page = at(&gateway, &client, &factor).await;
    assert!(page.is_at("/challenge/totp"), "{page:?}");
    assert!(page.text.contains("A change to how you sign in needs a recent code."), "{page:?}");
    let page = ann.type_code(&client, &page).await;
    assert!(page.is_at(&factor), "{page:?}");
    assert_eq!(program("/fresh/transfers").await, 200);
    let page = at(&gateway, &client, "/account").await;
    assert!(!page.text.contains("Locked just now"), "{page:?}");
}

#[tokio::test]
async fn other_sessions_are_listed_and_ended_with_their_apps() {
    let (gateway, ann) = house_of_ann().await;
    let firefox = client::builder(&gateway.site.authority).user_agent(FIREFOX).build().unwrap();
    let (here, _) = signed_in(&gateway, &ann, "/").await;
    for (client, others) in [(&firefox, 1), (&gateway.client(), 2)] {
        let page = ann.visit(client, &gateway.url(APP, "/")).await;
        assert_eq!(page.text, "GET / for ann");
        let page = at(&gateway, &here, "/account").await;
        assert_eq!(page.text.matches("action=\"/account/sessions/end\"").count(), others, "{page:?}");
    }
    let page = at(&gateway, &here, "/account").await;
    assert!(page.text.contains("Firefox on Linux") && page.text.contains("127.0.0.1"), "{page:?}");

    // One of them: that of Firefox.
    let row = page.text.split("<li").find(|row| row.contains("Firefox on Linux") && row.contains("name=\"session\""));
    let (_, rest) = row.unwrap().split_once("name=\"session\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap();
    let page = page.submit(&here, "/account/sessions/end", &[("session", id)]).await;
    assert!(page.is_at("/account"), "{page:?}");
    assert_eq!(page.text.matches("action=\"/account/sessions/end\"").count(), 1, "{page:?}");
    let gone = firefox.get(gateway.url(APP, "/")).send().await.unwrap();
    assert_eq!(gone.status(), 401, "its apps too, at once");

    // All of them; what is left is told on the page that follows a change.
    let page = at(&gateway, &here, "/account/changed").await;
    assert!(page.text.contains("You are signed in on one other browser."), "{page:?}");
    let page = page.submit(&here, "/account/sessions/end-others", &[]).await;
    assert!(page.is_at("/account") && !page.text.contains("End all others"), "{page:?}");
    let page = at(&gateway, &here, "/account/changed").await;
    assert!(page.is_at("/account"), "there is nothing left to end: {page:?}");
    assert_eq!(here.get(gateway.url(APP, "/")).send().await.unwrap().status(), 200, "this one stays");
}

#[tokio::test]
async fn what_happened_is_told_in_sentences() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let client = client::builder(&gateway.site.authority).user_agent(FIREFOX).build().unwrap();
    for _ in 0..2 {
        let page = at(&gateway, &client, "/login").await;
        page.submit(&client, "/login", &[("login_id", "ann"), ("password", "wrong")]).await;
    }
    ann.visit(&client, &gateway.url(PORTAL, "/account")).await;
    let page = at(&gateway, &client, "/account").await.submit(&client, "/account/lock", &[]).await;
    assert!(page.text.contains("Locked</span>"), "{page:?}");

    let page = at(&gateway, &client, "/account/activity").await;

    let told: Vec<_> = page.text.split("<span class=\"row-name\">").skip(1).collect();
    assert_eq!(told.len(), 5, "{page:?}");
    assert!(told[3].starts_with("An operator added an authenticator app</span>"), "{}", told[3]);
    assert!(told[4].starts_with("An operator made this account</span>"), "{}", told[4]);
    for (told, sentence) in told.iter().zip([
        "Locked</span>",
        "Signed in with a code from your authenticator app</span>",
        "A wrong password was tried 2 times</span>",
    ]) {
        assert!(told.starts_with(sentence), "{told}");
        assert!(told.contains("just now · Firefox on Linux · 127.0.0.1"), "{told}");
    }
}

#[tokio::test]
async fn nothing_changes_without_a_form_of_ours_and_a_session() {
    let (gateway, ann) = strict_house().await;
    let client = gateway.client();
    let page = ann.visit(&client, &gateway.url(PORTAL, "/account")).await;
    let factor = factors(&page).remove(0);
    let acts: Vec<_> = ["rename", "primary", "remove"].map(|act| format!("{factor}/{act}")).into();
    let acts: Vec<_> = acts
        .into_iter()
        .chain(["sessions/end", "sessions/end-others", "lock"].map(|act| format!("/account/{act}")))
        .collect();
    let stranger = gateway.client();
    let login = at(&gateway, &stranger, "/login").await;
    let fields = [("name", "x"), ("session", "00000000-0000-0000-0000-000000000001")];

    for act in &acts {
        let url = gateway.url(PORTAL, act);
        let looked = client.get(&url).send().await.unwrap().status();
        assert_eq!(looked, StatusCode::METHOD_NOT_ALLOWED, "{act}");
        let unsigned = client.post(&url).header("sec-fetch-site", "same-origin");
        let unsigned = unsigned.form(&[&fields[..], &[("csrf", "x")]].concat()).send().await.unwrap();
        assert_eq!(unsigned.status(), StatusCode::FORBIDDEN, "{act}");
        let foreign = client.post(&url).header("sec-fetch-site", "cross-site").form(&fields).send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "{act}");
        let page = login.submit(&stranger, act, &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{act}: {page:?}");
    }
    assert_eq!(factors(&at(&gateway, &client, "/account").await), [factor]);
}
