//! A gateway in front of one application, which most tests begin with.

use http::StatusCode;
use reqwest::cookie::{CookieStore as _, Jar};
use sqlx::{Connection as _, SqliteConnection};
use std::sync::Arc;
use support::{
    client,
    gateway::{Gateway, Site},
    person::Person,
};

/// The application's host.
pub(crate) const APP: &str = "app.localhost";
/// The host of a second application.
pub(crate) const OTHER: &str = "other.localhost";
/// A host that the certificate is for, and no application.
pub(crate) const NOBODY: &str = "nobody.localhost";

/// A place for a gateway.
pub(crate) fn site() -> Site {
    Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP, OTHER, NOBODY])
}

/// The policy of the application, and its public corner.
pub(crate) const ROUTES: &str = "\n[[app.route]]\npath = \"/public/**\"\npolicy = \"public\"\n";

/// An application under a host of this name.
pub(crate) fn app(name: &str, upstream: &str) -> String {
    format!(
        "\n[[app]]\nname = \"{name}\"\nhost = \"{name}.localhost\"\nupstream = [\"{upstream}\"]\npolicy = \"standard\"\n"
    )
}

/// The configuration with `app` and `other`, both at `upstream`.
pub(crate) fn config(site: &Site, upstream: &str) -> String {
    let policy = "\n[policy.standard]\nlevel = \"mfa\"\n";
    [&site.preamble(), policy, &app("app", upstream), ROUTES, &app("other", upstream), ROUTES].concat()
}

/// A gateway with that configuration.
pub(crate) async fn gateway(upstream: &str) -> Gateway {
    let site = site();
    site.configure(&config(&site, upstream));
    site.start().await
}

/// Signs somebody in to a host; gives the cookies they have there.
pub(crate) async fn cookie_of(gateway: &Gateway, person: &Person, host: &str) -> String {
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = person.visit(&client, &gateway.url(host, "/arrived")).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/arrived"), "{}\n{}", page.text, gateway.log());
    jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned()
}

/// What is known of everybody, in the store.
pub(crate) async fn store_of(gateway: &Gateway) -> SqliteConnection {
    let url = format!("sqlite:{}/doorward.db", gateway.site.folder().display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// What a request with these fields is answered, on a connection of its own.
pub(crate) async fn ask(gateway: &Gateway, host: &str, line: &str, fields: &str) -> String {
    let mut connection = gateway.connect(host).await;
    connection.send(format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n")).await;
    String::from_utf8_lossy(&connection.rest().await).into_owned()
}
