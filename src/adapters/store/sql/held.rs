//! Held requests, in SQL.

use super::{Pools, SqlStore, rows::HeldRow};
use crate::{
    domain::{secret::TokenHash, time::Timestamp},
    ports::{
        StoreError,
        store::{Claim, FoundHeld, Held, HeldStore, Room},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as, query_scalar};

statements! {
    TAKE_TURN = "UPDATE turns SET taken = taken + 1 WHERE name = 'held_requests'";
    HOLD = "INSERT INTO held_requests (token, place, browser, user_id, session_id, address, size, made_at) \
        SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
        WHERE (SELECT COUNT(*) FROM held_requests WHERE session_id = $5 AND taken_at IS NULL AND made_at > $9) < $10 \
        AND (SELECT COUNT(*) FROM held_requests WHERE address = $6 AND taken_at IS NULL AND made_at > $9) < $11 \
        AND (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM held_requests WHERE address = $6) + $7 <= $12 \
        AND (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM held_requests) + $7 <= $13";
    HOLD_MORE = "UPDATE held_requests SET size = $2 WHERE token = $1 AND head IS NULL \
        AND (SELECT CAST(SUM(beside.size) AS BIGINT) FROM held_requests AS beside \
            WHERE beside.address = held_requests.address) - size + $2 <= $3 \
        AND (SELECT CAST(SUM(size) AS BIGINT) FROM held_requests) - size + $2 <= $4";
    HOLD_PART = "INSERT INTO held_parts (token, number, sealed) VALUES ($1, $2, $3)";
    HOLD_WHOLE = "UPDATE held_requests SET head = $2, size = $3, made_at = $4 WHERE token = $1 AND head IS NULL";
    HELD = "SELECT place, browser, user_id, head, made_at, taken_at FROM held_requests \
        WHERE token = $1 AND head IS NOT NULL AND made_at > $2";
    TAKE_HELD = "UPDATE held_requests SET taken_at = $6 WHERE token = $1 AND place = $2 AND browser = $3 \
        AND (user_id IS NULL OR user_id = $4) AND made_at > $5 AND head IS NOT NULL AND taken_at IS NULL";
    HELD_PART = "SELECT sealed FROM held_parts WHERE token = $1 AND number = $2";
    RELEASE_HELD = "UPDATE held_requests SET taken_at = NULL WHERE token = $1";
    EMPTY_PARTS = "DELETE FROM held_parts WHERE token = $1";
    EMPTY_HELD = "UPDATE held_requests SET size = 0 WHERE token = $1 AND taken_at IS NOT NULL";
    DROP_HELD = "DELETE FROM held_requests WHERE token = $1 AND browser = $2 AND taken_at IS NULL";
    SWEEP_HELD = "DELETE FROM held_requests WHERE made_at < $1";
}

#[async_trait]
impl HeldStore for SqlStore {
    async fn hold(&self, held: &Held, room: Room, since: Timestamp) -> Result<bool, StoreError> {
        Ok(transaction!(self, tx => {
            // Those who come at once are let in one by one: each must see the other in the counts.
            query(TAKE_TURN).execute(&mut *tx).await?;
            let kept = query(HOLD)
                .bind(held.token.as_bytes().as_slice())
                .bind(held.place.as_bytes().as_slice())
                .bind(held.browser.as_bytes().as_slice())
                .bind(held.sender.map(|sender| sender.user.0))
                .bind(held.sender.map(|sender| sender.session.0))
                .bind(held.address.as_str())
                .bind(signed(held.size))
                .bind(held.made_at.as_millis())
                .bind(since.as_millis())
                .bind(i64::from(room.of_session))
                .bind(i64::from(room.of_address))
                .bind(signed(room.address_bytes))
                .bind(signed(room.bytes))
                .execute(&mut *tx)
                .await?;
            kept.rows_affected() == 1
        }))
    }

    async fn hold_more(&self, token: TokenHash, size: u64, room: Room) -> Result<bool, StoreError> {
        let token = token.as_bytes().as_slice();
        Ok(transaction!(self, tx => {
            query(TAKE_TURN).execute(&mut *tx).await?;
            let more = query(HOLD_MORE)
                .bind(token)
                .bind(signed(size))
                .bind(signed(room.address_bytes))
                .bind(signed(room.bytes))
                .execute(&mut *tx)
                .await?;
            more.rows_affected() == 1
        }))
    }

    async fn hold_part(&self, token: TokenHash, number: u32, sealed: &[u8]) -> Result<(), StoreError> {
        let token = token.as_bytes().as_slice();
        writing!(self, db => {
            query(HOLD_PART).bind(token).bind(i64::from(number)).bind(sealed).execute(db).await?;
        });
        Ok(())
    }

    async fn hold_whole(&self, token: TokenHash, head: &[u8], size: u64, now: Timestamp) -> Result<(), StoreError> {
        let token = token.as_bytes().as_slice();
        writing!(self, db => {
            query(HOLD_WHOLE).bind(token).bind(head).bind(signed(size)).bind(now.as_millis()).execute(db).await?;
        });
        Ok(())
    }

    async fn held(&self, token: TokenHash, since: Timestamp) -> Result<Option<FoundHeld>, StoreError> {
        let token = token.as_bytes().as_slice();
        let row: Option<HeldRow> =
            reading!(self, db => query_as(HELD).bind(token).bind(since.as_millis()).fetch_optional(db).await?);
        row.map(HeldRow::read).transpose()
    }

    async fn take_held(&self, claim: Claim, since: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let taken = writing!(self, db => query(TAKE_HELD)
            .bind(claim.token.as_bytes().as_slice())
            .bind(claim.place.as_bytes().as_slice())
            .bind(claim.browser.as_bytes().as_slice())
            .bind(claim.user.map(|user| user.0))
            .bind(since.as_millis())
            .bind(now.as_millis())
            .execute(db)
            .await?
            .rows_affected());
        Ok(taken == 1)
    }

    async fn held_part(&self, token: TokenHash, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let token = token.as_bytes().as_slice();
        Ok(reading!(self, db => query_scalar(HELD_PART).bind(token).bind(i64::from(number)).fetch_optional(db).await?))
    }

    async fn release_held(&self, token: TokenHash) -> Result<(), StoreError> {
        let token = token.as_bytes().as_slice();
        writing!(self, db => { query(RELEASE_HELD).bind(token).execute(db).await?; });
        Ok(())
    }

    async fn empty_held(&self, token: TokenHash) -> Result<(), StoreError> {
        let token = token.as_bytes().as_slice();
        writing!(self, db => {
            query(EMPTY_PARTS).bind(token).execute(db).await?;
            query(EMPTY_HELD).bind(token).execute(db).await?;
        });
        Ok(())
    }

    async fn drop_held(&self, token: TokenHash, browser: TokenHash) -> Result<bool, StoreError> {
        let (token, browser) = (token.as_bytes().as_slice(), browser.as_bytes().as_slice());
        let dropped =
            writing!(self, db => query(DROP_HELD).bind(token).bind(browser).execute(db).await?.rows_affected());
        Ok(dropped == 1)
    }

    async fn sweep_held(&self, before: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(SWEEP_HELD).bind(before.as_millis()).execute(db).await?; });
        Ok(())
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
