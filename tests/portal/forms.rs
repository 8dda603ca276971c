//! Who may send the portal a form (CS-01 to CS-04).

use crate::house::{APP, house_of_ann, rules, signed_in, upstream};
use reqwest::{Client, StatusCode, header};
use sqlx::{Connection as _, SqliteConnection};
use support::{
    gateway::{Gateway, PORTAL, Site},
    person::{PASSWORD, Page, Person, visit},
};

/// The form at `/login`, filled in rightly but for what the test says about its sender.
async fn sent(gateway: &Gateway, client: &Client, csrf: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = client.post(gateway.url(PORTAL, "/login"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let form = [("login_id", "ann"), ("password", PASSWORD), ("csrf", csrf)];
    let answer = request.form(&form).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn login(gateway: &Gateway, client: &Client) -> String {
    visit(client, &gateway.url(PORTAL, "/login")).await.hidden("csrf").unwrap().to_owned()
}

async fn account(gateway: &Gateway, client: &Client) -> Page {
    visit(client, &gateway.url(PORTAL, "/account")).await
}

/// LO-01: the log says at whose account somebody tried, and of a name that is nobody's not even that.
#[tokio::test]
async fn log_lines_of_sign_ins_say_whose_they_are() {
    let (gateway, ann) = house_of_ann().await;
    let shown = gateway.site.run(&["user", "show", "ann", "--json"], "");
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let whose = format!("user.id={}", shown["id"].as_str().unwrap());
    let client = gateway.client();
    let page = visit(&client, &gateway.url(PORTAL, "/login")).await;
    for login_id in ["ann", "nobody"] {
        page.submit(&client, "/login", &[("login_id", login_id), ("password", "wrong")]).await;
    }
    ann.type_password(&client, &page).await;

    let log = gateway.log();
    let said = |what: &str| log.lines().filter(|line| line.contains(what)).map(|line| line.contains(&whose)).collect();
    let (refused, accepted): (Vec<_>, Vec<_>) = (said("sign-in refused"), said("password accepted"));
    assert_eq!((refused, accepted), (vec![true, false], vec![true]), "{log}");
}

#[tokio::test]
async fn a_form_is_read_only_if_a_page_of_ours_sent_it() {
    let (gateway, _) = house_of_ann().await;
    let own = gateway.url(PORTAL, "");
    let (app, plain) = (gateway.url(APP, ""), own.replace("https:", "http:"));
    let longer = format!("{own}0");
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", &app)],
        &[("origin", &plain)],
        &[("origin", &longer)],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        // The browser's word counts more than what a script could set.
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("referer", &own)],
    ];
    for fields in refused {
        let client = gateway.client();
        let csrf = login(&gateway, &client).await;
        let (status, text) = sent(&gateway, &client, &csrf, fields).await;
        assert_eq!(status, 403, "{fields:?}");
        assert!(text.contains("This form came from somewhere else"), "{fields:?}: {text}");
        assert!(account(&gateway, &client).await.is_at("/login"), "{fields:?}");
    }
    let accepted: &[&[(&str, &str)]] = &[
        &[("origin", &own)],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin"), ("origin", &own)],
    ];
    for fields in accepted {
        let client = gateway.client();
        let csrf = login(&gateway, &client).await;
        assert_eq!(sent(&gateway, &client, &csrf, fields).await.0, 303, "{fields:?}");
        assert!(account(&gateway, &client).await.is_at("/account"), "{fields:?}");
    }
}

/// CS-02: what one page's form carries opens no form of another purpose.
#[tokio::test]
async fn a_form_is_read_only_with_a_token_made_for_its_purpose() {
    let (gateway, ann) = house_of_ann().await;
    let client = gateway.client();
    let account = ann.visit(&client, &gateway.url(PORTAL, "/account")).await;
    let enroll = visit(&client, &gateway.url(PORTAL, "/enroll/totp")).await;
    assert!(account.is_at("/account") && enroll.is_at("/enroll/totp"), "{account:?} {enroll:?}");

    for (page, action) in [(&enroll, "/account/lock"), (&enroll, "/recovery-codes"), (&account, "/enroll/totp")] {
        let refused = page.submit(&client, action, &[("offer", ""), ("name", ""), ("code", "")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{action}");
        assert!(refused.text.contains("This page was open too long"), "{action}: {}", refused.text);
    }

    assert!(account.submit(&client, "/account/lock", &[]).await.text.contains("Locked"));
    let out = enroll.submit(&client, "/logout", &[]).await;
    assert_eq!(out.status, StatusCode::OK, "every page may sign out");
    assert!(self::account(&gateway, &client).await.is_at("/login"));
}

#[tokio::test]
async fn a_form_is_read_only_with_the_token_of_this_very_browser() {
    let (gateway, _) = house_of_ann().await;
    let (client, other) = (gateway.client(), gateway.client());
    let own = &[("sec-fetch-site", "same-origin")];
    let (csrf, others) = (login(&gateway, &client).await, login(&gateway, &other).await);

    for wrong in ["", "AAAA", &others, &csrf[1..]] {
        let (status, text) = sent(&gateway, &client, wrong, own).await;
        assert_eq!(status, 403, "{wrong}");
        assert!(text.contains("This page was open too long"), "{text}");
    }
    // A link can't carry it.
    let form = [("login_id", "ann"), ("password", PASSWORD)];
    let url = gateway.url(PORTAL, &format!("/login?csrf={csrf}"));
    let answer = client.post(url).header("sec-fetch-site", "same-origin").form(&form).send().await.unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
    // Nor is it worth anything where a stranger plants it: there is no cookie that goes with it.
    let (status, text) = sent(&gateway, &gateway.client(), &csrf, own).await;
    assert_eq!(status, 403);
    assert!(text.contains("keep our cookie</h1>"), "{text}");

    assert!(account(&gateway, &client).await.is_at("/login"));
    assert_eq!(sent(&gateway, &client, &csrf, own).await.0, 303);
}

#[tokio::test]
async fn the_token_of_a_form_ends_with_the_sign_in_it_was_made_for() {
    let (gateway, ann) = house_of_ann().await;
    let client = gateway.client();
    let before = visit(&client, &gateway.url(PORTAL, "/login")).await;
    ann.type_password(&client, &before).await;

    let answer = before.submission(&client, "/logout", &[]).send().await.unwrap();

    assert_eq!(answer.status(), 403);
    assert!(account(&gateway, &client).await.is_at("/account"), "still signed in");
}

#[tokio::test]
async fn what_is_no_form_of_ours_is_refused() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let csrf = login(&gateway, &client).await;
    let post = |path: &str| client.post(gateway.url(PORTAL, path)).header("sec-fetch-site", "same-origin");

    let json = format!(r#"{{"login_id":"ann","password":"{PASSWORD}","csrf":"{csrf}"}}"#);
    let as_json = post("/login").header(header::CONTENT_TYPE, "application/json").body(json).send().await.unwrap();
    assert_eq!(as_json.status(), 415);
    let huge = post("/login").form(&[("csrf", csrf.as_str()), ("password", &"x".repeat(70_000))]).send().await.unwrap();
    assert_eq!(huge.status(), 413);
    let missing = post("/login").form(&[("csrf", csrf.as_str())]).send().await.unwrap();
    assert_eq!(missing.status(), 422);
    for path in ["/account", "/.well-known/jwks.json", "/"] {
        assert_eq!(post(path).form(&[("csrf", csrf.as_str())]).send().await.unwrap().status(), 405, "{path}");
    }
}

#[tokio::test]
async fn looking_changes_nothing() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;

    for path in ["/logout", "/logout?everywhere=yes", "/login", "/challenge/totp?code=123456", "/enroll/totp?code=1"] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let url = gateway.url(PORTAL, path);
            let request = client.request(method.parse().unwrap(), url).header("sec-fetch-site", "cross-site");
            request.send().await.unwrap();
        }
        assert!(account(&gateway, &client).await.is_at("/account"), "{path}");
    }
}

