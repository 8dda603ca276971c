//! The one change of protocol that passes, and only where everything about the handshake is as RFC 6455 has it
//! (FR-14). Until the application agrees, not one byte of the new protocol passes (FR-13).

use super::{
    body::{RequestBody, ResponseBody},
    incoming,
};
use crate::ports::upstream::UpstreamError;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    request::Parts,
};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::copy_bidirectional_with_sizes;

/// Bytes on their way in one direction of one WebSocket. Small: most are idle.
const BUFFER_BYTES: usize = 8 * 1024;

/// Whether this is a WebSocket handshake that can be passed on. Whatever else asks for an upgrade goes on as an
/// ordinary request, without it.
pub fn is_handshake(parts: &Parts, body: &RequestBody) -> bool {
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && body.is_end_stream()
        && is_only_token(&parts.headers, &UPGRADE, "websocket")
        && has_token(&parts.headers, &CONNECTION, "upgrade")
        && parts.headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
        && parts.headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// The application's answer to a handshake, for the browser: with a 101, both sides are upgraded and joined.
///
/// `browser` is [`hyper::upgrade::on`] of the request. The tunnel lives in a task of its own until one side is gone
/// or `cut` is ready; then both connections close. Anything but a 101 is an ordinary response.
pub fn answer<B: Body + Send + 'static>(
    mut response: Response<B>,
    browser: OnUpgrade,
    hsts: &HeaderValue,
    cut: impl Future<Output = ()> + Send + 'static,
) -> Result<Response<ResponseBody<B>>, UpstreamError> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(incoming::response(response, hsts));
    }
    if !is_only_token(response.headers(), &UPGRADE, "websocket") {
        return Err(UpstreamError::Exchange("the app switched to a protocol nobody asked for".into()));
    }
    let app = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        match join(browser, app, cut).await {
            Ok(end) => tracing::debug!(?end, "a WebSocket ended"),
            Err(error) => tracing::debug!(%error, "a WebSocket broke"),
        }
    });
    let mut response = incoming::response(response, hsts);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    Ok(response)
}

/// Why a tunnel is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides have said everything.
    Closed,
    /// We closed it.
    Cut,
}

/// Passes bytes both ways until both sides have ended, one breaks, or `cut` is ready.
pub async fn join(browser: OnUpgrade, app: OnUpgrade, cut: impl Future<Output = ()>) -> io::Result<End> {
    let tunnel = async {
        let (browser, app) = tokio::try_join!(browser, app).map_err(io::Error::other)?;
        let (mut browser, mut app) = (TokioIo::new(browser), TokioIo::new(app));
        copy_bidirectional_with_sizes(&mut browser, &mut app, BUFFER_BYTES, BUFFER_BYTES).await
    };
    tokio::select! {
        biased;
        () = cut => Ok(End::Cut),
        ended = tunnel => ended.map(|_| End::Closed),
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token.as_bytes()))
}

fn is_only_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    has_token(headers, name, token) && tokens(headers, name).count() == 1
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}
