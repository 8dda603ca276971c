//! The one change of protocol that passes, and only where everything about the handshake is as RFC 6455 has it
//! (FR-14). Until the application agrees, not one byte of the new protocol passes (FR-13).
//!
//! Bytes pass as they are. Their frames are followed only to know where one ends: there, and nowhere else, both sides are
//! told why a WebSocket is cut.

pub mod frames;

use super::{
    body::{RequestBody, ResponseBody},
    incoming,
    tether::Cut,
};
use crate::ports::upstream::UpstreamError;
use frames::Frames;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    request::Parts,
};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    sync::{OwnedSemaphorePermit, watch},
    time::{sleep, timeout},
};

/// Bytes on their way in one direction of one WebSocket. Small: most are idle.
const BUFFER_BYTES: usize = 8 * 1024;
/// How long a cut waits for the end of a frame that is on its way, and for both sides to take leave.
const FRAME_END_MAX: Duration = Duration::from_millis(250);
/// How long one side may be silent once the other has ended: it has nobody left to talk to.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(30);
/// What a client is told whose session is over: HTTP's 401, among the codes that applications may use.
const UNAUTHORIZED: u16 = 4401;

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

/// The 101 with which an application answers a handshake, for the browser: both sides are upgraded and joined.
///
/// `browser` is [`hyper::upgrade::on`] of the request. The tunnel lives in a task of its own until one side is gone
/// or `cut` is ready; then both sides get a close frame, the application's under `mask`, and both connections close. Until
/// then it keeps the place that the browser's connection takes.
pub fn answer<B: Body + Send + 'static>(
    mut response: Response<B>,
    browser: OnUpgrade,
    hsts: &HeaderValue,
    mask: [u8; 4],
    cut: impl Future<Output = Cut> + Send + 'static,
    place: Arc<OwnedSemaphorePermit>,
) -> Result<Response<ResponseBody<B>>, UpstreamError> {
    if !is_only_token(response.headers(), &UPGRADE, "websocket") {
        return Err(UpstreamError::Exchange("the app switched to a protocol nobody asked for".into()));
    }
    let app = hyper::upgrade::on(&mut response);
    tokio::spawn(async move {
        let _place = place;
        match join(browser, app, mask, cut).await {
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

/// What the two directions of a WebSocket learn of.
#[derive(Clone)]
struct Signs {
    /// Why both are cut.
    cut: watch::Receiver<Option<Cut>>,
    /// Whether one of them has ended.
    half: watch::Sender<bool>,
}

/// Passes bytes both ways until both sides have ended, one breaks, or `cut` is ready.
pub async fn join(
    browser: OnUpgrade,
    app: OnUpgrade,
    mask: [u8; 4],
    cut: impl Future<Output = Cut>,
) -> io::Result<End> {
    let (tell, cut_for) = watch::channel(None);
    let signs = Signs { cut: cut_for, half: watch::Sender::new(false) };
    let tunnel = async {
        let (browser, app) = tokio::try_join!(browser, app).map_err(io::Error::other)?;
        let (from_browser, to_browser) = split(TokioIo::new(browser));
        let (from_app, to_app) = split(TokioIo::new(app));
        let up = carry(from_browser, to_app, Some(mask), signs.clone());
        let down = carry(from_app, to_browser, None, signs.clone());
        tokio::try_join!(up, down)
    };
    let cutting = async {
        let why = cut.await;
        // Both directions hold a receiver for as long as they run.
        let _ = tell.send(Some(why));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = tunnel => ended.map(|(up, down)| if up == End::Cut { up } else { down }),
        () = cutting => Ok(End::Cut),
    }
}

/// Passes the bytes of one direction. At a cut it goes on to the end of the present frame, if that comes soon, and says why.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mask: Option<[u8; 4]>,
    Signs { mut cut, half }: Signs,
) -> io::Result<End> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    let why = loop {
        let read = tokio::select! {
            biased;
            why = cut_of(&mut cut) => break why,
            read = from.read(&mut buffer) => read?,
            () = abandoned(&half) => 0,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            half.send_replace(true);
            // It waits for all that was written before, which the other side may not read.
            return tokio::select! {
                biased;
                _ = cut_of(&mut cut) => Ok(End::Cut),
                shut = to.shutdown() => shut.map(|()| End::Closed),
                () = abandoned(&half) => Err(io::ErrorKind::TimedOut.into()),
            };
        }
        frames.pass(bytes);
        let mut writing = Box::pin(write(&mut to, bytes));
        tokio::select! {
            biased;
            written = &mut writing => written?,
            why = cut_of(&mut cut) => {
                // Half a frame can't be taken back: who does not read it is only cut off.
                if !matches!(timeout(FRAME_END_MAX, writing).await, Ok(Ok(()))) {
                    return Ok(End::Cut);
                }
                break why;
            }
            () = abandoned(&half) => return Err(io::ErrorKind::TimedOut.into()),
        }
    };
    let saying_why = async {
        finish(&mut from, &mut to, &mut frames, &mut buffer).await?;
        to.write_all(&frames::close(UNAUTHORIZED, &why.to_string(), mask)).await?;
        to.shutdown().await?;
        // What is closed with something unread may take back what was just said.
        while from.read(&mut buffer).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // It is cut however that went.
    let _ = timeout(FRAME_END_MAX, saying_why).await;
    Ok(End::Cut)
}

/// Passes the rest of the frame that is on its way, and nothing behind it.
async fn finish(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    frames: &mut Frames,
    buffer: &mut [u8],
) -> io::Result<()> {
    while !frames.is_between() {
        let read = from.read(buffer).await?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = frames.pass_frame(bytes);
        write(to, bytes.get(..rest).unwrap_or_default()).await?;
    }
    Ok(())
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// Ready at the cut.
async fn cut_of(cut: &mut watch::Receiver<Option<Cut>>) -> Cut {
    match cut.wait_for(Option::is_some).await.map(|why| why.clone()) {
        Ok(Some(why)) => why,
        // The sender outlives the tunnel.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Ready where nothing has moved for too long since the other direction ended.
async fn abandoned(half: &watch::Sender<bool>) {
    // There is a sender as long as this waits, so it does not fail.
    let _ = half.subscribe().wait_for(|is_half| *is_half).await;
    sleep(HALF_CLOSED_MAX).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };
    use tokio::{
        io::{duplex, empty, sink},
        time::Instant,
    };

    /// Takes everything, and never comes to its end: whoever is behind it does not read what waits.
    struct Unread;

    impl AsyncWrite for Unread {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    fn signs() -> (watch::Sender<Option<Cut>>, Signs) {
        let (tell, cut) = watch::channel(None);
        (tell, Signs { cut, half: watch::Sender::new(false) })
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_once_the_other_side_has_ended_is_waited_for_half_a_minute() {
        let (begin, (_tell, signs)) = (Instant::now(), signs());
        let (_silent, from) = duplex(64);

        let (ended, left) =
            tokio::join!(carry(empty(), sink(), None, signs.clone()), carry(from, sink(), Some([1; 4]), signs.clone()));

        assert_eq!((ended.unwrap(), left.unwrap()), (End::Closed, End::Closed));
        assert_eq!(begin.elapsed().as_secs(), HALF_CLOSED_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_does_not_get_through_is_waited_for_half_a_minute() {
        let (begin, (_tell, signs)) = (Instant::now(), signs());

        let ended = carry(empty(), Unread, None, signs).await;

        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), HALF_CLOSED_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_does_not_get_through_is_cut_at_once() {
        let (begin, (tell, signs)) = (Instant::now(), signs());
        let cutting = async {
            sleep(FRAME_END_MAX).await;
            tell.send_replace(Some(Cut::Over));
        };

        let (ended, ()) = tokio::join!(carry(empty(), Unread, None, signs), cutting);

        assert_eq!(ended.unwrap(), End::Cut);
        assert_eq!(begin.elapsed(), FRAME_END_MAX);
    }
}
