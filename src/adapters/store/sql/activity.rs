//! What happened to accounts, in SQL.

use super::{Pools, SqlStore, rows::EventRow};
use crate::{
    domain::{event::Event, time::Timestamp, user::UserId},
    ports::{StoreError, store::ActivityStore},
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    APPEND_EVENT = "INSERT INTO events (user_id, at, what, browser, address) VALUES ($1, $2, $3, $4, $5)";
    RECENT_EVENTS = "SELECT at, what, browser, address FROM events WHERE user_id = $1 ORDER BY number DESC LIMIT $2";
    SWEEP_EVENTS = "DELETE FROM events WHERE at < $1";
}

#[async_trait]
impl ActivityStore for SqlStore {
    async fn append_event(&self, event: &Event) -> Result<(), StoreError> {
        writing!(self, db => {
            query(APPEND_EVENT)
                .bind(event.user.map(|user| user.0))
                .bind(event.at.as_millis())
                .bind(serde_json::json!(event.what).to_string())
                .bind(&event.place.browser)
                .bind(event.place.address.map(|address| address.to_string()))
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn recent_events(&self, user: UserId, most: u32) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = reading!(self, db => query_as(RECENT_EVENTS)
            .bind(user.0)
            .bind(i64::from(most))
            .fetch_all(db)
            .await?);
        rows.into_iter().map(|row| row.read(user)).collect()
    }

    async fn sweep_events(&self, before: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(SWEEP_EVENTS).bind(before.as_millis()).execute(db).await?; });
        Ok(())
    }
}
