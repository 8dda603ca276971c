//! Invitations, in SQL.

use super::{Pools, SqlStore, accounts::add_account, contacts::put_contact, rows::InvitationRow};
use crate::{
    domain::{
        contact::{Contact, EmailAddress, PhoneNumber},
        secret::TokenHash,
        time::Timestamp,
        user::LoginId,
    },
    ports::{
        StoreError,
        store::{Account, Invitation, InvitationStore, Redeemed},
    },
};
use async_trait::async_trait;
use sqlx::{query, query_as};

statements! {
    OPEN_INVITATION = "INSERT INTO invitations (token, inviter, login_id, name, email, phone, groups, ends_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    INVITATIONS = "SELECT token, inviter, login_id, name, email, phone, groups, ends_at FROM invitations \
        WHERE inviter = 'operator' AND ends_at > $1 ORDER BY ends_at, login_id";
    INVITATION = "SELECT token, inviter, login_id, name, email, phone, groups, ends_at FROM invitations \
        WHERE token = $1 AND ends_at > $2";
    SPEND_INVITATION = "DELETE FROM invitations WHERE token = $1 AND ends_at > $2";
    END_INVITATIONS = "DELETE FROM invitations WHERE login_id = $1";
    SWEEP_INVITATIONS = "DELETE FROM invitations WHERE ends_at <= $1";
}

#[async_trait]
impl InvitationStore for SqlStore {
    async fn open_invitation(&self, invitation: &Invitation) -> Result<(), StoreError> {
        writing!(self, db => {
            query(OPEN_INVITATION)
                .bind(invitation.token.as_bytes().as_slice())
                .bind(invitation.inviter.name())
                .bind(invitation.login_id.as_str())
                .bind(invitation.name.as_deref())
                .bind(invitation.email.as_ref().map(EmailAddress::as_str))
                .bind(invitation.phone.as_ref().map(PhoneNumber::as_str))
                .bind(serde_json::json!(invitation.groups).to_string())
                .bind(invitation.ends_at.as_millis())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    async fn invitation(&self, token: TokenHash, now: Timestamp) -> Result<Option<Invitation>, StoreError> {
        let row: Option<InvitationRow> = reading!(self, db => query_as(INVITATION)
            .bind(token.as_bytes().as_slice())
            .bind(now.as_millis())
            .fetch_optional(db)
            .await?);
        row.map(Invitation::try_from).transpose()
    }

    async fn redeem_invitation(
        &self,
        token: TokenHash,
        now: Timestamp,
        account: &Account,
        contacts: &[Contact],
    ) -> Result<Redeemed, StoreError> {
        transaction!(self, tx => {
            // The account first: of those who race with other links for the same login id, all wait here, and none holds
            // a link that another waits for.
            if add_account!(&mut *tx, account) == 0 {
                // By somebody who used this link, or who made the account without it?
                let left: Option<InvitationRow> = query_as(INVITATION)
                    .bind(token.as_bytes().as_slice())
                    .bind(now.as_millis())
                    .fetch_optional(&mut *tx)
                    .await?;
                return Ok(if left.is_some() { Redeemed::Taken } else { Redeemed::Gone });
            }
            for contact in contacts {
                put_contact!(&mut *tx, contact);
            }
            let spent = query(SPEND_INVITATION)
                .bind(token.as_bytes().as_slice())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            if spent.rows_affected() == 0 {
                return Ok(Redeemed::Gone);
            }
            query(END_INVITATIONS).bind(account.user.login_id.as_str()).execute(&mut *tx).await?;
        });
        Ok(Redeemed::Made)
    }

    async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let rows: Vec<InvitationRow> =
            reading!(self, db => query_as(INVITATIONS).bind(now.as_millis()).fetch_all(db).await?);
        rows.into_iter().map(Invitation::try_from).collect()
    }

    async fn end_invitations(&self, login_id: &LoginId) -> Result<u64, StoreError> {
        Ok(writing!(self, db => query(END_INVITATIONS).bind(login_id.as_str()).execute(db).await?.rows_affected()))
    }

    async fn sweep_invitations(&self, now: Timestamp) -> Result<(), StoreError> {
        writing!(self, db => { query(SWEEP_INVITATIONS).bind(now.as_millis()).execute(db).await?; });
        Ok(())
    }
}
