//! The application that `doorward demo` protects: a payroll desk as it might have stood in an office for twenty years.
//!
//! It has no sign-in of its own. It believes `Remote-User` and what comes with it, which is sound only behind a gateway
//! that removes these headers from what clients send; it listens on the loopback for that reason. It shares no page,
//! style or cookie with the portal.

mod ledger;
mod pages;
mod visitor;

use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    Form, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{
        IntoResponse, Redirect, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use ledger::{Draft, Ledger};
use std::{convert::Infallible, fmt::Write, io, path::PathBuf, sync::Arc, time::Duration};
use visitor::Visitor;

/// What the application remembers.
#[derive(Debug, Clone)]
pub struct DemoState {
    ledger: Arc<Ledger>,
}

impl DemoState {
    /// Reads the transfers of an earlier run from this file, or starts with none.
    pub async fn open(file: PathBuf) -> io::Result<Self> {
        Ok(Self { ledger: Arc::new(Ledger::open(file).await?) })
    }
}

/// The pages of the application.
pub fn router(state: DemoState) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/transfers", get(transfers))
        .route("/transfers/new", get(blank_transfer).post(create_transfer))
        .route("/transfers/{id}", get(transfer))
        .route("/files", get(files).post(receive_file))
        .route("/whoami", get(whoami))
        .route("/events", get(events))
        .fallback(missing)
        .layer(middleware::from_fn(require_visitor))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/static/app.css", get(style))
        .with_state(state)
}

/// Turns away who did not come through the gateway, or through a route of it that names nobody.
async fn require_visitor(mut request: Request, next: Next) -> Response {
    let Some(visitor) = Visitor::of(request.headers()) else {
        return (StatusCode::UNAUTHORIZED, "Payroll is reached through the gateway only.\n").into_response();
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

async fn overview(visitor: Visitor, State(state): State<DemoState>) -> Response {
    let transfers = state.ledger.latest(5).await;
    let balance = state.ledger.balance().await;
    pages::answer(StatusCode::OK, &pages::Overview { visitor, balance, transfers })
}

async fn transfers(visitor: Visitor, State(state): State<DemoState>) -> Response {
    let transfers = state.ledger.latest(usize::MAX).await;
    pages::answer(StatusCode::OK, &pages::Transfers { visitor, transfers })
}

async fn blank_transfer(visitor: Visitor) -> Response {
    pages::answer(StatusCode::OK, &pages::NewTransfer { visitor, draft: Draft::default(), problem: None })
}

async fn create_transfer(visitor: Visitor, State(state): State<DemoState>, Form(draft): Form<Draft>) -> Response {
    match state.ledger.record(&draft, &visitor).await {
        Ok(id) => Redirect::to(&format!("/transfers/{id}")).into_response(),
        Err(problem) => {
            let page = pages::NewTransfer { visitor, draft, problem: Some(problem.to_string()) };
            pages::answer(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn transfer(visitor: Visitor, State(state): State<DemoState>, Path(id): Path<u64>) -> Response {
    match state.ledger.find(id).await {
        Some(transfer) => pages::answer(StatusCode::OK, &pages::OneTransfer { visitor, transfer }),
        None => missing(visitor).await,
    }
}

async fn whoami(visitor: Visitor, headers: HeaderMap) -> Response {
    let received = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let assertion = visitor::assertion_claims(&headers).map(|claims| format!("{claims:#}"));
    pages::answer(StatusCode::OK, &pages::Whoami { visitor, received, assertion })
}

async fn files(visitor: Visitor) -> Response {
    pages::answer(StatusCode::OK, &pages::Files { visitor })
}

/// Counts and hashes a body of any size as it comes, and keeps nothing of it.
async fn receive_file(body: Body) -> Response {
    let (mut bytes, mut digest) = (0_usize, Context::new(&SHA256));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return StatusCode::BAD_REQUEST.into_response() };
        bytes += chunk.len();
        digest.update(&chunk);
    }
    let mut hash = String::new();
    for byte in digest.finish().as_ref() {
        // Writing to a string can't fail.
        let _ = write!(hash, "{byte:02x}");
    }
    format!("bytes {bytes}\nsha256 {hash}\n").into_response()
}

/// A number a second for as long as the client listens: what a revoked session must cut.
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks =
        stream::unfold((tokio::time::interval(Duration::from_secs(1)), 0_u64), |(mut timer, tick)| async move {
            timer.tick().await;
            Some((Ok(Event::default().event("tick").data(tick.to_string())), (timer, tick + 1)))
        });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../../static/demo/app.css"))
}

async fn missing(visitor: Visitor) -> Response {
    pages::answer(StatusCode::NOT_FOUND, &pages::Missing { visitor })
}

#[cfg(test)]
mod tests;
