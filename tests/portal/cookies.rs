//! Our cookies (CK-01 to CK-05).

use crate::house::{APP, WIKI, house, house_of_ann};
use reqwest::{
    Client, Response, StatusCode,
    header::{self, HeaderMap},
};
use std::collections::BTreeSet;
use support::{
    gateway::Gateway,
    person::{PASSWORD, Person, navigation},
};

const DAY: u64 = 24 * 60 * 60;

/// What an answer sets, by name. Holds each cookie to the rules.
fn set_by(answer: &Response) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for value in answer.headers().get_all(header::SET_COOKIE) {
        let text = value.to_str().unwrap();
        let (pair, attributes) = text.split_once("; ").unwrap();
        let attributes: BTreeSet<_> = attributes.split("; ").collect();
        let age = attributes.iter().find_map(|attribute| attribute.strip_prefix("Max-Age=")).unwrap();
        assert!(age.parse::<u64>().unwrap() <= 400 * DAY, "{text}");
        let rest: BTreeSet<_> = attributes.into_iter().filter(|attribute| !attribute.starts_with("Max-Age=")).collect();
        assert_eq!(rest, BTreeSet::from(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]), "{text}");
        let name = pair.split_once('=').unwrap().0;
        assert!(name.starts_with("__Host-doorward"), "{text}");
        assert!(text.len() < 4096);
        assert!(names.insert(name.to_owned()), "{name} is set twice in one answer");
    }
    if !names.is_empty() {
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store", "{names:?}");
    }
    names
}

/// Walks from an app through a sign-in with two factors, and says which cookie is set where.
async fn walked(gateway: &Gateway, client: &Client, person: &Person) -> Vec<(String, BTreeSet<String>)> {
    let mut seen = Vec::new();
    let mut request = navigation(client.get(gateway.url(APP, "/page")));
    for _ in 0..12 {
        let answer = request.send().await.unwrap();
        let url = answer.url().clone();
        seen.push((url.path().to_owned(), set_by(&answer)));
        if let Some(location) = answer.headers().get(header::LOCATION) {
            request = navigation(client.get(url.join(location.to_str().unwrap()).unwrap()));
            continue;
        }
        let text = answer.text().await.unwrap();
        let page =
            support::person::Page { url: url.clone(), status: StatusCode::OK, headers: HeaderMap::default(), text };
        let code = person.code();
        request = match url.path() {
            "/login" => page.submission(client, "/login", &[("login_id", &person.login_id), ("password", PASSWORD)]),
            "/challenge/totp" => page.submission(client, "/challenge/totp", &[("code", &code)]),
            _ => return seen,
        };
    }
    panic!("never arrived: {seen:?}");
}

#[tokio::test]
async fn every_cookie_of_a_sign_in_is_ours_alone_and_no_cache_keeps_it() {
    let (gateway, ann) = house(|site| Person::add(site, "ann", &[])).await;
    let seen = walked(&gateway, &gateway.client(), &ann).await;

    let set: Vec<(&str, Vec<&str>)> =
        seen.iter().map(|(path, names)| (path.as_str(), names.iter().map(String::as_str).collect())).collect();
    assert_eq!(
        set,
        [
            ("/page", vec!["__Host-doorward-flow"]),
            ("/login", vec!["__Host-doorward"]),
            ("/login", vec!["__Host-doorward"]),
            ("/challenge", vec![]),
            ("/challenge/totp", vec![]),
            ("/challenge/totp", vec!["__Host-doorward", "__Host-doorward-device"]),
            ("/.doorward/callback", vec!["__Host-doorward-app", "__Host-doorward-flow"]),
            ("/page", vec![]),
        ]
    );
}

/// The cookie that opens the app, as a browser sends it.
async fn app_cookie(gateway: &Gateway, person: &Person) -> String {
    let client = gateway.client();
    let mut url = gateway.url(APP, "/");
    // Up to the form.
    for _ in 0..2 {
        let answer = navigation(client.get(&url)).send().await.unwrap();
        match answer.headers().get(header::LOCATION) {
            Some(location) => url = location.to_str().unwrap().to_owned(),
            None => break,
        }
    }
    let page = support::person::visit(&client, &url).await;
    let fields = [("login_id", person.login_id.as_str()), ("password", PASSWORD)];
    let answer = page.submission(&client, "/login", &fields).send().await.unwrap();
    let callback = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let answer = navigation(client.get(callback)).send().await.unwrap();
    let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_is_one_cookie_of_exactly_its_name_on_its_own_host() {
    let (gateway, ann) = house_of_ann().await;
    let cookie = app_cookie(&gateway, &ann).await;
    let value = cookie.split_once('=').unwrap().1;
    // No cookies but those that the test sends.
    let client = support::client::builder(&gateway.site.authority).cookie_store(false).build().unwrap();
    let ask = async |host: &str, cookies: &str| {
        client.get(gateway.url(host, "/")).header(header::COOKIE, cookies).send().await.unwrap().status()
    };

    assert_eq!(ask(APP, &cookie).await, 200);
    assert_eq!(ask(APP, &format!("theirs=1; {cookie}; other=2")).await, 200);
    assert_eq!(ask(WIKI, &cookie).await, 401, "another host");
    for cookies in [
        format!("{cookie}; {cookie}"),
        format!("{cookie}; __Host-doorward-app=x"),
        format!("__host-doorward-app={value}"),
        format!("__Host-doorward-app=\"{value}\""),
        format!("__Host-doorward-app ={value}"),
        format!("%5F_Host-doorward-app={value}"),
        format!("__Host-doorward-app={value}="),
        format!("__Host-doorward={value}"),
        format!("__Host-doorward-flow={value}"),
        format!("$Version=1; __Host-doorward-app=\"{value}\"; $Path=/"),
        "__Host-doorward-app=".to_owned(),
    ] {
        let status = ask(APP, &cookies).await;
        assert_eq!(status, 401, "{cookies}");
    }
}
