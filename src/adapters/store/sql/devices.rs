//! Remembered devices and undoable sign-ins, in SQL.

use super::{
    Pools, SqlStore,
    endings::{FORGET_BROWSERS, FORGET_DEVICES, HOLD_ACCOUNT},
    rows::{DeviceRow, UndoRow},
};
use crate::{
    domain::{
        secret::TokenHash,
        session::{Session, SessionId},
        time::Timestamp,
        user::UserId,
    },
    ports::{
        StoreError,
        store::{Device, DeviceId, DeviceStore, Undo},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    MOVE_BROWSER = "UPDATE known_browsers SET browser = $2 WHERE browser = $1";
    MOVE_TRACES = "UPDATE traces SET browser = $2 WHERE browser = $1";
    MOVE_DEVICES = "UPDATE devices SET browser = $2 WHERE browser = $1";
    REMEMBER = "INSERT INTO devices (id, user_id, browser, name, created_at, used_at) SELECT $1, $2, $3, $4, $5, $6 \
        WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.id = $7 AND s.user_id = $2) ON CONFLICT (user_id, browser) \
        DO UPDATE SET id = excluded.id, name = excluded.name, created_at = excluded.created_at, \
        used_at = excluded.used_at";
    USE_DEVICE = "UPDATE devices SET used_at = $4 \
        WHERE user_id = $1 AND browser = $2 AND created_at > $3 AND created_at <= $4";
    DEVICES = "SELECT id, user_id, browser, name, created_at, used_at FROM devices \
        WHERE user_id = $1 AND created_at > $2 ORDER BY created_at DESC, id";
    RENAME_DEVICE = "UPDATE devices SET name = $3 WHERE user_id = $1 AND id = $2";
    FORGET_DEVICE = "DELETE FROM devices WHERE user_id = $1 AND id = $2";

    OPEN_UNDO = "INSERT INTO undos (token, user_id, session_id, browser, made_at) VALUES ($1, $2, $3, $4, $5)";
    UNDO = "SELECT user_id, session_id, browser, made_at FROM undos WHERE token = $1 AND made_at > $2";
    TAKE_UNDO = "DELETE FROM undos WHERE token = $1 AND made_at > $2 \
        RETURNING user_id, session_id, browser, made_at";
    END_SESSION = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
    FORGET_TRACES = "DELETE FROM traces WHERE user_id = $1 AND counts_from >= $2";

    SWEEP_BROWSERS = "DELETE FROM known_browsers WHERE seen_at < $1";
    SWEEP_DEVICES = "DELETE FROM devices WHERE created_at < $1";
    SWEEP_UNDOS = "DELETE FROM undos WHERE made_at < $1";
}

#[async_trait]
impl DeviceStore for SqlStore {
    async fn remember_device(
        &self,
        device: &Device,
        session: SessionId,
        old: Option<TokenHash>,
    ) -> Result<bool, StoreError> {
        let browser = device.browser.as_bytes().as_slice();
        transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(device.user.0).execute(&mut *tx).await?;
            if let Some(old) = &old {
                query(MOVE_BROWSER).bind(old.as_bytes().as_slice()).bind(browser).execute(&mut *tx).await?;
                query(MOVE_DEVICES).bind(old.as_bytes().as_slice()).bind(browser).execute(&mut *tx).await?;
                query(MOVE_TRACES).bind(old.as_bytes().as_slice()).bind(browser).execute(&mut *tx).await?;
            }
            let remembered = query(REMEMBER)
                .bind(device.id.0)
                .bind(device.user.0)
                .bind(browser)
                .bind(&device.name)
                .bind(device.created_at.as_millis())
                .bind(device.used_at.map(Timestamp::as_millis))
                .bind(session.0)
                .execute(&mut *tx)
                .await?;
            if remembered.rows_affected() == 0 {
                return Ok(false);
            }
        });
        Ok(true)
    }

    async fn open_remembered_session(
        &self,
        session: &Session,
        token: TokenHash,
        browser: TokenHash,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(session.user.0).execute(&mut *tx).await?;
            let used = query(USE_DEVICE)
                .bind(session.user.0)
                .bind(browser.as_bytes().as_slice())
                .bind(since.as_millis())
                .bind(session.started_at.as_millis())
                .execute(&mut *tx)
                .await?;
            if used.rows_affected() == 0 {
                return Ok(false);
            }
            add_session!(tx, session, token);
        });
        Ok(true)
    }

    async fn devices(&self, user: UserId, since: Timestamp) -> Result<Vec<Device>, StoreError> {
        let rows: Vec<DeviceRow> =
            reading!(self, db => query_as(DEVICES).bind(user.0).bind(since.as_millis()).fetch_all(db).await?);
        rows.into_iter().map(Device::try_from).collect()
    }

    async fn rename_device(&self, user: UserId, device: DeviceId, name: &str) -> Result<bool, StoreError> {
        let renamed = writing!(self, db => query(RENAME_DEVICE)
            .bind(user.0)
            .bind(device.0)
            .bind(name)
            .execute(db)
            .await?
            .rows_affected());
        Ok(renamed == 1)
    }

    async fn forget_device(&self, user: UserId, device: DeviceId) -> Result<bool, StoreError> {
        let forgotten = transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICE).bind(user.0).bind(device.0).execute(&mut *tx).await?.rows_affected()
        });
        Ok(forgotten == 1)
    }

    async fn forget_devices(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(transaction!(self, tx => {
            query(HOLD_ACCOUNT).bind(user.0).execute(&mut *tx).await?;
            query(FORGET_DEVICES).bind(user.0).execute(&mut *tx).await?.rows_affected()
        }))
    }

    async fn open_undo(&self, undo: &Undo) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_UNDO)
                .bind(undo.token.as_bytes().as_slice())
                .bind(undo.user.0)
                .bind(undo.session.0)
                .bind(&undo.browser)
                .bind(undo.made_at.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError> {
        let hash = token.as_bytes().as_slice();
        let row: Option<UndoRow> =
            reading!(self, db => query_as(UNDO).bind(hash).bind(since.as_millis()).fetch_optional(db).await?);
        Ok(row.map(|row| row.read(token)))
    }

    async fn take_undo(&self, token: TokenHash, since: Timestamp) -> Result<Option<Undo>, StoreError> {
        let hash = token.as_bytes().as_slice();
        let row: Option<UndoRow> = transaction!(self, tx => {
            let row: Option<UndoRow> =
                query_as(TAKE_UNDO).bind(hash).bind(since.as_millis()).fetch_optional(&mut *tx).await?;
            if let Some(UndoRow { user_id, session_id, made_at, .. }) = &row {
                query(HOLD_ACCOUNT).bind(user_id).execute(&mut *tx).await?;
                query(END_SESSION).bind(session_id).bind(user_id).execute(&mut *tx).await?;
                query(FORGET_DEVICES).bind(user_id).execute(&mut *tx).await?;
                query(FORGET_BROWSERS).bind(user_id).execute(&mut *tx).await?;
                query(FORGET_TRACES).bind(user_id).bind(made_at).execute(&mut *tx).await?;
            }
            row
        });
        Ok(row.map(|row| row.read(token)))
    }

    async fn sweep_devices(
        &self,
        browsers_before: Timestamp,
        devices_before: Timestamp,
        undos_before: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, db => {
            query(SWEEP_BROWSERS).bind(browsers_before.as_millis()).execute(db).await?;
            query(SWEEP_DEVICES).bind(devices_before.as_millis()).execute(db).await?;
            query(SWEEP_UNDOS).bind(undos_before.as_millis()).execute(db).await?;
        });
        Ok(())
    }
}
