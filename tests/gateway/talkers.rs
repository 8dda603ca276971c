//! SE-05, the other way round: who goes on sending when their session is over is heard no more, over HTTP/2 all the way.

use crate::{
    cuts::CUT_HERE_MAX,
    http2::{Body, connect},
    world::{APP, app, site},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::cookie::{CookieStore as _, Jar};
use std::{convert::Infallible, sync::Arc, time::Duration};
use support::{
    client,
    gateway::{Gateway, PORTAL},
    person::{Person, visit},
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{sleep, timeout},
};

const TICK: Duration = Duration::from_millis(50);

/// An application that answers at once and for ever, and hears what it is sent meanwhile.
struct Listener {
    url: String,
    /// Something came, or nothing will any more.
    heard: mpsc::UnboundedReceiver<Heard>,
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Something,
    End,
}

impl Listener {
    async fn start(answer: fn() -> Body) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let body = if request.method() == Method::POST {
                        tokio::spawn(listen(request.into_body(), tell.clone()));
                        answer()
                    } else {
                        Body::default()
                    };
                    async move { Ok::<_, Infallible>(Response::new(body)) }
                });
                tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, heard }
    }

    /// That nothing more is heard within a time.
    async fn is_left_alone(&mut self) {
        let to_the_end = async { while self.heard.recv().await.expect("it listens") != Heard::End {} };
        timeout(CUT_HERE_MAX, to_the_end).await.expect("it is still sent something");
    }
}

async fn listen(mut body: Incoming, tell: mpsc::UnboundedSender<Heard>) {
    while let Some(Ok(_)) = body.frame().await {
        let _ = tell.send(Heard::Something);
    }
    let _ = tell.send(Heard::End);
}

/// Nothing, and no end.
fn silence() -> Body {
    StreamBody::new(futures_util::stream::pending()).boxed_unsync()
}

/// More than anybody reads.
fn endless() -> Body {
    let chunk = Bytes::from_static(&[b'x'; 0x4000]);
    StreamBody::new(futures_util::stream::repeat_with(move || Ok(Frame::data(chunk.clone())))).boxed_unsync()
}

/// A body that goes on for as long as anybody takes it.
fn dripping() -> Body {
    let frames = futures_util::stream::unfold((), async |()| {
        sleep(TICK).await;
        Some((Ok(Frame::data(Bytes::from("more"))), ()))
    });
    StreamBody::new(Box::pin(frames)).boxed_unsync()
}

/// Signs out while a request of this type is being sent and answered; that the application hears no more of it. Gives the
/// answer, of which nothing was read.
async fn signed_out_while_sending(kind: &str, answer: fn() -> Body) -> (Gateway, Response<Incoming>) {
    let mut listener = Listener::start(answer).await;
    let site = site();
    let app = app("app", &listener.url) + "upstream_http = \"2\"\n";
    site.configure(&[&site.preamble(), "\n[policy.standard]\nlevel = \"mfa\"\n", &app].concat());
    let ann = Person::add(&site, "ann", &[]);
    let gateway = site.start().await;
    let jar = Arc::new(Jar::default());
    let client = client::builder(&gateway.site.authority).cookie_provider(Arc::clone(&jar)).build().unwrap();
    let page = ann.visit(&client, &gateway.url(APP, "/arrived")).await;
    let cookie = jar.cookies(&page.url).unwrap();

    let mut sender = connect(&gateway).await;
    let request = Request::post(format!("https://{APP}/talk"));
    let request = request.header(header::COOKIE, cookie).header(header::CONTENT_TYPE, kind);
    let response = sender.send_request(request.body(dripping()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", gateway.log());
    assert_eq!(listener.heard.recv().await, Some(Heard::Something));

    let page = visit(&client, &gateway.url(PORTAL, "/logout")).await;
    page.submit(&client, "/logout", &[]).await;

    listener.is_left_alone().await;
    (gateway, response)
}

#[tokio::test]
async fn se_05_a_call_whose_client_does_not_heed_the_end_is_cut_for_the_application_too() {
    let (_gateway, response) = signed_out_while_sending("application/grpc", silence).await;

    let said = response.into_body().collect().await.unwrap();
    assert_eq!(said.trailers().expect("the end of a call")["grpc-status"], "16");
}

#[tokio::test]
async fn se_05_an_upload_goes_with_an_answer_that_nobody_reads() {
    let (_gateway, response) = signed_out_while_sending("application/octet-stream", endless).await;

    assert!(response.into_body().collect().await.is_err(), "no silent end");
}
