//! Asks servers how they are, over the connections that requests would use: same TLS, same trust.

use super::{HttpVersion, Probe, Settings, connect::Connection, servers::Route};
use crate::ports::upstream::{BoxError, UpstreamError};
use async_trait::async_trait;
use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pingora::{
    ErrorType,
    lb::{Backend, health_check::HealthCheck},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// Longest wait for a probe's answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Failures in a row that take a server out; one success brings it back.
const FAILURES: usize = 2;

/// Probes the servers of one app.
pub(super) struct Checker {
    app: String,
    probe: Probe,
    http: HttpVersion,
    route: Arc<Route>,
}

impl Checker {
    pub(super) fn new(app: String, settings: &Settings, route: Arc<Route>) -> Self {
        Self { app, probe: settings.probe.clone(), http: settings.http, route }
    }

    async fn probe(&self, address: SocketAddr) -> Result<(), BoxError> {
        let connection = self.route.connect(address).await?;
        let Probe::Get(path) = &self.probe else { return Ok(()) };
        let host = self.route.host_of(address).ok_or(UpstreamError::NoneHealthy)?;
        let asking = async {
            match (connection, self.http) {
                (Connection::Plain(stream), HttpVersion::One) => get(stream, &host, path).await,
                (Connection::Tls(stream), HttpVersion::One) => get(stream, &host, path).await,
                (Connection::Plain(stream), HttpVersion::Two) => {
                    get_over_http2(stream, Scheme::HTTP, &host, path).await
                }
                (Connection::Tls(stream), HttpVersion::Two) => get_over_http2(stream, Scheme::HTTPS, &host, path).await,
            }
        };
        timeout(ANSWER_MAX, asking).await?
    }
}

#[async_trait]
impl HealthCheck for Checker {
    async fn check(&self, target: &Backend) -> pingora::Result<()> {
        let address = target.addr.as_inet().copied();
        let probed = match address {
            Some(address) => self.probe(address).await,
            None => Err("not an IP address".into()),
        };
        probed.map_err(|error| pingora::Error::because(ErrorType::ConnectError, "the probe failed", error))
    }

    async fn health_status_change(&self, target: &Backend, healthy: bool) {
        self.route.note_change();
        if healthy {
            tracing::info!(app = self.app, server = %target.addr, "the server is well again");
        } else {
            tracing::warn!(app = self.app, server = %target.addr, "the server fails its probes and gets no requests");
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { 1 } else { FAILURES }
    }
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    path: &PathAndQuery,
) -> Result<(), BoxError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with `sender`.
    tokio::spawn(connection);
    let request = Request::get(path.clone()).header(HOST, host).body(Empty::<Bytes>::new())?;
    judge(sender.send_request(request).await?.status())
}

async fn get_over_http2(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    scheme: Scheme,
    host: &str,
    path: &PathAndQuery,
) -> Result<(), BoxError> {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    // It ends with `sender`.
    tokio::spawn(connection);
    let target =
        Uri::builder().scheme(scheme).authority(Authority::try_from(host)?).path_and_query(path.clone()).build()?;
    let request = Request::get(target).body(Empty::<Bytes>::new())?;
    judge(sender.send_request(request).await?.status())
}

fn judge(status: StatusCode) -> Result<(), BoxError> {
    if status.is_success() || status.is_redirection() {
        Ok(())
    } else {
        Err(format!("the server answered {status}").into())
    }
}
