//! Invitations, in memory.

use super::MemoryStore;
use crate::{
    domain::{contact::Contact, secret::TokenHash, time::Timestamp, user::LoginId},
    ports::{
        StoreError,
        store::{Account, Added, Invitation, InvitationStore, Redeemed},
    },
};
use async_trait::async_trait;

#[async_trait]
impl InvitationStore for MemoryStore {
    async fn open_invitation(&self, invitation: &Invitation) -> Result<(), StoreError> {
        self.tables().invitations.insert(invitation.token, invitation.clone());
        Ok(())
    }

    async fn invitation(&self, token: TokenHash, now: Timestamp) -> Result<Option<Invitation>, StoreError> {
        Ok(self.tables().invitations.get(&token).filter(|invitation| invitation.ends_at > now).cloned())
    }

    async fn redeem_invitation(
        &self,
        token: TokenHash,
        now: Timestamp,
        account: &Account,
        contacts: &[Contact],
    ) -> Result<Redeemed, StoreError> {
        let mut tables = self.tables();
        if tables.invitations.get(&token).is_none_or(|invitation| invitation.ends_at <= now) {
            return Ok(Redeemed::Gone);
        }
        if tables.add_account(account) == Added::Taken {
            return Ok(Redeemed::Taken);
        }
        for contact in contacts {
            tables.put_contact(contact)?;
        }
        tables.invitations.retain(|_, invitation| invitation.login_id != account.user.login_id);
        Ok(Redeemed::Made)
    }

    async fn end_invitations(&self, login_id: &LoginId) -> Result<(), StoreError> {
        self.tables().invitations.retain(|_, invitation| invitation.login_id != *login_id);
        Ok(())
    }

    async fn sweep_invitations(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tables().invitations.retain(|_, invitation| invitation.ends_at > now);
        Ok(())
    }
}
