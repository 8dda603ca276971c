use super::{CONNECTIONS_MAX, STREAMS_MAX};
use crate::{
    adapters::upstream::{Probe, Server, Settings, Trust, pool::*},
    domain::{
        policy::{Access, Decision, Policy, Visitor, WhyAnonymous},
        time::Timestamp,
    },
};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::TokioExecutor;
use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, mpsc},
};

const APP: &str = "rpc";

type TestBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

fn admission() -> Admission {
    let public = Policy::new("public", Access::Public);
    let visitor = Visitor::Anonymous(WhyAnonymous::NoCookie);
    let Decision::Admit(admission) = public.decide(&visitor, Timestamp::from_millis(0)) else { panic!() };
    admission
}

async fn client_of(settings: Settings) -> Client<TestBody> {
    let settings = Settings { http: HttpVersion::Two, ..settings };
    Client::new(&Upstreams::resolve([(APP.to_owned(), settings)]).await.unwrap())
}

async fn client(server: SocketAddr) -> Client<TestBody> {
    client_of(Settings::new(vec![format!("http://{server}").parse().unwrap()])).await
}

fn get(path: &str) -> Request<TestBody> {
    let body = Full::default().map_err(|never| match never {}).boxed_unsync();
    Request::get(path).header("host", "rpc.example.com:8443").body(body).unwrap()
}

/// A request whose body comes from the other end, and breaks when that sends an error.
fn post(path: &str) -> (mpsc::Sender<Result<Frame<Bytes>, BoxError>>, Request<TestBody>) {
    let (sender, mut frames) = mpsc::channel(1);
    let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| frames.poll_recv(cx)));
    (sender, Request::post(path).header("host", "rpc").body(body.boxed_unsync()).unwrap())
}

