//! `/password/judgement`: what would come of a password, while it is typed.

use super::{Carried, Desk, Fields, Reply, Visit, empty};
use crate::{
    domain::secret::Secret,
    edge::portal::password::WhyNot,
    flows::{
        judgement::{self, NotJudged},
        sessions,
    },
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct JudgementForm {
    /// The link that lets them choose it; nothing where they are signed in.
    #[serde(default)]
    token: String,
    /// What they want to be called, where they make an account.
    #[serde(default)]
    name: String,
    password: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `POST /password/judgement`: JSON for our script. Where nothing is said, the form says it when it is sent.
pub(super) async fn judge(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<JudgementForm>) -> Reply {
    if desk.check(&visit, &form.carried).is_err() {
        return empty(StatusCode::FORBIDDEN);
    }
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let JudgementForm { token, name, password, .. } = form;
    let password = Secret::new(password.into_bytes());
    let typed = std::str::from_utf8(password.expose()).unwrap_or_default();
    match judgement::judge(&desk.world, &bearer, &token, &name, typed, &visit.caller).await {
        Ok(verdict) => said(&match verdict {
            Ok(()) => Verdict { fits: true, words: "Long enough, and hard to guess.".to_owned() },
            Err(refusal) => Verdict { fits: false, words: WhyNot(refusal).to_string() },
        }),
        Err(NotJudged::Gone) => empty(StatusCode::FORBIDDEN),
        Err(NotJudged::Throttled(_)) => empty(StatusCode::TOO_MANY_REQUESTS),
        Err(NotJudged::Lore(error)) => {
            tracing::error!(%error, "a password could not be judged");
            empty(StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(NotJudged::Store(error)) => desk.unavailable(&error),
    }
}

#[derive(serde::Serialize)]
struct Verdict {
    fits: bool,
    words: String,
}

fn said(verdict: &Verdict) -> Reply {
    let mut reply = Json(verdict).into_response();
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