/// Row 21: a name that nobody has is answered like any other.
#[tokio::test]
async fn an_unknown_name_is_answered_like_a_known_one() {
    let (gateway, _) = house_of_ann().await;
    let mut answers = Vec::new();
    for name in ["ann", "bob"] {
        let client = gateway.client();
        let page = visit(&client, &gateway.url(PORTAL, "/login")).await;
        let fields = [("login_id", name), ("password", "wrong")];
        let answer = page.submit(&client, "/login", &fields).await;
        let text = answer.text.replace(answer.hidden("csrf").unwrap(), "…").replace(&format!("value=\"{name}\""), "…");
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        answers.push((answer.status, names, text));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 403);
}

/// Row 10: halfway in, every page is the next step.
#[tokio::test]
async fn halfway_in_every_page_is_the_next_step() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("\"optional\"", "\"required\"");
    site.configure(&[site.preamble(), rules].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let client = gateway.client();
    let half = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/")).await).await;
    assert!(half.is_at("/challenge/totp"), "{half:?}");
    for path in [
        "/enroll/totp",
        "/account",
        "/account/activity",
        "/account/changed",
        "/account/factors/00000000-0000-0000-0000-000000000001",
        "/login",
        "/challenge",
        "/challenge/password",
    ] {
        let page = visit(&client, &gateway.url(PORTAL, path)).await;
        assert!(page.is_at("/challenge/totp"), "{path} leads to {}", page.url);
    }
    let app = visit(&client, &gateway.url(APP, "/")).await;
    assert!(app.is_at("/challenge/totp"), "a half session opens no app");
}

