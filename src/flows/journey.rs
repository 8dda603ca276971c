//! Where somebody was going when they were sent to the portal.
//!
//! It travels sealed in the link, so that a stranger's visit writes nothing, and no link can send anybody elsewhere.

use super::World;
use crate::domain::{
    secret::TokenHash,
    target::{Host, ReturnPath},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};

/// A way back to one page of one app, for the browser that set out from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// The app host.
    pub host: Host,
    /// The page.
    pub path: ReturnPath,
    /// The method that was asked for: what policy is looked up by.
    pub method: String,
    /// Hash of the cookie that the browser holds on that host.
    pub browser: TokenHash,
    /// What asked for a further proof, if that is what it is made for.
    pub asks: Option<Asks>,
}

/// What asks for a further proof. The portal asks for what this policy lacks: it does not see the request itself, its
/// fields, or the method that a form would have been sent with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// The policy's name.
    pub policy: String,
    /// What the route guards, in the operator's words.
    pub label: Option<String>,
}

const PURPOSE: &str = "journey";

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    h: &'a str,
    p: &'a str,
    m: &'a str,
    b: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<Asks>,
}

impl Journey {
    /// The text that goes into the link.
    pub fn seal(&self, world: &World) -> String {
        let browser = BASE64_URL_SAFE_NO_PAD.encode(self.browser.as_bytes());
        let written =
            Written { h: self.host.as_str(), p: self.path.as_str(), m: &self.method, b: browser, a: self.asks.clone() };
        let plain = serde_json::to_vec(&written).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(world.vault.seal(PURPOSE, &plain))
    }

    /// What a link holds; `None` if we did not make it. Whoever opens it still checks that the host is an app's.
    pub fn open(world: &World, text: &str) -> Option<Self> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let plain = world.vault.open(PURPOSE, &sealed)?;
        let Written { h, p, m, b, a } = serde_json::from_slice(plain.expose()).ok()?;
        let browser = BASE64_URL_SAFE_NO_PAD.decode(b).ok()?.try_into().ok()?;
        Some(Self {
            host: Host::parse(h).ok()?,
            path: p.parse().ok()?,
            method: m.to_owned(),
            browser: TokenHash::from_bytes(browser),
            asks: a,
        })
    }
}
