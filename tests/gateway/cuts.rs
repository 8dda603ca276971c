//! SE-05: what is under way when a session ends is cut, also where nobody reads it, and where nothing was answered yet.

use crate::{
    http2::{Body, connect},
    world::{APP, app, cookie_of, site, store_of},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::SendRequest,
};
use reqwest::{
    Client,
    cookie::{CookieStore as _, Jar},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{Person, visit},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// Other tests run beside these on the same machine. The bounds without this are kept by the tests of `edge::proxy::tether`.
const NOISE: Duration = Duration::from_secs(1);
/// What this process ends is tied after a fifth of a second, and dropped a quarter later.
pub(crate) const CUT_HERE_MAX: Duration = Duration::from_millis(450).saturating_add(NOISE);
/// What the store has no more is noticed at the next look, half a second later at most.
pub(crate) const CUT_ELSEWHERE_MAX: Duration = Duration::from_millis(950).saturating_add(NOISE);
/// Whatever moves at all has moved by then.
const STILL: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(50);

/// An application that is never done.
struct Endless {
    url: String,
    /// How many bytes it could get rid of at `/big`.
    sent: watch::Receiver<usize>,
    /// What the gateway hung up on.
    gone: mpsc::UnboundedReceiver<String>,
}

impl Endless {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((count, sent), (tell, gone)) = (watch::channel(0), mpsc::unbounded_channel());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (count, tell) = (count.clone(), tell.clone());
                tokio::spawn(async move {
                    if let Some(path) = converse(stream, &count, &tell).await {
                        let _ = tell.send(path);
                    }
                });
            }
        });
        Self { url, sent, gone }
    }

    /// Waits until nobody takes any more of `/big`.
    async fn is_stuck(&mut self) {
        self.sent.wait_for(|sent| *sent > 0).await.unwrap();
        while timeout(STILL, self.sent.changed()).await.is_ok() {}
    }

    /// That the gateway hangs up on this within a time.
    async fn hears_the_end_of(&mut self, path: &str, within: Duration) {
        let heard = timeout(within, self.gone.recv()).await.unwrap_or_else(|_| panic!("{path} is still open"));
        assert_eq!(heard.as_deref(), Some(path));
    }
}

/// Serves one request; gives its path if its connection was closed before it was over.
async fn converse(
    stream: TcpStream,
    sent: &watch::Sender<usize>,
    begun: &mpsc::UnboundedSender<String>,
) -> Option<String> {
    let (mut reader, mut writer) = stream.into_split();
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if reader.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let path = String::from_utf8_lossy(&head).split(' ').nth(1)?.split('?').next()?.to_owned();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let hangs_up = async {
        let mut read = vec![0; 64 * 1024];
        while reader.read(&mut read).await.is_ok_and(|read| read > 0) {}
    };
    let answering = async {
        match path.as_str() {
            "/big" => {
                let chunk = [&b"10000\r\n"[..], &vec![b'x'; 0x10000], b"\r\n"].concat();
                writer.write_all(chunked).await?;
                loop {
                    writer.write_all(&chunk).await?;
                    sent.send_modify(|sent| *sent += chunk.len());
                }
            }
            "/ticks" | "/ticks/obedient" | "/ticks/background" => {
                writer.write_all(chunked).await?;
                loop {
                    writer.write_all(b"4\r\ntick\r\n").await?;
                    sleep(TICK).await;
                }
            }
            "/poll" | "/poll/obedient" | "/upload" => {
                let _ = begun.send(format!("began {path}"));
                std::future::pending().await
            }
            _ => writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await,
        }
    };
    tokio::select! {
        () = hangs_up => Some(path),
        answered = answering => answered.is_err().then_some(path),
    }
}

/// A gateway in front of it, and somebody whom it knows.
struct Scene {
    gateway: Gateway,
    app: Endless,
    client: Client,
    cookie: String,
}

