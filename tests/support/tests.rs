//! The harness itself, against what needs no gateway.

use crate::{
    applications::Application,
    browser::{Browser, VirtualAuthenticator},
    certificates::Authority,
    client,
    gateway::Site,
    postgres::Postgres,
    raw::Connection,
};
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// Answers every connection over TLS with these bytes, and hangs up.
async fn answering(authority: &Authority, bytes: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(authority.issue(&["app.localhost"]).server_config()));
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // Who does not trust the certificate goes away.
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let _ = tls.read(&mut [0; 4096]).await;
            let _ = tls.write_all(bytes.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn a_raw_connection_reads_heads_bodies_and_the_end() {
    let authority = Authority::default();
    let port = answering(&authority, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 400").await;

    let mut connection = Connection::open(&authority, "app.localhost", port).await;
    connection.send("GET / HTTP/1.1\r\n\r\n").await;

    assert_eq!(connection.head().await, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(connection.bytes(2).await, b"ok");
    assert_eq!(connection.rest().await, b"HTTP/1.1 400");
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn a_client_trusts_its_own_authority_and_no_other() {
    let (known, unknown) = (Authority::default(), Authority::default());
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

    let trusted = answering(&known, answer).await;
    let answer = client::client(&known).get(format!("https://app.localhost:{trusted}/")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");

    let untrusted = answering(&unknown, "").await;
    client::client(&known).get(format!("https://app.localhost:{untrusted}/")).send().await.unwrap_err();
}

#[tokio::test]
async fn postgres_answers_and_is_gone_when_dropped() {
    let server = Postgres::start().await;
    let url = server.url();

    let mut connection = PgConnection::connect(&url).await.unwrap();
    let (one,): (i32,) = sqlx::query_as("SELECT 1").fetch_one(&mut connection).await.unwrap();
    assert_eq!(one, 1);

    drop(server);
    PgConnection::connect(&url).await.unwrap_err();
}

#[tokio::test]
async fn radicale_believes_the_user_header() {
    let radicale = Application::radicale().await;
    let propfind =
        || client::client(&Authority::default()).request("PROPFIND".parse().unwrap(), radicale.url() + "/ann/");

    assert_eq!(propfind().header("X-Remote-User", "ann").send().await.unwrap().status(), 207);
    assert_eq!(propfind().send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn httpbin_echoes_headers() {
    let httpbin = Application::httpbin().await;
    let asked = client::client(&Authority::default()).get(httpbin.url() + "/headers").header("X-Probe", "7f3k");

    let answer = asked.send().await.unwrap().text().await.unwrap();

    assert!(answer.contains("7f3k"), "{answer}");
}

#[tokio::test]
#[should_panic(expected = "ended with exit status: 0 while the test waited for it to be ready")]
async fn a_gateway_that_ends_fails_the_test_at_once() {
    let site = Site::new("true", &["app.localhost"]);
    site.configure(&site.preamble());

    site.start().await;
}

#[tokio::test]
async fn a_browser_makes_a_passkey_on_a_site_of_the_authority() {
    let authority = Authority::default();
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>app</title>";
    let port = answering(&authority, page).await;

    Browser { authority: Some(&authority), ..Browser::default() }
        .open("support-passkey", async |driver| {
            let authenticator = VirtualAuthenticator::plug_in(driver).await;
            driver.goto(format!("https://app.localhost:{port}/")).await.unwrap();
            // Refused where the browser has a doubt about the certificate.
            let made = driver
                .execute_async(
                    "const [done] = arguments;
                     navigator.credentials.create({ publicKey: {
                         challenge: new Uint8Array(32), rp: { name: 'app' },
                         user: { id: new Uint8Array(16), name: 'ann', displayName: 'Ann' },
                         pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
                         authenticatorSelection: { residentKey: 'required' },
                     } }).then(() => done('made'), error => done(`${error}`));",
                    Vec::new(),
                )
                .await
                .unwrap();
            assert_eq!(made.json(), "made");
            assert_eq!(authenticator.credentials().await.len(), 1);
        })
        .await;
}
