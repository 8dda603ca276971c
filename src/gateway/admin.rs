//! The admin listener: health, readiness, metrics, management. Loopback unless the operator says otherwise, exact paths, no browsers.

use super::{api, metrics::Metrics, reload::Reloader};
use crate::ports::Store;
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long the store may take to say that it is there.
const PING_MAX: Duration = Duration::from_secs(2);

/// What the listener tells about.
pub struct Admin {
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Reads the config file again.
    pub reloader: Arc<Reloader>,
    /// Whether the gateway is on its way down.
    pub draining: AtomicBool,
}

/// The listener's paths.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(api::router(&admin))
        .layer(middleware::from_fn(refuse_pages))
        .with_state(admin)
}

/// Nothing a web page asks for is answered: a page anywhere could ask this address in its reader's name (OP-03).
async fn refuse_pages(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let from_page = headers.contains_key(header::ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| site != "none" && site != "same-origin");
    if from_page { StatusCode::FORBIDDEN.into_response() } else { next.run(request).await }
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    if admin.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match tokio::time::timeout(PING_MAX, admin.store.ping()).await {
        // A file that is not served takes nobody out of service: what is served is whole. What is wrong is for people.
        Ok(Ok(())) => format!("ready\n{}", admin.reloader.remarks()).into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer in time\n").into_response(),
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.metrics.render()).into_response()
}
