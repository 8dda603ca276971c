//! `/challenge` for somebody who has none of the methods that would do.

use super::{Answerer, Reason};
use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;

/// Says what is needed, and where to get it.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/challenge/dead_end.html")]
pub struct DeadEndPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the form to sign out carries unseen.
    pub hidden: Hidden<'a>,
    /// Why a proof is asked for.
    pub reason: Reason<'a>,
    /// Who is asked.
    pub answerer: Answerer<'a>,
    /// The methods that would do; never empty.
    pub needed: &'a [Method],
}
