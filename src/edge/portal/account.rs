//! `/account`: who one is, what one has, what is open.

use crate::{
    domain::factor::Method,
    edge::http::{
        page::{Frame, Hidden},
        words::filters,
    },
};
use askama::Template;
use std::time::Duration;

/// `GET /account`. Posts `everywhere` (present or not) to `/logout`.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "pages/account.html")]
pub struct AccountPage<'a> {
    /// What stands around it.
    pub frame: Frame<'a>,
    /// What the forms carry unseen.
    pub hidden: Hidden<'a>,
    /// Their name.
    pub name: &'a str,
    /// What they type to sign in.
    pub login_id: &'a str,
    /// What there is to say first.
    pub notice: Option<AccountNotice>,
    /// What they can prove with.
    pub factors: &'a [FactorRow<'a>],
    /// What they can open.
    pub apps: &'a [AppRow<'a>],
    /// The session of this browser.
    pub session: SessionRow<'a>,
}

/// What just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNotice {
    /// An authenticator app was added.
    Enrolled,
}

/// One factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorRow<'a> {
    /// What it is.
    pub method: Method,
    /// What they call it.
    pub name: Option<&'a str>,
    /// How long ago it was added.
    pub added: Duration,
    /// How long ago it was last used, if ever.
    pub used: Option<Duration>,
}

/// One application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppRow<'a> {
    /// Its title.
    pub title: &'a str,
    /// Where it is.
    pub url: &'a str,
}

/// The session of this browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow<'a> {
    /// How long ago it began.
    pub age: Duration,
    /// How much longer it can last.
    pub left: Duration,
    /// What was proven, and how long ago; the latest first.
    pub proofs: &'a [(Method, Duration)],
}

impl AppRow<'_> {
    /// The part of its address that people recognise.
    fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }
}

impl AccountPage<'_> {
    fn has(&self, method: Method) -> bool {
        self.factors.iter().any(|factor| factor.method == method)
    }
}
