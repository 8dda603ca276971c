//! Recovery codes, request by request.

use crate::house::house_of_ann;
use reqwest::{
    Client, StatusCode,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
};
use support::{
    gateway::{Gateway, PORTAL},
    person::{Page, Person, visit},
};

/// Signs Ann in with her password and sets up her app: the page that this ends in.
async fn enrolled(gateway: &Gateway, client: &Client, ann: &mut Person) -> Page {
    let page = visit(client, &gateway.url(PORTAL, "/login")).await;
    ann.type_password(client, &page).await;
    let page = visit(client, &gateway.url(PORTAL, "/enroll/totp")).await;
    let (_, key) = page.text.split_once("<code class=\"key\">").unwrap();
    ann.set_up_app(key.split_once('<').unwrap().0);
    page.submit(client, "/enroll/totp", &[("code", &ann.code())]).await
}

/// Row 6: to be kept as a file.
#[tokio::test]
async fn the_codes_can_be_taken_away_as_a_file() {
    let (gateway, mut ann) = house_of_ann().await;
    let client = gateway.client();
    let page = enrolled(&gateway, &client, &mut ann).await;
    let codes = page.hidden("codes").unwrap().to_owned();
    assert_eq!(page.headers[CACHE_CONTROL], "no-store");

    let file = page.submit(&client, "/recovery-codes.txt", &[("codes", &codes)]).await;

    assert_eq!(
        (file.status, &file.headers[CONTENT_TYPE]),
        (StatusCode::OK, &"text/plain; charset=utf-8".parse().unwrap())
    );
    assert_eq!(file.headers[CONTENT_DISPOSITION], "attachment; filename=\"recovery-codes.txt\"");
    assert_eq!(file.headers[CACHE_CONTROL], "no-store");
    let held: Vec<&str> = file.text.lines().filter(|line| codes.split(' ').any(|code| code == *line)).collect();
    assert_eq!(held.len(), 10, "{}", file.text);
    // It holds codes and nothing that somebody else wants to be in it.
    let foreign = page.submit(&client, "/recovery-codes.txt", &[("codes", "call 555-0100")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn nobody_gets_codes_without_being_signed_in() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let login = visit(&client, &gateway.url(PORTAL, "/login")).await;

    assert!(visit(&client, &gateway.url(PORTAL, "/recovery-codes")).await.is_at("/login"));
    let page = login.submit(&client, "/recovery-codes", &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "that form was for signing in");
    let file = login.submit(&client, "/recovery-codes.txt", &[("codes", "0000-0000-0000-0000")]).await;
    assert_eq!(file.status, StatusCode::FORBIDDEN);
    let unsigned = client.post(gateway.url(PORTAL, "/recovery-codes")).header("sec-fetch-site", "same-origin");
    let answer = unsigned.form(&[("csrf", "x")]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}
