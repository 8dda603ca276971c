//! `/challenge/totp`: a code from an authenticator app.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/totp`, and `POST` when it did not work. Posts `code` to `/challenge/totp`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/totp.html")]
pub struct TotpPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Why a code is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
}
