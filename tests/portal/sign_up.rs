//! Accounts that their owners make: by an operator's link, and by a mailed one.

use crate::house::{APP, rules, upstream};
use reqwest::{StatusCode, header::HeaderValue};
use support::{
    gateway::{Gateway, PORTAL, Site},
    outbox::letters_in,
    person::{PASSWORD, Person, visit},
};

const EVE: &str = "eve@example.com";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// A gateway that sends mail, before an application that says which request reached it.
async fn house(mode: &str, before: impl FnOnce(&Site)) -> Gateway {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let sign_up = format!("\n[sign_up]\nmode = \"{mode}\"\n\n");
    site.configure(&[site.preamble(), sign_up, site.mail(), rules(&[APP], &upstream().await)].concat());
    before(&site);
    site.start().await
}

fn invite(site: &Site, groups: &[&str]) -> serde_json::Value {
    let groups = groups.iter().flat_map(|group| ["--group", group]);
    let verb: Vec<_> = ["user", "invite", EVE, "--json"].into_iter().chain(groups).collect();
    let output = site.run(&verb, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Row 1: by invitation, once.
#[tokio::test]
async fn an_invitation_is_mailed_and_makes_one_account() {
    let gateway = house("invite", |_| ()).await;
    let told = invite(&gateway.site, &["audit"]);
    let link = gateway.mailed(EVE, "/invite").await;
    assert_eq!((told["url"].as_str(), told["mailed_to"].as_str()), (Some(link.as_str()), Some(EVE)));

    // A scanner that opens the link spends nothing.
    let client = gateway.client();
    for _ in 0..3 {
        assert_eq!(visit(&gateway.client(), &link).await.status, StatusCode::OK);
    }
    let page = visit(&client, &link).await;
    assert!(page.text.contains("You are invited to") && page.text.contains(EVE), "{}", page.text);
    assert_eq!((&page.headers["cache-control"], &page.headers["referrer-policy"]), (&NO_STORE, &SAME_ORIGIN));
    let token = page.hidden("token").unwrap().to_owned();
    let fields = [("token", token.as_str()), ("name", "Eve Example"), ("password", "eve example eve example")];
    let judged = page.submit(&client, "/password/judgement", &fields).await;
    assert!(judged.status == 200 && judged.text.contains("mostly your name"), "while it is typed: {judged:?}");
    let short = page.submit(&client, "/invite", &[("token", &token), ("name", "Eve <b>"), ("password", "short")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text.contains("That is too short") && short.text.contains("Eve &#60;b&#62;"), "{}", short.text);
    let fields = [("token", token.as_str()), ("name", "Eve Example"), ("password", PASSWORD)];
    let done = page.submit(&client, "/invite", &fields).await;
    assert!(done.is_at("/account") && done.text.contains("Eve Example"), "{done:?}");
    let app = visit(&client, &gateway.url(APP, "/audit/log")).await;
    assert_eq!(app.text, format!("GET /audit/log for {EVE}"), "with her groups");

    let again = visit(&gateway.client(), &link).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.text.contains("This link no longer works"), "{}", again.text);
    let other = gateway.client();
    let used = visit(&other, &gateway.url(PORTAL, "/login")).await.submit(&other, "/invite", &fields).await;
    assert_eq!(used.status, StatusCode::GONE);
    for secret in [token.as_str(), PASSWORD] {
        assert!(!gateway.log().contains(secret), "{}", gateway.log());
    }
}

#[tokio::test]
async fn a_house_by_invitation_says_how_to_get_in() {
    let gateway = house("invite", |_| ()).await;
    let client = gateway.client();

    let login = visit(&client, &gateway.url(PORTAL, "/login")).await;
    let page = visit(&client, &gateway.url(PORTAL, "/sign-up")).await;

    assert!(!login.text.contains("/sign-up"), "{}", login.text);
    assert!(page.text.contains("Accounts are by invitation"), "{}", page.text);
    let sent = login.submit(&client, "/sign-up", &[("email", EVE)]).await;
    assert!(sent.text.contains("Accounts are by invitation"), "{}", sent.text);
}

/// Row 1: not at all where it is closed.
#[tokio::test]
async fn a_closed_house_prints_no_link() {
    let gateway = house("closed", |_| ()).await;

    let output = gateway.site.run(&["user", "invite", EVE], "");

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`sign_up.mode` is \"closed\""));
    let page = visit(&gateway.client(), &gateway.url(PORTAL, "/sign-up")).await;
    assert!(page.text.contains("Accounts are made for you"), "{}", page.text);
}

