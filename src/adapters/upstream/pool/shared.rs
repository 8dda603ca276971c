//! HTTP/2 to the servers of an app: a few connections, each shared by many exchanges.
//!
//! An exchange takes a seat on a connection and leaves it when its response is whole, broken or dropped, which resets the
//! stream. New connections are opened one at a time and only where every other one is full.
//!
//! No pings are sent to find dead connections: servers of gRPC hang up on whoever pings them often. A connection on which
//! an answer is overdue takes no more requests instead, and the next request opens another.

use super::{Broken, Connection, Group, Hold, ReplyBody, RequestBody, Upload, copy_of, exchange, is_connection_bound};
use crate::ports::upstream::UpstreamError;
use http::{
    Request, Response, Uri, Version,
    header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE},
    uri::{Authority, Scheme},
};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{Instant, sleep, timeout},
};

/// Exchanges at once on one connection; fewer where the server says so.
const STREAMS_MAX: usize = 100;
/// Connections of one core to one server.
const CONNECTIONS_MAX: usize = 8;
/// Servers that are tried for one request.
const SERVERS_MAX: usize = 3;
/// What a server may send ahead on one stream.
const STREAM_WINDOW: u32 = 128 * 1024;
/// What it may send ahead on all of them: were it less than the sum, a few browsers that stop reading would hold up all
/// others.
const CONNECTION_WINDOW: u32 = 100 * STREAM_WINDOW;
/// A block of fields, trailers too, in bytes.
const FIELDS_BYTES_MAX: u32 = 64 * 1024;

/// One core's connections to the servers of one app.
pub(super) struct Shared<B> {
    group: Arc<Group>,
    servers: Mutex<HashMap<SocketAddr, Arc<Server<B>>>>,
}

/// The connections to one server.
struct Server<B> {
    lines: Mutex<Vec<Line<B>>>,
    /// Held by whoever opens a connection; others wait for a seat on it.
    opening: tokio::sync::Mutex<()>,
}

/// One connection.
struct Line<B> {
    sender: SendRequest<Upload<B>>,
    scheme: Scheme,
    state: Arc<State>,
}

/// How a connection fares.
struct State {
    open: AtomicUsize,
    /// What the server allows at once.
    limit: AtomicUsize,
    /// The first answer came, and before it what the server allows.
    answered: Notify,
    /// It takes no more requests.
    is_retired: AtomicBool,
    /// When its last exchange ended.
    used_at: Mutex<Instant>,
}

/// An exchange's place on a connection.
pub(super) struct Seat(Arc<State>);

/// A seat that nothing was sent on yet.
struct Free<B> {
    sender: SendRequest<Upload<B>>,
    scheme: Scheme,
    seat: Seat,
    /// Whether others used the connection before.
    is_kept: bool,
}

impl<B: RequestBody> Shared<B> {
    /// Call it on the runtime of the core: unused connections are closed by a task there.
    pub(super) fn new(group: Arc<Group>) -> Arc<Self> {
        let shared = Arc::new(Self { group, servers: Mutex::default() });
        tokio::spawn(Self::close_unused(Arc::downgrade(&shared)));
        shared
    }

    pub(super) async fn send(&self, request: Request<B>) -> Result<Response<ReplyBody<B>>, UpstreamError> {
        let mut request = request.map(Upload::new);
        *request.version_mut() = Version::HTTP_2;
        let host = request.headers_mut().remove(HOST);
        let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let authority = authority.ok_or_else(|| UpstreamError::Exchange("the request names no host".into()))?;
        let is_bound = is_connection_bound(request.headers(), &AUTHORIZATION);
        let (mut tried, mut may_repeat, mut failure) = (Vec::new(), true, UpstreamError::NoneHealthy);
        while tried.len() < SERVERS_MAX {
            let Some(address) = self.group.next(&tried) else { break };
            let Free { mut sender, scheme, seat, is_kept } = match self.seat(address, is_bound).await {
                Ok(free) => free,
                Err(error) => {
                    tracing::debug!(%address, %error, "no connection to the server");
                    tried.push(address);
                    failure = error;
                    continue;
                }
            };
            *request.uri_mut() = absolute(request.uri(), &authority, scheme)?;
            let copy = if is_kept && may_repeat { copy_of(&request) } else { None };
            let answer_max = self.group.settings().answer_max;
            let alarm = pin!(sleep(answer_max));
            match exchange(|request| sender.try_send_request(request), alarm, request, answer_max).await {
                Ok(response) => {
                    if !is_kept {
                        seat.0.answered.notify_one();
                    }
                    if is_connection_bound(response.headers(), &WWW_AUTHENTICATE) {
                        seat.retire();
                    }
                    return Ok(response.map(|incoming| ReplyBody::new(incoming, Hold::Seat(seat))));
                }
                Err(Broken::Unsent(unsent, error)) => {
                    seat.retire();
                    if !is_kept {
                        tried.push(address);
                    }
                    request = *unsent;
                    failure = error;
                }
                // The connection went, not only this exchange: what changes nothing is asked once more.
                Err(Broken::Sent(error @ UpstreamError::Exchange(_))) if sender.is_closed() => {
                    seat.retire();
                    request = copy.ok_or(error)?;
                    may_repeat = false;
                    failure = UpstreamError::NoneHealthy;
                }
                Err(Broken::Sent(error)) => {
                    if matches!(error, UpstreamError::Timeout) {
                        seat.retire();
                    }
                    return Err(error);
                }
            }
        }
        Err(failure)
    }