async fn scene() -> Scene {
    let app = Endless::start().await;
    let site = site();
    let policies = "\n[policy.standard]\nlevel = \"mfa\"\n\n\
        [policy.fresh]\nlevel = \"mfa\"\nfresh = { any = [\"totp\"], within = \"10m\" }\n";
    let routes = "\n[[app.route]]\npath = \"/*/obedient\"\npolicy = \"fresh\"\nstreams = \"obey\"\n\
        \n[[app.route]]\npath = \"/ticks/background\"\npolicy = \"standard\"\nbackground = true\n";
    site.configure(&[&site.preamble(), policies, &self::app("app", &app.url), routes].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.visit(&client, &gateway.url(APP, "/arrived")).await;
    let cookie = jar.cookies(&page.url).unwrap().to_str().unwrap().to_owned();
    Scene { gateway, app, client, cookie }
}

impl Scene {
    async fn sign_out(&self) {
        let page = visit(&self.client, &self.gateway.url(PORTAL, "/logout")).await;
        page.submit(&self.client, "/logout", &[]).await;
    }

    /// Makes what is known of everybody that much older.
    async fn pass(&self, minutes: i64) {
        let mut store = store_of(&self.gateway).await;
        for statement in [
            "UPDATE sessions SET seen_at = seen_at - $1, active_at = active_at - $1, started_at = started_at - $1",
            "UPDATE authentications SET proven_at = proven_at - $1",
        ] {
            sqlx::query(statement).bind(minutes * 60_000).execute(&mut store).await.unwrap();
        }
    }

    fn request(&self, path: &str) -> Request<Body> {
        request(path, &self.cookie)
    }

    /// An answer over HTTP/1 that goes on and on.
    async fn open(&self, path: &str) -> reqwest::Response {
        let http1 = client::builder(&self.gateway.site.authority).http1_only().build().unwrap();
        let request = http1.get(self.gateway.url(APP, path)).header(header::COOKIE, &self.cookie);
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.chunk().await.unwrap();
        answer
    }
}

fn request(path: &str, cookie: &str) -> Request<Body> {
    let nothing = StreamBody::new(futures_util::stream::empty()).boxed_unsync();
    Request::get(format!("https://{APP}{path}")).header(header::COOKIE, cookie).body(nothing).unwrap()
}

async fn send(sender: &mut SendRequest<Body>, request: Request<Body>) -> Response<Incoming> {
    sender.ready().await.unwrap();
    sender.send_request(request).await.unwrap()
}

/// That an answer breaks off, within a time.
async fn breaks(mut answer: reqwest::Response, within: Duration) {
    let reading = async { while let Ok(Some(_)) = answer.chunk().await.map_err(|_| ()) {} };
    timeout(within, reading).await.expect("it is cut");
    assert!(answer.chunk().await.is_err(), "no silent end");
}

#[tokio::test]
async fn se_05_a_download_over_http1_that_nobody_reads_is_cut() {
    let mut scene = scene().await;
    let mut connection = scene.gateway.connect(APP).await;
    let cookie = &scene.cookie;
    connection.send(format!("GET /big HTTP/1.1\r\nHost: {APP}\r\nCookie: {cookie}\r\n\r\n")).await;
    assert!(connection.head().await.starts_with("HTTP/1.1 200"));
    scene.app.is_stuck().await;

    scene.sign_out().await;

    scene.app.hears_the_end_of("/big", CUT_HERE_MAX).await;
    let rest = connection.rest().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "no silent end");
}