/// Row 8: required means required.
#[tokio::test]
async fn when_the_time_to_enrol_is_over_the_page_says_who_can_help() {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let rules = rules(&[APP], &upstream().await).replace("\"optional\"", "\"required\"");
    site.configure(&[site.preamble(), rules].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    // A day later, as far as the store can tell.
    let preamble = site.preamble();
    let (_, url) = preamble.split_once("url = \"sqlite:").unwrap();
    let mut store = SqliteConnection::connect(url.split_once('"').unwrap().0).await.unwrap();
    sqlx::query("UPDATE accounts SET enrol_until = 0").execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    let gateway = site.start().await;
    let client = gateway.client();

    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/")).await).await;

    assert_eq!(page.status, 403);
    assert!(page.text.contains("<h1>The first set-up needs some help</h1>"), "{page:?}");
    assert!(account(&gateway, &client).await.is_at("/login"), "nothing was opened");
}

/// EE-01, where it is told that there were too many tries.
///
/// Row 21: a name that nobody has is closed like any other.
#[tokio::test]
async fn an_unknown_name_is_closed_like_a_known_one() {
    let (gateway, _) = house_of_ann().await;
    let (ann, nobody) = (gateway.client(), gateway.client());
    let mut last = StatusCode::OK;
    for number in 0..12 {
        let mut answers = Vec::new();
        for (client, name) in [(&ann, "ann"), (&nobody, "bob")] {
            let page = visit(client, &gateway.url(PORTAL, "/login")).await;
            let answer = page.submit(client, "/login", &[("login_id", name), ("password", "wrong")]).await;
            let text =
                answer.text.replace(answer.hidden("csrf").unwrap(), "…").replace(&format!("value=\"{name}\""), "…");
            // The clock goes on between the two.
            answers.push((answer.status, text.replace(|c: char| c.is_ascii_digit(), "")));
            last = answer.status;
        }
        assert_eq!(answers[0], answers[1], "try {number}");
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
