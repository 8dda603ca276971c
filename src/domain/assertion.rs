//! What an application is told about who is there, in a form it can verify.

pub mod bearer;

use crate::domain::{
    session::{Identity, Level, proven},
    time::Timestamp,
};
use serde::Serialize;
use std::time::Duration;

/// How long an assertion is valid (ID-08).
pub const LIFETIME: Duration = Duration::from_mins(1);

/// The claims of a `Doorward-Assertion` (RFC 7519, RFC 8176, and 2 of `OpenID` Connect Core).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The portal's origin.
    pub iss: String,
    /// The app's name, and nobody else.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// What the user types to sign in.
    pub preferred_username: String,
    /// The user's name.
    pub name: String,
    /// The user's e-mail address, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The session's id.
    pub sid: String,
    /// This assertion's id.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// From when it is valid.
    pub nbf: u64,
    /// Until when it is valid.
    pub exp: u64,
    /// When the user last proved who they are.
    pub auth_time: u64,
    /// The level the session amounts to; the operator's own where the policy asked for one.
    pub acr: String,
    /// How they proved it (RFC 8176 2); `mfa` only with two different classes.
    pub amr: Vec<&'static str>,
    /// Each proof.
    pub authentications: Vec<Proof>,
    /// The glob of the route that let this request through, or `*` where only the app's own policy holds.
    pub route: String,
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// By which method, in Doorward's own words.
    pub method: &'static str,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// What is asserted about `identity` to the app `aud`, which a policy may have admitted at an operator's own level. `None` if nothing is proven.
pub fn claims(
    identity: &Identity,
    iss: &str,
    aud: &str,
    route: &str,
    custom_level: Option<&str>,
    jti: uuid::Uuid,
    now: Timestamp,
) -> Option<Claims> {
    let proofs = || proven(&identity.session.authentications, now);
    let level = Level::reached(&identity.session.authentications, now)?;
    let mut amr: Vec<_> = proofs().flat_map(|proof| proof.method.amr().iter().copied()).collect();
    if level >= Level::Mfa {
        amr.push("mfa");
    }
    amr.sort_unstable();
    amr.dedup();
    Some(Claims {
        iss: iss.to_owned(),
        aud: aud.to_owned(),
        sub: identity.user.id.0.to_string(),
        preferred_username: identity.user.login_id.to_string(),
        name: identity.user.name.clone(),
        email: identity.user.email.clone(),
        groups: identity.user.groups.clone(),
        sid: identity.session.id.0.to_string(),
        jti: jti.to_string(),
        iat: now.as_secs(),
        nbf: now.as_secs(),
        exp: (now + LIFETIME).as_secs(),
        auth_time: proofs().map(|proof| proof.at.as_secs()).max()?,
        acr: custom_level.unwrap_or(level.name()).to_owned(),
        amr,
        authentications: proofs()
            .map(|proof| Proof { method: proof.method.name(), time: proof.at.as_secs() })
            .collect(),
        route: route.to_owned(),
    })
}
