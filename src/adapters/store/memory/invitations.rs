//! Invitations, in memory.

use super::MemoryStore;
use crate::{
    domain::{contact::Contact, enrolment::Inviter, secret::TokenHash, time::Timestamp, user::LoginId},
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

    async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let is_open = |invitation: &&Invitation| invitation.inviter == Inviter::Operator && invitation.ends_at > now;
        let mut open: Vec<_> = self.tables().invitations.values().filter(is_open).cloned().collect();
        open.sort_by(|a, b| (a.ends_at, a.login_id.as_str()).cmp(&(b.ends_at, b.login_id.as_str())));
        Ok(open)
    }

    async fn end_invitations(&self, login_id: &LoginId) -> Result<u64, StoreError> {
        let is_theirs = |_: &TokenHash, invitation: &mut Invitation| invitation.login_id == *login_id;
        Ok(self.tables().invitations.extract_if(is_theirs).count() as u64)
    }

    async fn sweep_invitations(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tables().invitations.retain(|_, invitation| invitation.ends_at > now);
        Ok(())
    }
}
