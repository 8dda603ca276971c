//! Where a sign-in may lead, and who may come back from it (RE-01 to RE-03).

use crate::house::{APP, WIKI, house_of_ann, rules, signed_in, upstream};
use reqwest::{Client, header};
use support::{
    gateway::{Gateway, PORTAL, Site},
    person::{PASSWORD, Person, navigation, visit},
};

/// Signs in on the way to a page of the app, up to the link that leads back there.
async fn link_back(gateway: &Gateway, client: &Client, path: &str) -> String {
    let login = visit(client, &gateway.url(APP, path)).await;
    let fields = [("login_id", "ann"), ("password", PASSWORD)];
    let answer = login.submission(client, "/login", &fields).send().await.unwrap();
    answer.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_that_is_not_ours_leads_to_the_account() {
    let (gateway, ann) = house_of_ann().await;
    let client = gateway.client();
    let genuine = visit(&client, &gateway.url(APP, "/page")).await.hidden("to").unwrap().to_owned();
    let altered = format!("{}A", &genuine[..genuine.len() - 1]);
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "%2F%2Fevil.example",
        "",
        "AAAA",
        if altered == genuine { &genuine[1..] } else { &altered },
    ] {
        let client = gateway.client();
        let page = visit(&client, &gateway.url(PORTAL, &format!("/login?to={to}"))).await;
        assert_eq!(page.hidden("to"), None, "{to}");
        // Even where the form carries it all the same.
        let fields = [("login_id", ann.login_id.as_str()), ("password", PASSWORD), ("to", to)];
        let arrived = page.submit(&client, "/login", &fields).await;
        assert_eq!(arrived.url.as_str(), gateway.url(PORTAL, "/account"), "{to}");
        for path in ["/login", "/challenge", "/challenge/totp", "/challenge/password"] {
            let again = visit(&client, &gateway.url(PORTAL, &format!("{path}?to={to}"))).await;
            assert_eq!(again.url.as_str(), gateway.url(PORTAL, "/account"), "{path}?to={to}");
        }
    }
    let (_, arrived) = signed_in(&gateway, &ann, "/page?x=%2F%2Fevil.example").await;
    assert_eq!(arrived.text, "GET /page?x=%2F%2Fevil.example for ann");
}

#[tokio::test]
async fn a_link_to_a_host_that_is_no_apps_any_more_leads_to_the_account() {
    // Two gateways with one key, as before and after an app was removed.
    let (before, _) = house_of_ann().await;
    let to = visit(&before.client(), &before.url(APP, "/page")).await.hidden("to").unwrap().to_owned();
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP, WIKI]);
    let key_of = |preamble: &str| preamble.lines().find(|line| line.starts_with("key_file")).unwrap().to_owned();
    let preamble = site.preamble();
    let preamble = preamble.replace(&key_of(&preamble), &key_of(&before.site.preamble()));
    site.configure(&[preamble, rules(&[WIKI], &upstream().await)].concat());
    let ann = Person::add_without_app(&site, "ann", &[]);
    let after = site.start().await;

    let client = after.client();
    let page = visit(&client, &after.url(PORTAL, &format!("/login?to={to}"))).await;
    assert_eq!(page.hidden("to"), None);
    let arrived = ann.type_password(&client, &page).await;
    assert_eq!(arrived.url.as_str(), after.url(PORTAL, "/account"));
    let link = after.url(WIKI, &format!("/.doorward/callback?code=AAAA&to={to}"));
    assert_eq!(visit(&client, &link).await.status, 404, "nor does a host take a link to another");
}

#[tokio::test]
async fn a_link_back_works_once_and_then_says_so_without_going_round() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    let link = link_back(&gateway, &client, "/page").await;
    assert!(link.starts_with(&gateway.url(APP, "/.doorward/callback?code=")), "{link}");

    let first = navigation(client.get(&link)).send().await.unwrap();
    assert_eq!((first.status().as_u16(), &first.headers()[header::LOCATION]), (303, &"/page".parse().unwrap()));

    let again = navigation(client.get(&link)).send().await.unwrap();
    assert_eq!(again.status(), 403);
    assert!(again.headers().get(header::LOCATION).is_none());
    let text = again.text().await.unwrap();
    assert!(text.contains("<h1>This sign-in didn") && text.contains("href=\"/page\""), "{text}");
    // The session that the first one opened is not harmed.
    assert_eq!(visit(&client, &gateway.url(APP, "/page")).await.text, "GET /page for ann");
}

#[tokio::test]
async fn a_link_back_opens_nothing_in_another_browser() {
    let (gateway, _) = house_of_ann().await;
    let (ann, mallory) = (gateway.client(), gateway.client());

    // Mallory's own link, sent to somebody: that would sign them in as Mallory.
    let link = link_back(&gateway, &mallory, "/page").await;
    visit(&ann, &gateway.url(APP, "/page")).await;
    let answer = navigation(ann.get(&link)).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().get(header::SET_COOKIE).is_none());
    assert!(visit(&ann, &gateway.url(APP, "/page")).await.is_at("/login"));
    // Spent by the attempt.
    assert_eq!(navigation(mallory.get(&link)).send().await.unwrap().status(), 403);

    // A browser without cookies.
    let link = link_back(&gateway, &ann, "/page").await;
    let answer = navigation(gateway.client().get(&link)).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().get(header::LOCATION).is_none());
}

#[tokio::test]
async fn a_link_back_is_for_the_host_it_was_made_for() {
    let (gateway, _) = house_of_ann().await;
    let client = gateway.client();
    // The same browser has set out from both.
    visit(&client, &gateway.url(WIKI, "/")).await;
    let link = link_back(&gateway, &client, "/page").await;

    let answer = navigation(client.get(link.replace(APP, WIKI))).send().await.unwrap();

    assert_eq!(answer.status(), 404);
    assert!(answer.headers().get(header::SET_COOKIE).is_none());
}
