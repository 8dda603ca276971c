//! TLS as the gateway meets it: what is remembered of a connection, in how many pieces a greeting comes, and in which version.

use crate::{
    recorder::Recorder,
    world::{APP, OTHER, cookie_of, gateway},
};
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup,
    client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{gateway::Gateway, person::Person};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const PATIENCE: Duration = Duration::from_secs(10);

/// What a client remembers who brings it to every host.
#[derive(Debug, Default)]
struct Careless(Mutex<Vec<Tls13ClientSessionValue>>);

impl ClientSessionStore for Careless {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.0.lock().unwrap().push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.lock().unwrap().pop()
    }
}

async fn connect(gateway: &Gateway, config: &Arc<ClientConfig>, host: &str) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(("127.0.0.1", gateway.site.https)).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, tcp).await.unwrap()
}

/// What a request is answered. Reading that also takes in the tickets that come first.
async fn ask(stream: &mut TlsStream<TcpStream>, host: &str, fields: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    // A server that closes without a word is none of this test's business.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("an answer");
    String::from_utf8_lossy(&said).into_owned()
}

fn kind(stream: &TlsStream<TcpStream>) -> HandshakeKind {
    stream.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn ho_06_what_is_resumed_is_the_connection_of_one_host_and_no_identity() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let ann = Person::add(&gateway.site, "ann", &[]);
    let cookie = format!("Cookie: {}\r\n", cookie_of(&gateway, &ann, APP).await);
    let mut config = gateway.site.authority.client_config(&["http/1.1"]);
    config.resumption = Resumption::store(Arc::new(Careless::default()));
    config.enable_early_data = true;
    let config = Arc::new(config);

    let mut first = connect(&gateway, &config, APP).await;
    assert!(ask(&mut first, APP, &cookie).await.starts_with("HTTP/1.1 200"));
    let mut resumed = connect(&gateway, &config, APP).await;
    assert_eq!(kind(&resumed), HandshakeKind::Resumed);
    assert!(!resumed.get_ref().1.is_early_data_accepted());
    assert!(ask(&mut resumed, APP, "").await.starts_with("HTTP/1.1 401"), "the connection knows nobody");

    let mut elsewhere = connect(&gateway, &config, OTHER).await;
    assert_ne!(kind(&elsewhere), HandshakeKind::Resumed, "a ticket is for the host that gave it");
    assert!(ask(&mut elsewhere, OTHER, &cookie).await.starts_with("HTTP/1.1 401"));
}

/// Tickets that would allow it are never given, so there is nothing to answer 425 to.
#[tokio::test]
async fn ho_06_there_is_no_early_data() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let mut config = gateway.site.authority.client_config(&["http/1.1"]);
    config.resumption = Resumption::store(Arc::new(Careless::default()));
    config.enable_early_data = true;
    let config = Arc::new(config);
    ask(&mut connect(&gateway, &config, APP).await, APP, "").await;

    let name = ServerName::try_from(APP).unwrap();
    let mut client = rustls::ClientConnection::new(config, name).unwrap();

    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    // RFC 8446 4.2.11: the ticket goes along, so it would have been possible.
    assert!(hello.windows(2).any(|extension| extension == [0, 41]), "a ticket is offered");
    assert!(client.early_data().is_none());
}

/// CVE-2026-32305: a greeting in pieces is read whole, and chooses the same certificate and policy.
#[tokio::test]
async fn ho_07_a_greeting_in_pieces_is_the_same_greeting() {
    let app = Recorder::start().await;
    let gateway = gateway(&app.url()).await;
    let mut config = gateway.site.authority.client_config(&["http/1.1"]);
    config.max_fragment_size = Some(32 + 5);
    let config = Arc::new(config);

    for (host, status) in [(APP, "401"), ("elsewhere.example", "421")] {
        let mut stream = connect(&gateway, &config, APP).await;
        let said = ask(&mut stream, host, "").await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {said}");
    }
    let tcp = TcpStream::connect(("127.0.0.1", gateway.site.https)).await.unwrap();
    let name = ServerName::try_from("elsewhere.example").unwrap();
    let refused = TlsConnector::from(config).connect(name, tcp).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("alert")), "a name that no certificate is for");
    assert!(app.is_untouched());
}

/// A greeting of a client that knows no version later than this.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &with_length(body)].concat();
    let name = [&[0][..], &with_length(APP.as_bytes())].concat();
    let extensions = [
        extension(0, &with_length(&name)),
        // X25519 and P-256; uncompressed points; ECDSA with P-256 and SHA-256, and with SHA-1.
        extension(10, &with_length(&[0, 29, 0, 23])),
        extension(11, &[1, 0]),
        extension(13, &with_length(&[4, 3, 2, 3])),
    ]
    .concat();
    // ECDHE with ECDSA: AES-128-GCM, and what came before it.
    let suites = with_length(&[0xc0, 0x2b, 0xc0, 0x09, 0xc0, 0x0a]);
    let body = [&version[..], &[7; 32], &[0], &suites, &[1, 0], &with_length(&extensions)].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    [&[22, 3, 1][..], &with_length(&message)].concat()
}

#[tokio::test]
async fn ho_08_versions_before_tls_1_2_are_refused() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let answered = async |version| {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.site.https)).await.unwrap();
        stream.write_all(&hello(version)).await.unwrap();
        let mut said = [0; 7];
        timeout(PATIENCE, stream.read_exact(&mut said)).await.unwrap().unwrap();
        said
    };

    for version in [[3, 1], [3, 2]] {
        let [kind, _, _, _, _, level, description] = answered(version).await;
        // RFC 5246 7.2: a fatal alert, `protocol_version`.
        assert_eq!((kind, level, description), (21, 2, 70), "{version:?}");
    }
    let [kind, _, _, _, _, message, _] = answered([3, 3]).await;
    assert_eq!((kind, message), (22, 2), "the same greeting of a client that knows 1.2 gets a hello");
}