async fn send(client: &Client<TestBody>, request: Request<TestBody>) -> Result<String, BoxError> {
    let response = client.send(&admission(), APP, request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// A server over HTTP/2 that says back what it was asked for, and counts its connections. `/wait` is answered after a
/// notice, `/never` never, `/echo` with the body of the request, trailers too.
struct App {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Requests that were begun.
    begun: Arc<AtomicUsize>,
    /// Requests whose end nobody waited for any more.
    dropped: Arc<Notify>,
    go: Arc<Semaphore>,
}

struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl App {
    async fn start(streams_max: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            begun: Arc::default(),
            dropped: Arc::default(),
            go: Arc::new(Semaphore::new(0)),
        };
        let (connections, begun) = (Arc::clone(&app.connections), Arc::clone(&app.begun));
        let (dropped, go) = (Arc::clone(&app.dropped), Arc::clone(&app.go));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (begun, dropped, go) = (Arc::clone(&begun), Arc::clone(&dropped), Arc::clone(&go));
                let service = service_fn(move |request: Request<Incoming>| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    let (dropped, go) = (Arc::clone(&dropped), Arc::clone(&go));
                    async move { Ok::<_, Infallible>(answer(request, dropped, go).await) }
                });
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.max_concurrent_streams(streams_max);
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
        app
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    async fn until_begun(&self, count: usize) {
        while self.begun.load(Ordering::Relaxed) < count {
            yield_now().await;
        }
    }
}

async fn answer(request: Request<Incoming>, dropped: Arc<Notify>, go: Arc<Semaphore>) -> Response<TestBody> {
    match request.uri().path() {
        "/wait" => assert!(go.acquire().await.is_err(), "it is only ever closed"),
        "/never" => {
            let _dropped = Dropped(dropped);
            std::future::pending::<()>().await;
        }
        "/echo" => return Response::new(request.into_body().map_err(Into::into).boxed_unsync()),
        _ => {}
    }
    let fields = ["te", "connection", "transfer-encoding", "host"].map(|name| request.headers().contains_key(name));
    let text = format!("{} {} {:?}", request.method(), request.uri(), fields.contains(&true));
    Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
}

#[tokio::test]
async fn many_exchanges_share_one_connection_and_host_is_the_authority() {
    let app = App::start(200).await;
    let client = client(app.address).await;

    let answers = join_all((0..50).map(|_| send(&client, get("/a?b=c")))).await;

    for answer in answers {
        assert_eq!(answer.unwrap(), "GET http://rpc.example.com:8443/a?b=c false");
    }
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_full_connection_is_joined_by_another_up_to_a_bound() {
    let app = App::start(500).await;
    let client = client(app.address).await;
    let full = STREAMS_MAX * CONNECTIONS_MAX;
    let waiting = join_all((0..full).map(|_| send(&client, get("/wait"))));
    let one_more = async {
        app.until_begun(full).await;
        let error = send(&client, get("/")).await.unwrap_err();
        app.go.close();
        error
    };

    let (answers, error) = tokio::join!(waiting, one_more);

    assert!(matches!(error.downcast_ref(), Some(UpstreamError::Busy)), "{error}");
    assert_eq!(app.connections(), CONNECTIONS_MAX);
    assert!(answers.iter().all(Result::is_ok));
    assert!(send(&client, get("/")).await.is_ok(), "every seat was left");
}

#[tokio::test]
async fn a_server_that_allows_less_at_once_gets_less() {
    let app = App::start(2).await;
    let client = client(app.address).await;
    send(&client, get("/")).await.unwrap();
    while client.lanes[APP].shared.as_ref().unwrap().limit() != Some(2) {
        yield_now().await;
    }
    let waiting = join_all((0..4).map(|_| send(&client, get("/wait"))));
    let releasing = async {
        app.until_begun(5).await;
        app.go.close();
    };

    let (answers, ()) = tokio::join!(waiting, releasing);

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(app.connections(), 2);
}

#[tokio::test]
async fn bodies_and_trailers_flow_both_ways_at_once() {
    let app = App::start(10).await;
    let client = client(app.address).await;
    let (body, request) = post("/echo");
    let mut answer = client.send(&admission(), APP, request).await.unwrap().into_body();

    for part in ["one", "two"] {
        body.send(Ok(Frame::data(Bytes::from(part)))).await.unwrap();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), part);
    }
    let trailers: HeaderMap = [("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect();
    body.send(Ok(Frame::trailers(trailers.clone()))).await.unwrap();

    assert_eq!(answer.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
}

#[tokio::test]
async fn whoever_goes_away_resets_the_stream_and_leaves_the_connection() {
    let app = App::start(10).await;
    let client = client(app.address).await;
    {
        let admission = admission();
        let exchange = client.send(&admission, APP, get("/never"));
        tokio::select! {
            _ = exchange => panic!("it never answers"),
            () = app.until_begun(1) => {}
        }
    }
    app.dropped.notified().await;

    assert!(send(&client, get("/")).await.is_ok());
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_says_why_and_resets_its_stream() {
    let app = App::start(10).await;
    let client = client(app.address).await;
    let (body, request) = post("/never");
    let breaking = async {
        app.until_begun(1).await;
        body.send(Err("the browser left".into())).await.unwrap();
    };

    let admission = admission();
    let (answer, ()) = tokio::join!(client.send(&admission, APP, request), breaking);

    let error = answer.err().unwrap();
    assert!(matches!(&error, UpstreamError::RequestBody(why) if why.to_string() == "the browser left"), "{error}");
    app.dropped.notified().await;
}

#[tokio::test]
async fn after_an_overdue_answer_the_next_request_takes_another_connection() {
    let app = App::start(10).await;
    let server = format!("http://{}", app.address).parse().unwrap();
    let client = client_of(Settings { answer_max: Duration::from_millis(20), ..Settings::new(vec![server]) }).await;

    let error = send(&client, get("/never")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(UpstreamError::Timeout)), "{error}");
    send(&client, get("/")).await.unwrap();

    assert_eq!(app.connections(), 2);
}

#[tokio::test]
async fn a_server_that_takes_no_more_of_a_request_is_given_up_and_told() {
    let app = App::start(10).await;
    let server = format!("http://{}", app.address).parse().unwrap();
    let client = client_of(Settings { answer_max: Duration::from_millis(50), ..Settings::new(vec![server]) }).await;
    let part = || Ok::<_, BoxError>(Frame::data(Bytes::from(vec![b'x'; 64 * 1024])));
    let body = StreamBody::new(futures_util::stream::repeat_with(part)).boxed_unsync();

    let error = send(&client, Request::post("/never").header("host", "rpc").body(body).unwrap()).await.unwrap_err();

    assert!(matches!(error.downcast_ref(), Some(UpstreamError::Timeout)), "{error}");
    app.dropped.notified().await;
}

/// FR-20.
#[tokio::test]
async fn credentials_of_a_connection_have_it_to_themselves() {
    let app = App::start(10).await;
    let client = client(app.address).await;
    for _ in 0..3 {
        let mut request = get("/");
        request.headers_mut().insert(AUTHORIZATION, "Negotiate abc".parse().unwrap());
        send(&client, request).await.unwrap();
    }
    send(&client, get("/")).await.unwrap();
    send(&client, get("/")).await.unwrap();

    assert_eq!(app.connections(), 4);
}

/// How often a server is asked that serves one connection for one answer, says goodbye, and then breaks off the second
/// request of each connection.
async fn asked_of_one_that_leaves(request: impl Fn() -> Request<TestBody>) -> (Vec<bool>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (count, leave) = (Arc::clone(&count), Arc::new(Notify::new()));
            let (leaves, seen) = (Arc::clone(&leave), Arc::new(AtomicUsize::new(0)));
            let service = service_fn(move |_: Request<Incoming>| {
                count.fetch_add(1, Ordering::Relaxed);
                let (is_second, leaves) = (seen.fetch_add(1, Ordering::Relaxed) == 1, Arc::clone(&leaves));
                async move {
                    if is_second {
                        leaves.notify_one();
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("ok")))
                }
            });
            tokio::spawn(async move {
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                tokio::select! { _ = connection => {}, () = leave.notified() => {} }
            });
        }
    });
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(send(&client, request()).await.is_ok());
    }
    (answers, asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn only_what_changes_nothing_is_asked_again_where_a_connection_broke() {
    let read = asked_of_one_that_leaves(|| get("/")).await;
    let written = asked_of_one_that_leaves(|| {
        let mut request = get("/");
        *request.method_mut() = http::Method::DELETE;
        request
    })
    .await;

    assert_eq!(read, (vec![true, true], 3));
    assert_eq!(written, (vec![true, false], 2));
}

#[tokio::test]
async fn a_connection_that_said_goodbye_takes_no_more_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(listener.local_addr().unwrap()).await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let asked = Arc::new(Notify::new());
                let leave = Arc::clone(&asked);
                let service = service_fn(move |_: Request<Incoming>| {
                    leave.notify_one();
                    async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("ok"))) }
                });
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                let mut connection = std::pin::pin!(connection);
                tokio::select! { _ = connection.as_mut() => return, () = asked.notified() => {} }
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            });
        }
    });

    for _ in 0..5 {
        let mut request = get("/");
        *request.method_mut() = http::Method::DELETE;
        assert_eq!(send(&client, request).await.unwrap(), "ok");
        // The goodbye may come after the answer.
        while client.lanes[APP].shared.as_ref().unwrap().takes_requests() {
            yield_now().await;
        }
    }
    assert_eq!(connections.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn an_unused_connection_is_closed() {
    let app = App::start(10).await;
    let server = format!("http://{}", app.address).parse().unwrap();
    let client = client_of(Settings { idle_max: Duration::from_millis(20), ..Settings::new(vec![server]) }).await;
    send(&client, get("/")).await.unwrap();

    while client.lanes[APP].shared.as_ref().unwrap().takes_requests() {
        yield_now().await;
    }

    assert!(send(&client, get("/")).await.is_ok());
    assert_eq!(app.connections(), 2);
}

#[tokio::test]
async fn a_server_that_speaks_only_http1_gives_an_error_and_is_ill_to_probes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("ok")))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let server: Server = format!("http://{address}").parse().unwrap();
    let settings = Settings {
        http: HttpVersion::Two,
        probe: Probe::Get("/healthz".parse().unwrap()),
        trust: Trust::System,
        ..Settings::new(vec![server])
    };
    let upstreams = Upstreams::resolve([(APP.to_owned(), settings)]).await.unwrap();
    let client = Client::new(&upstreams);

    let error = send(&client, get("/")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(UpstreamError::Exchange(_))), "{error}");
    upstreams.probe().await;
    upstreams.probe().await;
    let error = send(&client, get("/")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(UpstreamError::NoneHealthy)), "{error}");
}

#[tokio::test]
async fn probes_speak_http2_where_requests_do() {
    let app = App::start(10).await;
    let server: Server = format!("http://{}", app.address).parse().unwrap();
    let settings = Settings {
        http: HttpVersion::Two,
        probe: Probe::Get("/healthz".parse().unwrap()),
        ..Settings::new(vec![server])
    };
    let upstreams = Upstreams::resolve([(APP.to_owned(), settings)]).await.unwrap();
    upstreams.probe().await;
    upstreams.probe().await;

    assert!(send(&Client::new(&upstreams), get("/")).await.is_ok());
    assert_eq!(app.begun.load(Ordering::Relaxed), 3);
}
