//! The management API: what operators' programs may do, with the bearer key of `server.admin_key`.

use super::{
    admin::Admin,
    reload::{Applied, By, Refused},
};
use crate::config::Problems;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Its paths.
pub fn router(admin: &Arc<Admin>) -> Router<Arc<Admin>> {
    Router::new()
        .route("/api/v1/config/reload", post(reload))
        .route_layer(middleware::from_fn_with_state(Arc::clone(admin), ask_for_the_key))
}

/// Lets through who shows the key. The key is asked of the settings each time: a reload changes it.
async fn ask_for_the_key(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let current = admin.reloader.current();
    let Some(key) = &current.admin_key else {
        let detail = "Nobody may manage this gateway over HTTP: set `admin_key` in `[server]` of the config file.";
        return problem(StatusCode::FORBIDDEN, "admin_key_not_set", "No key is set.", detail, json!({}));
    };
    if bearer(request.headers()).is_some_and(|shown| key.matches(shown.as_bytes())) {
        return next.run(request).await;
    }
    let detail = "Send `Authorization: Bearer KEY` with the value of `admin_key` in `[server]` of the config file.";
    let title = "The key is missing or wrong.";
    let mut response = problem(StatusCode::UNAUTHORIZED, "admin_key_required", title, detail, json!({}));
    let challenge = HeaderValue::from_static("Bearer realm=\"doorward-admin\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// What is shown in `Authorization: Bearer …` (RFC 6750 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, shown) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
}

async fn reload(State(admin): State<Arc<Admin>>) -> Response {
    // In a task of its own: whoever hangs up does not break it off.
    let reloader = Arc::clone(&admin.reloader);
    let outcome = tokio::spawn(async move { reloader.reload(By::Api).await }).await;
    match outcome.unwrap_or_else(|error| Err(Refused::BrokenOff(error))) {
        Ok(Applied { generation, waiting, warnings }) => {
            let warnings: Vec<_> = warnings.listed().collect();
            let body = json!({ "generation": generation, "restart_needed": waiting, "warnings": warnings });
            ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        Err(refused) => {
            let status = match refused {
                Refused::BrokenOff(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let problems = refused.problems();
            let more = json!({
                "problems": problems.map(|problems| problems.listed().collect::<Vec<_>>()),
                "drawing": problems.map(Problems::to_string),
            });
            let title = "The config file on disk is not served, the one before still is.";
            problem(status, refused.code(), title, &refused.summary(), more)
        }
    }
}

/// An error as programs read it (RFC 9457).
fn problem(status: StatusCode, code: &str, title: &str, detail: &str, more: Value) -> Response {
    let mut body = json!({
        "type": "about:blank", "status": status.as_u16(), "title": title, "detail": detail, "code": code,
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