/// Row 1, row 7: openly, by whoever reads the mail, who arrives where they were going.
#[tokio::test]
async fn whoever_reads_the_mail_makes_an_account_and_arrives_where_they_were_going() {
    let gateway = house("open", |_| ()).await;
    let client = gateway.client();
    let login = visit(&client, &gateway.url(APP, "/pages/7?q=1")).await;
    let sign_up = login.url.join(&format!("/sign-up?{}", login.url.query().unwrap())).unwrap();
    let page = visit(&client, sign_up.as_str()).await;
    assert!(page.text.contains("Create an account") && page.text.contains("App"), "{}", page.text);

    let sent = page.submit(&client, "/sign-up", &[("email", EVE)]).await;
    assert!(sent.text.contains("A message is on its way to"), "{}", sent.text);
    let link = gateway.mailed(EVE, "/invite").await;
    let page = visit(&client, &link).await;
    let token = page.hidden("token").unwrap().to_owned();
    let fields = [("token", token.as_str()), ("name", "Eve Example"), ("password", PASSWORD)];
    let done = page.submit(&client, "/invite", &fields).await;

    assert_eq!(done.url.as_str(), gateway.url(APP, "/pages/7?q=1"));
    assert_eq!(done.text, format!("GET /pages/7?q=1 for {EVE}"));
}

/// Row 1: a login id has one spelling, whoever types it where, and a phone number is one.
#[tokio::test]
async fn every_spelling_of_an_address_or_a_number_is_the_same_account() {
    let add = |site: &Site, login_id: &str| site.run(&["user", "add", login_id], &format!("{PASSWORD}\n"));
    let before = |site: &Site| {
        assert!(add(site, "Ann@BÜCHER.example").status.success());
        assert!(add(site, "+44 20 7946-0000").status.success());
        for taken in ["ann@xn--bcher-kva.example", "ann@bücher.example.", "+442079460000"] {
            let output = add(site, taken);
            assert_eq!(output.status.code(), Some(1), "{taken}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("there is already an account"), "{output:?}");
        }
    };
    let gateway = house("open", before).await;

    for login_id in ["ann@bücher.example", "ANN@xn--bcher-kva.EXAMPLE", "+44 (20) 7946 0000"] {
        let client = gateway.client();
        let page = visit(&client, &gateway.url(APP, "/page")).await;
        let there = Person::known(login_id).type_password(&client, &page).await;
        assert!(there.text.starts_with("GET /page for "), "{login_id}: {there:?}");
    }
    let client = gateway.client();
    let login = visit(&client, &gateway.url(APP, "/page")).await;
    let sign_up = login.url.join(&format!("/sign-up?{}", login.url.query().unwrap())).unwrap();
    let page = visit(&client, sign_up.as_str()).await;
    page.submit(&client, "/sign-up", &[("email", "ann@bücher.example")]).await;
    gateway.mailed("ann@xn--bcher-kva.example", "/login").await;
}

/// EE-01.
///
/// Row 1, row 21: who has an account is told how to sign in, by mail and by nothing else.
#[tokio::test]
async fn an_address_that_has_an_account_looks_like_one_that_has_none() {
    let add = |site: &Site| {
        let input = format!("{PASSWORD}\n");
        assert!(site.run(&["user", "add", EVE], &input).status.success());
    };
    let gateway = house("open", add).await;

    let mut answers = Vec::new();
    for email in [EVE, "zoe@example.com"] {
        let client = gateway.client();
        let page = visit(&client, &gateway.url(PORTAL, "/sign-up")).await;
        let sent = page.submit(&client, "/sign-up", &[("email", email)]).await;
        answers.push((sent.status, sent.text.replace(email, "…")));
    }

    assert_eq!(answers[0], answers[1]);
    gateway.mailed("zoe@example.com", "/invite").await;
    let texts = letters_in(&gateway.site.folder().join("letters")).into_iter().map(|(_, text)| text);
    let hers = texts.filter(|text| text.contains(&format!("To: {EVE}"))).collect::<Vec<_>>();
    assert!(hers.len() == 1 && !hers[0].contains("/invite"), "{hers:?}");
}
