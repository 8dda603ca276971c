//! What sign-ins leave behind, in SQL.

use super::{Pools, SqlStore, rows::TraceRow};
use crate::{
    domain::{
        risk::{Coordinates, Trace},
        time::Timestamp,
        user::UserId,
    },
    ports::{StoreError, store::TraceStore},
};
use async_trait::async_trait;
use sqlx::{query, query_as, query_scalar};

statements! {
    LEAVE_TRACE = "INSERT INTO traces AS t \
        (user_id, browser, subnet, country, latitude, longitude, left_at, counts_from) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id, browser, subnet) DO UPDATE SET \
        country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude, \
        left_at = excluded.left_at, \
        counts_from = CASE WHEN t.counts_from < excluded.counts_from THEN t.counts_from ELSE excluded.counts_from END";
    TRACES = "SELECT browser, subnet, country, latitude, longitude, left_at, counts_from FROM traces \
        WHERE user_id = $1 ORDER BY left_at DESC, subnet, browser";
    LAST_FORGOTTEN = "SELECT last_forgotten_trace FROM accounts WHERE id = $1";
    /// What was swept earlier is older than what has stayed until now.
    REMEMBER_LAST = "UPDATE accounts SET last_forgotten_trace = \
        (SELECT MAX(t.left_at) FROM traces t WHERE t.user_id = accounts.id AND t.left_at < $1) \
        WHERE id IN (SELECT t.user_id FROM traces t WHERE t.left_at < $1)";
    SWEEP_TRACES = "DELETE FROM traces WHERE left_at < $1";
}

#[async_trait]
impl TraceStore for SqlStore {
    async fn leave_trace(&self, user: UserId, trace: &Trace) -> Result<(), StoreError> {
        let there = trace.whereabouts.as_ref();
        let coordinates = there.and_then(|there| there.coordinates);
        writing!(self, db => {
            query(LEAVE_TRACE)
                .bind(user.0)
                .bind(trace.browser.as_bytes().as_slice())
                .bind(trace.subnet.first().to_string())
                .bind(there.map(|there| there.country.as_str()))
                .bind(coordinates.map(Coordinates::latitude))
                .bind(coordinates.map(Coordinates::longitude))
                .bind(trace.at.as_millis())
                .bind(trace.counts_from.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn traces(&self, user: UserId) -> Result<Vec<Trace>, StoreError> {
        let rows: Vec<TraceRow> = reading!(self, db => query_as(TRACES).bind(user.0).fetch_all(db).await?);
        rows.into_iter().map(|row| row.read(user)).collect()
    }

    async fn last_forgotten(&self, user: UserId) -> Result<Option<Timestamp>, StoreError> {
        let last: Option<Option<i64>> =
            reading!(self, db => query_scalar(LAST_FORGOTTEN).bind(user.0).fetch_optional(db).await?);
        Ok(last.flatten().map(Timestamp::from_millis))
    }

    async fn sweep_traces(&self, before: Timestamp) -> Result<(), StoreError> {
        transaction!(self, tx => {
            query(REMEMBER_LAST).bind(before.as_millis()).execute(&mut *tx).await?;
            query(SWEEP_TRACES).bind(before.as_millis()).execute(&mut *tx).await?;
        });
        Ok(())
    }
}
