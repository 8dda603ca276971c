//! Sessions: lists of authentications, and what they amount to at one instant.
//!
//! Nothing is stored as "mfa: true". Level and freshness are computed from the list at the moment of the request,
//! so that no later change of policy or clock can leave a stale answer behind.
//!
//! # Invariants
//!
//! - A proof from the future is no proof.
//! - More proof is never a lower level.
//! - Two methods of one class are not two factors.
//! - What was proven before a lock is never fresh after it, and counts for the level as before.
//! - A mailbox is no second factor beside a password: whoever reads the mail resets the password (OB-04).

mod activity;

pub use activity::Activity;

use crate::domain::{
    factor::{FactorClass, FactorId, Method},
    place::Place,
    risk::Assessment,
    time::Timestamp,
    user::{User, UserId},
};
use std::time::Duration;
use uuid::Uuid;

/// Names one sign-in for as long as it lives. Not a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub Uuid);

/// One proof at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Authentication {
    /// How it was proven.
    pub method: Method,
    /// With which enrolled factor.
    pub factor: FactorId,
    /// When.
    pub at: Timestamp,
}

/// A signed-in browser: who, and everything they have proven since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name; `sid` in assertions.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What was proven, oldest first; the latest of each factor.
    pub authentications: Vec<Authentication>,
    /// When it began. A step-up never moves this.
    pub started_at: Timestamp,
    /// When a request last used it or a stream of it was open, to the minute.
    pub seen_at: Timestamp,
    /// When somebody used it.
    pub activity: Activity,
    /// When its owner last locked it, if ever.
    pub locked_at: Option<Timestamp>,
    /// Whether a remembered browser spared its owner the second step that began it. What has been proven since stands beside.
    pub spared: bool,
    /// Where it was begun.
    pub place: Place,
    /// How unlike its owner's earlier sign-ins that was.
    pub risk: Assessment,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A session this old is over, however busy.
    pub lifetime: Duration,
    /// A session unused for this long is over.
    pub idle: Duration,
}

/// Whether a session still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Live,
    /// It is older than [`Limits::lifetime`], or claims to begin in the future.
    TooOld,
    /// Nobody used it for [`Limits::idle`].
    Idle,
}

/// How strong a session is. Ordered: a higher level serves wherever a lower one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One proof of any kind.
    Login,
    /// Proofs of two classes, a mailbox not counted.
    Mfa,
    /// One that a look-alike page can't pass on, of two factors: a passkey.
    PhishingResistant,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: &[Self] = &[Self::Login, Self::Mfa, Self::PhishingResistant];

    /// The name in config files, and the `acr` of assertions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Mfa => "mfa",
            Self::PhishingResistant => "phishing-resistant",
        }
    }

    /// What these authentications amount to at `now`; `None` if they prove nothing.
    pub fn reached(authentications: &[Authentication], now: Timestamp) -> Option<Self> {
        Self::shown_by(proven(authentications, now).map(|proof| proof.method))
    }

    /// What proofs by these methods amount to; `None` if there are none.
    pub fn shown_by(methods: impl Iterator<Item = Method>) -> Option<Self> {
        let mut shown: Option<Self> = None;
        let (mut is_known, mut is_held) = (false, false);
        for method in methods {
            match method.class() {
                FactorClass::Knowledge => is_known = true,
                FactorClass::Possession => is_held |= !method.is_mail(),
            }
            let alone = if method.resists_phishing() { Self::PhishingResistant } else { Self::Login };
            shown = shown.max(Some(alone));
        }
        if is_known && is_held { shown.max(Some(Self::Mfa)) } else { shown }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The authentications that count at `now`: those that do not lie in the future.
pub fn proven(authentications: &[Authentication], now: Timestamp) -> impl Iterator<Item = &Authentication> {
    authentications.iter().filter(move |proof| proof.at.age(now).is_some())
}

/// The latest authentication by one of `methods` that counts at `now`.
pub fn latest<'a>(
    authentications: &'a [Authentication],
    methods: &[Method],
    now: Timestamp,
) -> Option<&'a Authentication> {
    proven(authentications, now).filter(|proof| methods.contains(&proof.method)).max_by_key(|proof| proof.at)
}

impl Session {
    /// Whether its second step was spared, and nothing but the password has been proven since.
    pub fn owes_second_step(&self, now: Timestamp) -> bool {
        self.spared && proven(&self.authentications, now).all(|proof| proof.method == Method::Password)
    }

    /// The latest authentication by one of `methods` that can be fresh at `now`: none from before a lock.
    pub fn latest_fresh(&self, methods: &[Method], now: Timestamp) -> Option<&Authentication> {
        let latest = latest(&self.authentications, methods, now);
        latest.filter(|proof| self.locked_at.is_none_or(|locked_at| proof.at > locked_at))
    }

    /// Whether it still counts at `now`.
    pub fn standing(&self, limits: Limits, now: Timestamp) -> Standing {
        if self.started_at.age(now).is_none_or(|age| age >= limits.lifetime) {
            Standing::TooOld
        } else if self.seen_at.age(now).is_some_and(|age| age >= limits.idle) {
            Standing::Idle
        } else {
            Standing::Live
        }
    }
}

