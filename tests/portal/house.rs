//! A gateway with two app hosts, and people whose password is enough to be signed in.

use axum::{Router, extract::Request};
use reqwest::Client;
use support::{
    gateway::{Gateway, Site},
    person::{Page, Person},
};
use tokio::net::TcpListener;

pub(crate) const APP: &str = "app.localhost";
pub(crate) const WIKI: &str = "wiki.localhost";

/// Starts a gateway before an application that says which request reached it.
pub(crate) async fn house<T>(people: impl FnOnce(&Site) -> T) -> (Gateway, T) {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP, WIKI]);
    site.configure(&[site.preamble(), rules(&[APP, WIKI], &upstream().await)].concat());
    let people = people(&site);
    (site.start().await, people)
}

/// Ann, who has nothing but her password.
pub(crate) async fn house_of_ann() -> (Gateway, Person) {
    house(|site| Person::add_without_app(site, "ann", &["staff"])).await
}

/// Everything but the preamble. The first part of a host names its app.
pub(crate) fn rules(hosts: &[&str], upstream: &str) -> String {
    let apps = hosts.iter().map(|host| {
        let name = host.split('.').next().unwrap();
        format!(
            r#"
[[app]]
name = "{name}"
host = "{host}"
upstream = ["{upstream}"]
policy = "standard"

  [[app.route]]
  path = "/strong/**"
  policy = "strong"

  [[app.route]]
  path = "/fresh/**"
  policy = "fresh"
  label = "transfers"

  [[app.route]]
  path = "/audit/**"
  policy = "audit"
"#
        )
    });
    let policies = r#"
[mfa]
requirement = "optional"

[policy.standard]
level = "login"

[policy.strong]
level = "mfa"

[policy.fresh]
level = "login"
fresh = { any = ["totp"], within = "5m" }

[policy.audit]
level = "login"
groups = ["audit"]
"#;
    [policies.to_owned(), apps.collect()].concat()
}

pub(crate) async fn upstream() -> String {
    let app = Router::new().fallback(async |request: Request| {
        let user = request.headers().get("remote-user").map_or("nobody", |user| user.to_str().unwrap_or("?"));
        format!("{} {} for {user}", request.method(), request.uri())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Signs in on the way to this page of the app.
pub(crate) async fn signed_in(gateway: &Gateway, person: &Person, path: &str) -> (Client, Page) {
    let client = gateway.client();
    let page = person.visit(&client, &gateway.url(APP, path)).await;
    assert_eq!(page.url.as_str(), gateway.url(APP, path), "{page:?}");
    (client, page)
}
