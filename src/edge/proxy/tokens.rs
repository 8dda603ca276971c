//! Session JWTs: made for programs, and read again.

use crate::{
    domain::{
        assertion::bearer::{Claims, audience, claims},
        session::{Identity, Limits, SessionId},
        target::Authority,
        time::Timestamp,
    },
    ports::{Entropy, SignError, Signer},
};
use std::sync::Arc;

/// Makes and reads them.
#[derive(Clone)]
pub struct Tokens {
    issuer: Arc<str>,
    signer: Arc<dyn Signer>,
    entropy: Arc<dyn Entropy>,
}

impl Tokens {
    /// Tokens of the portal at `issuer`.
    pub fn new(issuer: &str, signer: Arc<dyn Signer>, entropy: Arc<dyn Entropy>) -> Self {
        Self { issuer: issuer.into(), signer, entropy }
    }

    /// A token for one session at one app host, and what it says.
    pub fn issue(
        &self,
        identity: &Identity,
        host: &Authority,
        limits: Limits,
        now: Timestamp,
    ) -> Result<(String, Claims), SignError> {
        let claims = claims(identity, &self.issuer, audience(host), limits, self.entropy.id(now), now)
            .ok_or_else(|| SignError("nothing is proven".to_owned()))?;
        Ok((self.signer.sign_session(&claims)?, claims))
    }

    /// The session that a token names at this host, and until when; `None` if it is none of ours, for another host, or over.
    pub fn read(&self, token: &str, host: &Authority, now: Timestamp) -> Option<(SessionId, Timestamp)> {
        let claims = self.signer.read_session(token)?;
        Some((claims.session(&self.issuer, &audience(host), now)?, claims.end()))
    }
}
