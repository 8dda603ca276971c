//! The body of any answer: ours, the portal's, or an application's.

use crate::{
    edge::{proxy::body::ResponseBody, wire::RequestTicket},
    ports::upstream::BoxError,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// What is sent to a browser. It holds the request's ticket, so that the connection counts as busy until the last byte.
pub struct Outgoing<B> {
    content: Content<B>,
    _ticket: Option<RequestTicket>,
}

/// Where an answer comes from.
pub enum Content<B> {
    /// Made here.
    Own(Full<Bytes>),
    /// A page of the portal.
    Portal(axum::body::Body),
    /// An application's.
    App(ResponseBody<B>),
}

impl<B> Outgoing<B> {
    /// `content`, sent for the request with this ticket.
    pub fn new(content: Content<B>, ticket: Option<RequestTicket>) -> Self {
        Self { content, _ticket: ticket }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.content {
            Content::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Content::Portal(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Content::App(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(body) => body.is_end_stream(),
            Content::Portal(body) => body.is_end_stream(),
            Content::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(body) => body.size_hint(),
            Content::Portal(body) => body.size_hint(),
            Content::App(body) => body.size_hint(),
        }
    }
}
