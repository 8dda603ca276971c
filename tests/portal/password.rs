//! Changing a password, and what stands in for a mailed link where no mail is set up.

use crate::house::{house, house_of_ann, signed_in};
use reqwest::{Client, StatusCode, header};
use support::{
    gateway::{Gateway, PORTAL},
    person::{PASSWORD, Page, Person, navigation, visit},
};

const NEW: &str = "otters under quiet ice";

async fn change_page(gateway: &Gateway, client: &Client) -> Page {
    let page = visit(client, &gateway.url(PORTAL, "/account/password")).await;
    assert!(page.is_at("/account/password"), "{page:?}");
    page
}

async fn change(gateway: &Gateway, client: &Client, fields: &[(&str, &str)]) -> Page {
    change_page(gateway, client).await.submit(client, "/account/password", fields).await
}

/// Where a sign-in with this password ends.
async fn sign_in(gateway: &Gateway, password: &str) -> Page {
    let client = gateway.client();
    let page = visit(&client, &gateway.url(PORTAL, "/login")).await;
    page.submit(&client, "/login", &[("login_id", "ann"), ("password", password)]).await
}

/// Row 2: changed by the old one.
#[tokio::test]
async fn a_changed_password_signs_in_and_the_old_one_does_not() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    let (laptop, _) = signed_in(&gateway, &ann, "/").await;
    let (phone, _) = signed_in(&gateway, &ann, "/").await;
    let is_in = async |client: &Client| visit(client, &gateway.url(PORTAL, "/account")).await.is_at("/account");

    // Without the tick the others stay, with it they end, and so does what they opened.
    let done = change(&gateway, &client, &[("present", PASSWORD), ("password", NEW)]).await;
    assert!(done.text.contains("Your password is changed."), "{done:?}");
    assert!(is_in(&client).await && is_in(&laptop).await);
    let again = [("present", NEW), ("password", "herons over loud rivers"), ("everywhere", "yes")];
    let done = change(&gateway, &client, &again).await;
    assert_eq!((done.status, &done.headers[header::CACHE_CONTROL]), (StatusCode::OK, &"no-store".parse().unwrap()));
    assert!(is_in(&client).await && !is_in(&laptop).await && !is_in(&phone).await);

    assert_eq!(sign_in(&gateway, PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert!(sign_in(&gateway, "herons over loud rivers").await.is_at("/account"));
    for secret in [PASSWORD, NEW, "herons"] {
        assert!(!gateway.log().contains(secret), "{}", gateway.log());
    }
}

/// Row 2: what it must be like is said.
#[tokio::test]
async fn a_refused_password_changes_nothing_and_says_why() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    let page = change_page(&gateway, &client).await;
    assert!(page.text.contains("At least 15 characters"), "it is said before anything is typed: {}", page.text);

    for (present, new, status, says) in [
        ("not it", NEW, 403, "That isn't the password you have now."),
        (PASSWORD, "zq7-wx1k-pl4-v", 422, "at least 15 characters"),
        (PASSWORD, "password1!!!!!!!", 422, "easy to guess"),
        (PASSWORD, "ann@app.wiki-2026", 422, "mostly your name"),
        (PASSWORD, "1234567890QwertyUiop", 422, "tried first"),
        (PASSWORD, &"x".repeat(1025), 422, "at most 1,024 characters"),
    ] {
        let refused = change(&gateway, &client, &[("present", present), ("password", new)]).await;
        assert_eq!(refused.status, status, "{new}");
        assert!(refused.text.contains(says) && refused.text.contains("role=\"alert\""), "{new}: {}", refused.text);
        assert!(!refused.text.contains(new) && !refused.text.contains(present), "{new} is not repeated");
    }

    assert!(sign_in(&gateway, PASSWORD).await.is_at("/account"));
}

/// Row 2: changed with a fresh session.
#[tokio::test]
async fn whoever_has_a_second_factor_needs_it_fresh() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;

    let done = change(&gateway, &client, &[("present", PASSWORD), ("password", NEW)]).await;

    assert!(done.text.contains("Your password is changed."), "{done:?}");
    assert!(sign_in(&gateway, NEW).await.is_at("/challenge/totp"), "the second step is what it was");
}

