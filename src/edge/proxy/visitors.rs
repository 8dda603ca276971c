//! Who is behind a cookie or token: from memory for a moment, then from the store.

use super::{
    bearer::{self, Brought},
    outgoing::IdentityValues,
    tokens::Tokens,
};
use crate::{
    domain::{
        policy::{Visitor, WhyAnonymous},
        secret::{Token, TokenHash, sha256},
        session::{Identity, SessionId},
        target::{Authority, Host},
        time::Timestamp,
        user::UserId,
    },
    edge::http::{
        cookies::{self, Found, Name},
        ended::{CACHED_FOR, Ended},
    },
    flows::{World, sessions},
    ports::StoreError,
};
use foldhash::fast::RandomState;
use http::HeaderMap;
use moka::sync::Cache;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;

/// Child sessions this process remembers. A stranger's made-up cookie never takes a place.
const REMEMBERED_MAX: u64 = 100_000;

/// How long a request waits for the store.
const STORE_MAX: Duration = Duration::from_secs(5);

/// Looks visitors up. One for the whole process.
#[derive(Clone)]
pub struct Visitors {
    world: World,
    cache: Cache<TokenHash, Arc<Known>, RandomState>,
    ended: Ended,
    tokens: Tokens,
    /// Where the store is spoken to: off the threads that move bytes.
    slow: Handle,
}

/// A visitor we know, with what every request of theirs needs.
#[derive(Debug)]
pub struct Known {
    /// The only host this child session counts on (SE-09).
    host: Host,
    /// Until when what they brought is good, where it has an end of its own.
    until: Option<Timestamp>,
    /// Who.
    pub identity: Arc<Identity>,
    /// The same, as header fields.
    pub values: IdentityValues,
    /// Whether it was noted that they use their session.
    is_noted: AtomicBool,
}

/// What a visitor is looked up by.
#[derive(Clone, Copy)]
enum By {
    /// A child token.
    Child(TokenHash),
    /// A JWT that names a session, until then.
    Jwt(SessionId, Timestamp),
}

/// Somebody, or nobody and why.
pub enum Seen {
    /// Somebody with a live session.
    Known(Arc<Known>),
    /// Nobody.
    Nobody(WhyAnonymous),
}

impl Seen {
    /// The visitor that policy decides on.
    pub fn visitor(&self) -> Visitor {
        match self {
            Self::Known(known) => Visitor::SignedIn(Arc::clone(&known.identity)),
            Self::Nobody(why) => Visitor::Anonymous(*why),
        }
    }

    /// Whose session it is.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Known(known) => Some(known.identity.user.id),
            Self::Nobody(_) => None,
        }
    }

    /// What they type to sign in.
    pub fn login_id(&self) -> Option<&str> {
        match self {
            Self::Known(known) => Some(known.identity.user.login_id.as_str()),
            Self::Nobody(_) => None,
        }
    }
}

impl Visitors {
    /// A cache over the store of `world`.
    pub fn new(world: World, ended: Ended, slow: Handle, tokens: Tokens) -> Self {
        let cache = Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(CACHED_FOR);
        let cache = cache.build_with_hasher(RandomState::default());
        Self { world, cache, ended, tokens, slow }
    }

    /// The same, under the settings of `world`. Who is known stays known: what they may is asked of the settings each time.
    #[must_use]
    pub fn next(&self, world: World) -> Self {
        Self { world, ..self.clone() }
    }

    /// What ended a moment ago, and what is open.
    pub const fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Makes what programs bring in place of a cookie.
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who sends a request with these fields to an app host.
    ///
    /// An error means that nobody knows: the request must not pass (SE-08).
    pub async fn look(&self, headers: &HeaderMap, authority: &Authority) -> Result<Seen, StoreError> {
        match bearer::find(headers) {
            Brought::None => self.look_at_cookie(headers, &authority.host).await,
            Brought::One(token) => self.look_at_token(token, authority).await,
            Brought::Ambiguous => Ok(Seen::Nobody(WhyAnonymous::BadToken)),
        }
    }

