//! Pages of other origins that call an application (the Fetch standard, 3.2 "CORS protocol").
//!
//! A browser asks first, without cookies and credentials. Where the operator says which origins may call, the gateway
//! answers that question itself and nothing reaches the application; and it says so on every answer, its own refusals
//! too, for a page can only read what it is allowed to. An application that answers for itself keeps its answer.

use super::{
    Arrival, Proxy, Reply, Served,
    answer::{Own, STEP_UP},
    body::RequestBody,
    head::{Head, Preflight},
    kind,
};
use crate::{
    domain::target::CanonicalPath,
    edge::http::{refusal::Refusal, request::RequestId},
    ports::upstream::Upstream,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL,
        InvalidHeaderValue, ORIGIN, VARY, WWW_AUTHENTICATE,
    },
};
use hyper::body::Incoming;
use std::time::Duration;

/// Who may call an application from a page of their own, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    methods: HeaderValue,
    headers: HeaderValue,
    expose: HeaderValue,
    has_credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// Exactly these origins, these methods and fields. A page with `has_credentials` may send cookies along.
    pub fn new(
        origins: &[String],
        methods: &[String],
        headers: &[HeaderName],
        expose: &[HeaderName],
        has_credentials: bool,
        max_age: Duration,
    ) -> Result<Self, InvalidHeaderValue> {
        let joined = |names: &[&str]| HeaderValue::try_from(names.join(", "));
        let names = |fields: &[HeaderName]| fields.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        // What a page needs to know of our own refusals.
        let own = [WWW_AUTHENTICATE, STEP_UP];
        let expose: Vec<_> = names(&own).into_iter().chain(names(expose)).collect();
        Ok(Self {
            origins: origins.iter().map(HeaderValue::try_from).collect::<Result<_, _>>()?,
            methods: joined(&methods.iter().map(String::as_str).collect::<Vec<_>>())?,
            headers: joined(&headers.iter().map(HeaderName::as_str).collect::<Vec<_>>())?,
            expose: joined(&expose.iter().map(String::as_str).collect::<Vec<_>>())?,
            has_credentials,
            max_age: HeaderValue::from(max_age.as_secs()),
        })
    }

    /// The origin that a request comes from, if that may call.
    pub(super) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        self.origins.iter().find(|allowed| *allowed == origin).cloned()
    }

    /// Whether a page of this origin may open a WebSocket: one that may send cookies.
    pub(super) fn opens_sockets(&self, headers: &HeaderMap) -> bool {
        self.has_credentials && self.allowed(headers).is_some()
    }

    /// Says to a browser that this page may read the answer.
    fn allow(&self, origin: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.has_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// The answer to what a browser asks before it lets a page call.
    fn preflight(&self, origin: HeaderValue) -> Own {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        self.allow(origin, headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Adds to an answer what a page needs to read it. Caches keep the answers to different origins apart.
    fn dress(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
            && let Some(origin) = origin
        {
            self.allow(origin, headers);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

impl<U: Upstream<RequestBody>> Proxy<U> {
    /// Serves one request to an app host.
    pub async fn serve(&self, served: &Served, request: Request<Incoming>, arrival: &Arrival<'_>) -> Reply<U::Body> {
        // The gateway's own corner is for pages of this very host (CS-05).
        let is_apps = || {
            let path = CanonicalPath::parse(request.uri().path(), served.app.allowed);
            path.is_ok_and(|path| path.below_reserved().is_none())
        };
        let cors = served.cors.as_ref().filter(|_| is_apps());
        let Some(cors) = cors else { return self.pass(served, request, arrival).await };
        let origin = cors.allowed(request.headers());
        let head = Head::new(request.method(), request.headers(), arrival.authority);
        let mut reply = match (head.preflight(cors), origin.clone()) {
            (Some(Preflight::Allowed), Some(origin)) => Reply::Own(cors.preflight(origin)),
            (Some(_), _) => Reply::Own(self.refuse_preflight(served, &request, arrival.id)),
            (None, _) => self.pass(served, request, arrival).await,
        };
        match &mut reply {
            Reply::Own(own) => cors.dress(origin, own.headers_mut()),
            Reply::App(response) => cors.dress(origin, response.headers_mut()),
        }
        reply
    }

    fn refuse_preflight(&self, served: &Served, request: &Request<Incoming>, id: RequestId) -> Own {
        tracing::info!(request.id = %id, app = served.app.name, "a page of another origin may not call");
        let kind = kind::of(request.method(), request.headers());
        self.refuse_unasked(kind, id, Refusal::NotAllowed { app: &served.app.title, message: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(has_credentials: bool) -> Cors {
        let text = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let origins = text(&["https://spa.example.com", "https://spa.example.com:8443"]);
        let methods = text(&["GET", "PUT"]);
        let (headers, expose) = ([HeaderName::from_static("authorization")], [HeaderName::from_static("x-total")]);
        Cors::new(&origins, &methods, &headers, &expose, has_credentials, Duration::from_mins(10)).unwrap()
    }

    fn with_origins(origins: &[&'static str]) -> HeaderMap {
        origins.iter().map(|origin| (ORIGIN, HeaderValue::from_static(origin))).collect()
    }

    #[test]
    fn an_origin_is_allowed_as_it_is_written_or_not_at_all() {
        let allowed = |origins: &[&'static str]| cors(true).allowed(&with_origins(origins)).is_some();

        assert!(allowed(&["https://spa.example.com"]) && allowed(&["https://spa.example.com:8443"]));
        for origins in [
            &[][..],
            &["null"],
            &["*"],
            &["https://SPA.example.com"],
            &["http://spa.example.com"],
            &["https://spa.example.com:443"],
            &["https://spa.example.com.evil.example"],
            &["https://evil.spa.example.com"],
            &["https://spa.example.com, https://spa.example.com"],
            &["https://spa.example.com", "https://spa.example.com"],
        ] {
            assert!(!allowed(origins), "{origins:?}");
        }
    }

    #[test]
    fn a_web_socket_takes_an_origin_that_may_send_cookies() {
        let (spa, evil) = (with_origins(&["https://spa.example.com"]), with_origins(&["https://evil.example"]));

        assert!(cors(true).opens_sockets(&spa) && !cors(true).opens_sockets(&evil));
        assert!(!cors(false).opens_sockets(&spa) && !cors(true).opens_sockets(&HeaderMap::new()));
    }

    #[test]
    fn an_application_that_answers_for_itself_keeps_its_answer() {
        let origin = || Some(HeaderValue::from_static("https://spa.example.com"));
        let said = |headers: &HeaderMap| {
            let mut said: Vec<_> =
                headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            said.sort();
            said
        };
        let (mut silent, mut own, mut stranger) = (HeaderMap::new(), HeaderMap::new(), HeaderMap::new());
        own.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

        cors(true).dress(origin(), &mut silent);
        cors(true).dress(origin(), &mut own);
        cors(true).dress(None, &mut stranger);

        assert_eq!(
            said(&silent),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://spa.example.com",
                "access-control-expose-headers: www-authenticate, doorward-step-up, x-total",
                "vary: Origin",
            ]
        );
        assert_eq!(said(&own), ["access-control-allow-origin: *", "vary: Origin"]);
        assert_eq!(said(&stranger), ["vary: Origin"]);
        let mut without = HeaderMap::new();
        cors(false).dress(origin(), &mut without);
        assert!(!without.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
