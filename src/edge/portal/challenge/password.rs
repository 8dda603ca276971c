//! `/challenge/password`: the password once more.

use super::{Answerer, ProofNotice, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// `GET /challenge/password`, and `POST` when it did not work. Posts `password` to `/challenge/password`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/password.html")]
pub struct PasswordPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form carries unseen.
    pub hidden: Hidden<'a>,
    /// Why the password is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// What was wrong with the last answer.
    pub notice: Option<ProofNotice>,
}
