//! One core's connections to the servers, and the exchange on one of them.
//!
//! Not hyper-util's client: that one keys its pool by URI, so every request would build one; it boxes each
//! exchange; and a connection can't be kept out of it by what the response said.

use super::{
    HttpVersion,
    connect::Connection,
    servers::{Group, Upstreams},
};
use crate::{
    domain::policy::Admission,
    ports::upstream::{BoxError, Upstream, UpstreamError},
};
use bytes::Bytes;
use foldhash::fast::RandomState;
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderName, UPGRADE, WWW_AUTHENTICATE},
};
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{self, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{AbortHandle, yield_now},
    time::{Instant, Sleep, sleep, timeout},
};

/// Most servers that are tried for one request.
const SERVERS_MAX: usize = 3;
/// Most unused connections that one core keeps to one server.
const IDLE_PER_SERVER_MAX: usize = 256;
/// A connection unused for longer has rested: its server may be closing it at this very moment.
const QUIET: Duration = Duration::from_millis(10);
/// How long a request may outlive its response before the connection is given up.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// One core's way to the applications. Cheap to clone; connections stay on the core.
pub struct Client<B> {
    lanes: Arc<HashMap<String, Lane<B>, RandomState>>,
}

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self { lanes: Arc::clone(&self.lanes) }
    }
}

impl<B: RequestBody> Client<B> {
    /// Call it on the runtime of the core: unused connections are closed by a task there.
    pub fn new(upstreams: &Upstreams) -> Self {
        Self { lanes: Arc::default() }.next(upstreams)
    }

    /// The same core's way to these. Connections to servers that are the same ones are kept. To be called on the runtime of
    /// the core, too.
    #[must_use]
    pub fn next(&self, upstreams: &Upstreams) -> Self {
        let lane = |(app, group): (&String, &Arc<Group>)| {
            let same = self.lanes.get(app).filter(|lane| Arc::ptr_eq(&lane.group, group));
            (app.clone(), same.map_or_else(|| Lane::new(group), Lane::clone))
        };
        Self { lanes: Arc::new(upstreams.groups().iter().map(lane).collect()) }
    }
}

impl<B: RequestBody> Upstream<B> for Client<B> {
    type Body = ReplyBody<B>;

    async fn send(&self, _: &Admission, app: &str, request: Request<B>) -> Result<Response<Self::Body>, UpstreamError> {
        let lane = self.lanes.get(app).ok_or(UpstreamError::NoneHealthy)?;
        match &lane.shared {
            Some(shared) => shared.send(request).await,
            None => lane.send(request).await,
        }
    }
}

/// What can be the body of a request.
pub trait RequestBody: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<T: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static> RequestBody for T {}

/// One core's way to one app.
struct Lane<B> {
    group: Arc<Group>,
    idle: Arc<Idle<B>>,
    /// The connections of an app that is spoken to in HTTP/2.
    shared: Option<Arc<Shared<B>>>,
}

/// What a connection did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// Nothing.
    Fresh,
    /// It has just answered.
    Busy,
    /// It answered, then rested.
    Rested,
}

impl<B> Clone for Lane<B> {
    fn clone(&self) -> Self {
        Self { group: Arc::clone(&self.group), idle: Arc::clone(&self.idle), shared: self.shared.clone() }
    }
}

impl<B: RequestBody> Lane<B> {
    fn new(group: &Arc<Group>) -> Self {
        let shared = (group.settings().http == HttpVersion::Two).then(|| Shared::new(Arc::clone(group)));
        Self { group: Arc::clone(group), idle: Idle::kept_for(group.settings().idle_max), shared }
    }

