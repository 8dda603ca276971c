//! Requests that must not pass, byte for byte, through TLS, guard, parser and policy: what each is answered, that the
//! connection closes, and that not one byte reached the application.

use crate::{
    recorder::Recorder,
    world::{APP, gateway},
};
use support::gateway::Gateway;

/// Behind every refused request: it must never be read as one.
const SMUGGLED: &str = "GET /public/smuggled HTTP/1.1\r\nHost: app.localhost\r\n\r\n";

/// Sends bytes and a further request behind them; gives the statuses that were answered.
async fn statuses(gateway: &Gateway, bytes: &[u8]) -> Vec<u16> {
    let mut connection = gateway.connect(APP).await;
    connection.send([bytes, SMUGGLED.as_bytes()].concat()).await;
    let said = String::from_utf8_lossy(&connection.rest().await).into_owned();
    assert!(connection.is_closed().await, "still open after {}: {said}", bytes.escape_ascii());
    let heads = said.split("HTTP/1.1 ").skip(1);
    heads.map(|head| head[..3].parse().unwrap()).collect()
}

async fn all_refused(rows: &[(&str, u16, &[u8])]) {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    for (rule, status, bytes) in rows {
        let answered = statuses(&gateway, bytes).await;
        assert_eq!(answered, [*status], "{rule}: {}", bytes.escape_ascii());
    }
    assert!(app.is_untouched(), "{}", app.bytes().escape_ascii());

    let answered =
        statuses(&gateway, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\nGET / HTTP/0.9\r\n\r\n").await;
    assert_eq!(answered, [200, 505], "what is right passes, so the rows above can fail");
    assert_eq!(app.requests().len(), 1);
}

#[tokio::test]
async fn a_body_framed_in_an_ambiguous_way_is_refused() {
    all_refused(&[
        ("FR-01", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("FR-01", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"),
        ("FR-02", 501, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("FR-02", 501, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        ("FR-02", 501, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
        ("FR-02", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("FR-02", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        ("FR-02", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("FR-03", 400, b"POST /public/ HTTP/1.0\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: +5\r\n\r\nhello"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: -1\r\n\r\n"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5, 5\r\n\r\nhello"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 0x5\r\n\r\nhello"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length:\r\n\r\n"),
        ("FR-04", 400, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        ("FR-04", 413, b"POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 9223372036854775808\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn a_head_that_must_be_repaired_is_refused() {
    let many = ["GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n", &"X: y\r\n".repeat(100), "\r\n"].concat();
    let long = format!("GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX: {}\r\n\r\n", "y".repeat(33 * 1024));
    let far = format!("GET /public/{} HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "y".repeat(8 * 1024));
    let method = format!("{} /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "M".repeat(33));
    all_refused(&[
        ("FR-05", 400, b"GET /public/ HTTP/1.1\nHost: app.localhost\r\n\r\n"),
        ("FR-05", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\n\r\n"),
        ("FR-05", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX: a\rb\r\n\r\n"),
        ("FR-05", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX: a\nGET /public/smuggled HTTP/1.1\r\n\r\n"),
        ("FR-06", 400, b"GET /public/ HTTP/1.1\r\nHost : app.localhost\r\n\r\n"),
        ("FR-06", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX: a\r\n b\r\n\r\n"),
        ("FR-06", 400, b"GET /public/ HTTP/1.1\r\n Host: app.localhost\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n: x\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX\0: x\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX: \0\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX\xc3\xa4: x\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nX(Y): x\r\n\r\n"),
        ("FR-07", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nnocolon\r\n\r\n"),
        ("FR-08", 400, b"GET  /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 400, b"GET x /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 400, b" GET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 400, b"\r\nGET /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 400, b"GET\t/public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 400, b"GET /public/\r\n\r\n"),
        ("FR-08", 400, b"GET /public/ http/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 505, b"GET /public/ HTTP/1.2\r\nHost: app.localhost\r\n\r\n"),
        ("FR-08", 505, b"GET /public/ HTTP/2.0\r\nHost: app.localhost\r\n\r\n"),
        ("FR-14", 400, b"GET /public/ HTTP/1.1\r\nHost: app.localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello"),
        ("FR-15", 405, b"CONNECT app.localhost:443 HTTP/1.1\r\nHost: app.localhost:443\r\n\r\n"),
        ("FR-16", 405, b"TRACE /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-16", 405, b"TRACK /public/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n"),
        ("FR-23", 431, many.as_bytes()),
        ("FR-23", 431, long.as_bytes()),
        ("FR-23", 414, far.as_bytes()),
        ("PA-12", 400, method.as_bytes()),
    ])
    .await;
}

/// Row 28: refused on the wire.
#[tokio::test]
async fn a_target_with_two_readings_is_refused() {
    let paths = [
        ("PA-02", "/public/a#b"),
        ("PA-02", "/public/a\\b"),
        ("PA-02", "/public/%zz"),
        ("PA-02", "/public/%"),
        ("PA-02", "/public/%1"),
        ("PA-02", "/public/\u{e4}"),
        ("PA-02", "/public/\"a"),
        ("PA-02", "public/"),
        ("PA-02", "*"),
        ("PA-02", "app.localhost:443"),
        ("PA-02", "ftp://app.localhost/public/"),
        ("PA-03", "/public/a%2fb"),
        ("PA-03", "/public/a%5Cb"),
        ("PA-03", "/public/a%00b"),
        ("PA-03", "/public/a;b"),
        ("PA-03", "/public/a%3bb"),
        ("PA-03", "/public/a%252fb"),
        ("PA-03", "/public/a%3Fb"),
        ("PA-03", "/public/a%23b"),
        ("PA-03", "/public/a%0d%0ab"),
        ("PA-03", "/public/a%7fb"),
        ("PA-04", "/public/../private"),
        ("PA-04", "/public/%2e%2e/private"),
        ("PA-04", "/public/.%2E/private"),
        ("PA-04", "/public/..;/private"),
        ("PA-04", "/public/./a"),
        ("PA-04", "/public//a"),
        ("PA-04", "//public/a"),
        ("PA-04", "/public/.."),
        ("PA-04", "/public/a/%2e"),
        ("PA-06", "/public/%c0%af"),
        ("PA-06", "/public/%ff"),
        ("PA-06", "/public/%e0%80%af"),
        ("PA-06", "/public/%ed%a0%80"),
        ("PA-13", "/.doorward/../public/"),
        ("PA-13", "/public/..%2f.doorward/whoami"),
        ("HO-03", "https://other.localhost/public/"),
        ("HO-03", "https://app.localhost:1/public/"),
        ("HO-03", "https://user@app.localhost/public/"),
    ];
    let requests = paths.map(|(rule, path)| (rule, format!("GET {path} HTTP/1.1\r\nHost: app.localhost\r\n\r\n")));
    let rows: Vec<_> = requests.iter().map(|(rule, bytes)| (*rule, 400, bytes.as_bytes())).collect();

    all_refused(&rows).await;
}

#[tokio::test]
async fn a_host_that_is_not_exactly_one_is_refused() {
    let hosts = [
        "",
        "Host:\r\n",
        "Host: app.localhost\r\nHost: app.localhost\r\n",
        "Host: app.localhost\r\nhost: other.localhost\r\n",
        "Host: app.localhost, other.localhost\r\n",
        "Host: user@app.localhost\r\n",
        "Host: app.localhost/x\r\n",
        "Host: app.localhost?x\r\n",
        "Host: app%2elocalhost\r\n",
        "Host: app.localhost:99999\r\n",
        "Host: app.localhost:\x20443\r\n",
        "Host: app.localhost\x01\r\n",
        "Host: app_localhost/..\r\n",
        "Host: app..localhost\r\n",
        "Host: \u{e4}pp.localhost\r\n",
        "Host: https://app.localhost\r\n",
    ];
    let requests = hosts.map(|host| format!("GET /public/ HTTP/1.1\r\n{host}\r\n"));
    let rows: Vec<_> = requests.iter().map(|bytes| ("HO-01", 400, bytes.as_bytes())).collect();

    all_refused(&rows).await;
}

/// FR-09, FR-10, FR-11: a chunk is framed strictly. The head has passed by then, but the application never sees a whole
/// request, nor the one behind.
#[tokio::test]
async fn a_malformed_chunk_ends_the_exchange_on_both_sides() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5 * 1024));
    let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(4 * 1024));
    for (rule, chunks) in [
        ("FR-09", "+5\r\nhello\r\n0\r\n\r\n"),
        ("FR-09", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("FR-09", "5 \r\nhello\r\n0\r\n\r\n"),
        ("FR-09", " 5\r\nhello\r\n0\r\n\r\n"),
        ("FR-09", "\r\nhello\r\n0\r\n\r\n"),
        ("FR-09", ";a\r\n\r\n"),
        ("FR-09", "00000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("FR-09", "ffffffffffffffff\r\nhello\r\n"),
        ("FR-09", "5\r\nhelloX\r\n0\r\n\r\n"),
        ("FR-09", "5\r\nhello0\r\n\r\n"),
        ("FR-09", "-1\r\nhello\r\n0\r\n\r\n"),
        ("FR-05", "5\nhello\r\n0\r\n\r\n"),
        ("FR-05", "5\r\nhello\n0\r\n\r\n"),
        ("FR-10", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("FR-10", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("FR-10", &long),
        ("FR-11", &trailers),
        ("FR-11", "0\r\nContent-Length: 5\r\n\r\n"),
        ("FR-11", "0\r\nX : y\r\n\r\n"),
    ] {
        let head = "POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answered = statuses(&gateway, [head, chunks].concat().as_bytes()).await;
        assert!(matches!(answered[..], [400 | 413 | 431]), "{rule}: {chunks:?} was answered {answered:?}");
    }
    assert!(app.requests().is_empty(), "{:?}", app.requests());

    let bytes = "POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: Chunked\r\n\r\n\
                 5;a=b\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\nGET / HTTP/0.9\r\n\r\n";
    assert_eq!(statuses(&gateway, bytes.as_bytes()).await, [200, 505]);
    let seen = app.last();
    assert_eq!(seen.body, b"5\r\nhello\r\n0\r\n\r\n", "extensions and trailers are dropped");
    assert_eq!((seen.field("transfer-encoding"), seen.field("content-length")), (vec!["chunked"], vec![]), "FR-18");
}

/// FR-12: where the gateway answers before the body, that body never becomes a request.
#[tokio::test]
async fn the_body_of_a_challenged_request_is_no_request() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let body = SMUGGLED.repeat(4096);
    let requests = [
        format!("POST /private HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        format!(
            "POST /private HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ),
        format!("POST /public/ HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: {}\r\n\r\n{body}", 1_u64 << 40),
    ];
    for (request, status) in requests.iter().zip(["401", "401", "413"]) {
        let mut connection = gateway.connect(APP).await;
        connection.send(request).await;
        let head = connection.head().await;
        assert!(head.contains(status), "{head}");
        let rest = String::from_utf8_lossy(&connection.rest().await).into_owned();
        assert!(!rest.contains("HTTP/1.1 "), "{rest}");
        assert!(connection.is_closed().await);
    }
    assert!(app.is_untouched());
}

/// FR-17: each request of a connection is judged alone, and answered in its turn.
#[tokio::test]
async fn a_good_request_does_not_vouch_for_the_next() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let good = "GET /public/good HTTP/1.1\r\nHost: app.localhost\r\n\r\n";
    let private = "GET /private HTTP/1.1\r\nHost: app.localhost\r\n\r\n";
    let bad = "GET /public/bad HTTP/1.1\r\nHost: app.localhost\r\nHost: app.localhost\r\n\r\n";

    let answered = statuses(&gateway, [good, private, good, bad].concat().as_bytes()).await;

    assert_eq!(answered, [200, 401, 200, 400]);
    let lines: Vec<_> = app.requests().iter().map(|seen| seen.line().to_owned()).collect();
    assert_eq!(lines, ["GET /public/good", "GET /public/good"]);
}

/// PA-01, PA-05, FR-18: the application receives what policy saw, once decoded, and nothing of the client's framing.
///
/// Row 28: the application receives what was matched.
#[tokio::test]
async fn the_canonical_path_is_what_the_application_receives() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    for (sent, received) in [
        ("GET /public/%41%7e?q=%41#", None),
        ("GET /public/%41%7e?q=%41", Some("GET /public/A~?q=%41")),
        ("GET /public/%e4%b8%ad", Some("GET /public/%E4%B8%AD")),
        ("GET https://app.localhost/public/x", Some("GET /public/x")),
        ("options /public/x", None),
    ] {
        let mut connection = gateway.connect(APP).await;
        connection.send(format!("{sent} HTTP/1.1\r\nHost: APP.localhost.:443\r\nConnection: close\r\n\r\n")).await;
        let head = connection.head().await;
        match received {
            None => assert!(head.starts_with("HTTP/1.1 400"), "{head}"),
            Some(line) => {
                assert!(head.starts_with("HTTP/1.1 200"), "{sent}: {head}");
                assert_eq!((app.last().line(), app.last().field("host")), (line, vec!["app.localhost"]), "HO-02");
            }
        }
    }
}
