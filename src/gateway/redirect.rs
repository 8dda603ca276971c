//! Plain HTTP: answered with the way to HTTPS, and with nothing else (HO-08).

use crate::{
    domain::{
        policy::route::ByHost,
        target::{Allowed, Authority, CanonicalPath, path::check_query},
    },
    edge::wire,
};
use arc_swap::ArcSwap;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// Most connections at once that there is room for. Browsers need one, once.
pub const CONNECTIONS_MAX: usize = 1024;
/// A connection lives no longer.
const CONNECTION_MAX: Duration = Duration::from_secs(30);

/// Plain HTTP, and where it is sent now.
pub struct Redirect {
    /// Taken anew at each request.
    pub places: ArcSwap<Places>,
    /// Room for connections, on all its addresses together.
    pub room: Arc<Semaphore>,
}

/// Where plain HTTP is sent.
pub struct Places {
    /// Hosts that there is something on.
    pub hosts: ByHost<()>,
    /// The port that browsers see, behind a colon, or nothing where it is 443.
    pub port_suffix: String,
}

impl Redirect {
    /// Answers connections until `shutdown` changes.
    pub async fn run(self: Arc<Self>, listener: TcpListener, mut shutdown: watch::Receiver<()>) {
        loop {
            let accepted = tokio::select! {
                _ = shutdown.changed() => return,
                accepted = listener.accept() => accepted,
            };
            // A connection that finds no room is dropped: nobody loses more than a redirect.
            if let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(&self.room).try_acquire_owned()) {
                let redirect = Arc::clone(&self);
                tokio::spawn(async move {
                    let _place = place;
                    let _ended = tokio::time::timeout(CONNECTION_MAX, redirect.connection(stream)).await;
                });
            }
        }
    }

    async fn connection(&self, stream: TcpStream) -> Result<(), hyper::Error> {
        let guarded = wire::GuardedIo::new(stream, wire::Limits::default());
        let connection = guarded.connection();
        let service = service_fn(|request| {
            let answer = match connection.next_request() {
                Ok(_ticket) => self.answer(&request),
                Err(refused) => bare(refused.status()),
            };
            async move { Ok::<_, Infallible>(answer) }
        });
        http1::Builder::new()
            .header_read_timeout(None)
            .keep_alive(false)
            .serve_connection(TokioIo::new(guarded), service)
            .await
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
        match self.location(request) {
            // What a script or form sent in the clear is already lost; sending it on would only hide that.
            Some(_) if !matches!(*request.method(), Method::GET | Method::HEAD) => bare(StatusCode::FORBIDDEN),
            Some(location) => {
                let mut response = bare(StatusCode::PERMANENT_REDIRECT);
                response.headers_mut().insert(header::LOCATION, location);
                response
            }
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    fn location(&self, request: &Request<Incoming>) -> Option<HeaderValue> {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        let host = Authority::parse(host).ok()?.host;
        let target = request.uri().path_and_query()?;
        CanonicalPath::parse(target.path(), Allowed { semicolon: true, encoded_slash: true }).ok()?;
        check_query(target.query().unwrap_or_default()).ok()?;
        let places = self.places.load();
        places
            .hosts
            .find(&host)
            .is_some()
            .then(|| HeaderValue::try_from(format!("https://{host}{}{target}", places.port_suffix)).ok())?
    }
}

fn bare(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
