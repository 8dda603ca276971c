//! Sign-ins, as rows.

use super::{PlaceRow, UserRow, bad, login_id, risk::RiskRow};
use crate::{
    domain::{
        factor::{FactorId, Method},
        policy::once::{Fingerprint, Receipt},
        secret::TokenHash,
        session::{Activity, Authentication, Identity, Session, SessionId},
        time::Timestamp,
        user::{User, UserId},
    },
    ports::{
        StoreError,
        store::{Attempt, SessionSummary},
    },
};
use sqlx::FromRow;
use std::time::Duration;
use uuid::Uuid;

/// One proof: a half session's first, or one of `authentications`.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct ProofRow {
    method: String,
    factor_id: Uuid,
    proven_at: i64,
}

/// A row of `attempts`.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct AttemptRow {
    user_id: Uuid,
    #[sqlx(flatten)]
    first: ProofRow,
    #[sqlx(flatten)]
    risk: RiskRow,
}

/// A session beside one of its authentications; a session has as many rows as it has those, but at least one.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct SessionRow {
    session_id: Uuid,
    user_id: Uuid,
    started_at: i64,
    seen_at: i64,
    active_at: i64,
    quiet: i64,
    locked_at: Option<i64>,
    spared: bool,
    #[sqlx(flatten)]
    place: PlaceRow,
    #[sqlx(flatten)]
    risk: RiskRow,
    method: Option<String>,
    factor_id: Option<Uuid>,
    proven_at: Option<i64>,
}

/// A row of `receipts`.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct ReceiptRow {
    method: String,
    proven_at: i64,
}

/// A user beside a session.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct IdentityRow {
    #[sqlx(flatten)]
    user: UserRow,
    #[sqlx(flatten)]
    session: SessionRow,
}

/// A login id beside a session.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct SummaryRow {
    login_id: String,
    #[sqlx(flatten)]
    session: SessionRow,
}

/// A row of `handoffs`, as it was deleted.
#[derive(FromRow)]
pub(in crate::adapters::store::sql) struct HandoffRow {
    pub(in crate::adapters::store::sql) session_id: Uuid,
    pub(in crate::adapters::store::sql) host: String,
    pub(in crate::adapters::store::sql) browser: Vec<u8>,
    pub(in crate::adapters::store::sql) made_at: i64,
}

impl AttemptRow {
    /// The half session of this token.
    pub(in crate::adapters::store::sql) fn read(self, token: TokenHash) -> Result<Attempt, StoreError> {
        let Self { user_id, first, risk } = self;
        let bad = |column| bad("attempts", user_id, column);
        let method = Method::by_name(&first.method).ok_or_else(|| bad("method"))?;
        let at = Timestamp::from_millis(first.proven_at);
        let first = Authentication { method, factor: FactorId(first.factor_id), at };
        Ok(Attempt { token, user: UserId(user_id), first, risk: risk.read().map_err(bad)? })
    }
}

impl SessionRow {
    /// The authentication in this row; none if the session has none at all.
    fn authentication(&self) -> Result<Option<Authentication>, StoreError> {
        let (Some(method), Some(factor), Some(at)) = (&self.method, self.factor_id, self.proven_at) else {
            return Ok(None);
        };
        let method = Method::by_name(method).ok_or_else(|| bad("authentications", self.session_id, "method"))?;
        Ok(Some(Authentication { method, factor: FactorId(factor), at: Timestamp::from_millis(at) }))
    }

    /// The session of which this is the first row, and `rows` are all.
    fn session<'a>(&self, rows: impl Iterator<Item = &'a Self>) -> Result<Session, StoreError> {
        Ok(Session {
            id: SessionId(self.session_id),
            user: UserId(self.user_id),
            authentications: rows.filter_map(|row| row.authentication().transpose()).collect::<Result<_, _>>()?,
            started_at: Timestamp::from_millis(self.started_at),
            seen_at: Timestamp::from_millis(self.seen_at),
            activity: Activity {
                at: Timestamp::from_millis(self.active_at),
                quiet_max: u64::try_from(self.quiet)
                    .map(Duration::from_millis)
                    .map_err(|_| bad("sessions", self.session_id, "quiet"))?,
            },
            locked_at: self.locked_at.map(Timestamp::from_millis),
            spared: self.spared,
            place: self.place.read().ok_or_else(|| bad("sessions", self.session_id, "address"))?,
            risk: self.risk.read().map_err(|column| bad("sessions", self.session_id, column))?,
        })
    }
}

impl ReceiptRow {
    /// The receipt of this session for this request.
    pub(in crate::adapters::store::sql) fn read(
        self,
        session: SessionId,
        request: Fingerprint,
    ) -> Result<Receipt, StoreError> {
        let method = Method::by_name(&self.method).ok_or_else(|| bad("receipts", session.0, "method"))?;
        Ok(Receipt { session, request, method, at: Timestamp::from_millis(self.proven_at) })
    }
}

/// The one identity that these rows are.
pub(in crate::adapters::store::sql) fn identity(rows: &[IdentityRow]) -> Result<Option<Identity>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let session = first.session.session(rows.iter().map(|row| &row.session))?;
    Ok(Some(Identity { user: User::try_from(&first.user)?, session }))
}

/// The identities that these rows are. Rows of one session stand together.
pub(in crate::adapters::store::sql) fn identities(rows: &[IdentityRow]) -> Result<Vec<Identity>, StoreError> {
    let sessions = rows.chunk_by(|a, b| a.session.session_id == b.session.session_id);
    sessions.filter_map(|rows| identity(rows).transpose()).collect()
}

/// The sessions that these rows are. Rows of one session stand together.
pub(in crate::adapters::store::sql) fn summaries(rows: &[SummaryRow]) -> Result<Vec<SessionSummary>, StoreError> {
    let sessions = rows.chunk_by(|a, b| a.session.session_id == b.session.session_id);
    sessions.filter_map(<[SummaryRow]>::split_first).map(|(first, rest)| summary(first, rest)).collect()
}

fn summary(first: &SummaryRow, rest: &[SummaryRow]) -> Result<SessionSummary, StoreError> {
    let rows = std::iter::once(first).chain(rest).map(|row| &row.session);
    let login_id = login_id(&first.login_id).ok_or_else(|| bad("accounts", first.session.user_id, "login_id"))?;
    Ok(SessionSummary { login_id, session: first.session.session(rows)? })
}
