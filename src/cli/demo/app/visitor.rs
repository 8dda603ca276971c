//! Who the gateway says is there.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

/// The person in `Remote-User`, and how they proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The login id.
    pub(super) user: String,
    /// What to call them.
    pub(super) name: String,
    /// The methods that the assertion lists, oldest first.
    pub(super) methods: Vec<String>,
}

impl Visitor {
    /// `None` where the gateway names nobody, or where two values leave in doubt who it is.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let user = only(headers, "remote-user").filter(|user| !user.is_empty())?;
        let name = only(headers, "remote-name").filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
        let methods = assertion_claims(headers)
            .and_then(|claims| {
                let proofs = claims.get("authentications")?.as_array()?;
                Some(proofs.iter().filter_map(|proof| Some(proof.get("method")?.as_str()?.to_owned())).collect())
            })
            .unwrap_or_default();
        Some(Self { user, name, methods })
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// What `Doorward-Assertion` says, to be shown.
///
/// The signature is not verified: this application is on the loopback and has chosen to trust what reaches it. One that
/// a client could reach by another way would verify it with the portal's published keys.
pub(super) fn assertion_claims(headers: &HeaderMap) -> Option<Value> {
    let token = only(headers, "doorward-assertion")?;
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn only(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
