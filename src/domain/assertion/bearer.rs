//! What a program brings in place of a cookie: a short-lived JWT that names a session at one app host.
//!
//! It is no identity by itself. Whoever reads one looks the session up, so it is worth what the session is worth at that
//! moment, and nothing once that is over. It can't stand for an assertion, nor an assertion for it: type and audience differ.

use crate::domain::{
    session::{Identity, Level, Limits, SessionId, proven},
    target::Authority,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The `typ` of its header (RFC 8725 3.11).
pub const TYPE: &str = "doorward-session+jwt";

/// How long one is valid; never longer than its session.
pub const LIFETIME: Duration = Duration::from_mins(5);

/// How far the clock of another node may be ahead (ID-08).
const SKEW_MAX: Duration = Duration::from_secs(30);

/// The claims of a session JWT (RFC 7519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The portal's origin.
    pub iss: String,
    /// The origin of the app host it was made for, and no other (SE-09).
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The session's id.
    pub sid: String,
    /// This token's id.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// From when it is valid.
    pub nbf: u64,
    /// Until when it is valid.
    pub exp: u64,
    /// When the user last proved who they are, as of then.
    pub auth_time: u64,
    /// The level the session amounted to then.
    pub acr: String,
}

/// The audience of one app host.
pub fn audience(host: &Authority) -> String {
    format!("https://{host}")
}

/// What a program is given to speak for `identity` at `aud`. `None` if nothing is proven.
pub fn claims(
    identity: &Identity,
    iss: &str,
    aud: String,
    limits: Limits,
    jti: uuid::Uuid,
    now: Timestamp,
) -> Option<Claims> {
    let session = &identity.session;
    let level = Level::reached(&session.authentications, now)?;
    let end = (session.started_at + limits.lifetime).min(now + LIFETIME);
    Some(Claims {
        iss: iss.to_owned(),
        aud,
        sub: identity.user.id.0.to_string(),
        sid: session.id.0.to_string(),
        jti: jti.to_string(),
        iat: now.as_secs(),
        nbf: now.as_secs(),
        exp: end.as_secs(),
        auth_time: proven(&session.authentications, now).map(|proof| proof.at.as_secs()).max()?,
        acr: level.name().to_owned(),
    })
}

impl Claims {
    /// The session that these name, if they were made by `iss` for `aud` and are valid at `now`. That they are ours was
    /// checked before.
    pub fn session(&self, iss: &str, aud: &str, now: Timestamp) -> Option<SessionId> {
        let is_due = self.nbf <= (now + SKEW_MAX).as_secs() && now.as_secs() < self.exp;
        if self.iss != iss || self.aud != aud || !is_due {
            return None;
        }
        self.sid.parse().ok().map(SessionId)
    }

    /// When they stop being valid.
    pub fn end(&self) -> Timestamp {
        Timestamp::from_millis(0) + Duration::from_secs(self.exp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        factor::{FactorId, Method},
        place::Place,
        risk::Assessment,
        session::{Authentication, Session},
        user::{LoginId, User, UserId},
    };
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const LIMITS: Limits = Limits { lifetime: Duration::from_hours(1), idle: Duration::from_mins(10) };

    fn identity(started_at: Timestamp) -> Identity {
        let user = UserId(Uuid::from_u128(1));
        let proof = Authentication { method: Method::Password, factor: FactorId(Uuid::nil()), at: started_at };
        Identity {
            user: User {
                id: user,
                login_id: LoginId::parse("ann").unwrap(),
                name: String::new(),
                email: None,
                groups: Vec::new(),
                language: None,
                disabled: false,
                created_at: started_at,
            },
            session: Session {
                id: SessionId(Uuid::from_u128(2)),
                user,
                authentications: vec![proof],
                started_at,
                seen_at: started_at,
                activity: crate::domain::session::Activity::begun(started_at),
                locked_at: None,
                spared: false,
                place: Place::default(),
                risk: Assessment::default(),
            },
        }
    }

    fn made(started_at: Timestamp) -> Claims {
        claims(&identity(started_at), "https://auth", "https://app".to_owned(), LIMITS, Uuid::nil(), NOON).unwrap()
    }

    #[test]
    fn it_counts_for_five_minutes_at_one_host_and_one_portal() {
        let made = made(NOON);
        let session = |iss, aud, now| made.session(iss, aud, now).is_some();

        assert!(session("https://auth", "https://app", NOON));
        assert!(session("https://auth", "https://app", NOON - Duration::from_secs(30)));
        assert!(session("https://auth", "https://app", NOON + Duration::from_secs(299)));
        assert!(!session("https://auth", "https://app", NOON + LIFETIME));
        assert!(!session("https://auth", "https://app", NOON - Duration::from_secs(31)));
        assert!(!session("https://auth", "https://other", NOON));
        assert!(!session("https://other", "https://app", NOON));
    }

    #[test]
    fn it_never_outlives_its_session() {
        let made = made(NOON - Duration::from_mins(58));

        assert_eq!(made.exp, (NOON + Duration::from_mins(2)).as_secs());
    }

    #[test]
    fn nothing_proven_is_nothing_to_speak_for() {
        let ahead = identity(NOON + Duration::from_mins(1));

        assert_eq!(claims(&ahead, "https://auth", "https://app".to_owned(), LIMITS, Uuid::nil(), NOON), None);
    }
}
