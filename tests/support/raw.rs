//! Bytes over TLS, exactly as a test writes them, for what no client library would send.

use crate::certificates::Authority;
use rustls::pki_types::ServerName;
use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection that speaks HTTP/1.1 by the letter of the test.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    /// Read already, and not yet asked for.
    ahead: Vec<u8>,
}

impl Connection {
    /// Connects to a port of the loopback by this name.
    pub async fn open(authority: &Authority, host: &str, port: u16) -> Self {
        tls(authority, host, port, "http/1.1").await.unwrap().into()
    }

    /// Sends bytes. A server that has hung up already is no fault of the test: what it answered is still to be read.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// The head of the next answer, its empty line included. Empty where the server hung up instead.
    pub async fn head(&mut self) -> String {
        let end = self.fill(|ahead| find(ahead, b"\r\n\r\n").map(|at| at + 4)).await;
        String::from_utf8(self.ahead.drain(..end).collect()).unwrap()
    }

    /// The next bytes of a body.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let end = self.fill(|ahead| (ahead.len() >= count).then_some(count)).await;
        self.ahead.drain(..end).collect()
    }

    /// Everything until the server hangs up, or until it has been silent for as long as an answer may take.
    pub async fn rest(&mut self) -> Vec<u8> {
        let end = self.fill(|_| None).await;
        self.ahead.drain(..end).collect()
    }

    /// Whether the server hangs up without another byte.
    pub async fn is_closed(&mut self) -> bool {
        self.ahead.is_empty() && matches!(tokio::time::timeout(PATIENCE, self.read()).await, Ok(0))
    }

    /// Reads until enough has come, and says how much that is; all there is, where the server hangs up or falls silent.
    async fn fill(&mut self, enough: impl Fn(&[u8]) -> Option<usize>) -> usize {
        loop {
            if let Some(end) = enough(&self.ahead) {
                return end;
            }
            if let Ok(0) | Err(_) = tokio::time::timeout(PATIENCE, self.read()).await {
                return self.ahead.len();
            }
        }
    }

    /// Reads what has come; nothing at the end. A reset is an end too.
    async fn read(&mut self) -> usize {
        self.stream.read_buf(&mut self.ahead).await.unwrap_or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => 0,
            _ => panic!("{error}"),
        })
    }
}

impl From<TlsStream<TcpStream>> for Connection {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, ahead: Vec::new() }
    }
}

/// Connects to a port of the loopback by this name, to speak this protocol.
///
/// # Errors
///
/// The handshake failed: the test may want it to.
pub async fn tls(authority: &Authority, host: &str, port: u16, protocol: &str) -> io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(authority.client_config(&[protocol])));
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    connector.connect(name, tcp).await
}

/// Sends bytes over a connection of their own, and reads until the server hangs up.
pub async fn exchange(authority: &Authority, host: &str, port: u16, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Connection::open(authority, host, port).await;
    connection.send(bytes).await;
    String::from_utf8_lossy(&connection.rest().await).into_owned()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
