//! What the pages show. Their words are in `templates/demo/`.

use super::{
    ledger::{Cents, Draft, Transfer},
    visitor::Visitor,
};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

#[derive(Template)]
#[template(path = "demo/overview.html")]
pub(super) struct Overview {
    pub(super) visitor: Visitor,
    pub(super) balance: Cents,
    pub(super) transfers: Vec<Transfer>,
}

#[derive(Template)]
#[template(path = "demo/transfers.html")]
pub(super) struct Transfers {
    pub(super) visitor: Visitor,
    pub(super) transfers: Vec<Transfer>,
}

#[derive(Template)]
#[template(path = "demo/new.html")]
pub(super) struct NewTransfer {
    pub(super) visitor: Visitor,
    pub(super) draft: Draft,
    /// Why it was not accepted, if it was not.
    pub(super) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "demo/transfer.html")]
pub(super) struct OneTransfer {
    pub(super) visitor: Visitor,
    pub(super) transfer: Transfer,
}

#[derive(Template)]
#[template(path = "demo/whoami.html")]
pub(super) struct Whoami {
    pub(super) visitor: Visitor,
    pub(super) received: Vec<(String, String)>,
    pub(super) assertion: Option<String>,
}

#[derive(Template)]
#[template(path = "demo/files.html")]
pub(super) struct Files {
    pub(super) visitor: Visitor,
}

#[derive(Template)]
#[template(path = "demo/missing.html")]
pub(super) struct Missing {
    pub(super) visitor: Visitor,
}

pub(super) fn answer(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the demo application can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
