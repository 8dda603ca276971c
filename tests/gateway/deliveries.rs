//! What becomes of a form that was taken and set out, where no answer comes back.

use crate::{
    held::{gateway, gateway_of, kept, send, upload, uploads},
    recorder::{OK, Recorder},
    world::{APP, app, store_of},
};
use http::{StatusCode, header};
use reqwest::{
    Client, Response,
    cookie::{CookieStore as _, Jar},
};
use sqlx::SqliteConnection;
use std::{fs, sync::Arc};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{arrive, navigation, visit},
    process::Signal,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

/// A form on its way to an application that says nothing.
struct Delivery {
    gateway: Gateway,
    client: Client,
    url: String,
    token: String,
    sending: JoinHandle<reqwest::Result<Response>>,
    /// Further forms that reach the application.
    coming: mpsc::UnboundedReceiver<()>,
}

/// Tells of a form once, and answers everything else.
async fn say_nothing_to_forms(mut stream: TcpStream, came: &mpsc::UnboundedSender<()>) {
    let mut read = vec![0; 4096];
    let Ok(1..) = stream.read(&mut read).await else { return };
    if !read.starts_with(b"POST ") {
        let _ = stream.write_all(OK.as_bytes()).await;
        return;
    }
    came.send(()).unwrap();
    // Open until the gateway is gone.
    while stream.read(&mut read).await.is_ok_and(|count| count > 0) {}
}

impl Delivery {
    async fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let (came, mut coming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let came = came.clone();
                tokio::spawn(async move { say_nothing_to_forms(stream, &came).await });
            }
        });
        let (gateway, ann) = gateway_of(&app("app", &upstream), "10m").await;
        let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
        let token = kept(&client, &ann, &url).await;
        let request = navigation(client.post(&url)).header(header::CONTENT_TYPE, "text/plain");
        let sending = tokio::spawn(request.body(format!("doorward-held={token}\r\n")).send());
        coming.recv().await.unwrap();
        Self { gateway, client, url, token, sending, coming }
    }
}

#[tokio::test]
async fn of_a_form_whose_exchange_broke_nobody_says_that_it_arrived_and_nobody_sends_it_twice() {
    let recorder = Recorder::answering(|seen| {
        if seen.line().starts_with("POST ") { b"no answer at all\r\n\r\n".to_vec() } else { OK.into() }
    })
    .await;
    let (gateway, ann) = gateway(&recorder).await;
    let (client, url) = (gateway.client(), gateway.url(APP, "/transfers?draft=1"));
    let token = kept(&client, &ann, &url).await;

    let page = send(&client, &url, &token).await;

    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.text.contains("Your form may have arrived"), "{}", page.text);
    assert_eq!(page.hidden("doorward-held"), None);
    let again = send(&client, &url, &token).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains("set out for"), "{again:?}");
    assert_eq!(uploads(&recorder), 1);
}

/// Row 24: what breaks off between taking and delivering is not sent a second time.
#[tokio::test]
async fn a_form_that_was_on_its_way_when_the_gateway_was_killed_is_not_sent_again() {
    let Delivery { gateway, client, url, token, sending, mut coming } = Delivery::begin().await;

    let gateway = gateway.killed_and_started_again().await;
    assert!(sending.await.unwrap().is_err());

    let again = send(&client, &url, &token).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains("set out for"), "{again:?}");
    assert!(coming.try_recv().is_err(), "{}", gateway.log());
}

/// How many bytes of forms count against the room for them.
async fn kept_bytes(store: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT COALESCE(SUM(size), 0) FROM held_requests").fetch_one(store).await.unwrap()
}

#[tokio::test]
async fn a_form_whose_sender_hangs_up_while_it_is_on_its_way_takes_no_room_and_is_not_sent_again() {
    let Delivery { mut gateway, client, url, token, sending, mut coming } = Delivery::begin().await;
    let mut store = store_of(&gateway).await;
    assert_eq!(kept_bytes(&mut store).await, i64::try_from(upload().len()).unwrap());

    sending.abort();

    gateway.until("the room to be given back", async || (kept_bytes(&mut store).await == 0).then_some(())).await;
    let again = send(&client, &url, &token).await;
    assert!(again.status == StatusCode::CONFLICT && again.text.contains("set out for"), "{again:?}");
    assert!(coming.try_recv().is_err(), "{}", gateway.log());
}

#[tokio::test]
async fn whoever_signs_out_while_a_form_is_on_its_way_is_told_so() {
    let Delivery { gateway, client, sending, .. } = Delivery::begin().await;

    let page = visit(&client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(&client, "/logout", &[]).await;

    let answer = sending.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let text = answer.text().await.unwrap();
    assert!(text.contains("You were signed out while it was on its way"), "{text}");
    assert!(text.contains("we don't send it twice") && !text.contains("Signed in as"), "{text}");
}

/// What protects a route may go while a form waits for it. Whose the form is stays.
#[tokio::test]
async fn a_form_whose_route_has_become_public_goes_on_for_its_owner_and_asks_others_to_sign_in() {
    let recorder = Recorder::start().await;
    let (mut gateway, ann) = gateway(&recorder).await;
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let url = gateway.url(APP, "/transfers?draft=1");
    let page = ann.type_password(&client, &visit(&client, &gateway.url(APP, "/new")).await).await;
    page.submit(&client, "/challenge/totp", &[("code", &ann.last_code())]).await;
    visit(&client, &gateway.url(PORTAL, "/account")).await.submit(&client, "/account/lock", &[]).await;
    let page = arrive(&client, navigation(client.post(&url)).form(&[("amount", "12")])).await;
    let page = ann.type_code(&client, &page).await;
    let token = page.hidden("doorward-held").unwrap();
    let config = fs::read_to_string(gateway.site.config_path()).unwrap();
    gateway.site.configure(&config.replace("methods = [\"POST\"]\npolicy = \"transfers\"", "policy = \"public\""));
    gateway.signal(Signal::Hangup);
    gateway.until_logged("generation=2").await;

    let stranger = Jar::default();
    let url_of_app = url.parse().unwrap();
    let cookies = jar.cookies(&url_of_app).unwrap();
    let flow = cookies.to_str().unwrap().split("; ").find(|pair| pair.starts_with("__Host-doorward-flow=")).unwrap();
    stranger.add_cookie_str(&format!("{flow}; Path=/; Secure"), &url_of_app);
    let stranger = client::builder(&gateway.site.authority).cookie_provider(Arc::new(stranger)).build().unwrap();
    let asked = send(&stranger, &url, token).await;
    assert!(asked.is_at("/login") && asked.text.contains("We kept what you typed"), "{asked:?}");
    assert_eq!(uploads(&recorder), 0);

    let sent = send(&client, &url, token).await;
    assert_eq!((sent.status, uploads(&recorder)), (StatusCode::OK, 1), "{sent:?}");
    assert_eq!(recorder.last().body, b"amount=12");
}
