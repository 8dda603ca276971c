//! A recorded session as it would have gone under one config: with the answers that nobody gave, because nobody asked.

use crate::domain::{
    factor::{FactorId, Method},
    policy::Missing,
    record::Person,
    session::{Activity, Authentication, Identity},
    time::Timestamp,
};
use std::time::Duration;
use uuid::Uuid;

/// What would be otherwise in one session.
#[derive(Default)]
pub(super) struct Simulated {
    /// When they last had to sign in anew, if they had to.
    signed_in: Option<Timestamp>,
    /// What they answered since.
    answers: Vec<Authentication>,
    /// Since when it is known that somebody is there.
    presence: Option<Presence>,
}

/// Use of a session since somebody last answered.
struct Presence {
    answered: Timestamp,
    used: Timestamp,
    quiet_max: Duration,
}

impl Presence {
    const fn begun(now: Timestamp) -> Self {
        Self { answered: now, used: now, quiet_max: Duration::ZERO }
    }

    /// The same use as it was recorded, less what the answer made good. What was quiet since then is not longer than what is
    /// recorded, for no true proof has made that good before.
    fn see(&mut self, recorded: Activity) -> Activity {
        if let Some(quiet) = self.used.age(recorded.at) {
            self.quiet_max = self.quiet_max.max(quiet);
            self.used = recorded.at;
        }
        Activity { at: recorded.at.max(self.answered), quiet_max: recorded.quiet_max.min(self.quiet_max) }
    }
}

impl Simulated {
    /// Who sends a request that somebody sent in truth.
    pub(super) fn identity(&mut self, person: &Person, now: Timestamp) -> Identity {
        let mut identity = person.identity(now);
        let session = &mut identity.session;
        if let Some(again) = self.signed_in {
            // What was proven, used and locked before belongs to a session that is over.
            session.authentications.retain(|proof| proof.at > again);
            session.started_at = again;
            session.seen_at = session.seen_at.max(again);
            session.locked_at = session.locked_at.filter(|locked_at| *locked_at > again);
        }
        if let Some(presence) = &mut self.presence {
            session.activity = presence.see(session.activity);
        }
        session.authentications.extend_from_slice(&self.answers);
        identity
    }

    /// They sign in anew, in the way in which they did in truth.
    pub(super) fn sign_in(&mut self, person: &Person, now: Timestamp) {
        let first = person.proofs.iter().filter(|proof| proof.at <= person.since).map(|proof| proof.method);
        let methods: Vec<_> = first.collect();
        let methods = if methods.is_empty() { vec![Method::Password] } else { methods };
        *self = Self { signed_in: Some(now), ..Self::default() };
        for method in methods {
            self.give(method, now);
        }
        self.presence = Some(Presence::begun(now));
    }

    /// They prove what is missing, if there is a way.
    pub(super) fn answer(&mut self, missing: &Missing, proofs: &[Authentication], now: Timestamp) -> Option<()> {
        let method = likely(missing, proofs, now)?;
        self.give(method, now);
        if method.shows_presence() {
            self.presence = Some(Presence::begun(now));
        }
        Some(())
    }

    fn give(&mut self, method: Method, now: Timestamp) {
        self.answers.retain(|before| before.method != method);
        self.answers.push(Authentication { method, factor: FactorId(Uuid::nil()), at: now });
    }
}

/// The method that somebody would answer with: one they have used, if there is one.
fn likely(missing: &Missing, proofs: &[Authentication], now: Timestamp) -> Option<Method> {
    let helpful = missing.needs(proofs, now);
    let used = helpful.iter().find(|method| proofs.iter().any(|proof| proof.method == **method));
    used.or(helpful.first()).copied()
}
