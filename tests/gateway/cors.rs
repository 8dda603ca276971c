//! Pages of other origins: who may ask, who may read, and what never reaches the application.

use crate::{
    recorder::{OK, Recorder},
    world::{APP, OTHER, ROUTES, app, cookie_of, site},
};
use http::{HeaderMap, header};
use reqwest::Response;
use support::{gateway::Gateway, person::Person};

const SPA: &str = "https://spa.example.com";
const EVIL: &str = "https://evil.example";

/// A gateway that answers for the first application, and leaves the second to itself.
async fn gateway(recorder: &Recorder) -> (Gateway, String) {
    let site = site();
    let cors = format!("cors = {{ origins = [\"{SPA}\"], credentials = true, expose = [\"X-Total\"] }}\n");
    let answering = [app("app", &recorder.url()), cors].concat();
    let policy = "\n[policy.standard]\nlevel = \"mfa\"\n";
    site.configure(&[&site.preamble(), policy, &answering, ROUTES, &app("other", &recorder.url()), ROUTES].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let cookie = cookie_of(&gateway, &ann, APP).await;
    (gateway, cookie)
}

async fn asked(gateway: &Gateway, host: &str, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
    let mut request = gateway.client().request(method.parse().unwrap(), gateway.url(host, path));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn preflight(gateway: &Gateway, host: &str, path: &str, origin: &str) -> Response {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization"),
    ];
    asked(gateway, host, "OPTIONS", path, &fields).await
}

/// The CORS fields of an answer.
fn said(headers: &HeaderMap) -> Vec<String> {
    let ours = |name: &str| name.starts_with("access-control-") || name == "vary";
    let said = headers.iter().filter(|(name, _)| ours(name.as_str()));
    let mut said: Vec<_> = said.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    said.sort();
    said
}

#[tokio::test]
async fn a_preflight_is_answered_here_and_never_reaches_the_application() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let before = recorder.requests().len();

    for path in ["/private", "/public/", "/nowhere"] {
        let answer = preflight(&gateway, APP, path, SPA).await;
        assert_eq!(answer.status(), 204, "{path}");
        assert_eq!(
            said(answer.headers()),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-headers: authorization, content-type",
                "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE",
                "access-control-allow-origin: https://spa.example.com",
                "access-control-max-age: 600",
                "vary: Origin",
            ]
        );
    }
    for origin in [EVIL, "null", "https://spa.example.com.evil.example", "http://spa.example.com"] {
        let answer = preflight(&gateway, APP, "/private", origin).await;
        assert_eq!(
            (answer.status().as_u16(), said(answer.headers())),
            (403, vec!["vary: Origin".to_owned()]),
            "{origin}"
        );
    }
    // The gateway's own corner is for nobody else, however it is written.
    for path in ["/.doorward/whoami", "/.do%6Frward/whoami", "/.DOORWARD/token"] {
        let answer = preflight(&gateway, APP, path, SPA).await;
        assert!(answer.status().is_client_error() && said(answer.headers()).is_empty(), "{path}: {answer:?}");
    }
    assert_eq!(recorder.requests().len(), before);
}

#[tokio::test]
async fn without_a_word_from_the_operator_a_preflight_is_a_request_like_any_other() {
    let recorder = Recorder::start().await;
    let (gateway, _) = gateway(&recorder).await;
    let before = recorder.requests().len();

    let answer = preflight(&gateway, OTHER, "/private", SPA).await;
    assert_eq!((answer.status().as_u16(), said(answer.headers())), (401, vec![]));
    assert_eq!(recorder.requests().len(), before);

    assert_eq!(preflight(&gateway, OTHER, "/public/", SPA).await.status(), 200);
    assert_eq!(recorder.last().line(), "OPTIONS /public/");
}

#[tokio::test]
async fn a_page_that_may_call_can_read_refusals_and_answers() {
    let recorder = Recorder::start().await;
    let (gateway, cookie) = gateway(&recorder).await;
    let readable = [
        "access-control-allow-credentials: true",
        "access-control-allow-origin: https://spa.example.com",
        "access-control-expose-headers: www-authenticate, doorward-step-up, x-total",
        "vary: Origin",
    ];

    let refused = asked(&gateway, APP, "GET", "/private", &[("origin", SPA)]).await;
    assert_eq!((refused.status().as_u16(), said(refused.headers())), (401, readable.map(str::to_owned).to_vec()));
    assert!(refused.headers().contains_key("doorward-step-up"));
    let answered = asked(&gateway, APP, "GET", "/private", &[("origin", SPA), ("cookie", &cookie)]).await;
    assert_eq!((answered.status().as_u16(), said(answered.headers())), (200, readable.map(str::to_owned).to_vec()));

    let stranger = asked(&gateway, APP, "GET", "/private", &[("origin", EVIL)]).await;
    assert_eq!((stranger.status().as_u16(), said(stranger.headers())), (401, vec!["vary: Origin".to_owned()]));
    for path in ["/.doorward/whoami", "/.do%6Frward/whoami"] {
        let whoami = asked(&gateway, APP, "GET", path, &[("origin", SPA), ("cookie", &cookie)]).await;
        assert_eq!((whoami.status().as_u16(), said(whoami.headers())), (200, vec![]), "CS-05: {path}");
    }
}

/// CS-06: a WebSocket is opened by pages of the host, and of origins that may send cookies.
#[tokio::test]
async fn cs_06_web_sockets_have_an_allow_list_too() {
    let recorder = Recorder::start().await;
    let (gateway, cookie) = gateway(&recorder).await;
    let handshake = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (origin, expected) in [(SPA, "200"), (EVIL, "403"), ("null", "403")] {
        let fields = format!("{handshake}Cookie: {cookie}\r\nOrigin: {origin}\r\n");
        let mut connection = gateway.connect(APP).await;
        connection.send(format!("GET /ws HTTP/1.1\r\nHost: {APP}:{}\r\n{fields}\r\n", gateway.site.https)).await;
        let head = connection.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {expected}")), "{origin}: {head}");
    }
}

#[tokio::test]
async fn an_application_that_answers_for_itself_keeps_its_answer() {
    let recorder = Recorder::answering(|seen| {
        let own = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n\r\nok";
        if seen.line().ends_with("/public/own") { own.into() } else { OK.into() }
    })
    .await;
    let (gateway, _) = gateway(&recorder).await;

    let own = asked(&gateway, APP, "GET", "/public/own", &[("origin", SPA)]).await;

    let expected = ["access-control-allow-origin: *", "vary: Accept", "vary: Origin"];
    assert_eq!(said(own.headers()), expected);
    assert_eq!(own.headers()[header::CONTENT_LENGTH], "2");
}
