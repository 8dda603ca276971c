use super::*;
use crate::{
    adapters::upstream::{Probe, Server, Settings, Trust},
    domain::{
        policy::{Access, Decision, Policy, Visitor, WhyAnonymous},
        time::Timestamp,
    },
};
use http_body_util::{BodyExt as _, Full, StreamBody};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const APP: &str = "payroll";

type TestBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

fn admission() -> Admission {
    let public = Policy::new("public", Access::Public);
    let visitor = Visitor::Anonymous(WhyAnonymous::NoCookie);
    let Decision::Admit(admission) = public.decide(&visitor, Timestamp::from_millis(0)) else { panic!() };
    admission
}

async fn client_of(settings: Settings) -> Client<TestBody> {
    Client::new(&Upstreams::resolve([(APP.to_owned(), settings)]).await.unwrap())
}

async fn client(servers: &[SocketAddr]) -> Client<TestBody> {
    client_of(Settings::new(servers.iter().map(|at| format!("http://{at}").parse().unwrap()).collect())).await
}

fn get() -> Request<TestBody> {
    Request::get("/")
        .header("host", "app")
        .body(Full::default().map_err(|never| match never {}).boxed_unsync())
        .unwrap()
}

async fn send(client: &Client<TestBody>, request: Request<TestBody>) -> Result<String, BoxError> {
    let response = client.send(&admission(), APP, request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// Reads up to the end of a head.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A server that gives every request the same bytes, and counts its connections.
async fn server(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                while read_head(&mut stream).await.is_some() {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, connections)
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn connections_of_three_requests(answer: &'static str, request: impl Fn() -> Request<TestBody>) -> usize {
    let (address, connections) = server(answer).await;
    let client = client(&[address]).await;
    for _ in 0..3 {
        assert_eq!(send(&client, request()).await.unwrap(), "hello");
    }
    connections.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_clean_end() {
    assert_eq!(connections_of_three_requests(HELLO, get).await, 1);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(connections_of_three_requests(chunked, get).await, 1);
}

/// FR-19.
#[tokio::test]
async fn bytes_after_a_response_are_no_second_response() {
    let smuggling = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    assert_eq!(connections_of_three_requests(smuggling, get).await, 3);
}

/// FR-20.
#[tokio::test]
async fn connections_that_authenticate_are_never_shared() {
    for scheme in ["Negotiate abc", "NTLM", "ntlm TlRM", "Nego2"] {
        let with_credential = || {
            let mut request = get();
            request.headers_mut().insert(AUTHORIZATION, scheme.parse().unwrap());
            request
        };
        assert_eq!(connections_of_three_requests(HELLO, with_credential).await, 3, "{scheme}");
    }
    let basic = || {
        let mut request = get();
        request.headers_mut().insert(AUTHORIZATION, "Basic bmVnb3RpYXRl".parse().unwrap());
        request
    };
    assert_eq!(connections_of_three_requests(HELLO, basic).await, 1);
    let challenge =
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\", NTLM\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(connections_of_three_requests(challenge, get).await, 3);
}

#[tokio::test]
async fn a_response_of_which_nobody_reads_the_end_ends_its_connection() {
    let (address, connections) = server(HELLO).await;
    let client = client(&[address]).await;

    drop(client.send(&admission(), APP, get()).await.unwrap());
    send(&client, get()).await.unwrap();

    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&[listener.local_addr().unwrap()]).await;
    let serve_one = async || {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
        stream.write_all(HELLO.as_bytes()).await.unwrap();
    };

    for _ in 0..5 {
        let (answer, ()) = tokio::join!(send(&client, get()), serve_one());
        assert_eq!(answer.unwrap(), "hello");
        while client.lanes[APP].idle.lock().values().flatten().any(|parked| !parked.link.sender.is_closed()) {
            yield_now().await;
        }
    }
}

/// How often a server is asked that takes a request on a connection that has rested, and hangs up.
async fn asked_by(request: impl AsyncFn(&Client<TestBody>) -> Result<String, BoxError>) -> (usize, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&[listener.local_addr().unwrap()]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            stream.write_all(HELLO.as_bytes()).await.unwrap();
            if read_head(&mut stream).await.is_some() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    send(&client, get()).await.unwrap();
    for parked in client.lanes[APP].idle.lock().values_mut().flatten() {
        parked.since -= 2 * QUIET;
    }
    let answer = request(&client).await;
    (asked.load(Ordering::Relaxed), answer.is_ok())
}

#[tokio::test]
async fn only_what_changes_nothing_is_asked_again_where_a_rested_connection_broke() {
    let read = asked_by(async |client| send(client, get()).await).await;
    let write = asked_by(async |client| {
        let mut request = get();
        *request.method_mut() = http::Method::DELETE;
        send(client, request).await
    });

    assert_eq!(read, (3, true));
    assert_eq!(write.await, (2, false));
}

#[tokio::test]
async fn with_one_of_two_servers_dead_every_request_is_served() {
    let (alive, _) = server(HELLO).await;
    let client = client(&[nobody().await, alive]).await;

    for _ in 0..20 {
        assert_eq!(send(&client, get()).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn without_any_server_the_error_says_which_kind() {
    let upstream = client(&[nobody().await]).await;

    let error = upstream.send(&admission(), APP, get()).await.err().unwrap();
    assert!(matches!(error, UpstreamError::Connect(_)), "{error}");
    let error = upstream.send(&admission(), "unheard-of", get()).await.err().unwrap();
    assert!(matches!(error, UpstreamError::NoneHealthy), "{error}");
}

#[tokio::test]
async fn a_response_that_breaks_off_is_an_error_and_never_a_short_body() {
    for broken in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-",
        "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(&[listener.local_addr().unwrap()]).await;
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await.unwrap();
            stream.write_all(broken.as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(send(&client, get()), serve);
        assert!(answer.is_err(), "{broken:?}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let client = client_of(Settings { answer_max: Duration::from_millis(20), ..Settings::new(vec![server]) }).await;

    let error = client.send(&admission(), APP, get()).await.err().unwrap();

    assert!(matches!(error, UpstreamError::Timeout), "{error}");
}

/// A request whose body comes from the other end, and breaks when that sends an error.
fn post() -> (mpsc::Sender<Result<Frame<Bytes>, BoxError>>, Request<TestBody>) {
    let (sender, mut frames) = mpsc::channel(1);
    let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| frames.poll_recv(cx)));
    (sender, Request::post("/").header("host", "app").body(body.boxed_unsync()).unwrap())
}

#[tokio::test]
async fn the_answer_is_waited_for_from_the_end_of_the_question() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let answer_max = Duration::from_millis(20);
    let client = client_of(Settings { answer_max, ..Settings::new(vec![server]) }).await;
    let (body, request) = post();

    let admission = admission();
    let mut exchange = std::pin::pin!(client.send(&admission, APP, request));
    assert!(timeout(3 * answer_max, &mut exchange).await.is_err(), "the body is not over yet");
    drop(body);

    let error = exchange.await.err().unwrap();
    assert!(matches!(error, UpstreamError::Timeout), "{error}");
}

/// A request whose body never ends.
fn endless() -> Request<TestBody> {
    let part = || Ok::<_, BoxError>(Frame::data(Bytes::from(vec![b'x'; 64 * 1024])));
    let body = StreamBody::new(futures_util::stream::repeat_with(part)).boxed_unsync();
    Request::post("/").header("host", "app").body(body).unwrap()
}

#[tokio::test]
async fn a_server_that_takes_no_more_of_a_request_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let client = client_of(Settings { answer_max: Duration::from_millis(50), ..Settings::new(vec![server]) }).await;

    let admission = admission();
    let sending = client.send(&admission, APP, endless());
    let (answer, accepted) = tokio::join!(sending, listener.accept());

    let error = answer.err().unwrap();
    assert!(matches!(error, UpstreamError::Timeout) && error.may_have_arrived(), "{error}");
    // Nothing is left of the exchange: the connection is closed behind what the server has not read.
    let (mut stream, _) = accepted.unwrap();
    while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn a_request_whose_sender_pauses_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let answer_max = Duration::from_millis(20);
    let client = client_of(Settings { answer_max, ..Settings::new(vec![server]) }).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {}
    });
    let (body, request) = post();
    body.send(Ok(Frame::data(Bytes::from("one")))).await.unwrap();

    let admission = admission();
    let exchange = client.send(&admission, APP, request);

    assert!(timeout(5 * answer_max, exchange).await.is_err(), "the server has taken what there was");
    drop(body);
}

#[tokio::test]
async fn a_request_that_breaks_off_never_looks_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&[listener.local_addr().unwrap()]).await;
    let (body, request) = post();
    let app = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await.unwrap();
        body.send(Ok(Frame::data(Bytes::from_static(b"half")))).await.unwrap();
        let mut half = [0; 7];
        stream.read_exact(&mut half).await.unwrap();
        body.send(Err("the browser left".into())).await.unwrap();
        let mut rest = Vec::new();
        // A reset instead of an orderly end tells the application just as well.
        let _ = stream.read_to_end(&mut rest).await;
        (half, rest)
    };

    let (answer, (half, rest)) = tokio::join!(send(&client, request), app);

    assert!(matches!(answer.unwrap_err().downcast_ref(), Some(UpstreamError::RequestBody(_))));
    assert_eq!((&half, rest.as_slice()), (b"4\r\nhalf", &b"\r\n"[..]));
}

