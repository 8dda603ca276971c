//! Signed assertions: at most one signature a session, route and half-minute.

use super::outgoing::IdentityValues;
use crate::{
    domain::{
        assertion::{LIFETIME, claims},
        session::{Identity, SessionId},
        time::Timestamp,
    },
    ports::{Entropy, SignError, Signer},
};
use foldhash::fast::RandomState;
use http::HeaderValue;
use moka::sync::Cache;
use std::sync::Arc;

/// Whatever a signature depends on. A new proof changes the time, and so the key; so does what an operator changes about
/// somebody, for the assertion must say what the header fields beside it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    session: SessionId,
    /// The app, by its place in the config.
    app: usize,
    /// The route, by its place in the app.
    route: Option<usize>,
    proven_at: Option<Timestamp>,
    /// A hash of what header fields say.
    said: [u8; 32],
}

/// Makes assertions, and remembers them for half their life.
#[derive(Clone)]
pub struct Assertions {
    issuer: Arc<str>,
    signer: Arc<dyn Signer>,
    entropy: Arc<dyn Entropy>,
    signed: Cache<Key, HeaderValue, RandomState>,
}

/// What an assertion is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The app's name: the only audience.
    pub app: &'a str,
    /// The app's place in the config.
    pub app_index: usize,
    /// The route's place in the app, and its glob.
    pub route: Option<(usize, &'a str)>,
    /// The operator's own level that the policy asked for, if it did.
    pub level: Option<&'a str>,
}

impl Assertions {
    /// Assertions of the portal at `issuer`.
    pub fn new(issuer: &str, signer: Arc<dyn Signer>, entropy: Arc<dyn Entropy>) -> Self {
        Self { issuer: issuer.into(), signer, entropy, signed: nothing() }
    }

    /// The same, with nothing remembered: what is remembered goes by places in the config, and those have changed.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { signed: nothing(), ..self.clone() }
    }

    /// The `Doorward-Assertion` for one request.
    pub fn get(
        &self,
        identity: &Identity,
        values: &IdentityValues,
        about: About<'_>,
        now: Timestamp,
    ) -> Result<HeaderValue, SignError> {
        let proven_at = identity.session.authentications.iter().map(|proof| proof.at).max();
        let (session, route, said) = (identity.session.id, about.route.map(|(at, _)| at), values.hash());
        let key = Key { session, app: about.app_index, route, proven_at, said };
        self.signed.get(&key).map_or_else(|| self.sign(key, identity, about, now), Ok)
    }

    fn sign(&self, key: Key, identity: &Identity, about: About<'_>, now: Timestamp) -> Result<HeaderValue, SignError> {
        let route = about.route.map_or("*", |(_, glob)| glob);
        let claims = claims(identity, &self.issuer, about.app, route, about.level, self.entropy.id(now), now)
            .ok_or_else(|| SignError("nothing is proven".to_owned()))?;
        let value = HeaderValue::try_from(self.signer.sign(&claims)?).map_err(|error| SignError(error.to_string()))?;
        self.signed.insert(key, value.clone());
        Ok(value)
    }
}

fn nothing() -> Cache<Key, HeaderValue, RandomState> {
    let remembered = Cache::builder().max_capacity(100_000).time_to_live(LIFETIME / 2);
    remembered.build_with_hasher(RandomState::default())
}
