//! Sign-ins, in SQL.

use super::{
    Pools, SqlStore,
    endings::{END_ATTEMPTS, FORGET_DEVICES, HOLD_ACCOUNT},
    rows::{self, AttemptRow, HandoffRow, IdentityRow, SummaryRow},
};
use crate::{
    domain::{
        secret::TokenHash,
        session::{Authentication, Identity, Session, SessionId},
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
use sqlx::{query, query_as};

macro_rules! select_identity {
    ($from:literal) => {
        concat!(
            "SELECT a.id AS user_id, a.login_id, a.name, e.address AS email, a.groups, a.language, a.disabled, a.created_at, \
             s.id AS session_id, s.started_at, s.seen_at, s.active_at, s.quiet, s.locked_at, s.spared, s.browser, s.address, \
             s.risk_score, s.risk_signals, p.method, p.factor_id, p.proven_at FROM ",
            $from,
            " JOIN accounts a ON a.id = s.user_id AND NOT a.disabled \
             LEFT JOIN contacts e ON e.user_id = a.id AND e.kind = 'email' AND e.verified_at IS NOT NULL \
             LEFT JOIN authentications p ON p.session_id = s.id "
        )
    };
}

/// Sessions that are looked up in one query.
const AT_ONCE: usize = 32;

statements! {
    OPEN_ATTEMPT = "INSERT INTO attempts (token, user_id, method, factor_id, proven_at, risk_score, risk_signals) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    ATTEMPT = "SELECT user_id, method, factor_id, proven_at, risk_score, risk_signals FROM attempts \
        WHERE token = $1 AND proven_at > $2";
    END_ATTEMPT = "DELETE FROM attempts WHERE token = $1";
    SPEND_ATTEMPT = "DELETE FROM attempts WHERE token = $1 AND user_id = $2";

    OPEN_SESSION = "INSERT INTO sessions \
        (id, token, user_id, started_at, seen_at, active_at, quiet, locked_at, spared, browser, address, risk_score, risk_signals) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    ADD_AUTHENTICATION = "INSERT INTO authentications AS p (session_id, factor_id, method, proven_at) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (session_id, factor_id) \
        DO UPDATE SET method = excluded.method, proven_at = excluded.proven_at WHERE p.proven_at <= excluded.proven_at";
    /// One round trip, a row for each authentication: this is what a request waits for when no cache knows it.
    IDENTITY = concat!(select_identity!("sessions s"), "WHERE s.token = $1 ORDER BY p.proven_at, p.factor_id");
    /// As many at once as [`AT_ONCE`] says.
    IDENTITIES = concat!(
        select_identity!("sessions s"),
        "WHERE s.id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) ORDER BY s.id, p.proven_at, p.factor_id"
    );
    ROTATE = "UPDATE sessions SET token = $3 WHERE id = $1 AND token = $2";
    /// Somebody has shown that they are there.
    STIR = "UPDATE sessions SET quiet = 0, active_at = CASE WHEN active_at < $2 THEN $2 ELSE active_at END WHERE id = $1";
    TOUCH = "UPDATE sessions SET quiet = CASE WHEN quiet < $2 - active_at THEN $2 - active_at ELSE quiet END, active_at = $2, \
        seen_at = CASE WHEN seen_at < $2 THEN $2 ELSE seen_at END WHERE id = $1 AND active_at < $2";
    KEEP_OPEN = "UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
    LOCK = "UPDATE sessions SET locked_at = $2 WHERE id = $1 AND (locked_at IS NULL OR locked_at < $2)";
    END_SESSION = "DELETE FROM sessions WHERE id = $1";
    END_SESSIONS_OF = "DELETE FROM sessions WHERE user_id = $1 AND (id <> $2 OR $2 IS NULL)";
    SESSIONS = "SELECT a.login_id, a.id AS user_id, s.id AS session_id, s.started_at, s.seen_at, \
        s.active_at, s.quiet, s.locked_at, s.spared, s.browser, s.address, s.risk_score, s.risk_signals, p.method, p.factor_id, p.proven_at \
        FROM sessions s JOIN accounts a ON a.id = s.user_id \
        LEFT JOIN authentications p ON p.session_id = s.id WHERE s.user_id = $1 OR $1 IS NULL \
        ORDER BY s.seen_at DESC, s.id, p.proven_at, p.factor_id";

    OPEN_HANDOFF = "INSERT INTO handoffs (code, session_id, host, browser, made_at) VALUES ($1, $2, $3, $4, $5)";
    SPEND_HANDOFF = "DELETE FROM handoffs WHERE code = $1 RETURNING session_id, host, browser, made_at";
    /// A child takes the place of the one before it, so that there is one for each session and host.
    ADD_CHILD = "INSERT INTO children (token, session_id, host) VALUES ($1, $2, $3) \
        ON CONFLICT (session_id, host) DO UPDATE SET token = excluded.token";
    CHILD_IDENTITY = concat!(
        select_identity!("children c JOIN sessions s ON s.id = c.session_id"),
        "WHERE c.token = $1 AND c.host = $2 ORDER BY p.proven_at, p.factor_id"
    );

    SWEEP_SESSIONS = "DELETE FROM sessions WHERE started_at < $1 OR seen_at < $2";
    SWEEP_ATTEMPTS = "DELETE FROM attempts WHERE proven_at < $1";
    SWEEP_HANDOFFS = "DELETE FROM handoffs WHERE made_at < $1";
    SWEEP_CODES = "DELETE FROM codes WHERE sent_at < $1";
    SWEEP_CEREMONIES = "DELETE FROM ceremonies WHERE made_at < $1";
    /// Locked budgets stay.
    SWEEP_BUDGETS = "DELETE FROM budgets WHERE updated_at <= $1 AND blocked_until <> 9223372036854775807";
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn open_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let Attempt { token, user, first, risk } = attempt;
        writing!(self, db => {
            query(OPEN_ATTEMPT)
                .bind(token.as_bytes().as_slice())
                .bind(user.0)
                .bind(first.method.name())
                .bind(first.factor.0)
                .bind(first.at.as_millis())
                .bind(rows::score(risk))
                .bind(rows::signals(risk))
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn attempt(&self, token: TokenHash, since: Timestamp) -> Result<Option<Attempt>, StoreError> {
        let hash = token.as_bytes().as_slice();
        let row: Option<AttemptRow> =
            reading!(self, db => query_as(ATTEMPT).bind(hash).bind(since.as_millis()).fetch_optional(db).await?);
        row.map(|row| row.read(token)).transpose()
    }

    async fn end_attempt(&self, token: TokenHash) -> Result<(), StoreError> {
        writing!(self, db => { query(END_ATTEMPT).bind(token.as_bytes().as_slice()).execute(db).await?; });
        Ok(())
    }

    async fn promote(&self, attempt: TokenHash, session: &Session, token: TokenHash) -> Result<bool, StoreError> {
        transaction!(self, tx => {
            let hash = attempt.as_bytes().as_slice();
            if query(SPEND_ATTEMPT).bind(hash).bind(session.user.0).execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            add_session!(tx, session, token);
        });
        Ok(true)
    }

    async fn open_session(&self, session: &Session, token: TokenHash) -> Result<(), StoreError> {
        transaction!(self, tx => { add_session!(tx, session, token); });
        Ok(())
    }

    async fn identity(&self, token: TokenHash) -> Result<Option<Identity>, StoreError> {
        let rows: Vec<IdentityRow> =
            reading!(self, db => query_as(IDENTITY).bind(token.as_bytes().as_slice()).fetch_all(db).await?);
        rows::identity(&rows)
    }

    async fn step_up(
        &self,
        session: SessionId,
        proof: Authentication,
        old: TokenHash,
        new: TokenHash,
    ) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => { rotate!(tx, session, proof, old, new) }))
    }

    async fn identities(&self, sessions: &[SessionId]) -> Result<Vec<Identity>, StoreError> {
        let mut found = Vec::new();
        for some in sessions.chunks(AT_ONCE) {
            // Where there are fewer, the last stands for those that are missing.
            let ids: Vec<_> = (0..AT_ONCE).filter_map(|at| some.get(at).or(some.last())).map(|id| id.0).collect();
            let rows: Vec<IdentityRow> = reading!(self, db => {
                ids.iter().fold(query_as(IDENTITIES), |asked, id| asked.bind(*id)).fetch_all(db).await?
            });
            found.extend(rows::identities(&rows)?);
        }
        Ok(found)
    }

    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(TOUCH).bind(session.0).bind(now.as_millis()).execute(db).await?; });
        Ok(())
    }

    async fn keep_open(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(KEEP_OPEN).bind(session.0).bind(now.as_millis()).execute(db).await?; });
        Ok(())
    }

    async fn lock_session(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(LOCK).bind(session.0).bind(now.as_millis()).execute(db).await?; });
        Ok(())
    }

    async fn end_session(&self, session: SessionId) -> Result<bool, StoreError> {
        let ended = writing!(self, db => query(END_SESSION).bind(session.0).execute(db).await?.rows_affected());
        Ok(ended == 1)
    }

    async fn end_sessions_of(&self, user: UserId, spare: Option<SessionId>) -> Result<u64, StoreError> {
        let spare = spare.map(|session| session.0);
        Ok(transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?;
            query(END_ATTEMPTS).bind(user.0).execute(&mut *tx).await?;
            query(END_SESSIONS_OF).bind(user.0).bind(spare).execute(&mut *tx).await?.rows_affected()
        }))
    }

    async fn sessions(&self, user: Option<UserId>) -> Result<Vec<SessionSummary>, StoreError> {
        let rows: Vec<SummaryRow> =
            reading!(self, db => query_as(SESSIONS).bind(user.map(|user| user.0)).fetch_all(db).await?);
        rows::summaries(&rows)
    }

    async fn open_handoff(&self, handoff: &Handoff) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_HANDOFF)
                .bind(handoff.code.as_bytes().as_slice())
                .bind(handoff.session.0)
                .bind(handoff.host.as_str())
                .bind(handoff.browser.as_bytes().as_slice())
                .bind(handoff.made_at.as_millis())
                .execute(db)
                .await?;
        });
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
        let (code, child) = (code.as_bytes().as_slice(), child.as_bytes().as_slice());
        let is_meant = |row: &HandoffRow| {
            row.host == host.as_str() && row.browser == browser.as_bytes() && row.made_at > since.as_millis()
        };
        let redeemed: Option<HandoffRow> = transaction!(self, tx => {
            let spent: Option<HandoffRow> = query_as(SPEND_HANDOFF).bind(code).fetch_optional(&mut *tx).await?;
            // A wrong one is spent all the same: the transaction ends well without a child.
            let redeemed = spent.filter(is_meant);
            if let Some(row) = &redeemed {
                query(ADD_CHILD).bind(child).bind(row.session_id).bind(host.as_str()).execute(&mut *tx).await?;
            }
            redeemed
        });
        Ok(redeemed.map(|row| SessionId(row.session_id)))
    }

    async fn child_identity(&self, child: TokenHash, host: &Host) -> Result<Option<Identity>, StoreError> {
        let hash = child.as_bytes().as_slice();
        let rows: Vec<IdentityRow> =
            reading!(self, db => query_as(CHILD_IDENTITY).bind(hash).bind(host.as_str()).fetch_all(db).await?);
        rows::identity(&rows)
    }

    async fn sweep(
        &self,
        sessions_before: Timestamp,
        idle_before: Timestamp,
        steps_before: Timestamp,
        budgets_before: Timestamp,
    ) -> Result<(), StoreError> {
        // No transaction: each of these is right alone, and nodes that sweep at once must not wait for each other.
        let (began, idle) = (sessions_before.as_millis(), idle_before.as_millis());
        writing!(self, db => {
            query(SWEEP_SESSIONS).bind(began).bind(idle).execute(db).await?;
            query(SWEEP_ATTEMPTS).bind(steps_before.as_millis()).execute(db).await?;
            query(SWEEP_HANDOFFS).bind(steps_before.as_millis()).execute(db).await?;
            query(SWEEP_CODES).bind(steps_before.as_millis()).execute(db).await?;
            query(SWEEP_CEREMONIES).bind(steps_before.as_millis()).execute(db).await?;
            query(SWEEP_BUDGETS).bind(budgets_before.as_millis()).execute(db).await?;
        });
        Ok(())
    }
}
