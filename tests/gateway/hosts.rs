//! Which host a connection may ask for.

use crate::{
    recorder::Recorder,
    world::{APP, NOBODY, OTHER, app, gateway},
};
use http::StatusCode;
use std::fs;
use support::{
    client,
    gateway::{Gateway, PORTAL, Site},
    raw::tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a request for a host is answered on a connection that was opened for another.
async fn asked(gateway: &Gateway, opened_for: &str, host: &str) -> String {
    let mut connection = gateway.connect(opened_for).await;
    connection.send(format!("GET /public/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    let head = connection.head().await;
    head.get(9..12).unwrap_or_else(|| panic!("{host}: {head:?}")).to_owned()
}

/// A gateway whose two applications have a certificate each.
async fn with_two_certificates(upstream: &str) -> Gateway {
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &[APP]);
    let other = site.authority.issue(&[OTHER, "*.wild.localhost"]);
    let (cert, key) = (site.folder().join("other.pem"), site.folder().join("other.key"));
    fs::write(&cert, other.chain_pem).unwrap();
    fs::write(&key, other.key_pem).unwrap();
    let more = format!("certificates = [{{ cert = \"{}\", key = \"{}\" }}, ", cert.display(), key.display());
    let preamble = site.preamble().replace("certificates = [", &more);
    let policy = "\n[policy.standard]\nlevel = \"public\"\n";
    let wild = app("wild", upstream).replace("host = \"wild.localhost\"", "host = \"a.wild.localhost\"");
    site.configure(&[&preamble, policy, &app("app", upstream), &app("other", upstream), &wild].concat());
    site.start().await
}

#[tokio::test]
async fn ho_04_a_connection_serves_only_hosts_of_its_certificate() {
    let app = Recorder::start().await;
    let gateway = with_two_certificates(&app.url()).await;

    for (opened_for, host) in [(APP, OTHER), (OTHER, APP), (APP, "a.wild.localhost"), (OTHER, PORTAL)] {
        assert_eq!(asked(&gateway, opened_for, host).await, "421", "{host} over {opened_for}");
    }
    for (opened_for, host) in [("b.wild.localhost", "c.wild.localhost"), ("a.wild.localhost", "a.b.wild.localhost")] {
        assert!(matches!(&*asked(&gateway, opened_for, host).await, "404" | "421"), "{host} over {opened_for}");
    }
    assert!(app.is_untouched());
    for (opened_for, host) in [(APP, APP), (OTHER, OTHER), (OTHER, "a.wild.localhost"), ("b.wild.localhost", OTHER)] {
        assert_eq!(asked(&gateway, opened_for, host).await, "200", "{host} over {opened_for}");
    }
}

/// HO-05: certificate, connection and application are found by one reading of a host and of a star.
#[tokio::test]
async fn ho_05_a_wildcard_is_one_label_for_certificates_and_for_applications() {
    let app = Recorder::start().await;
    let site = Site::new(env!("CARGO_BIN_EXE_doorward"), &["*.wild.localhost"]);
    let policy = "\n[policy.standard]\nlevel = \"public\"\n";
    let wild = self::app("wild", &app.url()).replace("wild.localhost", "*.wild.localhost");
    site.configure(&[&site.preamble(), policy, &wild].concat());
    let gateway = site.start().await;
    let port = gateway.site.https;

    for host in ["a.wild.localhost", "A.Wild.LOCALHOST", "a.wild.localhost.", &format!("b.wild.localhost:{port}")] {
        assert_eq!(asked(&gateway, "a.wild.localhost", host).await, "200", "{host}");
    }
    let before = app.requests().len();
    for host in ["wild.localhost", "a.b.wild.localhost", "awild.localhost", "*.wild.localhost"] {
        let answer = asked(&gateway, "a.wild.localhost", host).await;
        assert!(matches!(&*answer, "400" | "421"), "{host}: {answer}");
    }
    for host in ["wild.localhost", "a.b.wild.localhost", "awild.localhost"] {
        assert!(tls(&gateway.site.authority, host, port, "http/1.1").await.is_err(), "{host}");
    }
    assert_eq!(app.requests().len(), before);
}

#[tokio::test]
async fn pa_11_a_host_without_an_application_is_not_found() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;

    assert_eq!(asked(&gateway, APP, NOBODY).await, "404");
    assert_eq!(asked(&gateway, APP, "elsewhere.example").await, "421");
    assert!(app.is_untouched());
}

#[tokio::test]
async fn a_name_that_no_certificate_is_for_gets_no_handshake() {
    let gateway = gateway("http://127.0.0.1:9").await;

    let refused = tls(&gateway.site.authority, "elsewhere.example", gateway.site.https, "http/1.1").await;

    assert!(refused.is_err_and(|error| error.to_string().contains("alert")));
}

/// PA-13: in no spelling, on no host, with or without a body.
#[tokio::test]
async fn pa_13_the_reserved_prefix_never_reaches_an_application() {
    let app = Recorder::start().await;
    let gateway = with_two_certificates(&app.url()).await;
    for path in
        ["/.doorward", "/.doorward/", "/.DOORWARD/x", "/%2Edoorward/x", "/.doorwar%64/x", "/%2e%64oorward/whoami"]
    {
        for method in ["GET", "POST", "OPTIONS", "get"] {
            let mut connection = gateway.connect(APP).await;
            connection.send(format!("{method} {path} HTTP/1.1\r\nHost: {APP}\r\n\r\n")).await;
            let head = connection.head().await;
            assert!(head.starts_with("HTTP/1.1 "), "{method} {path}: {head}");
        }
    }
    assert!(app.is_untouched());
}

/// HO-08: nothing is served in the clear but the way to HTTPS, and that only to hosts that are ours.
#[tokio::test]
async fn ho_08_plain_http_is_only_redirected() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let (https, redirect) = (gateway.site.https, gateway.site.redirect);
    let plain = async |request: String| {
        let mut stream = TcpStream::connect(("127.0.0.1", redirect)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    };
    for (request, status, location) in
        [("GET /public/x?y=%41", "308", Some("/public/x?y=%41")), ("HEAD /", "308", Some("/"))]
    {
        let said = plain(format!("{request} HTTP/1.1\r\nHost: {APP}:{redirect}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(&said[9..12], status, "{request}: {said}");
        let expected = location.map(|path| format!("location: https://{APP}:{https}{path}\r\n"));
        assert!(expected.is_some_and(|expected| said.contains(&expected)), "{request}: {said}");
    }
    for host in ["elsewhere.example", "app.localhost@evil.example", "app.localhost/evil"] {
        let said = plain(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(!said.contains("location:") && said.starts_with("HTTP/1.1 4"), "{host}: {said}");
    }
    let said = plain(format!("POST / HTTP/1.1\r\nHost: {APP}\r\nContent-Length: 6\r\n\r\nsecret")).await;
    assert!(said.starts_with("HTTP/1.1 403") && !said.contains("location:"), "a lost secret is not sent on: {said}");
    for path in ["//evil.example/", "/\\evil.example", "https://evil.example/"] {
        let said = plain(format!("GET {path} HTTP/1.1\r\nHost: {APP}\r\nConnection: close\r\n\r\n")).await;
        let own = format!("location: https://{APP}:{https}/");
        assert!(!said.contains("location:") || said.contains(&own), "{path}: {said}");
    }
    assert!(app.is_untouched());
}

/// BR-02, EE-02: every answer promises HTTPS, and none names a version.
#[tokio::test]
async fn every_answer_promises_https_and_names_no_program() {
    let app = Recorder::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nStrict-Transport-Security: max-age=0\r\n\r\nok".into()
    });
    let gateway = gateway(&app.await.url()).await;
    let client = gateway.client();
    for (host, path) in [(APP, "/public/"), (APP, "/private"), (PORTAL, "/login"), (PORTAL, "/nowhere"), (NOBODY, "/")]
    {
        let answer = client.get(gateway.url(host, path)).send().await.unwrap();
        let promised: Vec<_> = answer.headers().get_all("strict-transport-security").iter().collect();
        assert_eq!(promised, ["max-age=31536000"], "{host}{path}");
        assert!(!answer.headers().contains_key("server"), "{host}{path}");
    }
}

/// OP-03: a page in an operator's browser can't ask the admin listener.
#[tokio::test]
async fn op_03_the_admin_listener_answers_no_page() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let client = client::client(&gateway.site.authority);
    let admin = |path: &str| client.get(format!("http://127.0.0.1:{}{path}", gateway.site.admin));

    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(admin(path).send().await.unwrap().status(), StatusCode::OK);
        let from_page = admin(path).header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(from_page.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(admin("/healthz/x").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

/// The certificate of new connections is that of the files; one that can't be used changes nothing.
#[tokio::test]
async fn certificates_are_read_again_when_their_files_change() {
    let mut gateway = gateway("http://127.0.0.1:9").await;
    let folder = gateway.site.folder().to_owned();
    let before = shown(&gateway.site, APP).await;
    let leaf = gateway.site.authority.issue(&[PORTAL, APP, OTHER]);
    let mut old = gateway.connect(APP).await;

    fs::write(folder.join("site.pem"), "no certificate").unwrap();
    gateway.until_logged("the old ones stay").await;
    assert_eq!(shown(&gateway.site, APP).await, before);

    fs::write(folder.join("site.key"), &leaf.key_pem).unwrap();
    fs::write(folder.join("site.pem"), &leaf.chain_pem).unwrap();
    gateway.until_logged("certificates were read again").await;
    assert_ne!(shown(&gateway.site, APP).await, before);
    old.send("GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n").await;
    assert!(old.head().await.starts_with("HTTP/1.1 502"), "an open connection goes on");
}

/// The certificate that is shown for a name.
async fn shown(site: &Site, host: &str) -> Vec<u8> {
    let stream = tls(&site.authority, host, site.https, "http/1.1").await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}
