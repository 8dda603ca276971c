//! Sockets and connections: accept, TLS, and one task a connection.
//!
//! Each core has a listening socket of its own for every address (`SO_REUSEPORT`), a runtime of one thread, and its own
//! connections to the applications, so that a request never crosses a core.

use super::{
    front::{Facts, Front},
    metrics::Metrics,
    tls::Certificates,
};
use crate::{
    adapters::system::keep_asking,
    edge::{
        http::forwarded,
        proxy::{body::RequestBody, tie},
        wire,
    },
    ports::upstream::Upstream,
};
use arc_swap::ArcSwap;
use hyper::{
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// From the first byte of a connection to the end of its handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// An HTTP/2 connection without a request for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// How long an HTTP/2 connection that is to end may stay without a request. It ends sooner where the client acknowledges
/// the farewell; one that is silent would stay to the end of the drain time.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// Streams that a client opened and took back before anybody looked at them.
const RESETS_MAX: usize = 20;
/// Streams that a client made us reset.
const MADE_RESETS_MAX: usize = 1024;
/// How long a client may take to answer a ping.
const PONG_MAX: Duration = Duration::from_secs(20);
/// A block of fields over HTTP/2, in bytes.
const FIELDS_BYTES_MAX: u32 = 32 * 1024;
/// What a browser may send ahead on one stream, and on all of a connection. The protocol's 64 KiB would make an upload
/// wait for every round trip.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// What is read ahead of a request's body, or waits to be written, over HTTP/1.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// How long accepting pauses when the machine is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that shares its address with those of the other cores.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    keep_asking(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Whether an address is free. Sockets that share an address would not notice another gateway on it.
pub fn probe(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1).map(drop)
}

/// What one core accepts connections with.
pub struct Core<U> {
    /// Serves requests; each request by what is there when it comes.
    pub front: Arc<ArcSwap<Front<U>>>,
    /// Makes TLS connections.
    pub acceptor: TlsAcceptor,
    /// Says which certificate a connection was opened with.
    pub certificates: Arc<Certificates>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Room for connections, on all cores together.
    pub room: Arc<Semaphore>,
}

impl<U> Clone for Core<U> {
    fn clone(&self) -> Self {
        Self {
            front: Arc::clone(&self.front),
            acceptor: self.acceptor.clone(),
            certificates: Arc::clone(&self.certificates),
            metrics: Arc::clone(&self.metrics),
            room: Arc::clone(&self.room),
        }
    }
}