/// FR-19.
#[tokio::test]
async fn an_answer_before_the_end_of_the_question_does_not_free_the_connection() {
    let (address, connections) = server(HELLO).await;
    let client = client(&[address]).await;
    let (_body, request) = post();

    assert_eq!(send(&client, request).await.unwrap(), "hello");
    assert_eq!(send(&client, get()).await.unwrap(), "hello");

    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_server_that_fails_its_probes_gets_no_requests_until_it_is_well() {
    let (address, connections) = server("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await;
    let (well, _) = server(HELLO).await;
    let servers = [address, well].map(|at| format!("http://{at}").parse::<Server>().unwrap()).to_vec();
    let settings = Settings { probe: Probe::Get("/healthz".parse().unwrap()), ..Settings::new(servers) };
    let upstreams = Upstreams::resolve([(APP.to_owned(), settings)]).await.unwrap();
    upstreams.probe().await;
    upstreams.probe().await;
    let probed = connections.load(Ordering::Relaxed);

    let client = Client::new(&upstreams);
    for _ in 0..10 {
        assert_eq!(send(&client, get()).await.unwrap(), "hello");
    }

    assert_eq!((probed, connections.load(Ordering::Relaxed)), (2, 2));
}

/// A server that proves `name`, certified by an authority whose PEM is returned.
async fn tls_server(name: &str) -> (SocketAddr, String) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while read_head(&mut stream).await.is_some() {
                    stream.write_all(HELLO.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, authority.pem())
}

#[tokio::test]
async fn a_server_proves_its_name_to_an_authority_that_is_trusted() {
    let (right, authority) = tls_server("127.0.0.1").await;
    let (wrong, _) = tls_server("other.example").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    let trusting = async |at: SocketAddr, trust| {
        let settings = Settings { trust, ..Settings::new(vec![format!("https://{at}").parse().unwrap()]) };
        send(&client_of(settings).await, get()).await
    };
    let ours = || Trust::Authorities(file.path().to_owned());
    let refused =
        |answer: Result<String, BoxError>| matches!(answer.unwrap_err().downcast_ref(), Some(UpstreamError::Tls(_)));

    assert_eq!(trusting(right, ours()).await.unwrap(), "hello");
    assert!(refused(trusting(wrong, ours()).await), "another authority");
    assert!(refused(trusting(right, Trust::System).await), "an authority that the system does not know");
}

#[tokio::test]
async fn a_right_authority_does_not_excuse_a_wrong_name() {
    let (address, authority) = tls_server("other.example").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    let server = format!("https://{address}").parse().unwrap();
    let settings = Settings { trust: Trust::Authorities(file.path().to_owned()), ..Settings::new(vec![server]) };

    let error = send(&client_of(settings).await, get()).await.unwrap_err();

    assert!(matches!(error.downcast_ref(), Some(UpstreamError::Tls(_))), "{error}");
}

#[tokio::test]
async fn authorities_that_can_not_be_read_stop_the_start() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path().to_owned(), "/nowhere/ca.pem".into()] {
        let server = "https://app.internal".parse().unwrap();
        let settings = Settings { trust: Trust::Authorities(path), ..Settings::new(vec![server]) };
        assert!(Upstreams::resolve([(APP.to_owned(), settings)]).await.is_err());
    }
}