#[tokio::test]
async fn se_05_a_download_over_http2_that_nobody_reads_is_reset_and_no_other_of_its_connection() {
    let mut scene = scene().await;
    let bob = Person::add(&scene.gateway.site, "bob", &[]);
    let bobs = cookie_of(&scene.gateway, &bob, APP).await;
    let mut sender = connect(&scene.gateway).await;
    let download = send(&mut sender, scene.request("/big")).await;
    let mut ticks = send(&mut sender, request("/ticks", &bobs)).await;
    scene.app.is_stuck().await;

    scene.sign_out().await;

    scene.app.hears_the_end_of("/big", CUT_HERE_MAX).await;
    let error = download.into_body().collect().await.unwrap_err();
    assert!(format!("{error:?}").contains("Reset(StreamId("), "RST_STREAM: {error:?}");
    for _ in 0..10 {
        assert!(ticks.body_mut().frame().await.unwrap().is_ok(), "a stream beside it");
    }
    assert_eq!(send(&mut sender, request("/", &bobs)).await.status(), StatusCode::OK);
    assert_eq!(send(&mut sender, scene.request("/")).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn se_05_a_download_that_flows_is_cut() {
    let mut scene = scene().await;
    let download = scene.open("/big").await;

    let (cut, ()) = tokio::join!(tokio::spawn(breaks(download, Duration::from_secs(10))), async {
        scene.sign_out().await;
        scene.app.hears_the_end_of("/big", CUT_HERE_MAX).await;
    });

    cut.unwrap();
}

#[tokio::test]
async fn se_05_who_waits_for_an_answer_is_told_that_their_session_is_over_and_never_gets_it() {
    let mut scene = scene().await;
    let url = scene.gateway.url(APP, "/poll");
    let waiting = scene.client.get(&url).header(header::COOKIE, &scene.cookie).send();
    let waiting = tokio::spawn(waiting);
    assert_eq!(scene.app.gone.recv().await.as_deref(), Some("began /poll"));

    assert!(scene.gateway.site.run(&["session", "revoke", "--user", "ann"], "").status.success());

    scene.app.hears_the_end_of("/poll", CUT_ELSEWHERE_MAX).await;
    let answer = timeout(CUT_HERE_MAX, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let problem: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "sign_in_required");
    assert!(
        problem["step_up_url"].as_str().unwrap().starts_with(&scene.gateway.url(APP, "/.doorward/step-up?to=")),
        "{problem}"
    );
}

#[tokio::test]
async fn who_waits_where_a_proof_becomes_stale_is_told_what_is_missing_and_where_to_prove_it() {
    let mut scene = scene().await;
    let url = scene.gateway.url(APP, "/poll/obedient");
    let waiting = tokio::spawn(scene.client.get(&url).header(header::COOKIE, &scene.cookie).send());
    assert_eq!(scene.app.gone.recv().await.as_deref(), Some("began /poll/obedient"));

    scene.pass(11).await;

    scene.app.hears_the_end_of("/poll/obedient", CUT_ELSEWHERE_MAX).await;
    let answer = timeout(CUT_HERE_MAX, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let field = |name: &str| answer.headers()[name].to_str().unwrap();
    let challenge = field("www-authenticate");
    for part in ["error=\"insufficient_user_authentication\"", "acr_values=\"mfa\"", "max_age=\"600\""] {
        assert!(challenge.contains(part), "{challenge}");
    }
    let url = field("doorward-step-up").to_owned();
    assert!(url.starts_with(&scene.gateway.url(APP, "/.doorward/step-up?to=")), "{url}");
    let problem: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "step_up_required");
    assert!(visit(&scene.client, &url).await.is_at("/challenge/totp"));
}

#[tokio::test]
async fn se_05_an_upload_does_not_outlive_its_session() {
    let mut scene = scene().await;
    let (more, frames) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let frames = futures_util::stream::unfold(frames, async |mut frames| Some((frames.recv().await?, frames)));
    let mut request = scene.request("/upload").map(|_| StreamBody::new(Box::pin(frames)).boxed_unsync());
    *request.method_mut() = Method::POST;
    let mut sender = connect(&scene.gateway).await;
    let uploading = tokio::spawn(async move { sender.send_request(request).await.map(|answer| answer.status()) });
    let dripping = tokio::spawn(async move {
        while more.send(Ok(Frame::data(Bytes::from("more")))).await.is_ok() {
            sleep(TICK).await;
        }
    });
    assert_eq!(scene.app.gone.recv().await.as_deref(), Some("began /upload"));

    scene.sign_out().await;

    scene.app.hears_the_end_of("/upload", CUT_HERE_MAX).await;
    assert_eq!(uploading.await.unwrap().unwrap(), StatusCode::UNAUTHORIZED);
    timeout(CUT_HERE_MAX, dripping).await.expect("its sender is told to stop").unwrap();
}

/// SE-03: the end of a lifetime, and going idle where a stream keeps nobody awake.
#[tokio::test]
async fn se_05_a_session_that_ends_by_itself_cuts_what_is_open() {
    let scene = scene().await;
    let idle = scene.open("/ticks/background").await;
    scene.pass(31).await;
    breaks(idle, CUT_ELSEWHERE_MAX).await;
    assert!(scene.gateway.client().get(scene.gateway.url(APP, "/")).send().await.unwrap().status().is_client_error());
}

#[tokio::test]
async fn se_05_the_end_of_its_lifetime_cuts_a_stream_that_is_in_use() {
    let scene = scene().await;
    let ticks = scene.open("/ticks").await;
    scene.pass(13 * 60).await;
    breaks(ticks, CUT_ELSEWHERE_MAX).await;
}

#[tokio::test]
async fn a_stream_of_events_that_obeys_its_route_is_cut_when_the_proof_is_stale_and_no_other_is() {
    let scene = scene().await;
    let obedient = scene.open("/ticks/obedient").await;
    let mut lax = scene.open("/ticks").await;

    // Older than the route wants a proof to be, and long before anything else ends.
    scene.pass(11).await;

    breaks(obedient, CUT_ELSEWHERE_MAX).await;
    for _ in 0..10 {
        assert_eq!(lax.chunk().await.unwrap().unwrap(), "tick");
    }
}