    /// A seat on a connection that has one, or on a new connection. Credentials that belong to a connection get one that
    /// nobody else uses (FR-20).
    async fn seat(&self, address: SocketAddr, is_bound: bool) -> Result<Free<B>, UpstreamError> {
        if is_bound {
            return self.open(address).await?.seat(false).ok_or(UpstreamError::Busy);
        }
        let server = Arc::clone(self.servers().entry(address).or_insert_with(Server::new));
        if let Some(free) = server.free() {
            return Ok(free);
        }
        let connect_max = self.group.settings().connect_max;
        let _opening = timeout(connect_max, server.opening.lock()).await.map_err(|_| UpstreamError::ConnectTimeout)?;
        if let Some(free) = server.free() {
            return Ok(free);
        }
        if server.lines().len() == CONNECTIONS_MAX {
            return Err(UpstreamError::Busy);
        }
        let line = self.open(address).await?;
        let free = line.seat(false).ok_or(UpstreamError::Busy)?;
        server.lines().push(line);
        Ok(free)
    }

    async fn open(&self, address: SocketAddr) -> Result<Line<B>, UpstreamError> {
        let line = match self.group.route().connect(address).await? {
            Connection::Plain(stream) => start(stream, Scheme::HTTP).await,
            Connection::Tls(stream) => start(*stream, Scheme::HTTPS).await,
        };
        line.map_err(|error| UpstreamError::Connect(io::Error::other(error)))
    }

    /// Closes what was not used for too long, until nobody has these connections any more.
    async fn close_unused(shared: Weak<Self>) {
        while let Some(strong) = shared.upgrade() {
            let idle_max = strong.group.settings().idle_max;
            strong.servers().retain(|_, server| {
                let mut lines = server.lines();
                lines.retain(|line| line.is_open() && !line.state.is_unused_since(idle_max));
                // Whoever waits for a connection holds the server.
                !lines.is_empty() || Arc::strong_count(server) > 1
            });
            drop(strong);
            sleep(idle_max / 2).await;
        }
    }

    /// Whether any connection takes requests.
    #[cfg(test)]
    fn takes_requests(&self) -> bool {
        self.servers().values().any(|server| server.lines().iter().any(Line::is_open))
    }

    /// What the server allows at once on its first connection.
    #[cfg(test)]
    fn limit(&self) -> Option<usize> {
        let servers = self.servers();
        let lines = servers.values().next()?.lines();
        lines.first().map(|line| line.state.limit.load(Ordering::Relaxed))
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Server<B>>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: RequestBody> Server<B> {
    fn new() -> Arc<Self> {
        Arc::new(Self { lines: Mutex::default(), opening: tokio::sync::Mutex::default() })
    }

    /// A seat on the first connection that has one: so those that are not needed get old and are closed.
    fn free(&self) -> Option<Free<B>> {
        let mut lines = self.lines();
        lines.retain(Line::is_open);
        lines.iter().find_map(|line| line.seat(true))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line<B>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: RequestBody> Line<B> {
    /// Whether it takes requests. What is under way on one that does not goes on without it.
    fn is_open(&self) -> bool {
        !self.sender.is_closed() && !self.state.is_retired()
    }

    fn seat(&self, is_kept: bool) -> Option<Free<B>> {
        let state = &self.state;
        let limit = state.limit.load(Ordering::Relaxed).min(STREAMS_MAX);
        if state.open.load(Ordering::Relaxed) >= limit {
            return None;
        }
        state.open.fetch_add(1, Ordering::Relaxed);
        Some(Free {
            sender: self.sender.clone(),
            scheme: self.scheme.clone(),
            seat: Seat(Arc::clone(&self.state)),
            is_kept,
        })
    }
}

impl State {
    fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Relaxed)
    }

    fn is_unused_since(&self, time: std::time::Duration) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && self.used_at().elapsed() >= time
    }

    fn used_at(&self) -> MutexGuard<'_, Instant> {
        self.used_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Has the connection take no more requests; those on it go on.
    fn retire(&self) {
        self.0.is_retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.used_at() = Instant::now();
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs HTTP/2 on a connection.
async fn start<B: RequestBody>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    scheme: Scheme,
) -> hyper::Result<Line<B>> {
    let (sender, mut connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(FIELDS_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    let state = Arc::new(State {
        open: AtomicUsize::new(0),
        limit: AtomicUsize::new(connection.current_max_send_streams()),
        answered: Notify::new(),
        is_retired: AtomicBool::new(false),
        used_at: Mutex::new(Instant::now()),
    });
    let fares = Arc::clone(&state);
    tokio::spawn(async move {
        // Each request has the connection look, and so has the first answer.
        let ended = loop {
            let ending = poll_fn(|cx| {
                let polled = Pin::new(&mut connection).poll(cx);
                fares.limit.store(connection.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            tokio::select! {
                ended = ending => break ended,
                () = fares.answered.notified() => {}
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to a server broke");
        }
        fares.is_retired.store(true, Ordering::Relaxed);
    });
    Ok(Line { sender, scheme, state })
}

/// The target with scheme and host: what HTTP/2 has in place of `Host`.
fn absolute(uri: &Uri, authority: &Authority, scheme: Scheme) -> Result<Uri, UpstreamError> {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority.clone());
    Uri::from_parts(parts).map_err(|error| UpstreamError::Exchange(error.into()))
}

#[cfg(test)]
mod tests;
