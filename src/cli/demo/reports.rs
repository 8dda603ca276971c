//! A second application, so that one sign-in can be seen to serve both.

use askama::Template;
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

#[derive(Template)]
#[template(path = "demo/reports.html")]
struct Reports {
    user: String,
    groups: String,
}

/// Its only page, and the style of it.
pub(super) fn router() -> Router {
    Router::new().route("/", get(reports)).route("/app.css", get(style))
}

async fn reports(headers: HeaderMap) -> Response {
    let told = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let page = Reports { user: told("remote-user"), groups: told("remote-groups") };
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../../static/demo/app.css"))
}