    async fn send(&self, request: Request<B>) -> Result<Response<ReplyBody<B>>, UpstreamError> {
        let upgrades = request.headers().contains_key(UPGRADE);
        let bound = is_connection_bound(request.headers(), &AUTHORIZATION);
        let mut request = request.map(Upload::new);
        let mut tried = Vec::new();
        let mut failure = UpstreamError::NoneHealthy;
        while tried.len() < SERVERS_MAX {
            let Some(address) = self.group.next(&tried) else { break };
            let (mut link, past) = match self.connection(address, upgrades).await {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!(%address, %error, "no connection to the server");
                    tried.push(address);
                    failure = error;
                    continue;
                }
            };
            let copy = if past == Past::Rested { copy_of(&request) } else { None };
            let Link { sender, alarm, .. } = &mut link;
            let sending = |request| sender.try_send_request(request);
            match exchange(sending, alarm.as_mut(), request, self.group.settings().answer_max).await {
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS && !upgrades => {
                    return Err(UpstreamError::Exchange("the app switched protocols unasked".into()));
                }
                Ok(response) => {
                    let reusable = !upgrades && !bound && !is_connection_bound(response.headers(), &WWW_AUTHENTICATE);
                    let lease = Lease { link, home: reusable.then(|| (Arc::clone(&self.idle), address)) };
                    return Ok(response.map(|incoming| ReplyBody::new(incoming, Hold::Lease(lease))));
                }
                Err(Broken::Unsent(unsent, error)) => {
                    // The server had closed a connection that was kept: only that one is given up.
                    if past == Past::Fresh {
                        tried.push(address);
                    }
                    request = *unsent;
                    failure = error;
                }
                Err(Broken::Sent(error @ UpstreamError::Exchange(_))) => {
                    request = copy.ok_or(error)?;
                }
                Err(Broken::Sent(error)) => return Err(error),
            }
        }
        Err(failure)
    }

    /// One that was kept, or a new one. Whoever upgrades gets a new one.
    async fn connection(&self, address: SocketAddr, upgrades: bool) -> Result<(Link<B>, Past), UpstreamError> {
        if !upgrades && let Some(kept) = self.idle.take(address).await {
            return Ok(kept);
        }
        let started = match self.group.route().connect(address).await? {
            Connection::Plain(stream) => start(stream, upgrades).await,
            Connection::Tls(stream) => start(*stream, upgrades).await,
        };
        let (sender, driver) = started.map_err(|error| UpstreamError::Connect(io::Error::other(error)))?;
        let alarm = Box::pin(sleep(self.group.settings().answer_max));
        Ok((Link { sender, _driver: driver, alarm }, Past::Fresh))
    }
}

/// A connection that takes one request after the other. Dropped, it closes at once: what a server does not take must not keep
/// it, or what it carries.
struct Link<B> {
    sender: SendRequest<Upload<B>>,
    _driver: Driver,
    /// For the time that uploads and answers may take. It lives as long as the connection: to move an alarm later costs next to
    /// nothing, to set and remove one for each request does.
    alarm: Pin<Box<Sleep>>,
}

/// The task that moves a connection's bytes. It ends with this, unless the connection changes its protocol: then both live on.
struct Driver(Option<AbortHandle>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Runs HTTP/1.1 on a connection, as strict as hyper is by default.
async fn start<B: RequestBody>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    upgrades: bool,
) -> hyper::Result<(SendRequest<Upload<B>>, Driver)> {
    let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(async move {
        let ended = if upgrades { connection.with_upgrades().await } else { connection.await };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to a server broke");
        }
    });
    Ok((sender, Driver((!upgrades).then(|| task.abort_handle()))))
}