/// Who is there, and what they have proven: what a decision is made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user: User,
    /// The sign-in.
    pub session: Session,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const LIMITS: Limits = Limits { lifetime: Duration::from_hours(1), idle: Duration::from_mins(10) };

    fn proof(method: Method, at: Timestamp) -> Authentication {
        Authentication { method, factor: FactorId(Uuid::nil()), at }
    }

    fn session(started_at: Timestamp, seen_at: Timestamp) -> Session {
        Session {
            id: SessionId(Uuid::nil()),
            user: UserId(Uuid::nil()),
            authentications: vec![],
            started_at,
            seen_at,
            activity: Activity::begun(seen_at),
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: Assessment::default(),
        }
    }

    #[test]
    fn two_methods_of_one_class_are_not_two_factors() {
        let two_codes = [proof(Method::Totp, NOON), proof(Method::Totp, NOON)];
        let both = [proof(Method::Password, NOON), proof(Method::Totp, NOON)];

        assert_eq!(Level::reached(&two_codes, NOON), Some(Level::Login));
        assert_eq!(Level::reached(&both, NOON), Some(Level::Mfa));
        assert_eq!(Level::reached(&[], NOON), None);
    }

    #[test]
    fn a_mailbox_is_no_second_factor() {
        let level = |methods: &[Method]| Level::shown_by(methods.iter().copied());

        for mail in [Method::EmailCode, Method::EmailLink] {
            assert_eq!(level(&[Method::Password, mail]), Some(Level::Login), "{mail}");
            assert_eq!(level(&[mail, Method::RecoveryCode]), Some(Level::Login), "{mail}");
            assert_eq!(level(&[mail, Method::Password, Method::Totp]), Some(Level::Mfa), "{mail}");
        }
        assert_eq!(level(&[Method::EmailCode, Method::EmailLink]), Some(Level::Login));
        assert_eq!(level(&[Method::SmsCode, Method::VoiceCode]), Some(Level::Login));
        assert_eq!(level(&[Method::Password, Method::SmsCode]), Some(Level::Mfa));
    }

    #[test]
    fn a_passkey_alone_resists_phishing_and_nothing_else_does() {
        for method in Method::ALL {
            let resists = Level::reached(&[proof(*method, NOON)], NOON) == Some(Level::PhishingResistant);
            assert_eq!(resists, *method == Method::Passkey, "{method}");
        }
        let weaker: Vec<_> = Method::ALL.iter().filter(|method| **method != Method::Passkey).collect();
        let proofs: Vec<_> = weaker.into_iter().map(|method| proof(*method, NOON)).collect();
        assert_eq!(Level::reached(&proofs, NOON), Some(Level::Mfa));
    }

    #[test]
    fn a_proof_from_the_future_is_no_proof() {
        let soon = NOON + Duration::from_millis(1);

        assert_eq!(Level::reached(&[proof(Method::Password, soon)], NOON), None);
        assert_eq!(
            Level::reached(&[proof(Method::Password, NOON), proof(Method::Totp, soon)], NOON),
            Some(Level::Login)
        );
        assert_eq!(latest(&[proof(Method::Totp, soon)], &[Method::Totp], NOON), None);
    }

    #[test]
    fn both_limits_end_a_session() {
        let hour = Duration::from_hours(1);
        let minute = Duration::from_mins(1);

        assert_eq!(session(NOON - minute, NOON).standing(LIMITS, NOON), Standing::Live);
        assert_eq!(session(NOON - hour, NOON).standing(LIMITS, NOON), Standing::TooOld);
        assert_eq!(session(NOON - 20 * minute, NOON - 10 * minute).standing(LIMITS, NOON), Standing::Idle);
        // The clock was set back behind the session's start: it is over, not young.
        assert_eq!(session(NOON + minute, NOON).standing(LIMITS, NOON), Standing::TooOld);
    }

    #[test]
    fn what_was_proven_before_a_lock_is_not_fresh_after_it() {
        let minute = Duration::from_mins(1);
        let mut session = session(NOON - minute, NOON);
        session.authentications = vec![proof(Method::Totp, NOON - minute)];
        assert!(session.latest_fresh(&[Method::Totp], NOON).is_some());

        session.locked_at = Some(NOON - minute);
        assert_eq!(session.latest_fresh(&[Method::Totp], NOON), None, "proven in the very instant of the lock");
        session.authentications.push(proof(Method::Password, NOON));
        assert!(session.latest_fresh(&[Method::Password], NOON).is_some(), "proven since");
        assert_eq!(Level::reached(&session.authentications, NOON), Some(Level::Mfa), "both count for the level");
    }

    fn any_proof() -> impl Strategy<Value = Authentication> {
        (prop::sample::select(Method::ALL), -7_200_000i64..600_000)
            .prop_map(|(method, offset)| proof(method, Timestamp::from_millis(NOON.as_millis() + offset)))
    }

    proptest! {
        #[test]
        fn more_proof_is_never_a_lower_level(
            proofs in prop::collection::vec(any_proof(), 0..6),
            extra in any_proof(),
        ) {
            let before = Level::reached(&proofs, NOON);
            let mut more = proofs;
            more.push(extra);
            prop_assert!(Level::reached(&more, NOON) >= before);
        }

        #[test]
        fn without_a_password_and_something_held_beside_mail_there_is_no_mfa(
            methods in prop::collection::vec(prop::sample::select(Method::ALL), 0..6),
        ) {
            let knows = methods.contains(&Method::Password);
            let holds = methods.iter().any(|method| *method != Method::Password && !method.is_mail());
            let level = Level::shown_by(methods.iter().copied());
            prop_assert_eq!(level >= Some(Level::Mfa), (knows && holds) || methods.contains(&Method::Passkey));
        }
    }
}
