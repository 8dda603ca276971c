//! `/recovery-codes`: new ones, for somebody who has just proven who they are.

use super::{Carried, Desk, Fields, Reply, Visit, onward, see_other, way::Errand};
use crate::{
    domain::factor::recovery::Code,
    edge::{
        http::{page::protect, words::Upcoming},
        portal::{
            message::Message,
            recovery_codes::{RecoveryCodesFile, RecoveryCodesPage, make::MakeCodesPage},
        },
    },
    flows::{
        recovery::{self, GenerateError},
        sessions::{self, Bearer, Full},
        sign_in::Opened,
    },
    ports::StoreError,
};
use askama::Template as _;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct FileForm {
    codes: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /recovery-codes`: asks whether to make new ones, of whoever may. The present ones were shown once, and are not kept.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visit: Visit) -> Reply {
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match recovery::may_generate(&desk.world, &full).await {
        Ok(()) => ask(&desk, &visit, &full, None),
        Err(error) => refuse(&desk, &visit, &full, &error),
    }
}

/// Makes new ones and shows them; has the strongest there is proven first where that was too long ago (EN-01).
pub(super) async fn make(State(desk): State<Arc<Desk>>, visit: Visit, Fields(carried): Fields<Carried>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &carried) {
        return *refusal;
    }
    let full = match desk.signed_in(&visit).await {
        Ok(full) => full,
        Err(reply) => return *reply,
    };
    match generate(&desk, &visit, &full).await {
        Ok(codes) => page(&desk, &visit, None, &full, &codes),
        Err(error) => refuse(&desk, &visit, &full, &error),
    }
}

/// `POST /recovery-codes.txt`: the codes of the page that is open, as a file. Nothing is read from the store, which could
/// not tell.
pub(super) async fn download(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<FileForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let codes: Option<Vec<_>> = form.codes.split(' ').map(Code::parse).collect();
    match (sessions::recognise(&desk.world, visit.token.as_ref()).await, codes) {
        (Ok(Bearer::Full(full)), Some(codes)) => file(&desk, &full, &codes),
        (Ok(_), _) => desk.message(StatusCode::FORBIDDEN, Message::StaleForm),
        (Err(error), _) => desk.unavailable(&error),
    }
}

impl Desk {
    /// Shows a new set of codes to somebody who has just proven a second factor; sends them onward where there can be
    /// none: the proof counts all the same, and `/account` makes codes at any time.
    pub(super) async fn hand_out_codes(&self, visit: Visit, opened: &Opened, to: Option<&str>) -> Reply {
        let Ok(Bearer::Full(full)) = sessions::recognise(&self.world, Some(&opened.token)).await else {
            return self.arrive(opened, to).await;
        };
        match generate(self, &visit, &full).await {
            Ok(codes) => {
                let visit = Visit { token: Some(opened.token.clone()), ..visit };
                self.keep(page(self, &visit, to, &full, &codes), opened)
            }
            Err(_) => self.arrive(opened, to).await,
        }
    }
}

async fn generate(desk: &Desk, visit: &Visit, full: &Full) -> Result<Vec<Code>, GenerateError> {
    let user = full.identity.user.id.0;
    let codes = recovery::generate(&desk.world, full, &visit.caller).await;
    match &codes {
        Ok(codes) => tracing::info!(user.id = %user, count = codes.len(), "recovery codes made"),
        Err(GenerateError::Off | GenerateError::NeedsProof(_) | GenerateError::NoSecondFactor) => {}
        Err(error @ (GenerateError::TooMany(_) | GenerateError::Busy(_) | GenerateError::Store(_))) => {
            tracing::warn!(user.id = %user, %error, "no recovery codes could be made");
        }
    }
    codes
}

fn refuse(desk: &Desk, visit: &Visit, full: &Full, error: &GenerateError) -> Reply {
    match error {
        GenerateError::Off | GenerateError::NoSecondFactor => see_other("/account"),
        GenerateError::NeedsProof(_) => onward("/challenge", Some(&Errand::RecoveryCodes.name())),
        GenerateError::TooMany(closed) => ask(desk, visit, full, desk.until(*closed)),
        GenerateError::Busy(busy) => desk.unavailable(&StoreError::Unavailable(busy.to_string())),
        GenerateError::Store(error) => desk.unavailable(error),
    }
}

/// Asks whether to make new ones, or says when that can be done again.
fn ask(desk: &Desk, visit: &Visit, full: &Full, again: Option<Upcoming>) -> Reply {
    let status = if again.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
    let login_id = full.identity.user.login_id.as_str();
    desk.form_page(visit, None, |hidden| {
        desk.page(status, &MakeCodesPage { frame: desk.frame(), hidden, login_id, again })
    })
}

fn page(desk: &Desk, visit: &Visit, to: Option<&str>, full: &Full, codes: &[Code]) -> Reply {
    let texts: Vec<_> = codes.iter().map(Code::to_text).collect();
    let codes: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    let login_id = full.identity.user.login_id.as_str();
    desk.form_page(visit, to, |hidden| {
        desk.scripted_page(StatusCode::OK, &RecoveryCodesPage { frame: desk.frame(), hidden, login_id, codes: &codes })
    })
}

fn file(desk: &Desk, full: &Full, codes: &[Code]) -> Reply {
    let texts: Vec<_> = codes.iter().map(Code::to_text).collect();
    let codes: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    let login_id = full.identity.user.login_id.as_str();
    let file = RecoveryCodesFile { organisation: &desk.brand.name, login_id, codes: &codes };
    let mut reply = Response::new(Body::from(file.render().unwrap_or_default()));
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"recovery-codes.txt\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    protect(headers, &desk.content);
    reply
}