    async fn look_at_cookie(&self, headers: &HeaderMap, host: &Host) -> Result<Seen, StoreError> {
        match cookies::find(headers, Name::App) {
            Found::None => Ok(Seen::Nobody(WhyAnonymous::NoCookie)),
            Found::Ambiguous => Ok(Seen::Nobody(WhyAnonymous::BadCookie)),
            Found::One(value) => match Token::parse(value) {
                Some(token) => self.find(token.hash(), host).await,
                None => Ok(Seen::Nobody(WhyAnonymous::BadCookie)),
            },
        }
    }

    async fn look_at_token(&self, token: &str, authority: &Authority) -> Result<Seen, StoreError> {
        if let Some(opaque) = token.strip_prefix(bearer::OPAQUE) {
            return match Token::parse(opaque) {
                Some(child) => self.find(child.hash(), &authority.host).await,
                None => Ok(Seen::Nobody(WhyAnonymous::BadToken)),
            };
        }
        // One that was verified a moment ago is not verified again.
        let key = TokenHash::from_bytes(sha256(token.as_bytes()));
        if let Some(seen) = self.remembered(key, &authority.host) {
            return Ok(seen);
        }
        match self.tokens.read(token, authority, self.world.clock.now()) {
            Some((session, until)) => self.ask(key, By::Jwt(session, until), authority.host.clone()).await,
            None => Ok(Seen::Nobody(WhyAnonymous::BadToken)),
        }
    }

    /// Notes that somebody uses their session. Nobody waits for that.
    pub fn touch(&self, known: &Arc<Known>) {
        let is_due = sessions::is_touch_due(&known.identity.session, self.world.clock.now());
        if !is_due || known.is_noted.swap(true, Ordering::Relaxed) {
            return;
        }
        let (world, known) = (self.world.clone(), Arc::clone(known));
        self.slow.spawn(async move {
            if let Err(error) = sessions::touch(&world, &known.identity).await {
                tracing::warn!(%error, "a session's use could not be noted");
            }
        });
    }

    /// Who holds this child token on `host`.
    pub async fn find(&self, child: TokenHash, host: &Host) -> Result<Seen, StoreError> {
        match self.remembered(child, host) {
            Some(seen) => Ok(seen),
            None => self.ask(child, By::Child(child), host.clone()).await,
        }
    }

    /// Who was looked up under this key a moment ago.
    fn remembered(&self, key: TokenHash, host: &Host) -> Option<Seen> {
        let known = self.cache.get(&key)?;
        if known.host != *host || self.ended.has(known.identity.session.id) {
            return None;
        }
        if known.until.is_some_and(|until| self.world.clock.now() >= until) {
            return None;
        }
        Some(match sessions::standing_visitor(&self.world, Arc::clone(&known.identity)) {
            Visitor::SignedIn(_) => Seen::Known(known),
            Visitor::Anonymous(why) => Seen::Nobody(why),
        })
    }

    async fn ask(&self, key: TokenHash, by: By, host: Host) -> Result<Seen, StoreError> {
        let world = self.world.clone();
        let asked = self.slow.spawn(async move {
            let visitor = match by {
                By::Child(child) => sessions::visitor(&world, child, &host).await,
                By::Jwt(session, _) => sessions::visitor_of(&world, session).await,
            };
            (visitor, host)
        });
        let (visitor, host) = tokio::time::timeout(STORE_MAX, asked)
            .await
            .map_err(|_| StoreError::Unavailable("no answer in time".to_owned()))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(match visitor? {
            Visitor::Anonymous(why) => Seen::Nobody(why),
            Visitor::SignedIn(identity) => {
                let values = IdentityValues::of(&identity);
                let until = match by {
                    By::Child(_) => None,
                    By::Jwt(_, until) => Some(until),
                };
                let known = Arc::new(Known { host, until, identity, values, is_noted: AtomicBool::new(false) });
                self.cache.insert(key, Arc::clone(&known));
                Seen::Known(known)
            }
        })
    }
}
