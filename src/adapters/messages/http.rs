//! A small HTTP client for the services that reach phones: one request a connection, no redirects, everything bounded.

use crate::adapters::upstream::{NotTrusted, Trust, client_config};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::Url;

/// Most of an answer that is read: it says little, and nobody reads more.
const ANSWER_MAX: usize = 16 << 10;

/// How often a service is asked that has too much to do.
const TRIES: usize = 3;

/// Between two tries, where it does not say how long it wants.
const PAUSE: Duration = Duration::from_secs(1);

/// What is asked.
pub(super) struct Question {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// After which time it may be asked again, where it did nothing and says so.
    again_after: Option<Duration>,
}

/// Why nothing came back. Says nothing of what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the service can't be reached: {0}")]
    Unreached(io::Error),
    #[error("the service did not answer: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the service's answer can't be read")]
    Unreadable,
    #[error("the request can't be written")]
    Unwritable,
    #[error("the service took longer than {0:?}")]
    Late(Duration),
}

/// Asks one service.
pub(super) struct Client {
    tls: TlsConnector,
    patience: Duration,
}

impl Client {
    pub(super) fn new(patience: Duration) -> Result<Self, NotTrusted> {
        Ok(Self { tls: TlsConnector::from(Arc::new(client_config(&Trust::System)?)), patience })
    }

    /// Asks, and waits for the whole answer. A service that had no time for it is asked again, if that can still end in
    /// time. Whatever else comes of a question that was sent stands: it may have been answered by a message to somebody.
    pub(super) async fn ask(&self, question: Question) -> Result<Answer, Unanswered> {
        let end = Instant::now() + self.patience;
        let asking = async {
            for _ in 1..TRIES {
                let answer = self.ask_once(&question).await?;
                match answer.again_after {
                    Some(pause) if Instant::now() + pause < end => sleep(pause).await,
                    Some(_) | None => return Ok(answer),
                }
            }
            self.ask_once(&question).await
        };
        timeout_at(end, asking).await.unwrap_or_else(|_| Err(Unanswered::Late(self.patience)))
    }

    /// A connection that can't be opened is tried twice: nothing was sent.
    async fn ask_once(&self, question: &Question) -> Result<Answer, Unanswered> {
        let request = written(question)?;
        let first = self.connect(&question.url).await;
        let stream = if first.is_ok() { first } else { self.connect(&question.url).await };
        exchange(stream.map_err(Unanswered::Unreached)?, request).await
    }

    async fn connect(&self, url: &Url) -> io::Result<Box<dyn Stream>> {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((host, url.port_or_known_default().unwrap_or(443))).await?;
        tcp.set_nodelay(true)?;
        if url.scheme() != "https" {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(self.tls.connect(name, tcp).await?))
    }
}

/// When a service may be asked once more that says it did nothing: too many questions, or no time. A date is longer than
/// anybody waits for a code.
fn again_after<B>(response: &Response<B>) -> Option<Duration> {
    if ![StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&response.status()) {
        return None;
    }
    match response.headers().get(header::RETRY_AFTER) {
        Some(seconds) => seconds.to_str().ok()?.trim().parse().ok().map(Duration::from_secs),
        None => Some(PAUSE),
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn written(question: &Question) -> Result<Request<Full<Bytes>>, Unanswered> {
    let url = &question.url;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = Request::builder().method(question.method.clone()).uri(path);
    if let Some(host) = url.host_str() {
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        request = request.header(header::HOST, host);
    }
    for (name, value) in &question.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(question.body.clone())).map_err(|_| Unanswered::Unwritable)
}

async fn exchange(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asking = async {
        let response = sender.send_request(request).await?;
        let (status, again_after) = (response.status(), again_after(&response));
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        Ok(Answer { status, body: body.map_err(|_| Unanswered::Unreadable)?.to_bytes(), again_after })
    };
    // The connection moves only while somebody waits for it, and ends with the exchange.
    tokio::pin!(asking, connection);
    tokio::select! {
        answer = &mut asking => answer,
        ended = &mut connection => { ended?; asking.await }
    }
}
