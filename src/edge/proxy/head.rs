//! What the head of a request says by itself, before anybody looks who sends it: what the data plane and `explain` must read
//! alike.

use super::{
    Asked,
    cors::Cors,
    kind::{self, Kind},
};
use crate::domain::target::Authority;
use http::{
    HeaderMap, HeaderName, Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The head of a request to an app host.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    method: &'a Method,
    /// Its fields.
    pub headers: &'a HeaderMap,
    authority: &'a Authority,
    kind: Kind,
}

/// What becomes of a browser's question whether a page may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preflight {
    /// The gateway says yes.
    Allowed,
    /// The gateway says no.
    Refused,
}

impl<'a> From<&Asked<'a>> for Head<'a> {
    fn from(asked: &Asked<'a>) -> Self {
        let &Asked { method, headers, authority, kind, .. } = asked;
        Self { method, headers, authority, kind }
    }
}

impl<'a> Head<'a> {
    /// The head with these parts.
    pub fn new(method: &'a Method, headers: &'a HeaderMap, authority: &'a Authority) -> Self {
        Self { method, headers, authority, kind: kind::of(method, headers) }
    }

    /// Whether a page of this very host sends it (CS-01).
    pub fn comes_from_here(&self) -> bool {
        match self.headers.get(FETCH_SITE) {
            Some(site) => site == "same-origin",
            None => self.headers.get(ORIGIN).is_some_and(|origin| *origin == *self.own_origin()),
        }
    }

    /// Whether a page of this very host sent it as a form, and nobody else can have (SU-05): the browser says so, or, where
    /// it does not say, its `Origin` does.
    pub fn is_own_form(&self) -> bool {
        matches!(self.kind, Kind::Form | Kind::Framed) && *self.method == Method::POST && self.comes_from_here()
    }

    /// Whether a proof can pay for it. None can for what is no whole request when it is decided on, as a WebSocket or a
    /// stream of gRPC, nor for a form that another site may have sent.
    pub fn is_payable(&self) -> bool {
        match self.kind {
            Kind::Navigation | Kind::Program => true,
            Kind::Framed if self.method.is_safe() => true,
            Kind::Form | Kind::Framed => self.is_own_form(),
            Kind::WebSocket | Kind::Grpc => false,
        }
    }

    /// Whether a page of another origin, which may not, opens a WebSocket: a browser sends its cookies along without asking
    /// anybody (CS-06).
    pub fn is_foreign_socket(&self, cors: Option<&Cors>) -> bool {
        let is_own = || self.headers.get(ORIGIN).is_none_or(|origin| *origin == *self.own_origin());
        self.kind == Kind::WebSocket && !is_own() && !cors.is_some_and(|cors| cors.opens_sockets(self.headers))
    }

    /// What becomes of it where a browser asks with it if a page may send a request, instead of sending one.
    pub fn preflight(&self, cors: &Cors) -> Option<Preflight> {
        let is_one = *self.method == Method::OPTIONS
            && self.headers.contains_key(ORIGIN)
            && self.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let answer = if cors.allowed(self.headers).is_some() { Preflight::Allowed } else { Preflight::Refused };
        is_one.then_some(answer)
    }

    fn own_origin(&self) -> String {
        format!("https://{}", self.authority)
    }
}
