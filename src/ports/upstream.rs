//! The way to the applications.

use crate::domain::policy::Admission;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::io;

/// Whatever went wrong while somebody else's bytes were read.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sends admitted requests to applications.
///
/// A generic parameter, never an object: one call, no boxed future, no allocation of its own.
pub trait Upstream<B>: Clone + Send + Sync + 'static {
    /// A response's body. It ends in an error wherever the application's did not end as announced.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Sends `request` to a healthy server of `app` and waits for the head of its response.
    ///
    /// The request goes out as it stands: its target in origin form, its fields final. Dropping the future, or the
    /// body of the response, ends the exchange and its connection. Where the request carries `Upgrade` it gets a
    /// connection of its own, and a 101 can be upgraded with [`hyper::upgrade::on`]. An app that is spoken to in HTTP/2 gets
    /// the same request with `Host` as its authority; it must carry no field of a connection.
    fn send(
        &self,
        admission: &Admission,
        app: &str,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Self::Body>, UpstreamError>> + Send;
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No server of the app is known, or every one failed its last health checks.
    #[error("no server of the app is healthy")]
    NoneHealthy,
    /// Every connection that may be open is full; nothing was sent.
    #[error("every connection to the app is full")]
    Busy,
    /// No connection came about; nothing was sent.
    #[error("can't connect to the app: {0}")]
    Connect(#[source] io::Error),
    /// The server could not prove that it is the app's; nothing was sent.
    #[error("the app's TLS is not trusted: {0}")]
    Tls(#[source] io::Error),
    /// No connection came about in time; nothing was sent.
    #[error("no connection to the app came about in time")]
    ConnectTimeout,
    /// No head of a response came in time.
    #[error("the app did not answer in time")]
    Timeout,
    /// The body of the request ended in an error; the application saw that it is not whole.
    #[error("the request's body broke off: {0}")]
    RequestBody(#[source] BoxError),
    /// The connection broke, or what came was no response to this request.
    #[error("the exchange with the app failed: {0}")]
    Exchange(#[source] BoxError),
}

impl UpstreamError {
    /// Whether an application may have seen something of the request. Where it can't, the request may go out again as if it
    /// never had.
    pub const fn may_have_arrived(&self) -> bool {
        match self {
            Self::NoneHealthy | Self::Busy | Self::Connect(_) | Self::Tls(_) | Self::ConnectTimeout => false,
            Self::Timeout | Self::RequestBody(_) | Self::Exchange(_) => true,
        }
    }
}
