//! When somebody last used a session, and for how long nobody did.
//!
//! What counts is that a person asked for something. What a page asks for by itself, on routes that the config marks as such,
//! and a stream that merely stays open keep nobody awake here.

use super::{Session, proven};
use crate::domain::time::Timestamp;
use std::time::Duration;

/// Somebody's use of a session, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The latest.
    pub at: Timestamp,
    /// The longest time before that in which there was none, since the latest proof.
    pub quiet_max: Duration,
}

impl Activity {
    /// That of a session that begins.
    pub const fn begun(at: Timestamp) -> Self {
        Self { at, quiet_max: Duration::ZERO }
    }
}

impl Session {
    /// The longest time in which nobody used it since somebody last showed that they are there. It may still go on; what is
    /// over counts all the same, until the next such proof.
    pub fn quiet(&self, now: Timestamp) -> Duration {
        let shown = proven(&self.authentications, now).filter(|proof| proof.method.shows_presence());
        let shown = shown.map(|proof| proof.at).max();
        let Activity { at, quiet_max } = self.activity;
        match shown {
            // Whatever was noted before it is over and made good.
            Some(shown) if shown >= at => shown.age(now).unwrap_or_default(),
            // A node whose clock is ahead has seen somebody a moment ago.
            Some(_) | None => quiet_max.max(at.age(now).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        factor::{FactorId, Method},
        place::Place,
        session::{Authentication, SessionId},
        user::UserId,
    };
    use uuid::Uuid;

    const NOON: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const MINUTE: Duration = Duration::from_mins(1);

    fn session(method: Method, proven: Duration, activity: Activity) -> Session {
        let proof = Authentication { method, factor: FactorId(Uuid::nil()), at: NOON - proven };
        Session {
            id: SessionId(Uuid::nil()),
            user: UserId(Uuid::nil()),
            authentications: vec![proof],
            started_at: NOON - 60 * MINUTE,
            seen_at: NOON,
            activity,
            locked_at: None,
            spared: false,
            place: Place::default(),
            risk: crate::domain::risk::Assessment::default(),
        }
    }

    #[test]
    fn a_time_in_which_nobody_was_there_is_made_good_by_a_proof_and_by_nothing_else() {
        let was_quiet = Activity { at: NOON - MINUTE, quiet_max: 20 * MINUTE };

        assert_eq!(session(Method::Password, 30 * MINUTE, was_quiet).quiet(NOON), 20 * MINUTE);
        assert_eq!(session(Method::Password, MINUTE, was_quiet).quiet(NOON), MINUTE);
        // Who types a recovery code has lost what they sign in with.
        assert_eq!(session(Method::RecoveryCode, MINUTE, was_quiet).quiet(NOON), 20 * MINUTE);
    }

    #[test]
    fn it_may_still_go_on() {
        let long_ago = Activity { at: NOON - 12 * MINUTE, quiet_max: MINUTE };

        assert_eq!(session(Method::Password, 30 * MINUTE, long_ago).quiet(NOON), 12 * MINUTE);
        let ahead = Activity { at: NOON + MINUTE, quiet_max: MINUTE };
        assert_eq!(session(Method::Password, 30 * MINUTE, ahead).quiet(NOON), MINUTE);
    }
}