#[tokio::test]
async fn password_managers_find_the_page() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();

    let answer = navigation(client.get(gateway.url(PORTAL, "/.well-known/change-password"))).send().await.unwrap();

    assert_eq!(
        (answer.status(), &answer.headers()[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/account/password".parse().unwrap())
    );
    let page = visit(&client, &gateway.url(PORTAL, "/account/password")).await;
    assert!(page.is_at("/login"), "strangers sign in first");
}

#[tokio::test]
async fn where_no_mail_is_set_up_people_are_sent_to_people() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    assert!(!visit(&client, &gateway.url(PORTAL, "/login")).await.text.contains("/forgot"));

    let page = visit(&client, &gateway.url(PORTAL, "/forgot")).await;
    assert!(page.text.contains("We can't mail you a link here."), "{}", page.text);
    let csrf = visit(&client, &gateway.url(PORTAL, "/login")).await;
    let sent = csrf.submit(&client, "/forgot", &[("login_id", "ann")]).await;
    assert_eq!(sent.text.replace(char::is_whitespace, ""), page.text.replace(char::is_whitespace, ""));
}

#[tokio::test]
async fn a_link_that_never_was_opens_nothing_and_tells_no_other_site() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let token = "A".repeat(43);

    let page = visit(&client, &gateway.url(PORTAL, &format!("/reset?token={token}&to=made-up"))).await;

    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text.contains("This link no longer works") && !page.text.contains(&token), "{}", page.text);
    assert!(!page.text.contains("made-up"), "a way onward that is not ours is not carried");
    assert_eq!(page.headers["referrer-policy"], "same-origin");
    let csrf = visit(&client, &gateway.url(PORTAL, "/login")).await;
    let posted = csrf.submit(&client, "/reset", &[("token", &token), ("password", NEW)]).await;
    assert_eq!(posted.status, StatusCode::GONE);
    assert!(sign_in(&gateway, PASSWORD).await.is_at("/account"));
    assert!(!gateway.log().contains(&token), "{}", gateway.log());
}

/// Row 2: what it must be like is said while it is typed, to whoever could choose it, and written down nowhere.
#[tokio::test]
async fn a_password_is_judged_while_it_is_typed() {
    let (gateway, ann) = house_of_ann().await;
    let (client, _) = signed_in(&gateway, &ann, "/").await;
    let page = change_page(&gateway, &client).await;
    let judged = async |csrf: &str, password: &str| {
        let request =
            client.post(gateway.url(PORTAL, "/password/judgement")).form(&[("csrf", csrf), ("password", password)]);
        let origin = gateway.url(PORTAL, "");
        let answer = request.header(header::ORIGIN, origin.trim_end_matches('/')).send().await.unwrap();
        (answer.status(), answer.headers().get(header::CACHE_CONTROL).cloned(), answer.text().await.unwrap())
    };
    let csrf = page.hidden("csrf").unwrap();
    let no_store = Some("no-store".parse().unwrap());

    let fits = r#"{"fits":true,"words":"Long enough, and hard to guess."}"#;
    assert_eq!(judged(csrf, NEW).await, (StatusCode::OK, no_store, fits.to_owned()));
    let (_, _, said) = judged(csrf, "ann wiki app ann wiki app").await;
    assert!(said.starts_with(r#"{"fits":false,"words":"That is mostly your name"#), "{said}");
    assert_eq!(judged("forged", NEW).await.0, StatusCode::FORBIDDEN);
    let foreign = client.post(gateway.url(PORTAL, "/password/judgement")).form(&[("csrf", csrf), ("password", NEW)]);
    let foreign = foreign.header(header::ORIGIN, "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    for secret in [NEW, "wiki app ann"] {
        assert!(!gateway.log().contains(secret), "{}", gateway.log());
    }
    assert!(sign_in(&gateway, PASSWORD).await.is_at("/account"), "nothing was changed");
}
