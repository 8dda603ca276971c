//! Starting, stopping, and applications that fail.

use crate::{
    recorder::Recorder,
    world::{APP, ask, config, gateway, site},
};
use std::{fs, net::TcpListener, sync::Arc};
use support::{
    gateway::Site,
    person::visit,
    process::{Signal, free_port},
    raw::tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

/// An application that sends half of its answer, and the rest when it is told to.
async fn in_two_halves() -> (String, Arc<Notify>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, go_on) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Notify::new()));
    let told = Arc::clone(&go_on);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                if stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").await.unwrap();
                    told.notified().await;
                    stream.write_all(b"-last").await.unwrap();
                }
            });
        }
    });
    (url, go_on)
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_it_began_and_takes_nothing_new() {
    let (url, go_on) = in_two_halves().await;
    let mut gateway = gateway(&url).await;
    let mut connection = gateway.connect(APP).await;
    let mut idle = gateway.connect(APP).await;
    connection.send("GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n").await;
    assert!(connection.head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(connection.bytes(5).await, b"first");

    gateway.signal(Signal::Terminate);
    let port = gateway.site.https;
    gateway.until("for its door to close", async || TcpStream::connect(("127.0.0.1", port)).await.err()).await;
    assert!(idle.is_closed().await, "a connection without a request ends at once");
    go_on.notify_one();

    assert_eq!(connection.bytes(5).await, b"-last");
    assert!(connection.is_closed().await);
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_does_not_hold_up_the_end() {
    let mut gateway = gateway(&format!("http://127.0.0.1:{}", free_port())).await;
    let mut silent = tls(&gateway.site.authority, APP, gateway.site.https, "h2").await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    silent.read_u8().await.expect("the gateway's side of the preface");

    gateway.signal(Signal::Terminate);

    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("drain"), "{}", gateway.log());
}

#[tokio::test]
async fn an_application_that_is_down_is_a_page_with_a_reference_that_the_log_has() {
    let gateway = gateway(&format!("http://127.0.0.1:{}", free_port())).await;

    let page = visit(&gateway.client(), &gateway.url(APP, "/public/")).await;

    assert_eq!(page.status, 502);
    let logged = gateway.log();
    let line = logged.lines().find(|line| line.contains("could not be asked")).expect("a line about it");
    let (_, rest) = line.split_once("request.id=").expect("the request's name");
    let name = rest.split_whitespace().next().unwrap();
    assert!(page.text.contains(name), "{name}: {}", page.text);
    assert!(!page.text.contains("127.0.0.1") && !page.text.contains("refused"), "EE-02: {}", page.text);
}

#[tokio::test]
async fn an_application_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = site();
    let slow = "response_timeout = \"300ms\"\n\n[[app.route]]";
    let url = format!("http://{}", silent.local_addr().unwrap());
    site.configure(&config(&site, &url).replacen("\n[[app.route]]", slow, 1));
    let gateway = site.start().await;

    assert!(ask(&gateway, APP, "GET /public/", "").await.starts_with("HTTP/1.1 504"));
}

#[tokio::test]
async fn where_no_server_of_an_application_is_healthy_nothing_is_sent_there() {
    let app = Recorder::answering(|seen| {
        let status = if seen.line() == "GET /healthz" { "500 No" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    })
    .await;
    let site = site();
    let probed = "health = { path = \"/healthz\", interval = \"1s\" }\n\n[[app.route]]";
    site.configure(&config(&site, &app.url()).replacen("\n[[app.route]]", probed, 1));
    let mut gateway = site.start().await;
    let client = gateway.client();
    let url = gateway.url(APP, "/public/");

    let refused = async || client.get(&url).send().await.ok().filter(|answer| answer.status() != 200);
    let answer = gateway.until("for it to notice", refused).await;

    assert!(matches!(answer.status().as_u16(), 502 | 503), "{}", answer.status());
    let before = app.requests().iter().filter(|seen| seen.line() == "GET /public/").count();
    assert!(ask(&gateway, APP, "GET /public/", "").await.starts_with("HTTP/1.1 50"));
    assert_eq!(app.requests().iter().filter(|seen| seen.line() == "GET /public/").count(), before);
}

/// What a start that fails says, and that it is one line about the cause.
fn refused(site: &Site, config: &str) -> String {
    site.configure(config);
    let output = site.run(&["serve"], "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
    said
}

#[tokio::test]
async fn a_start_that_can_t_be_says_why() {
    let site = site();
    let good = config(&site, "http://127.0.0.1:9");

    let taken = TcpListener::bind(("127.0.0.1", site.https)).unwrap();
    let said = refused(&site, &good);
    assert!(said.contains(&format!("can't listen on 127.0.0.1:{}", site.https)), "{said}");
    drop(taken);
    let taken = TcpListener::bind(("127.0.0.1", site.admin)).unwrap();
    assert!(refused(&site, &good).contains(&format!("can't listen on 127.0.0.1:{}", site.admin)));
    drop(taken);

    let said = refused(&site, &good.replace("site.pem", "gone.pem"));
    assert!(said.contains("gone.pem"), "{said}");
    fs::write(site.folder().join("bad.pem"), "no certificate").unwrap();
    let said = refused(&site, &good.replace("site.pem", "bad.pem"));
    assert!(said.contains("bad.pem"), "{said}");
    let other = site.authority.issue(&[APP]);
    fs::write(site.folder().join("other.key"), other.key_pem).unwrap();
    let said = refused(&site, &good.replace("site.key", "other.key"));
    assert!(said.contains("other.key"), "{said}");
    assert!(refused(&site, &good.replace("level = \"mfa\"", "levle = \"mfa\"")).contains("levle"));

    fs::remove_file(site.folder().join("doorward.key")).unwrap();
    let said = refused(&site, &good);
    assert!(said.contains("doorward.key is missing"), "a key is never made anew over what the old one sealed: {said}");
    fs::write(site.folder().join("doorward.key"), "short").unwrap();
    let said = refused(&site, &good);
    assert!(said.contains("doorward.key"), "{said}");
}

/// FR-23: whoever finds no room is hung up on, and there is room again once somebody leaves.
#[tokio::test]
async fn there_are_only_so_many_connections_at_once() {
    let app = Recorder::start().await;
    let site = site();
    site.configure(&config(&site, &app.url()).replacen("[server]\n", "[server]\nconnections = 2\n", 1));
    let gateway = site.start().await;
    let open = async || tls(&gateway.site.authority, APP, gateway.site.https, "http/1.1").await;
    let (first, second) = (open().await.unwrap(), open().await.unwrap());

    assert!(open().await.is_err());
    drop(first);
    let third = loop {
        // It takes the gateway a moment to notice.
        if let Ok(third) = open().await {
            break third;
        }
    };
    let metrics =
        gateway.client().get(format!("http://127.0.0.1:{}/metrics", gateway.site.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(!metrics.contains("doorward_connections_refused_total 0"), "{metrics}");
    assert!(metrics.contains("doorward_connections 2"), "{metrics}");
    drop((second, third));
}