impl<U: Upstream<RequestBody>> Core<U> {
    /// Accepts connections until `shutdown` changes, then waits for the open ones, for as long as the settings allow.
    pub async fn run(self, listeners: Vec<std::net::TcpListener>, shutdown: watch::Receiver<()>) -> io::Result<()> {
        let mut accepting = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            accepting.spawn(self.clone().accept(TcpListener::from_std(listener)?, shutdown.clone()));
        }
        while accepting.join_next().await.is_some() {}
        Ok(())
    }

    async fn accept(self, listener: TcpListener, mut shutdown: watch::Receiver<()>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = shutdown.changed() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
                            connections.spawn(self.clone().connection(stream, peer, place, shutdown.clone()));
                        } else {
                            // Closed at once, which costs nobody anything: a browser says so, and tries again.
                            tracing::debug!(%peer, "there is no room for a connection");
                            self.metrics.connections_refused.inc();
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(self.front.load().drain, ended).await.is_err() {
            tracing::warn!(open = connections.len(), "connections were still open at the end of the drain time");
        }
    }

    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        shutdown: watch::Receiver<()>,
    ) {
        self.metrics.connections.inc();
        if let Err(error) = self.serve(stream, peer, place, shutdown).await {
            tracing::debug!(%peer, error = ?error, "a connection ended in an error");
        }
        self.metrics.connections.dec();
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        shutdown: watch::Receiver<()>,
    ) -> Result<(), ConnectionError> {
        stream.set_nodelay(true)?;
        let tls = match timeout(HANDSHAKE_MAX, self.acceptor.accept(stream)).await {
            Ok(Ok(tls)) => tls,
            failed => {
                self.metrics.handshakes_failed.inc();
                return failed.map_err(|_| io::ErrorKind::TimedOut)?.map(drop).map_err(Into::into);
            }
        };
        let (_, session) = tls.get_ref();
        // The handshake chose by the same look-up, so this finds what it found.
        let Some(certificate) = self.certificates.find(session.server_name()) else { return Ok(()) };
        let peer = peer.ip().to_canonical();
        let facts = Facts { peer, certificate, guard: None, last: forwarded::Last::default(), place: Arc::new(place) };
        if session.alpn_protocol() == Some(b"h2") {
            self.http2(tls, facts, shutdown).await
        } else {
            let guarded = wire::GuardedIo::new(tls, wire::Limits::default());
            let facts = Facts { guard: Some(guarded.connection()), ..facts };
            let served = tie::look_after(self.http1(guarded, facts, shutdown)).await;
            served.unwrap_or_else(|| {
                tracing::debug!(%peer, "a connection is cut that carried what its reader may not have, or does not take");
                Ok(())
            })
        }
    }

    async fn http1(
        &self,
        guarded: wire::GuardedIo<TlsStream<TcpStream>>,
        facts: Facts,
        mut shutdown: watch::Receiver<()>,
    ) -> Result<(), ConnectionError> {
        let facts = Arc::new(facts);
        let service = service_fn(|request| {
            let (front, facts) = (self.front.load_full(), Arc::clone(&facts));
            async move { Ok::<_, Infallible>(front.serve(&facts, request).await) }
        });
        let connection = http1::Builder::new()
            // The guard keeps the time of heads and of idleness.
            .header_read_timeout(None)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(guarded), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            _ = shutdown.changed() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    async fn http2(
        &self,
        stream: TlsStream<TcpStream>,
        facts: Facts,
        mut shutdown: watch::Receiver<()>,
    ) -> Result<(), ConnectionError> {
        let (facts, use_of) = (Arc::new(facts), Arc::new(Use::default()));
        let service = service_fn(|request| {
            let (front, facts, in_use) = (self.front.load_full(), Arc::clone(&facts), Use::begin(&use_of));
            async move {
                let response = front.serve(&facts, request).await;
                Ok::<_, Infallible>(response.map(|body| Counted { body, _in_use: in_use }))
            }
        });
        let connection = http2::Builder::new(LookedAfter)
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(MADE_RESETS_MAX)
            .max_header_list_size(FIELDS_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(PONG_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = use_of.idle(IDLE_MAX) => {}
            _ = shutdown.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection.as_mut() => Ok(ended?),
            () = use_of.idle(FAREWELL_MAX) => Ok(()),
        }
    }
}

/// Why a connection ended early. For the log; nobody else can be told.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

impl From<io::ErrorKind> for ConnectionError {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Io(kind.into())
    }
}

/// Runs the streams of HTTP/2. One that is dropped is reset; the others of its connection live on.
#[derive(Debug, Clone, Copy)]
struct LookedAfter;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for LookedAfter {
    fn execute(&self, stream: F) {
        tokio::spawn(tie::look_after(stream));
    }
}

/// Whether an HTTP/2 connection is in use.
#[derive(Debug, Default)]
struct Use {
    open: AtomicUsize,
    begun: AtomicUsize,
}

/// One request of it; over when dropped.
#[derive(Debug)]
struct InUse(Arc<Use>);

impl Use {
    fn begin(self: &Arc<Self>) -> InUse {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InUse(Arc::clone(self))
    }

    /// Ready once no request was open, and none began, for so long.
    async fn idle(&self, time: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            let was_open = self.open.load(Ordering::Relaxed) > 0;
            tokio::time::sleep(time).await;
            if !was_open && self.begun.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that keeps its connection in use until it is sent.
struct Counted<B> {
    body: B,
    _in_use: InUse,
}

impl<B: http_body::Body + Unpin> http_body::Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    const ALMOST: Duration = Duration::from_secs(74);

    #[tokio::test(start_paused = true)]
    async fn an_http2_connection_without_a_request_is_idle_after_a_while() {
        let begun = Instant::now();

        Arc::new(Use::default()).idle(IDLE_MAX).await;

        assert_eq!(begun.elapsed(), IDLE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_connection_is_not_idle_while_a_request_is_open_nor_soon_after() {
        let (use_of, begun) = (Arc::new(Use::default()), Instant::now());
        let requests = {
            let use_of = Arc::clone(&use_of);
            async move {
                let long = Use::begin(&use_of);
                sleep(10 * IDLE_MAX).await;
                drop(long);
                for _ in 0..100 {
                    sleep(ALMOST).await;
                    drop(Use::begin(&use_of));
                }
            }
        };
        let last = 10 * IDLE_MAX + 100 * ALMOST;

        tokio::join!(use_of.idle(IDLE_MAX), requests);

        assert!(begun.elapsed() >= last + IDLE_MAX && begun.elapsed() <= last + 2 * IDLE_MAX, "{:?}", begun.elapsed());
    }
}
