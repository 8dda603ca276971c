//! `/recovery-codes`: new ones, for somebody who has just proven who they are.

use super::{
    Carried, Desk, Fields, Reply, Visit,
    challenge::{shown, status},
    onward, see_other,
    way::Errand,
};
use crate::{
    domain::factor::{Method, recovery::Code},
    edge::{
        http::page::protect,
        portal::{
            challenge::{Answerer, ChallengePage, Kept, ProofNotice, Reason},
            message::Message,
            recovery_codes::{RecoveryCodesFile, RecoveryCodesPage},
        },
    },
    flows::{
        challenge::{ChallengeError, answer_totp},
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
pub(super) struct MakeForm {
    /// A code from an authenticator app, where no proof was recent enough.
    code: Option<String>,
    #[serde(flatten)]
    carried: Carried,
}

#[derive(Deserialize)]
pub(super) struct FileForm {
    codes: String,
    #[serde(flatten)]
    carried: Carried,
}

/// `GET /recovery-codes`: they were shown once, and are not kept.
pub(super) async fn elsewhere() -> Reply {
    see_other("/account")
}

/// Makes new ones and shows them; asks for a code first where the last proof is too old (EN-01).
pub(super) async fn make(State(desk): State<Arc<Desk>>, visit: Visit, Fields(form): Fields<MakeForm>) -> Reply {
    if let Err(refusal) = desk.check(&visit, &form.carried) {
        return *refusal;
    }
    let bearer = match sessions::recognise(&desk.world, visit.token.as_ref()).await {
        Ok(bearer) => bearer,
        Err(error) => return desk.unavailable(&error),
    };
    let full = match &bearer {
        Bearer::Full(full) => full,
        Bearer::Half(_) => return onward("/challenge/totp", None),
        Bearer::Nobody(_) => return onward("/login", None),
    };
    let Some(code) = form.code else {
        return match generate(&desk, &visit, full).await {
            Ok(codes) => page(&desk, &visit, None, full, &codes),
            Err(GenerateError::Stale) => confirm(&desk, &visit, full, None).await,
            Err(error) => failed(&desk, &error),
        };
    };
    match answer_totp(&desk.world, &bearer, &code, &visit.caller).await {
        Ok(opened) => desk.hand_out_codes(visit, &opened, None).await,
        Err(ChallengeError::Gone) => onward("/login", None),
        Err(error) => confirm(&desk, &visit, full, Some(shown(&desk, &error))).await,
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
        Err(GenerateError::Off | GenerateError::Stale) => {}
        Err(error @ (GenerateError::Busy(_) | GenerateError::Store(_))) => {
            tracing::warn!(user.id = %user, %error, "no recovery codes could be made");
        }
    }
    codes
}

fn failed(desk: &Desk, error: &GenerateError) -> Reply {
    match error {
        GenerateError::Off | GenerateError::Stale => see_other("/account"),
        GenerateError::Busy(busy) => desk.unavailable(&StoreError::Unavailable(busy.to_string())),
        GenerateError::Store(error) => desk.unavailable(error),
    }
}

fn page(desk: &Desk, visit: &Visit, to: Option<&str>, full: &Full, codes: &[Code]) -> Reply {
    let texts: Vec<_> = codes.iter().map(Code::to_text).collect();
    let codes: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
    let login_id = full.identity.user.login_id.as_str();
    desk.form_page(visit, to, |hidden| {
        desk.scripted_page(StatusCode::OK, &RecoveryCodesPage { frame: desk.frame(), hidden, login_id, codes: &codes })
    })
}

/// Asks for a code, and comes back here; who has no app proves themselves another way first.
async fn confirm(desk: &Desk, visit: &Visit, full: &Full, notice: Option<ProofNotice>) -> Reply {
    let user = &full.identity.user;
    match desk.world.store.totp_factors(user.id).await {
        Ok(factors) if factors.is_empty() => return onward("/challenge", Some(&Errand::Account.name())),
        Ok(_) => {}
        Err(error) => return desk.unavailable(&error),
    }
    let answerer = Answerer {
        login_id: user.login_id.as_str(),
        back: Some("/account"),
        others: &[],
        kept: Kept::Nothing,
        reference: None,
    };
    desk.form_page(visit, None, |hidden| {
        let (method, action) = (Method::Totp, "/recovery-codes");
        let page = ChallengePage {
            frame: desk.frame(),
            hidden,
            method,
            action,
            reason: Reason::Change,
            answerer,
            delivery: None,
            notice,
            remember: None,
            ends: None,
        };
        desk.page(status(notice), &page)
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
