//! Sign-ins, in memory.

use super::{Kept, MemoryStore, Tables, orphan};
use crate::{
    domain::{
        secret::TokenHash,
        session::{Activity, Authentication, Identity, Session, SessionId},
        target::Host,
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{Attempt, Handoff, SessionStore, SessionSummary},
    },
};
use async_trait::async_trait;
use std::cmp::Reverse;

impl Tables {
    pub(super) fn add_session(&mut self, session: &Session, token: TokenHash) -> Result<(), StoreError> {
        self.account_exists(session.user)?;
        let mut session = session.clone();
        sort(&mut session.authentications);
        self.sessions.insert(session.id, Kept { session, token });
        Ok(())
    }

    /// Rotates the token of a session for a proof, and adds that. Whether the old token was still it.
    pub(super) fn step_up(
        &mut self,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> bool {
        let Some(kept) = self.sessions.get_mut(&session).filter(|kept| kept.token == old) else { return false };
        kept.token = new;
        let Session { authentications: proofs, activity, .. } = &mut kept.session;
        match proofs.iter_mut().find(|other| other.factor == proof.factor) {
            Some(other) if other.at <= proof.at => *other = proof,
            Some(_) => {}
            None => proofs.push(proof),
        }
        sort(proofs);
        if proof.method.shows_presence() {
            *activity = Activity::begun(proof.at.max(activity.at));
        }
        true
    }

    fn identity_of(&self, kept: &Kept) -> Option<Identity> {
        let user = self.accounts.get(&kept.session.user).map(|account| &account.user)?;
        (!user.disabled).then(|| Identity { user: user.clone(), session: kept.session.clone() })
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn open_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.account_exists(attempt.user)?;
        tables.attempts.insert(attempt.token, attempt.clone());
        Ok(())
    }

    async fn attempt(&self, token: TokenHash, since: Timestamp) -> Result<Option<Attempt>, StoreError> {
        Ok(self.tables().attempts.get(&token).filter(|attempt| attempt.first.at > since).cloned())
    }

    async fn end_attempt(&self, token: TokenHash) -> Result<(), StoreError> {
        self.tables().attempts.remove(&token);
        Ok(())
    }

    async fn promote(&self, attempt: TokenHash, session: &Session, token: TokenHash) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.attempts.get(&attempt).is_none_or(|attempt| attempt.user != session.user) {
            return Ok(false);
        }
        tables.attempts.remove(&attempt);
        tables.add_session(session, token)?;
        Ok(true)
    }

    async fn open_session(&self, session: &Session, token: TokenHash) -> Result<(), StoreError> {
        self.tables().add_session(session, token)
    }

    async fn identity(&self, token: TokenHash) -> Result<Option<Identity>, StoreError> {
        let tables = self.tables();
        Ok(tables.sessions.values().find(|kept| kept.token == token).and_then(|kept| tables.identity_of(kept)))
    }

    async fn step_up(
        &self,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError> {
        Ok(self.tables().step_up(session, proof, old, new))
    }

    async fn identities(&self, sessions: &[SessionId]) -> Result<Vec<Identity>, StoreError> {
        let tables = self.tables();
        let kept = sessions.iter().filter_map(|session| tables.sessions.get(session));
        Ok(kept.filter_map(|kept| tables.identity_of(kept)).collect())
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().sessions.get_mut(&session) {
            let Session { seen_at, activity, .. } = &mut kept.session;
            *seen_at = now.max(*seen_at);
            if let Some(quiet) = activity.at.age(now) {
                *activity = Activity { at: now, quiet_max: quiet.max(activity.quiet_max) };
            }
        }
        Ok(())
    }

    async fn keep_open(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().sessions.get_mut(&session) {
            kept.session.seen_at = now.max(kept.session.seen_at);
        }
        Ok(())
    }

    async fn lock_session(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        if let Some(kept) = self.tables().sessions.get_mut(&session) {
            kept.session.locked_at = kept.session.locked_at.max(Some(now));
        }
        Ok(())
    }

    async fn end_session(&self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.tables().end_session(session))
    }

    async fn end_sessions_of(&self, user: UserId, spare: Option<SessionId>) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        tables.attempts.retain(|_, attempt| attempt.user != user);
        tables.forget_devices(user);
        Ok(tables.end_sessions_where(|session| session.user == user && Some(session.id) != spare))
    }

    async fn sessions(&self, user: Option<UserId>) -> Result<Vec<SessionSummary>, StoreError> {
        let tables = self.tables();
        let mut sessions: Vec<SessionSummary> = tables
            .sessions
            .values()
            .filter(|kept| user.is_none_or(|user| user == kept.session.user))
            .filter_map(|kept| {
                let login_id = tables.accounts.get(&kept.session.user)?.user.login_id.clone();
                Some(SessionSummary { login_id, session: kept.session.clone() })
            })
            .collect();
        sessions.sort_by_key(|summary| (Reverse(summary.session.seen_at), summary.session.id));
        Ok(sessions)
    }

    async fn open_handoff(&self, handoff: &Handoff) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if !tables.sessions.contains_key(&handoff.session) {
            return Err(orphan());
        }
        tables.handoffs.insert(handoff.code, handoff.clone());
        Ok(())
    }

    async fn redeem_handoff(
        &self,
        code: TokenHash,
        host: &Host,
        browser: TokenHash,
        since: Timestamp,
        child: TokenHash,
    ) -> Result<Option<SessionId>, StoreError> {
        let mut tables = self.tables();
        let Some(handoff) = tables.handoffs.remove(&code) else { return Ok(None) };
        if handoff.host != *host || handoff.browser != browser || handoff.made_at <= since {
            return Ok(None);
        }
        tables.children.retain(|_, (parent, of)| (*parent, &*of) != (handoff.session, host));
        tables.children.insert(child, (handoff.session, handoff.host));
        Ok(Some(handoff.session))
    }

    async fn child_identity(&self, child: TokenHash, host: &Host) -> Result<Option<Identity>, StoreError> {
        let tables = self.tables();
        let parent = tables.children.get(&child).filter(|(_, of)| of == host).map(|(parent, _)| parent);
        Ok(parent.and_then(|parent| tables.sessions.get(parent)).and_then(|kept| tables.identity_of(kept)))
    }

    async fn sweep(
        &self,
        sessions_before: Timestamp,
        idle_before: Timestamp,
        steps_before: Timestamp,
        budgets_before: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.end_sessions_where(|session| session.started_at < sessions_before || session.seen_at < idle_before);
        tables.attempts.retain(|_, attempt| attempt.first.at >= steps_before);
        tables.handoffs.retain(|_, handoff| handoff.made_at >= steps_before);
        tables.ceremonies.retain(|_, ceremony| ceremony.made_at >= steps_before);
        tables.codes.retain(|_, kept| kept.code.sent_at >= steps_before);
        tables.budgets.retain(|_, budget| !budget.is_forgotten(budgets_before));
        Ok(())
    }
}

fn sort(authentications: &mut [Authentication]) {
    authentications.sort_by_key(|proof| (proof.at, proof.factor));
}