/// What can be sent once more where a rested connection broke: a request that changes nothing, without a body
/// (RFC 9110 9.2.2). Other requests are left to whoever knows what they do.
fn copy_of<B: RequestBody>(request: &Request<Upload<B>>) -> Option<Request<Upload<B>>> {
    if !request.method().is_safe() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(Upload::none());
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

/// Why an exchange brought no response.
enum Broken<B> {
    /// Not one byte went out: it can be tried elsewhere.
    Unsent(Box<Request<Upload<B>>>, UpstreamError),
    /// The application may have seen it.
    Sent(UpstreamError),
}

/// Sends a request, and waits for the head of its response.
async fn exchange<B: RequestBody, F>(
    sending: impl FnOnce(Request<Upload<B>>) -> F,
    mut alarm: Pin<&mut Sleep>,
    mut request: Request<Upload<B>>,
    answer_max: Duration,
) -> Result<Response<Incoming>, Broken<B>>
where
    F: Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload<B>>>>>,
{
    let mut watch = request.body_mut().watch();
    let fails = async {
        // Nobody owes an answer before they have the question; but they must take it.
        if let Some(watch) = &mut watch {
            match watch.end(alarm.as_mut(), answer_max).await {
                End::Broken(error) => return UpstreamError::RequestBody(error),
                End::Untaken => return UpstreamError::Timeout,
                End::Sent => {}
            }
        }
        alarm.as_mut().reset(Instant::now() + answer_max);
        alarm.await;
        UpstreamError::Timeout
    };
    let mut error = tokio::select! {
        biased;
        answer = sending(request) => match answer {
            Ok(response) => return Ok(response),
            Err(error) => error,
        },
        failure = fails => return Err(Broken::Sent(failure)),
    };
    let unsent = error.take_message();
    // What the body said of itself says more than that it broke.
    let told = watch.and_then(Watch::broken);
    Err(match (unsent, told) {
        (Some(request), _) => {
            Broken::Unsent(Box::new(request), UpstreamError::Connect(io::Error::other(error.into_error())))
        }
        (None, Some(why)) => Broken::Sent(UpstreamError::RequestBody(why)),
        (None, None) => Broken::Sent(UpstreamError::Exchange(error.into_error().into())),
    })
}

/// Whether these fields name a scheme that authenticates the connection instead of the request (FR-20).
fn is_connection_bound(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().any(|value| {
        value.as_bytes().split(|&byte| byte == b',').any(|challenge| {
            let challenge = challenge.trim_ascii();
            let scheme = challenge.split(|&byte| byte == b' ').next().unwrap_or_default();
            [&b"negotiate"[..], b"ntlm", b"nego2"].iter().any(|bound| scheme.eq_ignore_ascii_case(bound))
        })
    })
}

/// A connection in use. Dropped, it closes; returned, it is used again.
struct Lease<B> {
    link: Link<B>,
    /// Where it goes after a clean end; `None` if it must not be used again.
    home: Option<(Arc<Idle<B>>, SocketAddr)>,
}

impl<B: RequestBody> Lease<B> {
    /// The response is whole.
    fn end(self) {
        let Self { mut link, home } = self;
        match home {
            Some((idle, address)) if link.sender.is_ready() => idle.park(address, link),
            // It was never to be used again, or an upgrade took it.
            None if link.sender.is_ready() || link.sender.is_closed() => {}
            // The answer came before the end of the question.
            home => {
                tokio::spawn(async move {
                    if let Ok(Ok(())) = timeout(SETTLE_MAX, link.sender.ready()).await
                        && let Some((idle, address)) = home
                    {
                        idle.park(address, link);
                    }
                });
            }
        }
    }
}

/// What a response has of its connection until it is whole.
enum Hold<B> {
    /// All of it, over HTTP/1.
    Lease(Lease<B>),
    /// One of its streams, over HTTP/2: given back when dropped.
    Seat(#[expect(dead_code, reason = "held for its end")] Seat),
}

/// The body of a response. It holds its connection, and gives it back at a clean end.
pub struct ReplyBody<B> {
    incoming: Incoming,
    hold: Option<Hold<B>>,
}

impl<B: RequestBody> ReplyBody<B> {
    fn new(incoming: Incoming, hold: Hold<B>) -> Self {
        let mut body = Self { incoming, hold: Some(hold) };
        // An upgrade has no body either, and its connection must live on.
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    fn end(&mut self) {
        if let Some(Hold::Lease(lease)) = self.hold.take() {
            lease.end();
        }
    }
}

impl<B: RequestBody> Body for ReplyBody<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Err(_)) => self.hold = None,
            // Whoever reads a body of known length need not ask for what comes after its last frame.
            Some(Ok(_)) if !self.incoming.is_end_stream() => {}
            Some(Ok(_)) | None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// One core's unused connections to the servers of one app. The lock is never contended: only that core takes it.
struct Idle<B> {
    idle_max: Duration,
    parked: Mutex<BTreeMap<SocketAddr, Vec<Parked<B>>>>,
}

struct Parked<B> {
    link: Link<B>,
    since: Instant,
}

impl<B: RequestBody> Idle<B> {
    fn kept_for(idle_max: Duration) -> Arc<Self> {
        let idle = Arc::new(Self { idle_max, parked: Mutex::default() });
        tokio::spawn(Self::close_unused(Arc::downgrade(&idle)));
        idle
    }

    /// The connection that was used last: the others get old and are closed.
    async fn take(&self, address: SocketAddr) -> Option<(Link<B>, Past)> {
        loop {
            let Parked { link, since } = self.lock().get_mut(&address)?.pop()?;
            let rest = since.elapsed();
            let past = if rest > QUIET { Past::Rested } else { Past::Busy };
            if past == Past::Rested {
                // The server may have said goodbye, and the runtime not have had the time to tell.
                yield_now().await;
            }
            if rest < self.idle_max && link.sender.is_ready() {
                return Some((link, past));
            }
        }
    }

    fn park(&self, address: SocketAddr, link: Link<B>) {
        let mut parked = self.lock();
        let stack = parked.entry(address).or_default();
        if stack.len() < IDLE_PER_SERVER_MAX {
            stack.push(Parked { link, since: Instant::now() });
        }
    }

    /// Closes what was not used for too long, until nobody has these connections any more.
    async fn close_unused(idle: Weak<Self>) {
        while let Some(strong) = idle.upgrade() {
            let idle_max = strong.idle_max;
            strong.lock().retain(|_, stack| {
                stack.retain(|parked| !parked.link.sender.is_closed() && parked.since.elapsed() < idle_max);
                !stack.is_empty()
            });
            drop(strong);
            sleep(idle_max / 2).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Vec<Parked<B>>>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

mod shared;
mod upload;
use shared::{Seat, Shared};
use upload::{End, Upload, Watch};

#[cfg(test)]
mod tests;
