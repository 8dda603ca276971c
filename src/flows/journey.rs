//! Where somebody was going when they were sent to the portal.
//!
//! It travels sealed in the link, so that a stranger's visit writes nothing, and no link can send anybody elsewhere.

use super::World;
use crate::domain::{
    policy::{demand::Wish, once::Fingerprint},
    secret::{Token, TokenHash},
    target::{Host, ReturnPath},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A way back to one page of one app, for the browser that set out from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// The app host.
    pub host: Host,
    /// The target that asks for a proof.
    pub path: ReturnPath,
    /// The method that was asked for: what policy is looked up by.
    pub method: String,
    /// Hash of the cookie that the browser holds on that host.
    pub browser: TokenHash,
    /// The one-time token of a form submission that waits for the end of this journey.
    pub held: Option<Token>,
    /// Where it ends; at `path` where this is not said.
    pub back: Option<ReturnPath>,
    /// What asked for a further proof, if that is what it is made for.
    pub asks: Option<Asks>,
    /// What the application asks for, beside its policy.
    pub demand: Option<Wish>,
    /// The id of the request that was sent here: what people can quote, and `explain` understands.
    pub request: Option<String>,
}

/// What asks for a further proof. The portal asks for what this policy lacks: it does not see the request itself or its
/// fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// The policy's name.
    pub policy: String,
    /// What the route guards, in the operator's words.
    pub label: Option<String>,
    /// The request that a proof will pay for, where each takes its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pays: Option<Fingerprint>,
}

const PURPOSE: &str = "journey";

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    h: &'a str,
    p: &'a str,
    m: &'a str,
    b: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<Asks>,
    /// Level, and seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<(Option<&'a str>, Option<u64>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<&'a str>,
}

impl Journey {
    /// The page to go on to.
    pub fn end(&self) -> &ReturnPath {
        self.back.as_ref().unwrap_or(&self.path)
    }

    /// The longest text of a link: with what else stands in one, it is a target that servers take.
    pub const LINK_MAX: usize = 7 * 1024;
    /// What is left of a path where the whole does not fit.
    const PATH_MAX: usize = 1024;

    /// The text that goes into the link. Where paths are so long that it would not fit, they go without their queries, or
    /// lead to the start page: a form that is kept knows itself where it goes.
    pub fn seal(&self, world: &World) -> String {
        let sealed = self.sealed(world);
        if sealed.len() <= Self::LINK_MAX {
            return sealed;
        }
        let shortened = |path: &ReturnPath| path.without_query(Self::PATH_MAX).unwrap_or_else(ReturnPath::root);
        let shorter = Self { path: shortened(&self.path), back: self.back.as_ref().map(shortened), ..self.clone() };
        shorter.sealed(world)
    }

    fn sealed(&self, world: &World) -> String {
        let browser = BASE64_URL_SAFE_NO_PAD.encode(self.browser.as_bytes());
        let held = self.held.as_ref().map(|token| token.to_text().to_string());
        let written = Written {
            h: self.host.as_str(),
            p: self.path.as_str(),
            m: &self.method,
            b: browser,
            t: held,
            r: self.back.as_ref().map(ReturnPath::as_str),
            a: self.asks.clone(),
            d: self.demand.as_ref().map(|wish| (wish.level.as_deref(), wish.within.map(|within| within.as_secs()))),
            i: self.request.as_deref(),
        };
        let plain = serde_json::to_vec(&written).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(world.vault.seal(PURPOSE, &plain))
    }

    /// What a link holds; `None` if we did not make it. Whoever opens it still checks that the host is an app's.
    pub fn open(world: &World, text: &str) -> Option<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = world.vault.open(PURPOSE, &sealed)?;
        let Written { h, p, m, b, t, r, a, d, i } = serde_json::from_slice(plain.expose()).ok()?;
        let browser = BASE64_URL_SAFE_NO_PAD.decode(b).ok()?.try_into().ok()?;
        Some(Self {
            host: Host::parse(h).ok()?,
            path: p.parse().ok()?,
            method: m.to_owned(),
            browser: TokenHash::from_bytes(browser),
            held: t.map(|text| Token::parse(&text).ok_or(())).transpose().ok()?,
            back: r.map(str::parse).transpose().ok()?,
            asks: a,
            demand: d.map(|(level, within)| Wish {
                level: level.map(str::to_owned),
                within: within.map(Duration::from_secs),
            }),
            request: i.map(str::to_owned),
        })
    }
}
